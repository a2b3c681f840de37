//! The real filter in the modelled proxy, and what its tests have in common.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use plimsoll_host_tests::host::proxy::{Proxy, Request, Retries, Setup};
use plimsoll_host_tests::host::{Guest, Headers, Plugin};
use plimsoll_snapshot::view::{Endpoint, Event, Events, Snapshot};
use serde_json::{Value, json};

pub(crate) const PICKER: &str = "plimsoll-picker";
pub(crate) const OBSERVER: &str = "plimsoll-observer";
pub(crate) const ADMIN: &str = "plimsoll-admin";
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The filter as it ships, compiled once per test program.
pub(crate) fn filter() -> &'static Guest {
    static FILTER: OnceLock<Guest> = OnceLock::new();
    FILTER.get_or_init(|| {
        Guest::from_file(file()).unwrap_or_else(|error| panic!("no filter to test ({error}): run `cargo xtask build`"))
    })
}

/// What ships.
pub(crate) fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/plimsoll.wasm")
}

/// A build of the filter for tests only.
pub(crate) fn variant_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/test/plimsoll-{name}.wasm"))
}

/// As [`filter`], for a build of [`variant_file`].
pub(crate) fn variant(name: &str) -> Guest {
    Guest::from_file(variant_file(name)).unwrap_or_else(|error| panic!("{error}: run `cargo xtask build --tests`"))
}

/// Address of endpoint `n`, which has the id `e<n>`.
pub(crate) fn address(n: usize) -> String {
    format!("127.0.0.1:{}", 8001 + n)
}

/// The configuration of one pool `demo`; `extra` is merged into the pool.
pub(crate) fn configuration(endpoints: usize, extra: &Value) -> Value {
    let listed: Vec<Value> = (0..endpoints).map(|n| json!({"address": address(n), "id": format!("e{n}")})).collect();
    let mut pool = json!({"name": "demo", "cluster": "demo", "endpoints": listed});
    if let (Some(pool), Some(extra)) = (pool.as_object_mut(), extra.as_object()) {
        pool.extend(extra.clone());
    }
    json!({"tick": "100ms", "pools": [pool]})
}

/// The picker's plugin with [`configuration`].
pub(crate) fn picker(endpoints: usize, extra: &Value) -> Plugin {
    Plugin::new(PICKER, configuration(endpoints, extra).to_string())
}

/// All three roles, two retries, a per-try timeout of 500 ms.
pub(crate) fn setup(endpoints: usize, extra: &Value) -> Setup {
    setup_of(filter(), endpoints, extra)
}

/// As [`setup`], with another build of the filter.
pub(crate) fn setup_of(guest: &Guest, endpoints: usize, extra: &Value) -> Setup {
    let observed = extra["observe"] != json!("request");
    let setup = Setup::new(guest)
        .downstream(picker(endpoints, extra))
        .admin(Plugin::new(ADMIN, r#"{"role": "admin"}"#))
        .cluster("demo", (0..endpoints).map(address))
        .steering_header("x-plimsoll-endpoint", true)
        .retries(Retries { limit: 2, ..Retries::default() })
        .per_try_timeout(Duration::from_millis(500));
    if observed { setup.upstream(Plugin::new(OBSERVER, r#"{"role": "observer"}"#)) } else { setup }
}

/// As [`setup`], started.
pub(crate) fn proxy(endpoints: usize, extra: &Value) -> Proxy {
    setup(endpoints, extra).start().expect("the filter accepts the configuration")
}

/// An answer of the admin API, which has to be JSON.
pub(crate) fn admin(proxy: &mut Proxy, method: &str, path: &str) -> (u16, Value) {
    let mut headers = Headers::get_request(path);
    headers.replace(":method", method);
    let (status, _, body) = proxy.admin(0, headers).unwrap_or_else(|| panic!("the filter answers {path}"));
    let text = String::from_utf8_lossy(&body);
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")))
}

/// The snapshot as one worker tells it.
pub(crate) fn snapshot(proxy: &mut Proxy) -> Snapshot {
    let (status, body) = admin(proxy, "GET", "/plimsoll/v1/snapshot");
    assert_eq!(status, 200);
    serde_json::from_value(body).expect("a snapshot")
}

/// One endpoint of pool `demo`.
pub(crate) fn endpoint(proxy: &mut Proxy, n: usize) -> Endpoint {
    let pool = snapshot(proxy).pools.into_iter().next().expect("pool demo");
    pool.endpoints.into_iter().nth(n).expect("the endpoint is listed")
}

/// All transitions so far.
pub(crate) fn events(proxy: &mut Proxy) -> Vec<Event> {
    let (status, body) = admin(proxy, "GET", "/plimsoll/v1/events?since=0");
    assert_eq!(status, 200);
    let events: Events = serde_json::from_value(body).expect("events");
    events.events
}

/// Sends `count` requests at even distances, over all workers in turn.
pub(crate) fn load(proxy: &mut Proxy, workers: usize, count: usize, every: Duration) {
    for n in 0..count {
        proxy.submit_after(every * n as u32, Request::get("/").on_worker(n % workers));
    }
    proxy.run_for(every * count as u32);
}

/// Fails if anything trapped or any VM holds a stream that has ended.
pub(crate) fn assert_sound(proxy: &mut Proxy, workers: usize) {
    assert!(proxy.traps().is_empty(), "{:?}", proxy.traps());
    for worker in 0..workers {
        assert_eq!(proxy.worker(worker).open_streams(), 0, "streams left on worker {worker}");
    }
}
