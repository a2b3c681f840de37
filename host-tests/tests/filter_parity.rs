//! The engine compiled natively and the `.wasm` decide the same, to the byte: the same script, the same seed, the same
//! lists of candidates, under every strategy. Two runs do, too.

mod filter_bed;

use filter_bed::{PICKER, address, configuration, filter};
use plimsoll_config::Accepted;
use plimsoll_engine::{Attempt, Ending, Outcome, Pool, Request, Rng, Time};
use plimsoll_host_tests::host::{Cas, Headers, Map, Plugin, START_NS, Vm, World};
use plimsoll_snapshot::FailureKind;
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::merge::MergedPool;
use serde_json::{Value, json};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const ENDPOINTS: usize = 12;
const STEPS: u64 = 4_000;
/// One of the endpoints fails from here to there, so that circuits open and close again.
const BROKEN: std::ops::Range<u64> = 500..2_000;
const TICK_MS: u64 = 100;

/// What the script acts upon.
trait Subject {
    /// A millisecond passes; ticks that are due run.
    fn step(&mut self);
    /// A request of this user: the list of candidates.
    fn pick(&mut self, user: u64) -> String;
    /// The oldest of the requests with this first candidate is answered by it.
    fn answer(&mut self, number: usize, endpoint: &str, ok: bool);
}

/// Endpoint `n` takes 2 + 3 n ms; endpoint 1 breaks.
fn play(subject: &mut dyn Subject) -> String {
    let mut trace = String::new();
    let mut under_way: Vec<(u64, usize, String)> = Vec::new();
    for step in 0..STEPS {
        subject.step();
        let (due, later) = under_way.into_iter().partition(|(at, ..)| *at <= step);
        under_way = later;
        for (_, number, endpoint) in due {
            let ok = endpoint != address(1) || !BROKEN.contains(&step);
            subject.answer(number, &endpoint, ok);
        }
        let list = subject.pick(step * 7 % 101);
        let first = list.split(',').next().expect("one at least").to_owned();
        let n = (0..ENDPOINTS as u64).find(|n| address(*n as usize) == first).expect("an endpoint of the pool");
        under_way.push((step + 2 + 3 * n, step as usize, first));
        trace.push_str(&list);
        trace.push('\n');
    }
    trace
}

/// The filter in the test host.
struct Wasm {
    world: World,
    vm: Vm,
    root: u32,
    streams: Vec<u32>,
}

impl Wasm {
    fn new(config: &Value) -> Self {
        let world = World::new(Cas::Envoy);
        let mut vm = Vm::new(filter(), "worker-0", "plimsoll", &world).expect("instantiates");
        let root = vm.start_root(&Plugin::new(PICKER, config.to_string())).expect("starts");
        Self { world, vm, root, streams: Vec::new() }
    }
}

impl Subject for Wasm {
    fn step(&mut self) {
        self.world.advance(MS);
        self.vm.run_due_ticks().expect("ticks");
    }

    fn pick(&mut self, user: u64) -> String {
        let stream = self.vm.open_stream(self.root).expect("opens");
        self.streams.push(stream);
        let mut headers = Headers::get_request("/");
        headers.add("x-user", user.to_string());
        self.vm.request_headers(stream, headers, true).expect("picks");
        self.vm.map(stream, Map::RequestHeaders).text("x-plimsoll-endpoint").expect("steered")
    }

    fn answer(&mut self, number: usize, endpoint: &str, ok: bool) {
        let stream = self.streams[number];
        let properties = &mut self.vm.stream_mut(stream).expect("lives").properties;
        properties.set("upstream.address", endpoint);
        properties.set("response.code_details", "via_upstream");
        let status = if ok { 200 } else { 503 };
        self.vm.response_headers(stream, Headers::response(status), true).expect("observes");
        self.vm.end_stream(stream).expect("ends");
    }
}

/// The engine, driven as `filter/src/{shared,picker,tick}.rs` drive it.
struct Native {
    now_ms: u64,
    pool: Pool,
    rng: Rng,
    record: Circuits,
    attempts: Vec<Option<Attempt>>,
    carries_traffic: bool,
}

impl Native {
    fn new(config: &Value) -> Self {
        let accepted = Accepted::parse(config.to_string().as_bytes()).expect("accepted");
        // The first VM of a proxy that starts at this time; its first number names it.
        let mut rng = Rng::new(START_NS ^ 1_u64.rotate_left(40));
        rng.next_u64();
        let mut pool = Pool::new(accepted.pools[0].engine.clone());
        pool.adopt(Circuits::default(), None);
        let (record, attempts) = Default::default();
        Self { now_ms: 0, pool, rng, record, attempts, carries_traffic: false }
    }

