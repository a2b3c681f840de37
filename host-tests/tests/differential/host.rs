//! A scene in the test host.

use std::sync::OnceLock;
use std::time::Duration;

use plimsoll_host_tests::bed::workspace_root;
use plimsoll_host_tests::host::proxy::{self, Attempt, Behaviour, CallAnswer, Proxy, Retries, Setup};
use plimsoll_host_tests::host::{Guest, Headers, Plugin, World};

use crate::case::{Answer, Body, Case, End, Exchange, GAP, Request, Scene};
use crate::envoy::{CALL, CALLS, PATIENCE};
use crate::trace::{Line, Names, Trace};

/// Level of the probe's lines.
const INFO: u32 = 2;

/// The probe, compiled once.
fn guest() -> &'static Guest {
    static PROBE: OnceLock<Guest> = OnceLock::new();
    PROBE.get_or_init(|| {
        let file = workspace_root().join("target/test/probe.wasm");
        Guest::from_file(&file).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Runs a scene: the trace of its start, then one trace for each case.
pub(crate) fn run(scene: &Scene, names: &Names) -> Vec<Trace> {
    let guest = guest();
    let mut proxy = setup(scene, guest, names).start().unwrap_or_else(|error| panic!("{error}"));
    let mut read = 0;
    let mut traces = vec![Trace::new(lines(proxy.world(), &mut read, names))];
    for case in &scene.cases {
        proxy.run_for(case.pause);
        let mut clients = Vec::new();
        let mut seen = Vec::new();
        if let Some(update) = case.update {
            let updated = proxy.update(&Plugin::new(scene.downstream[0].root_id, update));
            clients.push(if updated.is_ok() { "Accepted" } else { "Rejected" }.to_owned());
        }
        let mut calls = case.calls.clone().into_iter();
        proxy.set_call_script(CALLS, move |_, _| call_answer(calls.next()));
        for exchange in case.traffic() {
            for (name, answers) in targets(&exchange) {
                let mut answers = answers.into_iter();
                let script = move |_: Attempt<'_>, _: &mut _| answer(name, answers.next());
                proxy.set_script(&names.address(name).to_string(), script);
            }
            clients.push(fetch(&mut proxy, case, &exchange, names));
            seen.extend(lines(proxy.world(), &mut read, names));
        }
        if let Some((text, times)) = case.until {
            for _ in 0..500 {
                if seen.iter().filter(|line| line.text.contains(text)).count() >= times {
                    break;
                }
                proxy.run_for(Duration::from_millis(10));
                seen.extend(lines(proxy.world(), &mut read, names));
            }
        }
        let mut trace = Trace::new(seen);
        trace.clients = clients;
        traces.push(trace);
    }
    traces
}

fn setup(scene: &Scene, guest: &Guest, names: &Names) -> Setup {
    let endpoints = ["a", "b", "dead"].map(|name| names.address(name).to_string());
    let first = scene.downstream.first().or(scene.upstream.first()).expect("a filter");
    let mut setup = Setup::new(guest).vm_id(first.vm_id).vm_configuration(scene.vm_configuration);
    setup = setup.workers(scene.workers as usize).cluster("endpoints", endpoints).call_cluster(CALLS);
    setup = setup
        .route::<String>("/no-cluster", "", [])
        .route_names("ours", "all")
        .steering_header("x-endpoint", false)
        .timeout(scene.timeout);
    setup = setup.failure_policy(first.policy);
    setup = setup.retries(Retries { limit: scene.retries, backoff: Duration::from_millis(2), ..Retries::default() });
    if let Some(timeout) = scene.per_try_timeout {
        setup = setup.per_try_timeout(timeout);
    }
    let mut vm_id = first.vm_id;
    let sides = scene.upstream.iter().map(|filter| (filter, true)).chain(scene.downstream.iter().map(|f| (f, false)));
    for (filter, upstream) in sides {
        if filter.vm_id != vm_id {
            vm_id = filter.vm_id;
            setup = setup.guest(guest, vm_id).vm_configuration(scene.vm_configuration);
        }
        let plugin = Plugin::new(filter.root_id, names.fill(scene.configuration(filter.root_id)));
        setup = if upstream { setup.upstream(plugin) } else { setup.downstream(plugin) };
    }
    setup
}

/// Which endpoint gets which answers, by the list in the header; what is not named goes to `a`.
fn targets(exchange: &Exchange) -> Vec<(&'static str, Vec<Answer>)> {
    let header = exchange.request.headers.iter().find(|(name, _)| *name == "x-endpoint");
    let named = header.map_or("a", |(_, value)| value.as_str());
    let names: Vec<&str> = named.split(',').chain(std::iter::repeat("a")).take(exchange.answers.len()).collect();
    let of = |name: &str| {
        let pairs = names.iter().zip(&exchange.answers);
        pairs.filter(|(to, _)| **to == name).map(|(_, answer)| answer.clone()).collect()
    };
    ["a", "b", "dead"].map(|name| (name, of(name))).to_vec()
}

fn answer(endpoint: &str, answer: Option<Answer>) -> proxy::Answer {
    let answer = answer.unwrap_or_else(Answer::empty);
    let (status, latency) = (answer.status, answer.delay);
    let pieces = match &answer.body {
        Body::None => Vec::new(),
        Body::Length(text) if text.is_empty() => Vec::new(),
        Body::Length(text) => vec![text.clone()],
        Body::Chunks(chunks) => chunks.clone(),
    };
    let chunked = matches!(answer.body, Body::Chunks(_));
    let body_time = if chunked { GAP * pieces.len() as u32 } else { GAP };
    let behaviour = match answer.end {
        _ if endpoint == "dead" => Behaviour::Refuse,
        End::Whole if chunked => Behaviour::Stream { status, latency, body_time },
        End::Whole => Behaviour::Respond { status, latency },
        End::Cut => Behaviour::Truncate { status, latency, body_time },
        End::Hang => Behaviour::Hang,
        End::Close | End::Reset => Behaviour::Reset { after: latency },
        End::Garbage => Behaviour::Garbage { after: latency },
    };
    let mut given = proxy::Answer::new(behaviour).body(&pieces);
    for (name, value) in headers(&answer) {
        given = given.header(name, value);
    }
    for (name, value) in &answer.trailers {
        given = given.trailer(name, value);
    }
    given
}

/// An answer's headers besides the status, as they come off the wire.
fn headers(answer: &Answer) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> =
        answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned())).collect();
    match &answer.body {
        Body::None => {}
        Body::Length(text) => {
            let length = if answer.end == End::Cut { text.len() * 2 } else { text.len() };
            headers.push(("content-length".into(), length.to_string()));
        }
        Body::Chunks(_) => headers.push(("transfer-encoding".into(), "chunked".into())),
    }
    headers
}

