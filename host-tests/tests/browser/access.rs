//! axe-core looks at every page while something is wrong, by day and by night, wide and narrow, and finds nothing that
//! keeps somebody from using it. What it cannot see (whether the order of focus makes sense, whether words are clear)
//! other tests and people look at.

use crate::stage::SOON;
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::browser::until;
use plimsoll_host_tests::bed::{Behaviour, Browser, Fleet, FleetSpec};
use plimsoll_snapshot::{CircuitState, Snapshot};
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

const POOLS: [&str; 3] = ["orders", "users", "search"];
/// What fails while axe looks.
const FAILING: (&str, usize) = ("orders", 3);
/// Each page, and what is on it when it is complete.
const PAGES: [(&str, &str); 4] = [
    ("#/", r#"[data-testid="pool-row"], [data-testid="endpoint-row"]"#),
    ("#/pool/orders", r#"[data-endpoint="orders-3"][data-status="unhealthy"]"#),
    ("#/pool/orders?endpoint=orders-3", r#"[data-endpoint="orders-3"][data-status="unhealthy"]"#),
    ("#/lab", r#"body:has([data-testid="run"]) [data-testid="freshness"][data-state="live"]"#),
];
type Look = (&'static str, (u32, u32));
/// Colour scheme, and size of the window in CSS pixels.
const LOOKS: [Look; 4] = [("light", (1440, 900)), ("light", (390, 844)), ("dark", (1440, 900)), ("dark", (390, 844))];
/// Colours may change slowly.
const SETTLING: Duration = Duration::from_millis(700);

/// From now on questions of the page have no answer: axe keeps the page from its own work for seconds, and it would call
/// its data old, dim it, and be judged for that.
const HOLD: &str = "window.fetch = () => new Promise(() => {});";

/// Plays something short in the lab, if this is the lab, and then writes a mistake: all that it shows is there then.
const PLAY: &str = r#"
    const run = document.querySelector('[data-testid="run"]');
    if (run === null) return;
    const put = (name, value) => {
        const field = document.querySelector(`[data-field="${name}"]`);
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    for (const [name, value] of [["seeds", "2"], ["length", "5s"], ["fault", "slow"]]) put(name, value);
    run.click();
    const words = () => document.querySelector('[data-testid="progress"]').textContent;
    return (async () => {
        while (words() !== "2 seeds played") await new Promise(done => setTimeout(done, 50));
        put("changed", '{"strateg":"random"}');
        const told = () => [...document.querySelectorAll('[data-testid="problem"]')].some(problem => problem.textContent !== "");
        while (!told()) await new Promise(done => setTimeout(done, 50));
    })();"#;

/// Every rule of axe; the four impacts are minor, moderate, serious and critical.
const CHECK: &str = r#"
    return axe.run(document).then(found => ({
        passed: found.passes.length,
        state: document.querySelector('[data-testid="freshness"]')?.dataset.state ?? null,
        violations: found.violations.map(rule => ({
            rule: rule.id, impact: rule.impact ?? "unknown", help: rule.help,
            places: rule.nodes.map(node => `${node.target.join(" ")}: ${node.html.slice(0, 160)}`),
        })),
    }));"#;

#[derive(Debug, Deserialize)]
struct Found {
    /// Rules that something on the page keeps.
    passed: u32,
    /// Whether the page's data was new after all.
    state: Option<String>,
    violations: Vec<Violation>,
}

#[derive(Debug, Deserialize)]
struct Violation {
    rule: String,
    impact: String,
    help: String,
    places: Vec<String>,
}

impl Violation {
    fn is_grave(&self) -> bool {
        ["serious", "critical"].contains(&self.impact.as_str())
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}, in {} places", self.impact, self.rule, self.help, self.places.len())?;
        self.places.iter().take(5).try_for_each(|place| write!(f, "\n    {place}"))
    }
}

#[tokio::test]
async fn axe_finds_nothing_serious_on_any_page() -> Result<()> {
    let axe = axe()?;
    let mut spec = FleetSpec::numbered(0, 4, 30.0);
    spec.pools = POOLS.map(str::to_owned).into();
    spec.settings = json!({"circuit": {"open_for": "300s"}});
    let fleet = Fleet::start(&spec).await?;
    let (pool, number) = FAILING;
    fleet.set(pool, number, Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    let snapshot = async || fleet.envoy.admin().snapshot().await;
    until("an open circuit", SOON, snapshot, has_open_circuit).await?;

    let browser = Browser::start().await?;
    let mut grave = Vec::new();
    for (path, complete) in PAGES {
        open(&browser, &format!("http://{}/{path}", fleet.envoy.dashboard()), complete).await?;
        browser.run::<()>(PLAY, vec![]).await?;
        browser.run::<()>(&axe, vec![]).await.context("axe-core does not start")?;
        for (scheme, (width, height)) in LOOKS {
            browser.colour_scheme(scheme).await?;
            browser.viewport(width, height).await?;
            tokio::time::sleep(SETTLING).await;
            let found: Found = browser.run(CHECK, vec![]).await?;
            assert!(found.passed > 10, "axe has hardly looked at {path}: {found:?}");
            assert_eq!(found.state.as_deref(), Some("live"), "{path} while axe looked");
            for violation in &found.violations {
                println!("{path}, {scheme}, {width} px: {violation}");
            }
            let here = found.violations.iter().filter(|violation| violation.is_grave());
            grave.extend(here.map(|violation| format!("{path}, {scheme}, {width} px: {violation}")));
        }
    }
    assert!(grave.is_empty(), "{} violations:\n{}", grave.len(), grave.join("\n"));
    Ok(())
}

/// Opens a page, waits until it is complete, and holds it as it is.
async fn open(browser: &Browser, url: &str, complete: &str) -> Result<()> {
    let (scheme, (width, height)) = LOOKS[0];
    browser.colour_scheme(scheme).await?;
    browser.viewport(width, height).await?;
    // What differs behind the # only would not be loaded anew.
    browser.open("about:blank").await?;
    browser.open(url).await?;
    let script = "return document.querySelector(arguments[0]) !== null;";
    let look = async || browser.run::<bool>(script, vec![json!(complete)]).await;
    until(&format!("{url} to have {complete}"), SOON, look, |there| *there).await?;
    // Rates are known after two polls.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    browser.run::<()>(HOLD, vec![]).await
}

/// A check that finds nothing proves something only if it would find something.
#[tokio::test]
async fn axe_finds_what_is_wrong_with_a_bad_page() -> Result<()> {
    let browser = Browser::start().await?;
    browser.open(r#"data:text/html,<html lang="en"><title>t</title><main><h1>h</h1><img src="data:,"></main>"#).await?;
    browser.run::<()>(&axe()?, vec![]).await.context("axe-core does not start")?;
    let found: Found = browser.run(CHECK, vec![]).await?;
    let rules: Vec<_> = found.violations.iter().filter(|v| v.is_grave()).map(|v| v.rule.as_str()).collect();
    assert_eq!(rules, ["image-alt"], "{found:?}");
    Ok(())
}

/// The script of axe-core.
fn axe() -> Result<String> {
    let path = std::env::var_os("AXE").context("no axe-core: run `cargo xtask test`, or set AXE to its axe.min.js")?;
    std::fs::read_to_string(&path).with_context(|| format!("AXE={} cannot be read", path.display()))
}

fn has_open_circuit(snapshot: &Snapshot) -> bool {
    let mut endpoints = snapshot.pools.iter().flat_map(|pool| &pool.endpoints);
    endpoints.any(|endpoint| endpoint.circuit.state == CircuitState::Open)
}
