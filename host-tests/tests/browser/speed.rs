//! What makes the page fast, as far as it can be counted: how often it asks and for what, how much of it there is, how
//! much is downloaded. How long it takes is for `cargo xtask bench dashboard`: times differ from machine to machine.

use crate::stage::{SOON, Stage};
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::browser::{Exchange, until};
use plimsoll_host_tests::bed::{Behaviour, Browser, Fleet, FleetSpec};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

const ADMIN: &str = "/plimsoll/v1/";
/// What a poll asks for once the page is complete: the snapshot, events if that tells of any, and what is new of the history,
/// of seconds and of half minutes, if there is anything.
const MOST_HISTORY: usize = 2;
/// Seconds between polls of a page in sight, and of one out of sight; timers are late by some milliseconds.
const IN_SIGHT: f64 = 0.95;
const OUT_OF_SIGHT: f64 = 4.9;
/// Slower than the page polls and faster than it loses patience.
const SLOW_LINE: Duration = Duration::from_millis(1_300);
/// Elements in the document, whatever the number of endpoints: a screen full of rows, with room for a chart.
const MOST_ELEMENTS: u32 = 5_000;
/// Rows of endpoints: more than any screen has, far fewer than a thousand.
const MOST_ROWS: u32 = 150;
/// Bytes over the wire of everything that is loaded before the first poll, heads included.
const LARGEST: f64 = 250.0 * 1024.0;

/// The requests of one poll.
struct Poll {
    sent: f64,
    /// When the last of its answers was there; absent while one is not.
    ended: Option<f64>,
    resources: Vec<String>,
}

#[tokio::test]
async fn a_poll_asks_for_each_thing_once_and_waits_for_the_poll_before() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(stage.browser.exchanges().await?);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let quiet = polls(&stage.browser.exchanges().await?);
    // The log was read in the midst of the first and of the last.
    let whole = &quiet[1..quiet.len() - 1];
    ensure!(whole.len() >= 3, "only {} polls in six seconds", quiet.len());
    for poll in whole {
        let (first, new) = poll.resources.split_first().context("a poll of nothing")?;
        assert_eq!(first, "snapshot");
        assert!(new.len() <= MOST_HISTORY && new.iter().all(|more| more == "history"), "{:?}", poll.resources);
    }
    assert!(gaps(&quiet).iter().all(|gap| *gap >= IN_SIGHT), "seconds between polls: {:?}", gaps(&quiet));

    stage.browser.line_delay(SLOW_LINE).await?;
    // Up to three questions to a poll, one after the other.
    tokio::time::sleep(Duration::from_secs(24)).await;
    let slow = polls(&stage.browser.exchanges().await?);
    ensure!(slow.len() >= 3, "only {} polls over a slow line in 24 seconds", slow.len());
    let waited = slow[1..].iter().any(|poll| poll.ended.is_some_and(|end| end - poll.sent > SLOW_LINE.as_secs_f64()));
    assert!(waited, "the line was not slow");
    for pair in slow.windows(2) {
        let ended = pair[0].ended.context("a poll began while the one before had no answer")?;
        assert!(ended <= pair[1].sent, "a poll began {:.3} s before the end of the one before", ended - pair[1].sent);
    }
    Ok(())
}

#[tokio::test]
async fn events_are_asked_for_only_when_there_are_some() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let asked = async || {
        let exchanges = stage.browser.exchanges().await?;
        Ok(exchanges.into_iter().filter(|exchange| exchange.url.contains("/events?")).count())
    };
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(asked().await?, 0, "nothing has happened");
    stage.upstreams[1].set(Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    until("events to be asked for", SOON, asked, |asked| *asked > 0).await?;
    let list = async || stage.events().await;
    until("the event in the list", SOON, list, |events| !events.is_empty()).await?;
    // The endpoint is probed every few seconds; in between there is nothing to ask for.
    drop(stage.browser.exchanges().await?);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let polls = polls(&stage.browser.exchanges().await?);
    let without = polls.iter().filter(|poll| !poll.resources.iter().any(|one| one == "events")).count();
    ensure!(without >= 2, "events are asked for in all but {without} of {} polls", polls.len());
    stage.browser.console().await.map(drop)
}

