//! A scene in the real Envoy: one process for all its cases, whose log is cut into traces.

use std::time::{Duration, Instant};

use plimsoll_host_tests::bed::envoy::Update;
use plimsoll_host_tests::bed::wire::{Endpoint, Received, Script, Step, send};
use plimsoll_host_tests::bed::{ChainConfig, Envoy, PluginSpec, ports, workspace_root};

use crate::case::{Answer, Body, Case, End, Exchange, Filter, GAP, Request, Scene};
use crate::trace::{Line, Names, Trace};

/// For a callback that comes a little later than the answer.
const SOON: Duration = Duration::from_millis(1_500);
/// A client waits no longer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1_600);
const POLL: Duration = Duration::from_millis(4);
/// A call takes so long, so that a request that does not wait for it is over before.
pub(crate) const CALL: Duration = Duration::from_millis(40);
/// What the guests may call.
pub(crate) const CALLS: &str = "calls";

/// The endpoints of a scene, the same for both sides.
pub(crate) struct Endpoints {
    a: Endpoint,
    b: Endpoint,
    calls: Endpoint,
    pub(crate) names: Names,
}

impl Endpoints {
    pub(crate) async fn start() -> Self {
        let start = async || Endpoint::start().await.unwrap_or_else(|error| panic!("{error:#}"));
        let (a, b, calls) = (start().await, start().await, start().await);
        let dead = ports::free().expect("a free port");
        let names = Names(vec![
            ("a", a.address().to_string()),
            ("b", b.address().to_string()),
            ("dead", dead.to_string()),
            ("calls", calls.address().to_string()),
        ]);
        Self { a, b, calls, names }
    }
}

/// Runs a scene: the trace of its start, then one trace for each case.
pub(crate) async fn run(scene: &Scene, endpoints: &Endpoints) -> Vec<Trace> {
    let mut config = configuration(scene, endpoints);
    let envoy = Envoy::start(&config, scene.workers).await.unwrap_or_else(|error| panic!("{error:#}"));
    let mut reader = Reader { envoy, read: 0, names: &endpoints.names };
    let mut traces = vec![Trace::new(reader.lines())];
    for case in &scene.cases {
        tokio::time::sleep(case.pause).await;
        let mut clients = Vec::new();
        let mut lines = Vec::new();
        if let Some(update) = case.update {
            let before = std::mem::replace(&mut config.downstream[0].configuration, update.to_owned());
            let verdict = reader.envoy.update(&config).await.unwrap_or_else(|error| panic!("{error:#}"));
            clients.push(format!("{verdict:?}"));
            if verdict == Update::Rejected {
                config.downstream[0].configuration = before;
            }
        }
        endpoints.calls.answer_with(case.calls.iter().map(|answer| script(&answer.clone().after(answer.delay + CALL))));
        for exchange in case.traffic() {
            let (to_a, to_b) = targets(&exchange);
            endpoints.a.answer_with(to_a.into_iter().map(script));
            endpoints.b.answer_with(to_b.into_iter().map(script));
            let steps = request_steps(&exchange.request, case, &endpoints.names);
            clients.push(show(&send(reader.envoy.public(), &steps, PATIENCE).await));
            if case.lost {
                tokio::time::sleep(GAP).await;
                lines.extend(reader.lines());
            } else {
                reader.settle(&mut lines).await;
            }
        }
        if let Some((text, times)) = case.until {
            reader
                .wait(&mut lines, |lines| lines.iter().filter(|line| line.text.contains(text)).count() >= times)
                .await;
        }
        let mut trace = Trace::new(lines);
        trace.clients = clients;
        traces.push(trace);
    }
    traces
}

fn configuration(scene: &Scene, endpoints: &Endpoints) -> ChainConfig {
    let plugin = |filter: &Filter| PluginSpec {
        root_id: filter.root_id.into(),
        vm_id: filter.vm_id.into(),
        vm_configuration: scene.vm_configuration.into(),
        configuration: endpoints.names.fill(scene.configuration(filter.root_id)),
        failure_policy: filter.policy,
    };
    let mut config = ChainConfig::new(workspace_root().join("target/test/probe.wasm")).expect("free ports");
    config.downstream = scene.downstream.iter().map(plugin).collect();
    config.upstream = scene.upstream.iter().map(plugin).collect();
    config.endpoints = ["a", "b", "dead"].map(|name| endpoints.names.address(name)).to_vec();
    config.call_clusters = vec![(CALLS.into(), endpoints.calls.address())];
    config.route = scene.route();
    config.dynamic_listener = scene.cases.iter().any(|case| case.update.is_some());
    config
}

