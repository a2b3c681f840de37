//! What changes under an open page: the configuration, a worker that dies, a proxy of another version. The page says each
//! time what is the case, and goes on without a reload.

use crate::page::{BANNER, Banner, Row};
use crate::stage::{ENDPOINTS, RATE, SOON, Stage};
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::browser::until;
use plimsoll_host_tests::bed::envoy::Update;
use plimsoll_host_tests::bed::{Burst, Load, workspace_root};
use serde_json::json;
use std::time::Duration;

/// Polls and ticks on a busy machine.
const NOTICED: Duration = Duration::from_secs(20);
/// What the page says of the workers: the text of each.
const WORKERS: &str =
    r#"return [...document.querySelectorAll('[data-testid="worker"]')].map(worker => worker.textContent);"#;
const NO_POOL: &str = r#"return document.querySelector('[data-testid="no-pool"]')?.textContent ?? "";"#;

async fn banner(stage: &Stage, what: &str, accept: impl Fn(&Banner) -> bool) -> Result<Banner> {
    until(what, NOTICED, async || stage.browser.run::<Banner>(BANNER, vec![]).await, accept).await
}

#[tokio::test]
async fn a_newer_proxy_is_named_and_old_figures_stay_until_it_is_one_of_ours_again() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    stage.listen().await?;
    let newer = r#"text => JSON.stringify({ version: 2, at_ms: JSON.parse(text).at_ms, fleet: [] })"#;
    stage.change_answers(newer).await?;
    let told = banner(&stage, "the banner over another version", |banner| banner.is("mismatch")).await?;
    assert!(told.text.contains("version 2") && told.text.contains("this page version 1"), "{told:?}");
    assert!(told.text.contains("Reload the page"), "what to do is missing: {told:?}");
    assert_eq!(told.rows, ENDPOINTS, "the last data stays: {told:?}");
    stage.change_answers("text => text").await?;
    banner(&stage, "no banner once the version is ours", Banner::is_absent).await?;
    stage.finish().await
}

#[tokio::test]
async fn a_configuration_that_changes_shows_as_it_is_without_a_reload() -> Result<()> {
    let mut stage = Stage::with(json!({}), |config| config.dynamic_listener()).await?;
    let member = |number: usize, weight: u32| {
        let upstream = &stage.upstreams[number - 1];
        json!({"address": upstream.address().to_string(), "id": upstream.name(), "weight": weight})
    };
    // One leaves, the others change places, one gets another weight.
    let fewer = json!({"strategy": "round_robin", "endpoints": [member(4, 1), member(2, 3), member(1, 1)]});
    let config = stage.config.clone().pool(fewer);
    ensure!(stage.envoy.update(&config).await? == Update::Accepted, "Envoy refused the change");
    let changed = ["order-4", "order-2", "order-1"];
    let names = async || Ok(stage.rows().await?.into_iter().map(|row| row.endpoint).collect::<Vec<_>>());
    until("the rows of the new configuration", NOTICED, names, |rows| *rows == changed).await?;
    let heavy = async || stage.row("order-2").await;
    until("its figures", NOTICED, heavy, |row: &Row| row.is("healthy")).await?;
    let weight = r#"return document.querySelector('[data-endpoint="order-2"] [data-testid="weight"]').textContent;"#;
    assert_eq!(stage.browser.run::<String>(weight, vec![]).await?, "3");
    let head: String = stage.browser.run("return document.querySelector('.head').textContent;", vec![]).await?;
    assert!(head.contains("round_robin"), "{head}");

    // The pool itself gets another name: the page that shows the old one says so, and leads to what there is.
    let old = heavy().await?.pool;
    let link = "location.hash = `#/pool/${arguments[0]}`;";
    stage.browser.run::<()>(link, vec![json!(old)]).await?;
    until("the pool by its name", SOON, async || stage.rows().await, |rows| rows.len() == 3).await?;
    let renamed = config.pool(json!({"name": "baskets"}));
    ensure!(stage.envoy.update(&renamed).await? == Update::Accepted, "Envoy refused the name");
    let missing = async || stage.browser.run::<String>(NO_POOL, vec![]).await;
    until("word that the pool is gone", NOTICED, missing, |text| text.contains(&format!("no pool {old}"))).await?;
    stage.click("[data-testid='no-pool'] a").await?;
    let pools = async || {
        stage
            .browser
            .run::<Vec<String>>(
                "return [...document.querySelectorAll('[data-testid=\"pool-row\"]')].map(row => row.dataset.pool);",
                vec![],
            )
            .await
    };
    until("the pool by its new name", NOTICED, pools, |pools| *pools == ["baskets"]).await?;
    // While the pool was unknown, the proxy refused to tell of it.
    stage.finish_after_cut().await
}

#[tokio::test]
async fn a_worker_that_dies_is_shown_as_stale_and_the_other_goes_on() -> Result<()> {
    let wasm = workspace_root().join("target/test/plimsoll-trap.wasm");
    ensure!(wasm.is_file(), "{} is missing: run `cargo xtask test`", wasm.display());
    let mut stage = Stage::with(json!({}), |config| config.wasm(wasm)).await?;
    let ages = async || stage.browser.run::<Vec<String>>(WORKERS, vec![]).await;
    until("two workers", SOON, ages, |ages| ages.len() == 2 && ages.iter().all(|age| !age.contains("stale"))).await?;
    stage.load = None;
    let mut trap = Burst::new(stage.envoy.public(), 1, 1);
    trap.headers = vec![("x-plimsoll-test-trap".into(), "now".into())];
    trap.run().await?;
    // Whichever of the two workers had the page's connection.
    let one_stale = |ages: &Vec<String>| ages.iter().filter(|age| age.contains("stale")).count() == 1;
    until("one worker to be called stale", 2 * NOTICED, ages, one_stale).await?;
    until("no banner", SOON, async || stage.browser.run::<Banner>(BANNER, vec![]).await, Banner::is_absent).await?;
    let quiet = |rows: &Vec<Row>| rows.len() == ENDPOINTS && rows.iter().all(|row| row.rate == "0.0 /s");
    until("no traffic any more", NOTICED, async || stage.rows().await, quiet).await?;
    stage.load = Some(Load::new(stage.envoy.public(), RATE, Duration::from_secs(30)).start().context("no load")?);
    let alive = async || stage.rows().await;
    until("figures of the worker that lives", NOTICED, alive, |rows| {
        rows.len() == ENDPOINTS && rows.iter().all(|row| row.rate != "0.0 /s" && row.rate != "–")
    })
    .await?;
    stage.finish_after_cut().await
}
