//! The admin API: `GET` on `/plimsoll/v1/{snapshot,workers,events,history,config,healthz}`, answered
//! as JSON from shared data, on
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
const NO_RESOURCE: &str =
    "no such resource; there are snapshot, workers, events, history, config and healthz under /plimsoll/v1/";
const NO_CONFIGURATION: &str =
    "no configuration is in force: no picker in this VM (do vm_id, code and VM configuration agree?)";

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
    let resource = path.strip_prefix("/plimsoll/v1/").unwrap_or_default();
    let body = match resource {
        "snapshot" => listed(query).and_then(|only| json::snapshot(report::snapshot(only.as_deref()))),
        "workers" => report::workers(query, &pools()).and_then(json::workers),
        "history" => history(query),
        "events" => number(query, "since", "a sequence number").and_then(|since| {
            let log = shared::read(shared::EVENTS, EventLog::decode).unwrap_or_default();
            json::events(log.since(since.unwrap_or(0), crate::abi::now().as_millis()))
        }),
        "config" => match configuration() {
            Some(config) => Ok(config.to_string().into_bytes()),
            None => return problem(503, NO_CONFIGURATION),
        },
        "healthz" => {
            let health = health();
            let status = if health.ok { 200 } else { 503 };
            return json::health(health).map_or_else(|reason| problem(500, &reason), |body| Answer { status, body });
        }
        _ => return problem(404, NO_RESOURCE),
    };
    body.map_or_else(|reason| problem(400, &reason), |body| Answer { status: 200, body })
}

#[inline(never)]
fn problem(status: u32, reason: &str) -> Answer {
    let mut body = Map::new();
    body.insert("error".to_owned(), reason.into());
    Answer { status, body: Value::Object(body).to_string().into_bytes() }
}

#[inline(never)]
fn pools() -> Vec<String> {
    let name = |state: &vm::PoolState| state.pool.config().name.clone();
    vm::with(|vm| vm.pools().map(name).collect()).unwrap_or_default()
}

/// Whose endpoints were asked for: those of one pool, or of none; `None`: of all.
#[inline(never)]
fn listed(query: &str) -> Result<Option<String>, String> {
    let Some(value) = parameter(query, "endpoints") else { return Ok(None) };
    let mut names = pools();
    names.push("none".to_owned());
    one_of("endpoints", value, &names).map(|name| Some(name.to_owned()))
}

#[inline(never)]
fn history(query: &str) -> Result<Vec<u8>, String> {
    let pools = pools();
    let query = Query::read(query, &pools)?;
    Ok(query.answer(&SharedData, crate::abi::now().as_millis()))
}

/// The configurations of all pickers of this VM; a list only where there is more than one.
#[inline(never)]
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

#[inline(never)]
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
