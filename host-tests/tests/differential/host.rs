//! A scene in the test host.

use std::time::Duration;

use plimsoll_host_tests::bed::workspace_root;
use plimsoll_host_tests::host::proxy::{Attempt, Behaviour, Proxy, Request as HostRequest, Retries, Setup};
use plimsoll_host_tests::host::{Guest, Headers, Plugin, World};

use crate::case::{Answer, Body, Case, End, Exchange, Filter, Request, Scene};
use crate::trace::{Line, Names, Trace};

/// Runs a scene: the trace of its start, then one trace for each case.
pub(crate) fn run(scene: &Scene, names: &Names) -> Vec<Trace> {
    let guest = Guest::from_file(workspace_root().join("target/test/probe.wasm")).unwrap_or_else(|error| panic!("{error}"));
    let mut proxy = setup(scene, &guest, names).start().unwrap_or_else(|error| panic!("{error}"));
    let mut read = 0;
    let mut traces = vec![Trace::new(lines(proxy.world(), &mut read, names))];
    for case in &scene.cases {
        let mut clients = Vec::new();
        let mut seen = Vec::new();
        for exchange in case.traffic() {
            let answers = exchange.answers.clone();
            for name in ["a", "b", "dead"] {
                let mut answers = answers.clone().into_iter();
                let script = move |_: Attempt<'_>, _: &mut _| behaviour(answers.next().as_ref());
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
    let plugin = |filter: &Filter| Plugin::new(filter.root_id, scene.configuration(filter.root_id));
    let mut setup = Setup::new(guest).workers(scene.workers as usize).cluster("endpoints", endpoints);
    setup = setup.steering_header("x-endpoint", false).timeout(scene.timeout);
    setup = setup.retries(Retries { limit: scene.retries, backoff: Duration::from_millis(2), ..Retries::default() });
    for filter in &scene.downstream {
        setup = setup.downstream(plugin(filter));
    }
    for filter in &scene.upstream {
        setup = setup.upstream(plugin(filter));
    }
    setup
}

fn behaviour(answer: Option<&Answer>) -> Behaviour {
    let Some(answer) = answer else { return Behaviour::Refuse };
    match answer.end {
        End::Whole => Behaviour::Respond { status: answer.status, latency: answer.delay },
        End::Cut => Behaviour::Truncate { status: answer.status, latency: answer.delay, body_time: answer.delay },
        End::Hang => Behaviour::Hang,
        End::Refuse => Behaviour::Refuse,
        End::Close | End::Reset | End::Garbage => Behaviour::Reset { after: answer.delay },
    }
}

fn fetch(proxy: &mut Proxy, case: &Case, exchange: &Exchange, names: &Names) -> String {
    let outcome = proxy.fetch(request(&exchange.request, case, names));
    proxy.run_until_idle();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Some(status) = outcome.status else { return "nothing".into() };
    let headers: Vec<(String, String)> =
        outcome.headers.iter().map(|(name, value)| (text(name), text(value))).filter(|(name, _)| name != ":status").collect();
    let headers = crate::trace::show_headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    format!("{status} {headers} {:?}{}", text(&outcome.body), if outcome.truncated { ", cut off" } else { "" })
}

/// The request as it stands behind Envoy's codec and connection manager, in their order.
fn request(request: &Request, case: &Case, names: &Names) -> HostRequest {
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
        Body::Chunks(_) => headers.add("transfer-encoding", "chunked"),
    }
    headers.add("x-forwarded-proto", "http");
    let mut whole = HostRequest::get(request.path);
    whole.headers = headers;
    whole.body = match &request.body {
        Body::None => Vec::new(),
        Body::Length(text) => text.clone().into_bytes(),
        Body::Chunks(chunks) => chunks.concat().into_bytes(),
    };
    whole.abort_after = request.abort_after;
    whole
}

fn lines(world: &World, read: &mut usize, names: &Names) -> Vec<Line> {
    let fresh = world.log_since(*read);
    *read += fresh.len();
    let thread = |vm: &str| if vm == "canary" { "main".to_owned() } else { vm.replace("worker-", "") };
    fresh.iter().map(|line| Line::new(&thread(&line.vm), &line.message, names)).collect()
}
