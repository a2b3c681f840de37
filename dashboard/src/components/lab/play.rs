//! The worker that plays, the shape of a live pool, and the address.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Event, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::Bench;
use crate::browser;
use crate::lab::{self, Lab};
use crate::poll::{self, CONFIG};

/// Where the worker's script is.
const SCRIPT: &str = "/worker.js";
/// So often the page looks whether a live pool is known well enough.
const LOOK_MS: u32 = 250;

/// A worker that has not answered for so long is given up when it is to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts the worker, which lives as long as the page of the lab does.
pub(super) fn begin(bench: Bench) {
    on_cleanup(move || end(bench));
    start(bench);
    follow_address(bench);
}

fn end(bench: Bench) {
    bench.worker.try_with_value(|worker| worker.iter().for_each(Worker::terminate));
}

fn start(bench: Bench) {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    let worker = match Worker::new_with_options(SCRIPT, &options) {
        Ok(worker) => worker,
        Err(_) => return fail(bench, "this browser starts no worker for it"),
    };
    listen(&worker, "message", move |event| {
        if let Some(answer) = event.unchecked_into::<MessageEvent>().data().as_string() {
            hear(bench, &answer);
        }
    });
    listen(&worker, "error", move |_| fail(bench, "its worker did not load"));
    bench.worker.set_value(Some(worker));
    bench.ask(&lab::ask("hello", &[]));
}

/// Another worker with the same setup, in place of one that does not answer.
fn start_again(bench: Bench) {
    let Some(link) = bench.lab.try_with_untracked(|lab| lab.says("link")) else { return };
    end(bench);
    bench.waiting.set(0);
    start(bench);
    if !link.is_empty() {
        bench.ask(&lab::ask("open", &[("link", &link)]));
    }
}

fn listen(worker: &Worker, name: &str, act: impl FnMut(Event) + 'static) {
    let act = Closure::<dyn FnMut(Event)>::new(act);
    let _ = worker.add_event_listener_with_callback(name, act.as_ref().unchecked_ref());
    // Goes with the worker.
    act.forget();
}

fn fail(bench: Bench, why: &str) {
    bench.lab.try_update(|lab| lab.failed = why.into());
}

fn hear(bench: Bench, answer: &str) {
    if bench.lab.try_update(|lab| lab.receive(answer)) == Some(true) {
        bench.waiting.update(|waiting| *waiting = waiting.saturating_sub(1));
    }
    // A pool that is being watched is still wanted.
    let pool = bench.page.route.with_untracked(|route| route.get("pool").to_owned());
    let todo = bench.lab.try_with_untracked(|lab| {
        let keep = lab.holds("keep") && (pool.is_empty() || pool == lab.says("live"));
        let link = if keep { lab.says("link") } else { String::new() };
        lab.failed.is_empty().then(|| (link, lab.says("file"), lab.says("name")))
    });
    let Some(Some((link, file, name))) = todo else { return };
    if !link.is_empty() {
        bench.page.choose_all(&[("pool", ""), ("s", &link)]);
    }
    if !file.is_empty() {
        browser::save(&name, "application/json", &file);
    }
}

pub(super) fn run_or_stop(bench: Bench) {
    let playing = bench.lab.with_untracked(|lab| lab.holds("playing"));
    bench.ask(&lab::keep(lab::ask(if playing { "stop" } else { "run" }, &[])));
    if playing {
        let still = move || bench.lab.try_with_untracked(|lab| lab.holds("playing")) == Some(true);
        let silent = move || still() && bench.waiting.get_untracked() > 0;
        set_timeout(
            move || {
                if silent() {
                    start_again(bench)
                }
            },
            PATIENCE,
        );
    }
}

pub(super) fn copy_link(bench: Bench) {
    let link = bench.lab.with_untracked(|lab| lab.says("link"));
    if !link.is_empty() {
        bench.page.choose_all(&[("pool", ""), ("s", &link)]);
        browser::copy(&window().location().href().unwrap_or_default());
        say(bench, "Copied; it is in the address, too.".into());
    }
}

/// The address says what the setup is, or which pool is to be taken.
fn follow_address(bench: Bench) {
    Effect::new(move |before: Option<(String, String)>| {
        let now = bench.page.route.with(|route| (route.get("s").to_owned(), route.get("pool").to_owned()));
        let (link, pool) = &now;
        if before.as_ref() == Some(&now) {
            // Something else was chosen.
        } else if !pool.is_empty() {
            spawn_local(take(bench, pool.clone()));
        } else if !link.is_empty() && bench.lab.with_untracked(|lab| lab.says("link") != *link) {
            bench.ask(&lab::ask("open", &[("link", link)]));
        }
        now
    });
}

/// Waits until a pool was watched for long enough, then has its shape taken.
async fn take(bench: Bench, pool: String) {
    let model = bench.page.model;
    let wanted = || {
        let there = bench.lab.try_with_untracked(|_| ()).is_some();
        there && bench.page.route.with_untracked(|route| route.get("pool") == pool)
    };
    let refuse = |why: String| {
        bench.page.choose("pool", "");
        say(bench, why);
    };
    loop {
        let known = model.with_untracked(|model| match lab::is_known(model, &pool) {
            None if !model.is_empty() => Err(format!("There is no pool {pool} in the configuration in force.")),
            known => Ok(known == Some(true)),
        });
        match known {
            Ok(true) => break,
            Ok(false) => say(bench, format!("Watching {pool} for some seconds …")),
            Err(why) => return refuse(why),
        }
        TimeoutFuture::new(LOOK_MS).await;
        if !wanted() {
            return;
        }
    }
    let snapshot = poll::get(&poll::snapshot(Some(&pool))).await;
    let config = poll::get(CONFIG).await;
    if !wanted() {
        return;
    }
    match (snapshot, config) {
        (Ok(snapshot), Ok(config)) => {
            let message = model.with_untracked(|model| lab::take(model, &pool, &snapshot, &config));
            bench.ask(&message);
        }
        (Err(why), _) | (_, Err(why)) => refuse(why),
    }
}

fn say(bench: Bench, note: String) {
    bench.lab.try_update(|lab: &mut Lab| lab.note = note);
}
