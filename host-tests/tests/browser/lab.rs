//! The lab in a real browser: what it plays is what the same code plays natively, it keeps answering while it plays, and
//! links, mistakes and the live pool are what they should be.

use crate::keyboard::tab_to;
use crate::stage::{SOON, Stage};
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::browser::{Key, until};
use plimsoll_host_tests::bed::{Behaviour, Browser};
use plimsoll_lab::{Setup, Trial, export};
use plimsoll_sim::{FaultKind, Targets};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// A trial of some million events, on a busy machine.
const PLAYED: Duration = Duration::from_secs(60);

/// What stands in the lab.
const LOOK: &str = r#"
    const text = hook => document.querySelector(`[data-testid="${hook}"]`)?.textContent.replace(/\s+/g, " ").trim() ?? "";
    const field = name => document.querySelector(`[data-field="${name}"]`)?.value ?? "";
    const run = document.querySelector('[data-testid="run"]');
    return {
        run: run?.textContent ?? "", disabled: run?.disabled ?? true, words: text("progress"), note: text("note"),
        permille: document.querySelector("progress")?.value ?? 0,
        source: field("source"), present: field("present"), changed: field("changed"), seeds: field("seeds"),
        problems: [...document.querySelectorAll('[data-testid="problem"]')].map(p => p.textContent).filter(t => t !== ""),
        assumptions: text("assumptions"),
        rows: [...document.querySelectorAll('[data-testid="result-row"]')].map(row => ({
            figure: row.dataset.figure, verdict: row.dataset.verdict, text: row.textContent.replace(/\s+/g, " ").trim(),
        })),
    };"#;

/// Puts a value into a field as typing does.
const TYPE: &str = r#"
    const field = document.querySelector(`[data-field="${arguments[0]}"]`);
    field.value = arguments[1];
    for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, { bubbles: true }));"#;

/// What the page saves from now on; and the longest times between two turns of a timer.
const WATCH: &str = r#"
    window.saved = [];
    HTMLAnchorElement.prototype.click = function () {
        window.saved.push([this.download, decodeURIComponent(this.href).replace(/^[^,]*,/, "")]);
    };
    window.seen = new Set();
    window.turns = 0;
    window.gap = 0;
    window.tasks = [];
    new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(task => Math.round(task.duration))))
        .observe({ entryTypes: ["longtask"] });
    let last = performance.now();
    setInterval(() => {
        const now = performance.now();
        window.turns += 1;
        window.gap = Math.max(window.gap, now - last);
        last = now;
        window.seen.add(document.querySelector("progress")?.value);
    }, 10);"#;

#[derive(Debug, Deserialize)]
struct Look {
    run: String,
    disabled: bool,
    words: String,
    note: String,
    permille: f64,
    source: String,
    present: String,
    changed: String,
    seeds: String,
    problems: Vec<String>,
    assumptions: String,
    rows: Vec<ResultRow>,
}

#[derive(Debug, Deserialize)]
struct ResultRow {
    figure: String,
    verdict: String,
    text: String,
}

async fn look(browser: &Browser) -> Result<Look> {
    browser.run(LOOK, vec![]).await
}

async fn put(browser: &Browser, field: &str, value: &str) -> Result<()> {
    browser.run::<()>(TYPE, vec![json!(field), json!(value)]).await?;
    let idle = r#"return document.querySelector('[data-testid="lab"]').getAttribute("aria-busy") === "false";"#;
    until("what the lab says to it", SOON, async || browser.run::<bool>(idle, vec![]).await, |idle| *idle).await?;
    Ok(())
}

/// Opens the lab with what stands behind `#/lab`.
async fn lab(stage: &Stage, query: &str) -> Result<Look> {
    stage.browser.run::<()>("location.hash = `#/lab${arguments[0]}`;", vec![json!(query)]).await?;
    until("the lab", SOON, async || look(&stage.browser).await, |look| look.run == "Run" && !look.source.is_empty())
        .await
}

/// The file of this name, when it has been saved: the lab's worker writes it.
async fn saved(browser: &Browser, name: &str) -> Result<Value> {
    let last = async || browser.run::<(String, String)>("return window.saved.at(-1) ?? ['', ''];", vec![]).await;
    let (_, text) = until(&format!("{name} to be saved"), SOON, last, |(saved, _)| saved == name).await?;
    serde_json::from_str(&text).with_context(|| format!("{name} is no JSON: {text:?}"))
}

async fn play(stage: &Stage) -> Result<Look> {
    stage.click("[data-testid=run]").await?;
    until(
        "the end of the trial",
        PLAYED,
        async || look(&stage.browser).await,
        |look| look.words.ends_with("seeds played"),
    )
    .await
}