fn call_answer(answer: Option<Answer>) -> CallAnswer {
    let answer = answer.unwrap_or_else(Answer::empty);
    let chunks = if let Body::Chunks(chunks) = &answer.body { chunks.len() as u32 } else { 0 };
    let after = CALL + answer.delay + GAP * chunks;
    let after_ms = after.as_millis() as u64;
    let body = match &answer.body {
        Body::None => String::new(),
        Body::Length(text) => text.clone(),
        Body::Chunks(chunks) => chunks.concat(),
    };
    match answer.end {
        End::Whole => {
            let mut given = CallAnswer::status(answer.status, after_ms).body(body);
            for (name, value) in headers(&answer) {
                given = given.header(name, value);
            }
            answer.trailers.iter().fold(given, |given, (name, value)| given.trailer(name, value))
        }
        End::Cut => CallAnswer::cut(after_ms),
        End::Hang => CallAnswer::status(200, 3_600_000),
        End::Close | End::Reset => CallAnswer::unreachable(after_ms),
        End::Garbage => CallAnswer::garbage(after_ms),
    }
}

fn fetch(proxy: &mut Proxy, case: &Case, exchange: &Exchange, names: &Names) -> String {
    let id = proxy.submit(request(&exchange.request, case, names));
    proxy.run_until_idle();
    let outcome = proxy.outcome(id).expect("an idle proxy has ended its requests");
    let Some(status) = outcome.status else { return "nothing".into() };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = |headers: &Headers| -> Vec<(String, String)> {
        let pairs = headers.iter().map(|(name, value)| (text(name), text(value)));
        pairs.filter(|(name, _)| name != ":status").collect()
    };
    let (headers, trailers) = (pairs(&outcome.headers), pairs(&outcome.trailers));
    let headers = crate::trace::show_headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let cut = if outcome.truncated { ", cut off" } else { "" };
    let trailers = if trailers.is_empty() { String::new() } else { format!(" trailers {trailers:?}") };
    format!("{status} {headers} {:?}{cut}{trailers}", text(&outcome.body))
}

/// The request as it stands behind Envoy's codec and connection manager, in their order.
fn request(request: &Request, case: &Case, names: &Names) -> proxy::Request {
    let mut headers = Headers::new();
    headers.add(":authority", "test");
    headers.add(":path", request.path);
    headers.add(":method", request.method);
    headers.add(":scheme", "http");
    headers.add("x-case", case.id());
    let steered = request.headers.iter().any(|(name, _)| *name == "x-endpoint");
    if !steered {
        headers.add("x-endpoint", names.resolve("a"));
    }
    for (name, value) in &request.headers {
        headers.add(name, if *name == "x-endpoint" { names.resolve(value) } else { value.clone() });
    }
    match &request.body {
        Body::None => {}
        Body::Length(text) => headers.add("content-length", text.len().to_string()),
        // The connection manager takes the header about chunks away.
        Body::Chunks(_) => {}
    }
    headers.add("x-forwarded-proto", "http");
    // A client counts from its last piece on.
    let sending = match &request.body {
        Body::Chunks(chunks) => GAP * chunks.len() as u32,
        _ => Duration::ZERO,
    };
    let abort_after = Some(request.abort_after.map_or(PATIENCE, |after| sending + after));
    let mut whole = proxy::Request { headers, abort_after, ..proxy::Request::default() };
    whole = match &request.body {
        Body::None => whole,
        Body::Length(text) => whole.body(text),
        Body::Chunks(chunks) => chunks.iter().fold(whole.chunk_gap(GAP), proxy::Request::body),
    };
    request.trailers.iter().fold(whole, |whole, (name, value)| whole.trailer(name, value))
}

fn lines(world: &World, read: &mut usize, names: &Names) -> Vec<Line> {
    let mut fresh = world.log_since(*read);
    *read += fresh.len();
    // Envoy shows what its level allows, and of a message with several lines the first stands behind the thread.
    fresh.retain(|line| line.level >= INFO);
    let thread = |vm: &str| {
        let thread = vm.split('.').next().unwrap_or(vm).replace("worker-", "");
        if thread == "canary" { "main".to_owned() } else { thread }
    };
    fresh
        .iter()
        .map(|line| Line::new(&thread(&line.vm), line.message.lines().next().unwrap_or_default(), names))
        .collect()
}
