//! What the end-to-end tests have in common: an Envoy with sample upstreams, and waiting with a deadline for what the
//! admin API says. Everything stops when [`Bed`] is dropped, on a failed assertion too.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use plimsoll_host_tests::bed::{Burst, Envoy, EnvoyConfig, Latency, Load, Record, Summary, Upstream};
use plimsoll_snapshot::{CircuitState, Endpoint, Event, Pool, Snapshot};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The header that steers.
pub(super) const HEADER: &str = "x-plimsoll-endpoint";
/// A tick, unless configured otherwise.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// For what takes a tick or a second on an idle machine; tests share theirs.
pub(super) const SOON: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
/// Of a healthy upstream.
const LATENCY: Latency = Latency::Fixed(Duration::from_millis(2));

/// An Envoy and its upstreams. They are called order-1, order-2 and so on, as endpoints and in `x-upstream`.
pub(super) struct Bed {
    // Dropped in this order.
    pub(super) envoy: Envoy,
    pub(super) upstreams: Vec<Upstream>,
}

impl Bed {
    /// Starts both; `configure` gets the repository's configuration with the upstreams as endpoints.
    pub(super) async fn start(
        endpoints: usize,
        workers: u32,
        configure: impl FnOnce(EnvoyConfig) -> EnvoyConfig,
    ) -> Self {
        let (config, upstreams) = prepare(endpoints).await;
        Self::with(&configure(config), workers, upstreams).await
    }

    /// Starts an Envoy beside upstreams that are there already.
    pub(super) async fn with(config: &EnvoyConfig, workers: u32, upstreams: Vec<Upstream>) -> Self {
        let envoy = Envoy::start(config, workers).await.unwrap_or_else(|error| panic!("{error:#}"));
        Self { envoy, upstreams }
    }

    /// The upstream order-`number`.
    pub(super) fn upstream(&self, number: usize) -> &Upstream {
        &self.upstreams[number - 1]
    }

    /// Requests that each upstream has got.
    pub(super) fn arrived(&self) -> Vec<u64> {
        self.upstreams.iter().map(|upstream| upstream.stats().requests).collect()
    }

    /// A load on the public listener.
    pub(super) fn load(&self, rate: f64, duration: Duration) -> Load {
        Load::new(self.envoy.public(), rate, duration)
    }

    /// A closed-loop burst on the public listener.
    pub(super) fn burst(&self, requests: usize, clients: usize) -> Burst {
        Burst::new(self.envoy.public(), requests, clients)
    }

    /// GET on the public listener, on a connection of its own.
    pub(super) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.envoy.public(), Method::GET, path, headers).await
    }

    /// The snapshot, once it is as expected; the deadline is [`SOON`].
    pub(super) async fn snapshot_when(&self, what: &str, expected: impl Fn(&Snapshot) -> bool) -> Snapshot {
        self.snapshot_within(SOON, what, expected).await
    }

    /// The snapshot, once it is as expected.
    pub(super) async fn snapshot_within(
        &self,
        limit: Duration,
        what: &str,
        expected: impl Fn(&Snapshot) -> bool,
    ) -> Snapshot {
        until(limit, what, async || {
            let snapshot = self.envoy.admin().snapshot().await.map_err(|error| format!("{error:#}"))?;
            if expected(&snapshot) { Ok(snapshot) } else { Err(outline(&snapshot)) }
        })
        .await
    }

    /// The snapshot after traffic has stopped: nothing in flight, and every request that arrived is counted.
    pub(super) async fn settled(&self) -> Snapshot {
        let arrived = self.arrived();
        self.snapshot_when(&format!("the filter counted what arrived, {arrived:?}"), |snapshot| {
            let pool = &snapshot.pools[0];
            pool.in_flight == 0 && pool.endpoints.iter().map(|endpoint| endpoint.requests).eq(arrived.iter().copied())
        })
        .await
    }

    /// All transitions so far, once they are as expected.
    pub(super) async fn events_within(
        &self,
        limit: Duration,
        what: &str,
        expected: impl Fn(&[Event]) -> bool,
    ) -> Vec<Event> {
        until(limit, what, async || {
            let events = self.envoy.admin().events(0).await.map_err(|error| format!("{error:#}"))?.events;
            if expected(&events) { Ok(events) } else { Err(format!("{events:?}")) }
        })
        .await
    }
}

/// Traffic that goes on until it is stopped, which lets the requests under way end. In pieces of half a second, each
/// with connections of its own, so that all workers get some.
pub(super) struct Traffic {
    stopped: Arc<AtomicBool>,
    task: JoinHandle<Vec<Record>>,
}