#[tokio::test]
async fn a_trial_in_the_page_gives_what_the_same_trial_gives_natively() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    lab(&stage, "").await?;
    browser.run::<()>(WATCH, vec![]).await?;
    put(browser, "source", "errors").await?;
    put(browser, "seeds", "3").await?;
    put(browser, "changed:strategy", "round_robin").await?;
    put(browser, "changed:circuit.open_for", "20s").await?;
    let end = play(&stage).await?;
    assert_eq!(end.words, "3 seeds played");
    assert_eq!(end.rows.len(), 7, "{end:#?}");

    let mut setup = Setup::built_in("errors").context("it comes with the page")?;
    setup.seeds = 3;
    setup.changed = r#"{"circuit":{"open_for":"20s"},"strategy":"round_robin"}"#.into();
    assert_eq!(end.changed, setup.changed);
    let mut trial = Trial::new(&setup).map_err(anyhow::Error::msg)?;
    while trial.step(u64::MAX) {}
    stage.click("[data-testid=save-result]").await?;
    let value = saved(browser, "plimsoll-lab.json").await?;
    assert_eq!(value, serde_json::from_str::<Value>(&export::json(&setup, &trial))?);
    stage.click("[data-testid=save-scenario]").await?;
    let value = saved(browser, "plimsoll-scenario.json").await?;
    assert_eq!(value, serde_json::from_str::<Value>(&export::scenario(&setup))?);
    stage.finish().await
}

#[tokio::test]
async fn the_page_answers_while_it_plays_and_a_trial_can_be_stopped() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    lab(&stage, "").await?;
    browser.run::<()>(WATCH, vec![]).await?;
    put(browser, "seeds", "20").await?;
    put(browser, "length", "120s").await?;
    stage.click("[data-testid=run]").await?;
    let some = |seen: &(u32, u32)| seen.0 >= 5;
    let turns = async || browser.run("return [window.seen.size, window.turns];", vec![]).await;
    let (_, turned) = until("progress at several values", PLAYED, turns, some).await?;
    ensure!(turned > 20, "a timer of 10 ms had its turn {turned} times only");
    let (gap, tasks): (f64, Vec<u32>) = browser.run("return [window.gap, window.tasks];", vec![]).await?;
    // Not judged: another process may have had the processor.
    println!("longest time between two turns of a timer while it played: {gap:.0} ms; tasks over 50 ms: {tasks:?}");
    let rows = async || look(browser).await;
    until("figures of the first seeds", PLAYED, rows, |look| look.rows.iter().any(|row| row.text.contains("ms")))
        .await?;
    stage.click("[data-testid=run]").await?;
    let stopped = until("a trial that has stopped", SOON, rows, |look| look.run == "Run").await?;
    ensure!(stopped.words.starts_with("stopped after") && stopped.permille < 1000.0, "{stopped:?}");
    ensure!(!stopped.rows.is_empty(), "what is known stays: {stopped:?}");

    // A change ends a trial, too, and says that the figures are older.
    stage.click("[data-testid=run]").await?;
    put(browser, "changed:strategy", "random").await?;
    let changed = until("a trial that a change has ended", SOON, rows, |look| look.run == "Run").await?;
    assert!(changed.changed.contains("random"), "{changed:?}");
    // Nor does it go on when the reader has left.
    let count = "window.ended = 0; const end = Worker.prototype.terminate;
        Worker.prototype.terminate = function () { window.ended += 1; end.call(this); };";
    browser.run::<()>(count, vec![]).await?;
    stage.click("[data-testid=run]").await?;
    browser.run::<()>("location.hash = '#/pools';", vec![]).await?;
    until("another page", SOON, rows, |look| look.run.is_empty()).await?;
    assert_eq!(browser.run::<u32>("return window.ended;", vec![]).await?, 1, "its worker goes on");
    stage.finish().await
}