#[tokio::test]
async fn a_hidden_page_asks_less_often_and_catches_up_when_it_is_seen_again() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    stage.browser.minimise(true).await?;
    hidden(&stage, true).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(stage.browser.exchanges().await?);
    tokio::time::sleep(Duration::from_secs(13)).await;
    let out_of_sight = polls(&stage.browser.exchanges().await?);
    ensure!(out_of_sight.len() >= 2, "a hidden page has polled {} times in 13 s", out_of_sight.len());
    let gaps = gaps(&out_of_sight);
    assert!(gaps.iter().all(|gap| *gap >= OUT_OF_SIGHT), "seconds between polls of a hidden page: {gaps:?}");

    stage.browser.minimise(false).await?;
    hidden(&stage, false).await?;
    let look = async || Ok(polls(&stage.browser.exchanges().await?).len());
    // Well before the five seconds of a hidden page are over.
    until("a poll of the page that is seen again", Duration::from_secs(2), look, |polls| *polls > 0).await?;
    stage.browser.console().await.map(drop)
}

#[tokio::test]
async fn everything_that_is_loaded_fits_the_budget() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let own = format!("http://{}/", stage.envoy.dashboard());
    let loaded = stage.browser.exchanges().await?;
    let files: Vec<&Exchange> = loaded.iter().filter(|e| e.url.starts_with(&own) && !e.url.contains(ADMIN)).collect();
    for kind in ["/", ".js", ".wasm", ".css"] {
        assert!(files.iter().any(|file| file.url.ends_with(kind)), "no {kind} among {files:?}");
    }
    let bytes = |file: &&Exchange| file.ended.and_then(|end| end.bytes).with_context(|| format!("{} failed", file.url));
    let sizes = files.iter().map(bytes).collect::<Result<Vec<f64>>>()?;
    let all: f64 = sizes.iter().sum();
    assert!(all > 10_000.0 && all <= LARGEST, "{all} bytes are loaded, of at most {LARGEST}: {files:#?}");
    Ok(())
}

#[tokio::test]
async fn a_thousand_endpoints_do_not_make_a_larger_document() -> Result<()> {
    for (pools, endpoints) in [(20, 50), (1, 1000)] {
        let fleet = Fleet::start(&FleetSpec::numbered(pools, endpoints, 0.2)).await?;
        let browser = Browser::start().await?;
        for path in ["#/", "#/pool/pool-01"] {
            browser.open("about:blank").await?;
            browser.open(&format!("http://{}/{path}", fleet.envoy.dashboard())).await?;
            let look = async || count(&browser).await;
            let page = until(&format!("rows at {path}"), SOON, look, |page| page.rows > 0).await?;
            let what = format!("{path} with {pools} pools of {endpoints} endpoints: {page:?}");
            assert!(page.rows <= MOST_ROWS && page.elements <= MOST_ELEMENTS, "{what}");
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Count {
    elements: u32,
    rows: u32,
}

async fn count(browser: &Browser) -> Result<Count> {
    let script = r#"return {
        elements: document.getElementsByTagName("*").length,
        rows: document.querySelectorAll('[data-testid="pool-row"], [data-testid="endpoint-row"]').length,
    };"#;
    browser.run(script, vec![]).await
}

async fn hidden(stage: &Stage, hidden: bool) -> Result<()> {
    let look = async || stage.browser.run::<bool>("return document.hidden;", vec![]).await;
    until(&format!("document.hidden to be {hidden}"), SOON, look, |is| *is == hidden).await.map(drop)
}

/// Puts the requests to the admin API together: a poll begins with its snapshot.
fn polls(exchanges: &[Exchange]) -> Vec<Poll> {
    let mut polls: Vec<Poll> = Vec::new();
    for exchange in exchanges {
        let Some((_, resource)) = exchange.url.split_once(ADMIN) else { continue };
        let resource = resource.split('?').next().unwrap_or_default().to_owned();
        let ended = exchange.ended.map(|end| end.at);
        if resource == "snapshot" {
            polls.push(Poll { sent: exchange.sent, ended, resources: vec![resource] });
        } else if let Some(poll) = polls.last_mut() {
            poll.ended = poll.ended.zip(ended).map(|(before, this)| before.max(this));
            poll.resources.push(resource);
        }
    }
    polls
}

fn gaps(polls: &[Poll]) -> Vec<f64> {
    polls.windows(2).map(|pair| pair[1].sent - pair[0].sent).collect()
}
