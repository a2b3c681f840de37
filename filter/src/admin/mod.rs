//! The admin API: `GET` on `/plimsoll/v1/{snapshot,events,history,config,healthz}`, answered as JSON from shared data, on
//! whichever worker the request came to. Meant for a private listener. Other paths pass, so that the same listener can
//! serve the dashboard's files.

mod report;

use crate::history::SharedData;
use crate::host::{self, Headers};
use crate::shared;
use crate::vm;
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::history::query::{Query, number, one_of, parameter};
use plimsoll_snapshot::{Health, json};
use serde_json::{Map, Value};

const PREFIX: &str = "/plimsoll/";

struct Answer {
    status: u32,
    body: Vec<u8>,
}

/// Answers a request of the API; true if it is none and should proceed.
pub(crate) fn answer() -> bool {
    let path = host::header(Headers::Request, ":path", |path| core::str::from_utf8(path).ok().map(str::to_owned));
    // Nothing of the API is called by what is no text.
    let Ok(Some(path)) = path else { return true };
    if !path.starts_with(PREFIX) {
        return true;
    }
    let method = host::header(Headers::Request, ":method", <[u8]>::to_vec).unwrap_or_default();
    let answer =
        if method == b"GET" || method == b"HEAD" { route(&path) } else { problem(405, "only GET is allowed here") };
    let headers = [("content-type", "application/json"), ("cache-control", "no-store"), ("allow", "GET, HEAD")];
    let headers = headers.get(..if answer.status == 405 { 3 } else { 2 }).unwrap_or(&headers);
    host::send_local_response(answer.status, "plimsoll_admin", headers, &answer.body).is_err()
}

fn route(path: &str) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path.strip_prefix("/plimsoll/v1/") {
        Some("snapshot") => match listed(query) {
            Ok(only) => json_answer(200, json::snapshot(&report::snapshot(only.as_deref()))),
            Err(reason) => problem(400, &reason),
        },
        Some("history") => match history(query) {
            Ok(body) => Answer { status: 200, body },
            Err(reason) => problem(400, &reason),
        },
        Some("events") => match number(query, "since", "a sequence number") {
            Ok(since) => {
                let log = shared::read(shared::EVENTS, EventLog::decode).unwrap_or_default();
                json_answer(200, json::events(&log.since(since.unwrap_or(0), crate::abi::now().as_millis())))
            }
            Err(reason) => problem(400, &reason),
        },
        Some("config") => match configuration() {
            Some(config) => Answer { status: 200, body: config.to_string().into_bytes() },
            None => problem(
                503,
                "no configuration is in force: no picker in this VM (do vm_id, code and VM configuration agree?)",
            ),
        },
        Some("healthz") => {
            let health = health();
            json_answer(if health.ok { 200 } else { 503 }, json::health(&health))
        }
        _ => problem(
            404,
            "no such resource; there are snapshot, events, history, config and healthz under /plimsoll/v1/",
        ),
    }
}

fn json_answer(status: u32, body: Result<Vec<u8>, serde_json::Error>) -> Answer {
    match body {
        Ok(body) => Answer { status, body },
        Err(error) => problem(500, &error.to_string()),
    }
}

fn problem(status: u32, reason: &str) -> Answer {
    let mut body = Map::new();
    body.insert("error".to_owned(), reason.into());
    Answer { status, body: Value::Object(body).to_string().into_bytes() }
}

fn pools() -> Vec<String> {
    let name = |state: &vm::PoolState| state.pool.config().name.clone();
    vm::with(|vm| vm.pools().map(name).collect()).unwrap_or_default()
}

/// Whose endpoints were asked for: those of one pool, or of none; `None`: of all.
fn listed(query: &str) -> Result<Option<String>, String> {
    let Some(value) = parameter(query, "endpoints") else { return Ok(None) };
    let pools = pools();
    let names: Vec<&str> = pools.iter().map(String::as_str).chain(["none"]).collect();
    one_of("endpoints", value, &names).map(|name| Some(name.to_owned()))
}

fn history(query: &str) -> Result<Vec<u8>, String> {
    let pools = pools();
    let query = Query::read(query, pools.iter().map(String::as_str).collect())?;
    Ok(query.answer(&SharedData, crate::abi::now().as_millis()))
}

/// The configurations of all pickers of this VM; a list only where there is more than one.
fn configuration() -> Option<Value> {
    let mut all = vm::with(|vm| {
        let mut configs: Vec<(Vec<u8>, Value)> = Vec::new();
        for (_, root) in &vm.roots {
            let Some(config) = root.config.as_ref().filter(|config| !config.pools.is_empty()) else { continue };
            // The newest root of a name is the one in force.
            configs.retain(|(name, _)| *name != root.name);
            configs.push((root.name.clone(), config.effective()));
        }
        configs.into_iter().map(|(_, config)| config).collect::<Vec<_>>()
    })?;
    if all.len() > 1 { Some(Value::Array(all)) } else { all.pop() }
}

fn health() -> Health {
    let mut problems = Vec::new();
    vm::with(|vm| {
        if vm.pools().next().is_none() {
            problems.push("no configuration is in force".to_owned());
        }
        for state in vm.pools() {
            if state.pool.eligible() == 0 && !state.pool.panics() {
                problems.push(format!("pool {}: no endpoint may be called", state.pool.config().name));
            }
        }
    });
    Health { ok: problems.is_empty(), problems }
}