#[tokio::test]
async fn the_live_pool_is_taken_with_what_is_wrong_with_it() -> Result<()> {
    let stage = Stage::start(json!({"circuit": {"open_for": "60s"}, "strategy": "round_robin"})).await?;
    let browser = &stage.browser;
    stage.upstreams[1].set(Behaviour::Failing { status: 503, fraction: 1.0 }).await?;
    let row = async || stage.row("order-2").await;
    until("order-2 to be ejected", SOON, row, |row| row.is("ejected")).await?;
    stage.click("[data-testid=to-lab]").await?;
    let taken = until("the pool's shape", SOON, async || look(browser).await, |look| look.source == "kept").await?;
    // How much of it had failed when it was ejected: not yet all of the window.
    ensure!(taken.assumptions.contains("order-2: "), "{taken:#?}");
    ensure!(taken.assumptions.ends_with(" % of the answers are errors."), "{taken:#?}");
    assert_eq!(taken.present, r#"{"circuit":{"open_for":"60s"},"strategy":"round_robin"}"#);
    let setup = of_address(&stage).await?;
    assert_eq!(setup.scenario.endpoints.len(), stage.upstreams.len());
    let hit = |fault: &plimsoll_sim::Fault| fault.targets == Targets::Some(vec![1]);
    let fault = setup.scenario.faults.iter().find(|fault| hit(fault)).context("no fault of order-2")?;
    ensure!(matches!(fault.kind, FaultKind::Errors { share, .. } if share > 0.3), "{fault:?}");

    put(browser, "changed:strategy", "least_request").await?;
    put(browser, "changed:circuit.open_for", "5s").await?;
    let end = play(&stage).await?;
    let figures: Vec<_> = end.rows.iter().map(|row| row.figure.as_str()).collect();
    assert_eq!(figures[..3], ["p50_ms", "p99_ms", "ok_percent"]);
    ensure!(end.rows[..3].iter().all(|row| !row.verdict.is_empty() && !row.text.contains('–')), "{:#?}", end.rows);
    // Back leads to the pool from which it was taken.
    browser.run::<()>("history.back();", vec![]).await?;
    until("the pool's page", SOON, async || stage.rows().await, |rows| rows.len() == stage.upstreams.len()).await?;
    stage.finish().await
}

/// The setup that the address has.
async fn of_address(stage: &Stage) -> Result<Setup> {
    let address = stage.address().await?;
    let link = address.strip_prefix("#/lab?s=").with_context(|| format!("no setup in {address}"))?;
    Setup::from_link(link).map_err(anyhow::Error::msg)
}

#[tokio::test]
async fn a_copied_link_gives_the_same_setup_and_a_damaged_one_says_so() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    lab(&stage, "").await?;
    let copied = "navigator.clipboard.writeText = async text => { window.copied = text; };";
    browser.run::<()>(copied, vec![]).await?;
    for (field, value) in [
        ("source", "hundred"),
        ("seeds", "4"),
        ("length", "11s"),
        ("fault", "slow"),
        ("fault.size", "3.5"),
        ("fault.who", "3, 5"),
        ("fault.from", "2s"),
        ("fault.to", "9s"),
        ("changed:strategy", "ring_hash"),
    ] {
        put(browser, field, value).await?;
    }
    stage.click("[data-testid=copy-link]").await?;
    let link: String = browser.run("return window.copied;", vec![]).await?;
    let setup = of_address(&stage).await?;
    assert!(link.ends_with(&stage.address().await?), "{link}");
    let fault = setup.fault.context("the fault is not in the link")?;
    assert_eq!((fault.kind, fault.targets), (FaultKind::Slow { factor: 3.5 }, Targets::Some(vec![3, 5])));
    assert_eq!((setup.seeds, setup.changed.as_str()), (4, r#"{"strategy":"ring_hash"}"#));

    browser.open("about:blank").await?;
    browser.open(&link).await?;
    let same = |look: &Look| look.source == "hundred" && look.seeds == "4" && look.changed == setup.changed;
    until("the same setup in a fresh page", SOON, async || look(browser).await, same).await?;
    let fields = r#"return ["fault", "fault.size", "fault.who", "fault.from", "fault.to", "length"]
        .map(name => document.querySelector(`[data-field="${name}"]`).value);"#;
    let fields: Vec<String> = browser.run(fields, vec![]).await?;
    assert_eq!(fields, ["slow", "3.5", "3, 5", "2s", "9s", "11s"]);

    lab(&stage, &format!("?s={}", &of_address(&stage).await?.to_link().map_err(anyhow::Error::msg)?[..40])).await?;
    let told = async || look(browser).await;
    until("word of the damage", SOON, told, |look| look.note.contains("damaged")).await?;
    stage.finish().await
}

#[tokio::test]
async fn a_mistake_is_named_and_nothing_is_played() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    lab(&stage, "").await?;
    for (field, text, want) in [
        ("changed", r#"{"candidates":99}"#, "candidates: 99 is not a whole number from 1 to 16"),
        ("changed", r#"{"strateg":"random"}"#, "strateg: unknown key"),
        ("changed", "{", "not JSON"),
        ("seeds", "many", "seeds: \"many\" is not a whole number"),
        ("length", "99999h", "too many for a page"),
    ] {
        put(browser, field, text).await?;
        let wrong = look(browser).await?;
        ensure!(wrong.disabled, "{field} {text}: it can be played");
        ensure!(wrong.problems.iter().any(|problem| problem.contains(want)), "{field} {text}: {:?}", wrong.problems);
        put(
            browser,
            field,
            match field {
                "changed" => "{}",
                "seeds" => "3",
                _ => "10s",
            },
        )
        .await?;
        let right = look(browser).await?;
        ensure!(!right.disabled && right.problems.is_empty(), "{field}: {:?}", right.problems);
    }
    // Fields and JSON are the same settings.
    put(browser, "changed", r#"{"circuit":{"open_for":"7s"}}"#).await?;
    let field = r#"return document.querySelector('[data-field="changed:circuit.open_for"]').value;"#;
    let shown = async || browser.run::<String>(field, vec![]).await;
    until("the field to show what the JSON says", SOON, shown, |value| value == "7s").await?;
    stage.finish().await
}

#[tokio::test]
async fn the_keyboard_alone_is_enough_for_a_trial() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    tab_to(browser, "Lab").await?;
    browser.press(Key::Enter).await?;
    until("the lab", SOON, async || look(browser).await, |look| look.run == "Run").await?;
    browser.run::<()>(WATCH, vec![]).await?;
    type_into(browser, "Seeds", "2").await?;
    type_into(browser, "Measured", "5s").await?;
    tab_to(browser, "Strategy, Changed").await?;
    browser.press(Key::Down).await?;
    type_into(browser, "Circuit: first time out, Changed", "3s").await?;
    let set = async || look(browser).await;
    let done = |look: &Look| look.changed == r#"{"circuit":{"open_for":"3s"},"strategy":"least_request"}"#;
    until("what was typed in the JSON", SOON, set, done).await?;
    tab_to(browser, "run").await?;
    browser.press(Key::Enter).await?;
    until("the end of the trial", PLAYED, set, |look| look.words == "2 seeds played").await?;
    tab_to(browser, "save-result").await?;
    browser.press(Key::Enter).await?;
    let value = saved(browser, "plimsoll-lab.json").await?;
    assert_eq!(value["seeds"], 2);
    assert_eq!(value["changed"]["strategy"], "least_request");
    stage.finish().await
}

/// Leads the keyboard to a field, and types over what is in it.
async fn type_into(browser: &Browser, field: &str, text: &str) -> Result<()> {
    tab_to(browser, field).await?;
    // Tab selects all of a field's text, so that typing replaces it.
    for letter in text.chars() {
        browser.strike(letter).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_lab_that_is_not_served_says_what_is_missing_and_the_page_goes_on() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    let elsewhere = r#"const Real = window.Worker;
        window.Worker = class { constructor(_, options) { return new Real("/nothing.js", options); } };"#;
    browser.run::<()>(elsewhere, vec![]).await?;
    browser.run::<()>("location.hash = '#/lab';", vec![]).await?;
    let failed = r#"return document.querySelector('[data-testid="lab-failed"]')?.textContent ?? "";"#;
    let told = until("word of it", SOON, async || browser.run::<String>(failed, vec![]).await, |text| !text.is_empty())
        .await?;
    ensure!(told.contains("its worker did not load") && told.contains("lab_bg.wasm"), "{told}");
    browser.run::<()>("location.hash = '#/';", vec![]).await?;
    until("the pool", SOON, async || stage.rows().await, |rows| rows.len() == stage.upstreams.len()).await?;
    stage.finish_after_cut().await
}

#[tokio::test]
async fn a_worker_that_does_not_stop_is_replaced() -> Result<()> {
    let stage = Stage::start(json!({})).await?;
    let browser = &stage.browser;
    lab(&stage, "").await?;
    // Longer than the page has patience, on any machine.
    put(browser, "seeds", "20").await?;
    put(browser, "length", "200s").await?;
    stage.click("[data-testid=run]").await?;
    let rows = async || look(browser).await;
    until("a trial under way", SOON, rows, |look| look.run == "Stop").await?;
    // Deaf until it is ended.
    let deaf = "window.ended = 0; const { postMessage, terminate } = Worker.prototype;
        Worker.prototype.postMessage = () => {};
        Worker.prototype.terminate = function () {
            window.ended += 1;
            Object.assign(Worker.prototype, { postMessage, terminate });
            terminate.call(this);
        };";
    browser.run::<()>(deaf, vec![]).await?;
    stage.click("[data-testid=run]").await?;
    let again = until("another worker", SOON, rows, |look| look.run == "Run" && look.seeds == "20").await?;
    assert_eq!(browser.run::<u32>("return window.ended;", vec![]).await?, 1, "{again:?}");
    put(browser, "seeds", "2").await?;
    put(browser, "length", "10s").await?;
    assert_eq!(play(&stage).await?.words, "2 seeds played");
    stage.finish().await
}
