//! Several pools: the overview says which of them is in trouble, a click leads there, and links lead back.

use crate::page::{PoolRow, alerts, number, pools};
use crate::stage::SOON;
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::browser::{Key, until};
use plimsoll_host_tests::bed::{Behaviour, Browser, Fleet, FleetSpec};
use serde_json::json;

const POOLS: [&str; 3] = ["orders", "users", "search"];
/// Requests per second to each of a pool's four endpoints.
const RATE: f64 = 30.0;

async fn fleet() -> Result<(Fleet, Browser)> {
    let mut spec = FleetSpec::numbered(0, 4, RATE);
    spec.pools = POOLS.map(str::to_owned).into();
    // In turn, so that every endpoint has enough attempts to be judged.
    spec.settings = json!({"strategy": "round_robin", "circuit": {"open_for": "60s"}});
    let fleet = Fleet::start(&spec).await?;
    let browser = Browser::start().await?;
    browser.open(&format!("http://{}/", fleet.envoy.dashboard())).await?;
    Ok((fleet, browser))
}

#[tokio::test]
async fn every_pool_has_a_row_with_its_figures_and_the_one_in_trouble_stands_out() -> Result<()> {
    let (fleet, browser) = fleet().await?;
    let all = async || pools(&browser).await;
    let complete = |rows: &Vec<PoolRow>| {
        rows.len() == 3 && rows.iter().all(|row| row.states == "4 healthy" && number(&row.rate).is_some())
    };
    let calm = until("three healthy pools", SOON, all, complete).await?;
    for (row, name) in calm.iter().zip(POOLS) {
        assert_eq!((row.pool.as_str(), row.alerts, row.spare.as_str()), (name, 0, "2"), "{row:?}");
        let rate = number(&row.rate).context("no rate")?;
        assert!((60.0..240.0).contains(&rate), "{rate} /s of 120 in {row:?}");
        assert!(number(&row.p99).is_some() && number(&row.score).is_some_and(|score| score > 0.9), "{row:?}");
        assert_eq!(row.marks, 1, "one shape for four alike: {row:?}");
    }
    assert_eq!(alerts(&browser).await?.len(), 0);

    fleet.set("users", 2, Behaviour::Refusing).await?;
    let hit = |rows: &Vec<PoolRow>| rows.iter().any(|row| row.pool == "users" && row.states.starts_with("1 ejected"));
    let rows = until("an ejection in users", SOON, all, hit).await?;
    let users = rows.iter().find(|row| row.pool == "users").context("no users")?;
    assert_eq!(
        (users.states.as_str(), users.spare.as_str(), users.marks),
        ("1 ejected, 3 healthy", "1", 2),
        "{users:?}"
    );

    for number in 1..=4 {
        fleet.set("search", number, Behaviour::Failing { status: 503, fraction: 0.5 }).await?;
    }
    let firing = async || alerts(&browser).await;
    let told =
        until("alerts of search", SOON, firing, |alerts| alerts.iter().any(|alert| alert.key == "failures")).await?;
    let failures = told.iter().find(|alert| alert.key == "failures").context("no alert")?;
    assert!(failures.text.contains("search") && failures.text.contains("should be at most 5 %"), "{failures:?}");
    assert_eq!(
        failures.query,
        "rate(plimsoll_pool_search_failures[1m]) / rate(plimsoll_pool_search_requests[1m]) > 0.05"
    );
    let failing = |rows: &Vec<PoolRow>| rows.iter().any(|row| row.pool == "search" && row.alerts > 0);
    let rows = until("the alerts in the row", SOON, all, failing).await?;
    let share = rows.iter().find(|row| row.pool == "search").and_then(|row| number(&row.failure));
    assert!(share.is_some_and(|share| share > 5.0), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn links_and_keys_lead_from_page_to_page_and_back() -> Result<()> {
    let (_fleet, browser) = fleet().await?;
    until("three pools", SOON, async || pools(&browser).await, |rows| rows.len() == 3).await?;
    let shown = async || {
        browser
            .run::<Option<String>>(
                r#"return document.querySelector('[data-testid="pool"]')?.dataset.pool ?? null;"#,
                vec![],
            )
            .await
    };

    // The second row by the keyboard alone.
    for key in ['j', 'j'] {
        browser.strike(key).await?;
    }
    browser.press(Key::Enter).await?;
    until("the page of users", SOON, shown, |pool| pool.as_deref() == Some("users")).await?;
    let rows = async || {
        browser
            .run::<usize>(r#"return document.querySelectorAll('[data-testid="endpoint-row"]').length;"#, vec![])
            .await
    };
    until("its endpoints", SOON, rows, |count| *count == 4).await?;
    let title: String = browser.run("return document.title;", vec![]).await?;
    assert_eq!(title, "users – Plimsoll");

    browser.strike('p').await?;
    until("all pools again", SOON, async || pools(&browser).await, |rows| rows.len() == 3).await?;
    browser.run::<()>("history.back();", vec![]).await?;
    until("back at users", SOON, shown, |pool| pool.as_deref() == Some("users")).await?;

    browser.strike('?').await?;
    let help = async || {
        browser.run::<bool>(r#"return document.querySelector('[data-testid="help"]') !== null;"#, vec![]).await
    };
    until("the help", SOON, help, |open| *open).await?;
    browser.press(Key::Escape).await?;
    until("no help", SOON, help, |open| !*open).await?;

    browser.run::<()>("location.hash = '#/pool/nobody';", vec![]).await?;
    let missing = async || {
        browser
            .run::<Option<String>>(
                r#"return document.querySelector('[data-testid="no-pool"]')?.textContent ?? null;"#,
                vec![],
            )
            .await
    };
    let text = until("a word about the pool that is not there", SOON, missing, Option::is_some).await?;
    assert!(text.is_some_and(|text| text.contains("There is no pool nobody")));
    Ok(())
}

#[tokio::test]
async fn a_table_is_searched_and_sorted_and_the_link_says_how() -> Result<()> {
    let (fleet, browser) = fleet().await?;
    fleet.set("orders", 4, Behaviour::Slow { factor: 2.0 }).await?;
    let url = format!("http://{}/#/pool/orders", fleet.envoy.dashboard());
    browser.open("about:blank").await?;
    browser.open(&url).await?;
    let ids = async || {
        browser.run::<Vec<String>>(
        r#"return [...document.querySelectorAll('[data-testid="endpoint-row"]')].map(row => row.dataset.endpoint);"#,
        vec![]).await
    };
    until("four rows", SOON, ids, |ids| ids.len() == 4).await?;

    browser.strike('/').await?;
    for key in ['-', '3'] {
        browser.strike(key).await?;
    }
    until("the one that was searched for", SOON, ids, |ids| ids == &["orders-3"]).await?;
    let hash: String = browser.run("return location.hash;", vec![]).await?;
    assert!(hash.contains("q=-3"), "{hash}");

    let press = r#"[...document.querySelectorAll("thead button")].find(head => head.textContent.startsWith(arguments[0])).click();"#;
    browser.open("about:blank").await?;
    browser.open(&url).await?;
    until("four rows", SOON, ids, |ids| ids.len() == 4).await?;
    browser.run::<()>(press, vec![json!("p50")]).await?;
    until("the slowest first", SOON, ids, |ids| ids.first().is_some_and(|id| id == "orders-4")).await?;
    browser.run::<()>(press, vec![json!("Endpoint")]).await?;
    until("by name", SOON, ids, |ids| ids == &["orders-1", "orders-2", "orders-3", "orders-4"]).await?;
    browser.run::<()>(press, vec![json!("Endpoint")]).await?;
    until("by name, backwards", SOON, ids, |ids| ids == &["orders-4", "orders-3", "orders-2", "orders-1"]).await?;
    let hash: String = browser.run("return location.hash;", vec![]).await?;
    assert!(hash.contains("sort=-name"), "{hash}");
    Ok(())
}
