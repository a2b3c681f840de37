//! The guest, its configuration, and a proxy around it whose other clusters answer as a test says.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;

use plimsoll_host_tests::host::proxy::{Answer, Behaviour, CallAnswer, Proxy, Request, Setup};
use plimsoll_host_tests::host::{Guest, HttpCall, Plugin};
use serde_json::{Value, json};

/// The only endpoint of the cluster behind the router.
pub(crate) const SERVICE: &str = "127.0.0.1:9001";

/// The guest, compiled once per test program.
pub(crate) fn guard() -> &'static Guest {
    static GUARD: OnceLock<Guest> = OnceLock::new();
    GUARD.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test/guard.wasm");
        Guest::from_file(path).unwrap_or_else(|error| panic!("no guest ({error}): run `cargo xtask build --tests`"))
    })
}

/// A configuration that sends errors the given way.
pub(crate) fn configuration(on_error: &str) -> Value {
    json!({
        "authority": {"cluster": "authority", "timeout_ms": 200, "on_error": on_error},
        "markers": ["sk_live_", "\"password\":\""],
        "audit": {"cluster": "audit", "every_ms": 1000},
    })
}

/// A proxy with the guest in its listener's chain and the clusters that it calls.
pub(crate) fn setup_with(configuration: &Value) -> Setup {
    Setup::new(guard())
        .vm_id("guard")
        .downstream(Plugin::new("guard", configuration.to_string()))
        .cluster("service", [SERVICE])
        .call_cluster("authority")
        .call_cluster("audit")
}

/// As [`setup_with`]; errors are refused.
pub(crate) fn setup() -> Setup {
    setup_with(&configuration("deny"))
}

/// A started proxy whose authority permits everything after 10 ms, and whose audit takes everything after 5 ms.
pub(crate) fn start(setup: Setup) -> (Proxy, Delivered) {
    let mut proxy = setup.start().expect("the guest accepts the configuration");
    let delivered = serve(&mut proxy);
    (proxy, delivered)
}

/// Gives the clusters of [`start`] to a proxy that runs.
pub(crate) fn serve(proxy: &mut Proxy) -> Delivered {
    proxy.set_call_script("authority", permit);
    let delivered = Delivered::default();
    let to = delivered.clone();
    proxy.set_call_script("audit", move |call, _| {
        to.take(call);
        CallAnswer::status(204, 5)
    });
    delivered
}

/// Permits everything; the user is who the credentials say.
fn permit(call: &HttpCall, _: &mut plimsoll_host_tests::host::Rng) -> CallAnswer {
    CallAnswer::status(200, 10).header("x-user", call.headers.get("authorization").unwrap_or_default())
}

/// A request with credentials.
pub(crate) fn request(path: &str, user: &str) -> Request {
    Request::get(path).header("authorization", user)
}

/// An answer with a body in these pieces, one a millisecond.
pub(crate) fn answer(status: u16, pieces: &[&str]) -> Answer {
    let (latency, body_time) = (ms(5), ms(pieces.len() as u64));
    Answer::new(Behaviour::Stream { status, latency, body_time }).body(pieces)
}

pub(crate) fn ms(milliseconds: u64) -> std::time::Duration {
    std::time::Duration::from_millis(milliseconds)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the audit cluster got: batches of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivered(Rc<RefCell<Vec<Vec<Value>>>>);

impl Delivered {
    /// Takes the batch of one call.
    pub(crate) fn take(&self, call: &HttpCall) {
        let body = text(&call.body);
        let records = body.lines().map(|line| serde_json::from_str(line).expect("a record is JSON"));
        self.0.borrow_mut().push(records.collect());
    }

    /// The sizes of the batches so far.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.0.borrow().iter().map(Vec::len).collect()
    }

    /// All records so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.0.borrow().iter().flatten().cloned().collect()
    }

    /// One field of all records, in order.
    pub(crate) fn field(&self, name: &str) -> Vec<String> {
        self.records().iter().map(|record| record[name].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// A counter of the guest.
pub(crate) fn counter(proxy: &Proxy, name: &str) -> u64 {
    proxy.world().store().metrics.counter(&format!("guard.{name}")).unwrap_or_else(|| panic!("no counter {name}"))
}

/// Fails if anything trapped or a stream was left behind.
pub(crate) fn assert_sound(proxy: &Proxy) {
    assert!(proxy.traps().is_empty(), "{:?}", proxy.traps());
    assert_eq!(proxy.open_streams(), 0, "streams left");
}
