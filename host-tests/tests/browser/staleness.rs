//! Old data is called old: when nobody publishes, when answers repeat, when Envoy hangs and when it is gone. When
//! the cause ends, so does the banner, without a reload.

use crate::page::{BANNER, Banner, Row};
use crate::stage::{ENDPOINTS, RATE, SOON, Stage};
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::browser::until;
use plimsoll_host_tests::bed::{Envoy, Load};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

/// Two polls time out after 2 s each.
const NOTICED: Duration = Duration::from_secs(15);
/// So long nothing may change.
const IDLE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn old_answers_are_called_stale_and_an_idle_proxy_is_not() -> Result<()> {
    let mut stage = Stage::start(json!({})).await?;
    stage.listen().await?;
    banner(&stage, "no banner while data is new", Banner::is_absent).await?;

    // Without traffic, workers still publish.
    stage.load = None;
    tokio::time::sleep(IDLE).await;
    let idle = stage.banner().await?;
    assert!(idle.is_absent(), "an idle proxy is called {idle:?}");

    stage.change_answers("text => window.heard.at(-1)").await?;
    let frozen = banner(&stage, "the banner over answers that repeat", |banner| banner.is("stale")).await?;
    assert!(frozen.text.contains("same time"), "{frozen:?}");
    stage.change_answers("text => text").await?;
    banner(&stage, "no banner once answers move", Banner::is_absent).await?;

    let aged = r#"text => {
        const snapshot = JSON.parse(text);
        for (const worker of snapshot.workers) { worker.age_ms += 5000; worker.stale = true; }
        return JSON.stringify(snapshot);
    }"#;
    stage.change_answers(aged).await?;
    let silent = banner(&stage, "the banner over silent workers", |banner| banner.is("stale")).await?;
    assert!(silent.text.contains("No worker has published"), "{silent:?}");
    stage.change_answers("text => text").await?;
    banner(&stage, "no banner once workers publish", Banner::is_absent).await?;
    stage.finish().await
}

#[tokio::test]
async fn a_hanging_envoy_is_called_lost_and_the_page_recovers() -> Result<()> {
    let mut stage = Stage::start(json!({})).await?;
    stage.load = None;
    signal(&stage.envoy, "STOP")?;
    let lost = banner(&stage, "the banner over a hanging Envoy", |banner| banner.is("lost")).await?;
    assert_eq!(lost.rows, ENDPOINTS, "the last data stays: {lost:?}");
    assert!(lost.text.contains("no answer"), "{lost:?}");
    signal(&stage.envoy, "CONT")?;
    banner(&stage, "no banner once Envoy goes on", Banner::is_absent).await?;
    stage.finish_after_cut().await
}

#[tokio::test]
async fn a_dead_envoy_is_called_lost_and_its_successor_is_found() -> Result<()> {
    let Stage { browser, envoy, config, upstreams, load } = Stage::start(json!({})).await?;
    drop((load, envoy));
    let gone = async || browser.run::<Banner>(BANNER, vec![]).await;
    let lost = until("the banner over a dead Envoy", NOTICED, gone, |banner| banner.is("lost")).await?;
    assert_eq!(lost.rows, ENDPOINTS, "the last data stays: {lost:?}");
    assert!(lost.text.contains("old"), "the age of the data is missing: {lost:?}");

    let envoy = Envoy::start(&config, 2).await?;
    let load = Some(Load::new(envoy.public(), RATE, Duration::from_secs(60)).start()?);
    let stage = Stage { browser, envoy, config, upstreams, load };
    banner(&stage, "no banner once an Envoy is back", Banner::is_absent).await?;
    let judged = |rows: &Vec<Row>| rows.iter().all(|row| row.is("healthy") && row.rate != "0.0 /s");
    until("figures of the new Envoy", SOON, async || stage.rows().await, judged).await?;
    stage.finish_after_cut().await
}

async fn banner(stage: &Stage, what: &str, accept: impl Fn(&Banner) -> bool) -> Result<Banner> {
    until(what, NOTICED, async || stage.banner().await, accept).await
}

/// Stops our own Envoy for a while, or lets it go on.
fn signal(envoy: &Envoy, name: &str) -> Result<()> {
    // The shell's own `kill` is on every machine.
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", envoy.id())]).status();
    ensure!(status.context("no shell")?.success(), "cannot send {name} to Envoy");
    Ok(())
}
