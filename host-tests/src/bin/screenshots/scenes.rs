//! What is on the pictures, and how each is waited for.

use anyhow::{Context, Result};
use plimsoll_host_tests::bed::Browser;
use plimsoll_host_tests::bed::browser::until;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// A desktop and a phone: name, width, height in CSS pixels.
const SIZES: [(u32, u32); 2] = [(1440, 900), (390, 844)];
const SCHEMES: [&str; 2] = ["light", "dark"];
/// A page on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rates are known after two polls, and a chart is drawn anew for a window of another size.
const SETTLING: Duration = Duration::from_millis(2_500);

/// One page in one state.
pub(super) struct Scene {
    name: &'static str,
    /// Behind the dashboard's address.
    path: &'static str,
    /// Elements that have to be on it.
    complete: &'static [&'static str],
    /// Then this is done on it, a script that ends when it is done.
    act: &'static str,
}

const LIVE: &str = r#"[data-testid="freshness"][data-state="live"]"#;
const EJECTED: &str = r#"[data-endpoint="orders-5"][data-status="unhealthy"]"#;

/// Another strategy and a shorter time out for the pool whose endpoint fails; played to its end.
const TRY: &str = r#"
    const until = async holds => { while (!holds()) await new Promise(done => setTimeout(done, 100)); };
    const field = name => document.querySelector(`[data-field="${name}"]`);
    const put = (name, value) => {
        field(name).value = value;
        for (const event of ["input", "change"]) field(name).dispatchEvent(new Event(event, { bubbles: true }));
    };
    return (async () => {
        await until(() => field("source")?.value === "kept");
        for (const [name, value] of [["seeds", "10"], ["changed:strategy", "peak_ewma"], ["changed:circuit.open_for", "10s"]])
            put(name, value);
        document.querySelector('[data-testid="run"]').click();
        await until(() => document.querySelector('[data-testid="progress"]').textContent.endsWith("seeds played"));
    })();"#;

pub(super) const SCENES: [Scene; 4] = [
    Scene {
        name: "overview",
        path: "#/",
        complete: &[LIVE, r#"[data-testid="pool-row"], [data-testid="endpoint-row"]"#],
        act: "",
    },
    Scene { name: "pool", path: "#/pool/orders?window=120", complete: &[LIVE, EJECTED], act: "" },
    Scene { name: "why", path: "#/pool/orders?window=120&endpoint=orders-5", complete: &[LIVE, EJECTED], act: "" },
    Scene { name: "lab", path: "#/lab?pool=orders", complete: &[LIVE, r#"[data-testid="lab"]"#], act: TRY },
];

impl Scene {
    /// Opens the page once, then takes it in every scheme and size.
    pub(super) async fn take(&self, browser: &Browser, origin: &str, folder: &Path) -> Result<()> {
        browser.viewport(SIZES[0].0, SIZES[0].1).await?;
        // They would stand beside a picture that needs none.
        browser.tools("Emulation.setScrollbarsHidden", json!({"hidden": true})).await?;
        // What differs behind the # only would not be loaded anew.
        browser.open("about:blank").await?;
        browser.open(&format!("{origin}{}", self.path)).await?;
        for element in self.complete {
            wait_for(browser, element).await.with_context(|| self.name)?;
        }
        browser.run::<()>(self.act, vec![]).await.with_context(|| self.name)?;
        for scheme in SCHEMES {
            browser.colour_scheme(scheme).await?;
            for (width, height) in SIZES {
                browser.viewport(width, height).await?;
                sleep(SETTLING).await;
                wait_for(browser, LIVE).await.with_context(|| self.name)?;
                // Charts are drawn once they are on the screen.
                let whole: u32 = browser.run("return document.documentElement.scrollHeight;", vec![]).await?;
                browser.viewport(width, whole.max(height)).await?;
                sleep(SETTLING).await;
                let picture = browser.full_page().await?;
                let file = folder.join(format!("{}-{scheme}-{width}.png", self.name));
                std::fs::write(&file, &picture).with_context(|| file.display().to_string())?;
                println!("{}: {} KiB", file.display(), picture.len() / 1024);
            }
        }
        Ok(())
    }
}

async fn wait_for(browser: &Browser, element: &str) -> Result<()> {
    let script = "return document.querySelector(arguments[0]) !== null;";
    let look = async || browser.run::<bool>(script, vec![json!(element)]).await;
    until(&format!("{element} on the page"), PATIENCE, look, |there| *there).await.map(drop)
}