    fn now(&self) -> Time {
        Time::from_nanos(START_NS + self.now_ms * 1_000_000)
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.carries_traffic {
            let nobody = MergedPool::new(self.pool.keys().collect());
            self.pool.absorb(&nobody, None, now);
        }
        self.pool.tick(now, &mut self.rng);
        let proposal = self.pool.propose(&self.record, now, &mut self.rng);
        if let Some(proposal) = &proposal {
            self.record = proposal.circuits.clone();
        } else if self.pool.has_evidence() {
            self.pool.drop_evidence();
        }
        if proposal.is_some() || self.record != *self.pool.circuits() {
            self.pool.adopt(self.record.clone(), proposal.as_ref());
        }
    }
}

impl Subject for Native {
    fn step(&mut self) {
        self.now_ms += 1;
        if self.now_ms.is_multiple_of(TICK_MS) {
            self.tick();
        }
    }

    fn pick(&mut self, user: u64) -> String {
        self.carries_traffic = true;
        let (key, now) = (user.to_string(), self.now());
        let keyed = self.pool.config().strategy.is_keyed();
        let request = Request { key: keyed.then_some(key.as_bytes()), ..Request::default() };
        let picked = self.pool.pick_for(&request, now, &mut self.rng).expect("somebody");
        self.attempts.push(self.pool.start(picked.as_slice()[0], now));
        let address = |position: &u32| self.pool.endpoint(*position).expect("an endpoint").address.clone();
        picked.as_slice().iter().map(address).collect::<Vec<_>>().join(",")
    }

    fn answer(&mut self, number: usize, _endpoint: &str, ok: bool) {
        let mut attempt = self.attempts[number].take().expect("started");
        let outcome = if ok { Outcome::Success } else { Outcome::Failure(FailureKind::Status) };
        let now = self.now();
        self.pool.answer(&mut attempt, now, outcome);
        let started = attempt.started();
        self.pool.finish(attempt, started, Ending::Complete);
    }
}

/// A pool with weights, of two tiers and three zones.
fn pool(strategy: &str, more: &Value) -> Value {
    let endpoint = |n: usize| {
        json!({
            "address": address(n), "id": format!("e{n}"), "weight": 1 + n % 3, "zone": format!("z{}", n % 3),
            "tier": usize::from(n >= 10),
        })
    };
    let endpoints: Vec<Value> = (0..ENDPOINTS).map(endpoint).collect();
    let mut pool = json!({
        "strategy": strategy, "observe": "request", "endpoints": endpoints, "ramp": "1s",
        "circuit": {"consecutive_failures": 2, "outliers": false, "relative": false, "open_for": "500ms"},
    });
    pool.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    configuration(0, &pool)
}

#[test]
fn native_and_wasm_decide_the_same_under_every_strategy() {
    let key = || json!([{"header": "x-user"}]);
    let ranges = json!([{"to": 50, "endpoints": ["e0", "e1", "e2"]}, {"from": 50, "endpoints": ["e3", "e4", "e5"]}]);
    let cases = [
        ("round_robin", json!({})),
        ("random", json!({"prefer_zone": "z1"})),
        ("least_request", json!({})),
        ("peak_ewma", json!({})),
        ("peak_ewma", json!({"prefer_zone": "z1", "candidates": 1})),
        ("least_response_time", json!({})),
        ("hcl", json!({})),
        ("maglev", json!({"hash_key": key()})),
        ("maglev", json!({"hash_key": key(), "bound": 1.25})),
        ("ring_hash", json!({"hash_key": key(), "points": 20})),
        ("range", json!({"hash_key": key(), "ranges": ranges})),
    ];
    for (strategy, more) in cases {
        let config = pool(strategy, &more);
        let wasm = play(&mut Wasm::new(&config));
        assert!(wasm == play(&mut Wasm::new(&config)), "{strategy} {more}: two runs of the .wasm differ");
        let native = play(&mut Native::new(&config));
        let differs = wasm.lines().zip(native.lines()).position(|(wasm, native)| wasm != native);
        if let Some(line) = differs {
            let (wasm, native) = (wasm.lines().nth(line), native.lines().nth(line));
            panic!("{strategy} {more}: request {line} differs:\n  wasm {wasm:?}\nnative {native:?}");
        }
        assert_eq!(wasm.len(), native.len());
        // The script is one that matters: the broken endpoint is out for a while, and back at the end.
        let firsts = |range: std::ops::Range<usize>| {
            let lines = native.lines().skip(range.start).take(range.len());
            lines.filter(|line| line.starts_with(&address(1))).count()
        };
        let (before, broken) = (firsts(0..500), firsts(1_200..1_700));
        assert!(before > 2 * broken, "{strategy} {more}: {before} requests, then {broken}");
    }
}
