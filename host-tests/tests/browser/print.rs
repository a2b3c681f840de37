//! What the browser hands to the printer: light paper, and all charts, whatever of the page was on the screen.

use crate::stage::{ENDPOINTS, SOON, Stage};
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::browser::until;
use serde::Deserialize;
use serde_json::json;

/// Looks at the page at the last moment before it is printed: when everything that the page itself does on being told so
/// has run, and no frame has come.
const WATCH: &str = r#"
    const look = () => ({
        scheme: document.documentElement.dataset.scheme, dark: getComputedStyle(document.body).colorScheme === "dark",
        charts: [...document.querySelectorAll("canvas[data-place]")].map(canvas => {
            const points = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return points.some(part => part > 0) ? points.reduce((sum, part) => (Math.imul(sum, 31) + part) | 0, 0) : null;
        }),
    });
    window.printed = { before: look() };
    addEventListener("beforeprint", () => {
        let turns = 100;
        const turn = () => { if (turns-- > 0) queueMicrotask(turn); else window.printed.on_paper = look(); };
        turn();
    });"#;

#[derive(Debug, Deserialize)]
struct Look {
    scheme: String,
    dark: bool,
    /// A sum over what is drawn of each; none where there is nothing.
    charts: Vec<Option<i32>>,
}

#[derive(Debug, Deserialize)]
struct Printed {
    before: Look,
    on_paper: Option<Look>,
}

#[tokio::test]
async fn a_print_is_light_and_has_every_chart() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    browser.viewport(1000, 500).await?;
    browser.open("about:blank").await?;
    browser.open(&format!("http://{}/", stage.envoy.dashboard())).await?;
    until("the rows", SOON, async || stage.rows().await, |rows| rows.len() == ENDPOINTS).await?;
    for _ in ["light", "dark"] {
        stage.click("[data-testid=scheme]").await?;
    }
    let scheme = async || browser.run::<String>("return document.documentElement.dataset.scheme;", vec![]).await;
    until("the dark page", SOON, scheme, |scheme| scheme == "dark").await?;
    let charts =
        async || browser.run::<usize>("return document.querySelectorAll('canvas[data-place]').length;", vec![]).await;
    until("the charts", SOON, charts, |charts| *charts == 6).await?;

    browser.run::<()>(WATCH, vec![]).await?;
    let pdf = browser.tools("Page.printToPDF", json!({})).await?;
    assert!(pdf["data"].as_str().is_some_and(|data| data.len() > 10_000), "no print");
    let printed = browser.run::<Printed>("return window.printed;", vec![]).await?;
    let (before, on_paper) = (printed.before, printed.on_paper.context("the page was not told that it is printed")?);
    assert!(before.dark && before.charts.contains(&None), "nothing of it was off the screen: {before:?}");
    assert!(on_paper.scheme == "light" && !on_paper.dark, "{on_paper:?}");
    let anew = before.charts.iter().zip(&on_paper.charts).filter(|(before, now)| now.is_some() && before != now);
    assert_eq!(anew.count(), 6, "charts as they were: {before:?}, {on_paper:?}");
    until("the dark page again", SOON, scheme, |scheme| scheme == "dark").await?;
    stage.finish().await
}