impl Traffic {
    /// So many requests a second.
    pub(super) fn start(bed: &Bed, rate: f64) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let piece = bed.load(rate, Duration::from_millis(500));
        let task = tokio::spawn({
            let stopped = Arc::clone(&stopped);
            async move {
                let mut records = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    let piece = Load { seed: 1 + records.len() as u64, ..piece.clone() };
                    records.extend(piece.start().unwrap().finish().await.unwrap());
                }
                records
            }
        });
        Self { stopped, task }
    }

    /// What all clients saw.
    pub(super) async fn stop(mut self) -> Vec<Record> {
        self.stopped.store(true, Ordering::Relaxed);
        (&mut self.task).await.unwrap()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The repository's configuration with so many fresh upstreams as endpoints.
pub(super) async fn prepare(endpoints: usize) -> (EnvoyConfig, Vec<Upstream>) {
    let mut upstreams = Vec::new();
    for number in 1..=endpoints {
        upstreams.push(Upstream::start(&format!("order-{number}"), LATENCY, number as u64).await.unwrap());
    }
    let addresses: Vec<SocketAddr> = upstreams.iter().map(Upstream::address).collect();
    (EnvoyConfig::from_repo().unwrap().endpoints(&addresses), upstreams)
}

/// Looks until there is what is wanted; after the limit, fails with what was there instead.
pub(super) async fn until<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(instead) if Instant::now() > deadline => panic!("not within {limit:?}: {what}; instead: {instead}"),
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// Waits until all workers must know what one of them, or an update, said at this time (Unix milliseconds). The bound is
/// three ticks: one until every worker reads what is shared, two for timers of a busy machine.
pub(super) async fn all_workers_know(since_ms: u64) {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let known_ms = since_ms + 3 * TICK.as_millis() as u64;
    tokio::time::sleep(Duration::from_millis(known_ms.saturating_sub(now_ms))).await;
}

/// The endpoint order-`number` of the first pool.
pub(super) fn endpoint(snapshot: &Snapshot, number: usize) -> &Endpoint {
    let id = format!("order-{number}");
    named(&snapshot.pools[0], &id)
}

/// The endpoint of this id.
pub(super) fn named<'a>(pool: &'a Pool, id: &str) -> &'a Endpoint {
    pool.endpoints.iter().find(|endpoint| endpoint.id == id).unwrap_or_else(|| panic!("{} has no {id}", pool.name))
}

/// What the events say about one endpoint: from, to.
pub(super) fn changes(events: &[Event], id: &str) -> Vec<(CircuitState, CircuitState)> {
    let of = events.iter().filter(|event| event.endpoint == id);
    of.map(|event| (event.transition.from, event.transition.to)).collect()
}

/// Fails unless every client got a whole answer with status 200.
pub(super) fn all_ok(records: &[Record]) {
    let summary = Summary::of(records);
    assert!(summary.requests > 0 && summary.ok == summary.requests, "clients saw {:?}", summary.errors);
}

/// The element of a JSON array whose `name` is this.
pub(super) fn item<'a>(list: &'a mut Value, name: &str) -> &'a mut Value {
    let list = list.as_array_mut().unwrap_or_else(|| panic!("no list, looking for {name}"));
    list.iter_mut().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The public listener's connection manager in the configuration file.
pub(super) fn public_manager(file: &mut Value) -> &mut Value {
    let listener = item(&mut file["static_resources"]["listeners"], "public");
    let filters = &mut listener["filter_chains"][0]["filters"];
    &mut item(filters, "envoy.filters.network.http_connection_manager")["typed_config"]
}

/// The picker's configuration in the configuration file.
pub(super) fn picker(file: &mut Value) -> &mut Value {
    let filter = item(&mut public_manager(file)["http_filters"], "plimsoll-picker");
    &mut filter["typed_config"]["config"]["configuration"]["value"]
}

/// The options of the route to the demo cluster.
pub(super) fn route(file: &mut Value) -> &mut Value {
    &mut public_manager(file)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
}

/// A cluster in the configuration file.
pub(super) fn cluster<'a>(file: &'a mut Value, name: &str) -> &'a mut Value {
    item(&mut file["static_resources"]["clusters"], name)
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header as text; empty if absent.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.body))
    }
}

/// One request on a connection of its own, answered within [`SOON`].
pub(super) async fn ask(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        driver.abort();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    };
    tokio::time::timeout(SOON, exchange).await.unwrap_or_else(|_| panic!("{address}{path}: no answer in {SOON:?}"))
}

/// The parts of a snapshot that explain a failed test.
fn outline(snapshot: &Snapshot) -> String {
    let endpoint = |endpoint: &Endpoint| {
        let Endpoint { id, requests, failures, in_flight, circuit, .. } = endpoint;
        format!("{id}: {requests} requests, {failures} failures, {in_flight} in flight, {:?}", circuit.state)
    };
    let pool = |pool: &Pool| pool.endpoints.iter().map(endpoint).collect::<Vec<_>>().join("; ");
    let pools: Vec<String> = snapshot.pools.iter().map(pool).collect();
    format!("{} workers; {}", snapshot.workers.len(), pools.join(" | "))
}