/// Which endpoint gets which answer: the header names them in order, else it is all `a`.
fn targets(exchange: &Exchange) -> (Vec<&Answer>, Vec<&Answer>) {
    let header = exchange.request.headers.iter().find(|(name, _)| *name == "x-endpoint");
    let named = header.map_or("a", |(_, value)| value.as_str());
    let names = named.split(',').chain(std::iter::repeat("a"));
    let pairs: Vec<(&str, &Answer)> = names.zip(&exchange.answers).collect();
    let of = |name: &str| pairs.iter().filter(|(to, _)| *to == name).map(|(_, answer)| *answer).collect();
    (of("a"), of("b"))
}

fn request_steps(request: &Request, case: &Case, names: &Names) -> Vec<Step> {
    let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\nx-case: {}\r\n", request.method, request.path, case.id());
    let steered = request.headers.iter().any(|(name, _)| *name == "x-endpoint");
    if !steered {
        head.push_str(&format!("x-endpoint: {}\r\n", names.resolve("a")));
    }
    for (name, value) in &request.headers {
        let value = if *name == "x-endpoint" { names.resolve(value) } else { value.clone() };
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut steps = message(head, &request.body, &request.trailers, true);
    if let Some(after) = request.abort_after {
        steps.extend([Step::Wait(after), Step::Close]);
    }
    steps
}

fn script(answer: &Answer) -> Script {
    let mut steps = vec![Step::Wait(answer.delay)];
    match answer.end {
        End::Close => steps.push(Step::Close),
        End::Reset => steps.push(Step::Reset),
        End::Hang => steps.push(Step::Hang),
        End::Garbage => steps.extend([Step::Send(b"this is no answer\r\n\r\n".to_vec()), Step::Close]),
        End::Whole | End::Cut => {
            let mut head = format!("HTTP/1.1 {} Whatever\r\n", answer.status);
            answer.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            let whole = answer.end == End::Whole;
            steps.extend(message(head, &answer.body, &answer.trailers, whole));
            if !whole {
                steps.extend([Step::Wait(GAP), Step::Close]);
            }
        }
    }
    Script { path: answer.path, steps }
}

/// A message from its head on. One that is not whole lacks the last chunk, or half of its length.
fn message(mut head: String, body: &Body, trailers: &[(&str, &str)], whole: bool) -> Vec<Step> {
    let chunks = match body {
        Body::None => return vec![Step::Send(format!("{head}\r\n").into())],
        Body::Length(text) => {
            let promised = if whole { text.len() } else { text.len() * 2 };
            return vec![Step::Send(format!("{head}content-length: {promised}\r\n\r\n{text}").into())];
        }
        Body::Chunks(chunks) => chunks,
    };
    head.push_str("transfer-encoding: chunked\r\n\r\n");
    let mut steps = vec![Step::Send(head.into())];
    for chunk in chunks {
        steps.extend([Step::Send(format!("{:x}\r\n{chunk}\r\n", chunk.len()).into()), Step::Wait(GAP)]);
    }
    if whole {
        let trailers: String = trailers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        steps.push(Step::Send(format!("0\r\n{trailers}\r\n").into()));
    }
    steps
}

/// What a client tells of its answer.
fn show(received: &Received) -> String {
    let Received::Answer(answer) = received else { return "nothing".into() };
    let status = answer.status().map_or_else(|| answer.start.clone(), |status| status.to_string());
    let headers =
        crate::trace::show_headers(answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let cut = if answer.complete { "" } else { ", cut off" };
    let trailers = match answer.trailers.as_slice() {
        [] => String::new(),
        trailers => format!(" trailers {trailers:?}"),
    };
    format!("{status} {headers} {:?}{cut}{trailers}", answer.text())
}

/// Envoy's log, read on as it grows.
struct Reader<'a> {
    envoy: Envoy,
    /// How much of it was read.
    read: usize,
    names: &'a Names,
}

impl Reader<'_> {
    fn lines(&mut self) -> Vec<Line> {
        let log = self.envoy.log();
        let fresh = &log[self.read..];
        let whole = fresh.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole;
        let main = self.envoy.id();
        fresh[..whole].lines().filter_map(|line| Line::from_envoy(line, main, self.names)).collect()
    }

    /// Waits until every stream of the case is deleted.
    async fn settle(&mut self, lines: &mut Vec<Line>) {
        let count = |lines: &[Line], text: &str| lines.iter().filter(|line| line.is_of_stream(text)).count();
        self.wait(lines, |lines| {
            let created = count(lines, "> context_create");
            created > 0 && created == count(lines, "< delete")
        })
        .await;
    }

    /// Waits until the lines are as wanted, or long enough.
    async fn wait(&mut self, lines: &mut Vec<Line>, enough: impl Fn(&[Line]) -> bool) {
        let deadline = Instant::now() + SOON;
        loop {
            lines.extend(self.lines());
            if enough(lines) || Instant::now() > deadline {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
