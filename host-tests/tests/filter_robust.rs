//! Nothing traps the VM: not a configuration, not a header, not a property, not shared data, not the order of callbacks.
//!
//! Fixed numbers of cases from a fixed seed, which a failure prints; `PLIMSOLL_SEED` sets another.

mod filter_bed;

use std::fmt::Debug;
use std::time::Duration;

use filter_bed::{ADMIN, OBSERVER, PICKER, configuration, filter, picker};
use plimsoll_host_tests::host::{
    CallbackKind, Cas, Headers, HttpReply, Plugin, StartError, Value as Property, Vm, World,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

const DEFAULT_SEED: u64 = 20_260_101;

/// Runs a property over `cases` values from the seed.
fn check<S: Strategy>(cases: u32, strategy: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: Debug,
{
    let seed = std::env::var("PLIMSOLL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(DEFAULT_SEED);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner.run(strategy, property).unwrap_or_else(|failure| panic!("PLIMSOLL_SEED={seed}: {failure}"));
}

/// A VM in which nothing has started.
fn empty_vm() -> (Vm, World) {
    let world = World::new(Cas::Envoy);
    (Vm::new(filter(), "worker-0", "plimsoll", &world).expect("instantiates"), world)
}

/// A VM with all three roots.
fn started_vm(extra: &Value) -> (Vm, World, [u32; 3]) {
    let (mut vm, world) = empty_vm();
    let mut start = |plugin: &Plugin| vm.start_root(plugin).expect("starts");
    let observer = start(&Plugin::new(OBSERVER, r#"{"role": "observer"}"#));
    let roots = [start(&picker(3, extra)), observer, start(&Plugin::new(ADMIN, r#"{"role": "admin"}"#))];
    (vm, world, roots)
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "[a-z_]{0,8}",
        Just("100ms".to_owned()),
        Just("127.0.0.1:8001".to_owned()),
        Just("peak_ewma".to_owned()),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3_i64..1_100).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,10}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Keys that the filter knows, so that a mutation reaches what is behind them.
const PATHS: [&str; 27] = [
    "/role",
    "/tick",
    "/pools",
    "/pools/0",
    "/pools/0/name",
    "/pools/0/cluster",
    "/pools/0/strategy",
    "/pools/0/observe",
    "/pools/0/candidates",
    "/pools/0/detect_truncated",
    "/pools/0/classify",
    "/pools/0/classify/failure/0",
    "/pools/0/classify/grpc_failure/0",
    "/pools/0/endpoints",
    "/pools/0/endpoints/0",
    "/pools/0/endpoints/0/address",
    "/pools/0/endpoints/0/id",
    "/pools/0/endpoints/0/weight",
    "/pools/0/endpoints/0/zone",
    "/pools/0/circuit",
    "/pools/0/circuit/consecutive_failures",
    "/pools/0/circuit/open_for",
    "/pools/0/circuit/backoff",
    "/pools/0/circuit/half_open_permits",
    "/pools/0/max_ejected_percent",
    "/pools/0/panic_threshold_percent",
    "/pools/0/minimum_samples",
];

fn full_configuration() -> Value {
    let mut full = configuration(
        2,
        &json!({
            "strategy": "peak_ewma", "observe": "attempt", "candidates": 3, "detect_truncated": true,
            "circuit": {"consecutive_failures": 5, "open_for": "10s", "open_for_max": "300s", "backoff": 1.5,
                "half_open_permits": 3, "half_open_max": "5s"},
            "classify": {"failure": ["5xx"], "grpc": true, "grpc_failure": [14]},
            "max_ejected_percent": 50, "panic_threshold_percent": 50, "minimum_samples": 10,
        }),
    );
    full["role"] = json!("picker");
    full["pools"][0]["endpoints"][0] = json!({"address": "127.0.0.1:8001", "id": "e0", "weight": 3, "zone": "a"});
    full
}

/// Starts a picker with these bytes; whether it accepts or refuses, it must not trap, and it must go on working.
fn must_not_trap(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (mut vm, world) = empty_vm();
    match vm.start_root(&Plugin::new(PICKER, bytes)) {
        Ok(root) => {
            let mut serve = || {
                for _ in 0..3 {
                    let stream = vm.open_stream(root)?;
                    vm.request_headers(stream, Headers::get_request("/"), true)?;
                    vm.end_stream(stream)?;
                    world.advance(Duration::from_secs(1));
                    vm.run_due_ticks()?;
                }
                Ok(())
            };
            serve().map_err(|trap: plimsoll_host_tests::host::VmError| TestCaseError::fail(trap.to_string()))
        }
        Err(StartError::Refused { .. }) => Ok(()),
        Err(other) => Err(TestCaseError::fail(other.to_string())),
    }
}

#[test]
fn no_bytes_as_a_configuration_trap() {
    check(300, &prop::collection::vec(any::<u8>(), 0..200), |bytes| must_not_trap(&bytes));
    check(300, &any_json(), |value| must_not_trap(value.to_string().as_bytes()));
}

#[test]
fn no_change_of_a_good_configuration_traps() {
    must_not_trap(full_configuration().to_string().as_bytes()).expect("the starting point is good");
    let mutations = prop::collection::vec((0..PATHS.len(), any_json()), 1..4);
    check(1_000, &mutations, |mutations| {
        let mut value = full_configuration();
        for (path, replacement) in mutations {
            if let Some(place) = value.pointer_mut(PATHS[path]) {
                *place = replacement;
            }
        }
        must_not_trap(value.to_string().as_bytes())
    });
    let cut = (0..full_configuration().to_string().len(), any::<u8>());
    check(300, &cut, |(at, byte)| {
        let mut bytes = full_configuration().to_string().into_bytes();
        bytes[at] = byte;
        must_not_trap(&bytes)?;
        must_not_trap(&bytes[..at])
    });
}

/// One thing that a host, or a client through it, does to the VM.
#[derive(Clone, Debug)]
enum Step {
    Open { root: usize },
    Request { stream: usize, headers: Vec<(Vec<u8>, Vec<u8>)>, end: bool },
    Response { stream: usize, headers: Vec<(Vec<u8>, Vec<u8>)> },
    ResponseBody { stream: usize, size: usize },
    ResponseTrailers { stream: usize, headers: Vec<(Vec<u8>, Vec<u8>)> },
    Property { stream: usize, path: &'static str, value: Vec<u8> },
    End { stream: usize },
    EndUpstream { stream: usize },
    Raw { kind: usize, args: Vec<u32> },
    Pass { ms: u64 },
    CallAnswer { root: u32, token: u32 },
    SharedData { key: usize, value: Vec<u8> },
    Restart { root: usize },
}

const PROPERTIES: [&str; 9] = [
    "upstream.address",
    "upstream.request_attempt_count",
    "upstream.transport_failure_reason",
    "xds.cluster_name",
    "cluster_name",
    "response.flags",
    "response.code",
    "response.code_details",
    "plugin_root_id",
];

fn any_headers() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let known = prop_oneof![
        Just(&b":path"[..]),
        Just(&b":method"[..]),
        Just(&b":status"[..]),
        Just(&b":authority"[..]),
        Just(&b"x-plimsoll-endpoint"[..]),
        Just(&b"retry-after"[..]),
        Just(&b"traceparent"[..]),
        Just(&b"b3"[..]),
        Just(&b"grpc-status"[..]),
        Just(&b"x-request-id"[..]),
    ];
    let key = prop_oneof![known.prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 0..12)];
    let good = prop_oneof![
        Just(&b"200"[..]),
        Just(&b"503"[..]),
        Just(&b"0"[..]),
        Just(&b"14"[..]),
        Just(&b"99999999999999999999"[..]),
        Just(&b"/plimsoll/v1/snapshot"[..]),
        Just(&b"/plimsoll/v1/events?since=1"[..]),
        Just(&b"/plimsoll/v1/config"[..]),
        Just(&b"/plimsoll/v1/healthz"[..]),
        Just(&b"GET"[..]),
    ];
    let value = prop_oneof![good.prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 0..24)];
    prop::collection::vec((key, value), 0..6)
}

fn any_property() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..4_usize).prop_map(|n| filter_bed::address(n).into_bytes()),
        any::<u64>().prop_map(|number| number.to_le_bytes().to_vec()),
        (0..20_u64).prop_map(|number| number.to_le_bytes().to_vec()),
        Just(b"demo".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let stream = 0..12_usize;
    let context = prop_oneof![4 => 0..16_u32, 1 => any::<u32>()];
    prop_oneof![
        5 => (0..3_usize).prop_map(|root| Step::Open { root }),
        5 => (stream.clone(), any_headers(), any::<bool>())
            .prop_map(|(stream, headers, end)| Step::Request { stream, headers, end }),
        4 => (stream.clone(), any_headers()).prop_map(|(stream, headers)| Step::Response { stream, headers }),
        1 => (stream.clone(), 0..100_usize).prop_map(|(stream, size)| Step::ResponseBody { stream, size }),
        2 => (stream.clone(), any_headers())
            .prop_map(|(stream, headers)| Step::ResponseTrailers { stream, headers }),
        6 => (stream.clone(), prop::sample::select(&PROPERTIES[..]), any_property())
            .prop_map(|(stream, path, value)| Step::Property { stream, path, value }),
        3 => stream.clone().prop_map(|stream| Step::End { stream }),
        3 => stream.prop_map(|stream| Step::EndUpstream { stream }),
        6 => (0..CallbackKind::ALL.len(), prop::collection::vec(context, 5))
            .prop_map(|(kind, args)| Step::Raw { kind, args }),
        3 => prop_oneof![4 => 0..500_u64, 1 => 0..100_000_u64].prop_map(|ms| Step::Pass { ms }),
        1 => (0..16_u32, 0..16_u32).prop_map(|(root, token)| Step::CallAnswer { root, token }),
        2 => (0..16_usize, prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(key, value)| Step::SharedData { key, value }),
        1 => (0..3_usize).prop_map(|root| Step::Restart { root }),
    ]
}

/// The VM under test with the streams that were opened in it, ended ones included.
struct Bench {
    vm: Vm,
    world: World,
    roots: [u32; 3],
    streams: Vec<u32>,
}

impl Bench {
    fn stream(&self, at: usize) -> u32 {
        self.streams.get(at % self.streams.len().max(1)).copied().unwrap_or(0)
    }

    fn run(&mut self, step: Step) -> Result<(), StartError> {
        match step {
            Step::Open { root } => self.streams.push(self.vm.open_stream(self.roots[root])?),
            Step::Request { stream, headers, end } => {
                self.vm.request_headers(self.stream(stream), Headers::from_pairs(headers), end)?;
            }
            Step::Response { stream, headers } => {
                self.vm.response_headers(self.stream(stream), Headers::from_pairs(headers), false)?;
            }
            Step::ResponseBody { stream, size } => {
                self.vm.response_body(self.stream(stream), vec![b'x'; size], true)?;
            }
            Step::ResponseTrailers { stream, headers } => {
                self.vm.response_trailers(self.stream(stream), Headers::from_pairs(headers))?;
            }
            Step::Property { stream, path, value } => {
                let stream = self.stream(stream);
                if let Some(stream) = self.vm.stream_mut(stream) {
                    stream.properties.set(path, Property::Bytes(value));
                }
            }
            Step::End { stream } => self.vm.end_stream(self.stream(stream))?,
            Step::EndUpstream { stream } => self.vm.end_upstream(self.stream(stream))?,
            Step::Raw { kind, args } => {
                let kind = CallbackKind::ALL[kind];
                self.vm.raw(kind, &args[..kind.parameters()])?;
            }
            Step::Pass { ms } => {
                self.world.advance(Duration::from_millis(ms));
                self.vm.run_due_ticks()?;
            }
            Step::CallAnswer { root, token } => self.vm.answer_http_call(root, token, HttpReply::default())?,
            Step::SharedData { key, value } => self.overwrite(key, &value),
            Step::Restart { root } => {
                let plugins = [picker(4, &json!({})), Plugin::new(OBSERVER, "{\"role\":\"observer\"}")];
                let plugin = plugins.get(root).cloned().unwrap_or(Plugin::new(ADMIN, "{\"role\":\"admin\"}"));
                self.roots[root] = self.vm.start_root(&plugin)?;
            }
        }
        Ok(())
    }

    /// Puts bytes into a key that the filter uses: cut off, changed or replaced.
    fn overwrite(&mut self, key: usize, value: &[u8]) {
        let found: Vec<(Vec<u8>, Vec<u8>)> =
            self.world.store().keys("plimsoll").map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let Some((name, mut old)) = found.get(key % found.len().max(1)).cloned() else { return };
        match value.split_first() {
            Some((how, _)) if how % 3 == 0 => old.truncate(*how as usize % (old.len() + 1)),
            Some((how, rest)) if how % 3 == 1 && !old.is_empty() => {
                let at = *how as usize % old.len();
                old[at] = rest.first().copied().unwrap_or(255);
            }
            _ => old = value.to_vec(),
        }
        self.world.store().set("plimsoll", &name, &old, 0).expect("Envoy writes with 0");
    }
}

fn no_order_traps(extra: &Value, cases: u32) {
    check(cases, &prop::collection::vec(any_step(), 1..120), |steps| {
        let (vm, world, roots) = started_vm(extra);
        let mut bench = Bench { vm, world, roots, streams: Vec::new() };
        for (at, step) in steps.into_iter().enumerate() {
            let what = format!("step {at}: {step:?}");
            match bench.run(step) {
                Ok(()) | Err(StartError::Refused { .. }) => {}
                Err(error) => return Err(TestCaseError::fail(format!("{what}: {error}"))),
            }
        }
        Ok(())
    });
}

#[test]
fn no_order_of_callbacks_and_no_bytes_trap() {
    no_order_traps(&json!({"circuit": {"consecutive_failures": 1, "relative": false, "open_for": "1s"}}), 400);
    no_order_traps(&json!({"detect_truncated": true, "strategy": "least_request"}), 200);
    no_order_traps(&json!({"observe": "request", "strategy": "round_robin"}), 200);
    for observe in ["attempt", "request"] {
        no_order_traps(&json!({"observe": observe, "classify": {"grpc": true}}), 200);
    }
}

#[test]
fn callbacks_for_contexts_that_never_were_do_nothing() {
    let (mut vm, _world, _roots) = started_vm(&json!({}));
    for kind in CallbackKind::ALL {
        for context in [0, 77, u32::MAX] {
            let args = [context, u32::MAX, 3, 4, 5];
            vm.raw(*kind, &args[..kind.parameters()]).expect("no trap");
        }
    }
    assert!(!vm.is_dead());
}

#[test]
fn a_stream_may_miss_or_double_any_callback() {
    let (mut vm, world, [picker_root, observer_root, _]) = started_vm(&json!({}));
    for root in [picker_root, observer_root] {
        let never_saw_headers = vm.open_stream(root).expect("opens");
        vm.end_stream(never_saw_headers).expect("log, done and delete without headers");
        let doubled = vm.open_stream(root).expect("opens");
        for _ in 0..2 {
            if let Some(stream) = vm.stream_mut(doubled) {
                stream.properties.set("upstream.address", Property::from(filter_bed::address(0).as_str()));
            }
            vm.request_headers(doubled, Headers::get_request("/"), true).expect("twice");
            vm.response_headers(doubled, Headers::response(200), false).expect("twice");
            vm.raw(CallbackKind::Log, &[doubled]).expect("twice");
            vm.raw(CallbackKind::Done, &[doubled]).expect("twice");
        }
        vm.end_stream(doubled).expect("ends");
        vm.end_stream(doubled).expect("ends again");
    }
    world.advance(Duration::from_secs(1));
    vm.run_due_ticks().expect("ticks");
    let answer = vm.open_stream(picker_root).expect("still serves");
    vm.request_headers(answer, Headers::get_request("/"), true).expect("still serves");
    let list = vm.map(answer, plimsoll_host_tests::host::Map::RequestHeaders);
    assert!(list.get("x-plimsoll-endpoint").is_some());
}
