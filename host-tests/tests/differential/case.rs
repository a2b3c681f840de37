//! What is compared: scenes, each one proxy with its filters, and in each scene cases, each a script for the filters and
//! the requests that make it run.

use std::time::Duration;

use plimsoll_host_tests::bed::FailurePolicy;
use serde_json::{Value, json};

/// Between pieces of a body, so that each arrives alone.
pub(crate) const GAP: Duration = Duration::from_millis(15);

/// A filter: its root id, and which VM it shares.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) root_id: &'static str,
    pub(crate) vm_id: &'static str,
    pub(crate) policy: FailurePolicy,
}

impl Filter {
    pub(crate) fn new(root_id: &'static str) -> Self {
        Self { root_id, vm_id: "probe", policy: FailurePolicy::Unset }
    }

    pub(crate) fn in_vm(mut self, vm_id: &'static str) -> Self {
        self.vm_id = vm_id;
        self
    }

    pub(crate) fn policy(mut self, policy: FailurePolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// A proxy and the cases that run in it, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) workers: u32,
    pub(crate) downstream: Vec<Filter>,
    pub(crate) upstream: Vec<Filter>,
    pub(crate) vm_configuration: &'static str,
    /// Retries of a failed attempt.
    pub(crate) retries: u32,
    pub(crate) per_try_timeout: Option<Duration>,
    pub(crate) timeout: Duration,
    /// Lines for all cases, and for what happens before the first.
    pub(crate) always: &'static str,
    pub(crate) cases: Vec<Case>,
}

impl Scene {
    /// One filter downstream, `down`, and one upstream, `up`, in one VM; one worker.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            workers: 1,
            downstream: vec![Filter::new("down")],
            upstream: vec![Filter::new("up")],
            vm_configuration: "",
            retries: 0,
            per_try_timeout: None,
            timeout: Duration::from_secs(1),
            always: "",
            cases: Vec::new(),
        }
    }

    pub(crate) fn downstream(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.downstream = filters.into_iter().collect();
        self
    }

    pub(crate) fn upstream(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.upstream = filters.into_iter().collect();
        self
    }

    pub(crate) fn always(mut self, script: &'static str) -> Self {
        self.always = script;
        self
    }

    pub(crate) fn case(mut self, case: Case) -> Self {
        assert!(self.cases.iter().all(|known| known.name != case.name), "two cases are called {}", case.name);
        self.cases.push(case);
        self
    }

    /// The plugin configuration of a filter: its lines of all scripts.
    pub(crate) fn configuration(&self, root_id: &str) -> String {
        let always = lines(self.always, root_id).map(|line| format!("* {line}\n"));
        let cases = self.cases.iter().flat_map(|case| {
            lines(&case.script, root_id).map(|line| format!("{} {line}\n", case.id())).collect::<Vec<_>>()
        });
        always.chain(cases).collect()
    }

    /// The route's action in Envoy's words.
    pub(crate) fn route(&self) -> Value {
        let seconds = |time: Duration| json!(format!("{}s", time.as_secs_f64()));
        let mut route = json!({"timeout": seconds(self.timeout)});
        if self.retries > 0 {
            route["retry_policy"] = json!({
                "retry_on": "5xx,reset,connect-failure,refused-stream",
                "num_retries": self.retries,
                "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.01s"},
            });
        }
        if let Some(timeout) = self.per_try_timeout {
            route["retry_policy"]["per_try_timeout"] = seconds(timeout);
        }
        route
    }
}

fn lines<'a>(script: &'a str, root_id: &'a str) -> impl Iterator<Item = &'a str> {
    script.lines().filter_map(move |line| line.trim().strip_prefix(root_id)?.strip_prefix(' '))
}

/// A listed difference between Envoy and the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Difference {
    pub(crate) reason: &'static str,
    /// So many lines of the comparison are always the same.
    pub(crate) lines: usize,
}

/// One script and what makes it run.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) script: String,
    pub(crate) exchanges: Vec<Exchange>,
    /// What the cluster for calls answers.
    pub(crate) calls: Vec<Answer>,
    /// A new configuration for the first downstream filter, before its traffic.
    pub(crate) update: Option<&'static str>,
    /// Why both sides differ here, where they do and may.
    pub(crate) differs: Option<Difference>,
    /// Before it, on both sides.
    pub(crate) pause: Duration,
    /// Its VM is lost, so no stream will be deleted.
    pub(crate) lost: bool,
    /// Wait for so many lines that contain this, after the exchanges.
    pub(crate) until: Option<(&'static str, usize)>,
}

impl Case {
    /// A plain GET; the script's lines are `root-id callback operation…`.
    pub(crate) fn new(name: &'static str, script: &str) -> Self {
        Self {
            name,
            script: script.to_owned(),
            exchanges: Vec::new(),
            calls: Vec::new(),
            update: None,
            differs: None,
            pause: Duration::ZERO,
            lost: false,
            until: None,
        }
    }

    pub(crate) fn exchange(mut self, request: Request, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.exchanges.push(Exchange { request, answers: answers.into_iter().collect() });
        self
    }

    pub(crate) fn request(self, request: Request) -> Self {
        self.exchange(request, [Answer::ok()])
    }

    pub(crate) fn answer(self, answer: Answer) -> Self {
        self.exchange(Request::get("/"), [answer])
    }

    pub(crate) fn calls(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.calls = answers.into_iter().collect();
        self
    }

    /// Gives the first downstream filter a new configuration.
    pub(crate) fn updating(mut self, configuration: &'static str) -> Self {
        self.update = Some(configuration);
        self
    }

    /// Lists a difference between Envoy and the host with its reason. Where there is none any more, the test fails.
    pub(crate) fn differing_because(mut self, reason: &'static str) -> Self {
        self.differs = Some(Difference { reason, lines: usize::MAX });
        self
    }

    /// Of a listed difference, holds only the first lines to what was recorded: behind them Envoy races with itself.
    pub(crate) fn settled_for(mut self, lines: usize) -> Self {
        if let Some(difference) = &mut self.differs {
            difference.lines = lines;
        }
        self
    }

    /// Lets time pass first.
    pub(crate) fn after(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Says that its VM is lost.
    pub(crate) fn losing_the_vm(mut self) -> Self {
        self.lost = true;
        self
    }

    pub(crate) fn until(mut self, text: &'static str, times: usize) -> Self {
        self.until = Some((text, times));
        self
    }

    /// As in the header `x-case`.
    pub(crate) fn id(&self) -> String {
        self.name.replace(' ', "-")
    }

    /// What is sent: a plain GET if nothing was said.
    pub(crate) fn traffic(&self) -> Vec<Exchange> {
        if self.exchanges.is_empty() {
            return vec![Exchange { request: Request::get("/"), answers: vec![Answer::ok()] }];
        }
        self.exchanges.clone()
    }
}

/// A request, and what the endpoints do with its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) answers: Vec<Answer>,
}

/// What a client sends.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    pub(crate) trailers: Vec<(&'static str, &'static str)>,
    /// The client hangs up so long after sending.
    pub(crate) abort_after: Option<Duration>,
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// No body, and no header about it.
    None,
    /// With its length, in one piece.
    Length(String),
    /// In chunks, each and the end [`GAP`] after what came before.
    Chunks(Vec<String>),
}

impl Request {
    pub(crate) fn get(path: &'static str) -> Self {
        let (headers, trailers) = (Vec::new(), Vec::new());
        Self { method: "GET", path, headers, body: Body::None, trailers, abort_after: None }
    }

    pub(crate) fn post(body: &str) -> Self {
        Self { method: "POST", body: Body::Length(body.into()), ..Self::get("/") }
    }

    pub(crate) fn chunks(chunks: &[&str]) -> Self {
        let chunks = chunks.iter().map(|chunk| (*chunk).to_owned()).collect();
        Self { method: "POST", body: Body::Chunks(chunks), ..Self::get("/") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Which endpoints its attempts go to: `a`, `b`, `dead`.
    pub(crate) fn to(self, endpoints: &'static str) -> Self {
        self.header("x-endpoint", endpoints)
    }

    pub(crate) fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        self.trailers.push((name, value));
        self
    }

    pub(crate) fn aborting(mut self, after: Duration) -> Self {
        self.abort_after = Some(after);
        self
    }
}

/// What an endpoint does with one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The path that it is for, where requests may overtake each other on their way.
    pub(crate) path: Option<&'static str>,
    pub(crate) delay: Duration,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Body,
    pub(crate) trailers: Vec<(&'static str, &'static str)>,
    pub(crate) end: End,
}

/// How an answer ends, or what there is instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Whole,
    /// The connection closes before the body is complete.
    Cut,
    /// The connection closes instead of an answer.
    Close,
    /// The connection breaks instead of an answer.
    Reset,
    /// There is no answer.
    Hang,
    /// What comes is not HTTP.
    Garbage,
}

impl Answer {
    /// 200 with a short body.
    pub(crate) fn ok() -> Self {
        Self::status(200)
    }

    pub(crate) fn status(status: u16) -> Self {
        let body = Body::Length("ok".into());
        let (headers, trailers) = (Vec::new(), Vec::new());
        Self { path: None, delay: Duration::ZERO, status, headers, body, trailers, end: End::Whole }
    }

    pub(crate) fn chunks(chunks: &[&str]) -> Self {
        let chunks = chunks.iter().map(|chunk| (*chunk).to_owned()).collect();
        Self { body: Body::Chunks(chunks), ..Self::ok() }
    }

    pub(crate) fn instead(end: End) -> Self {
        Self { end, ..Self::ok() }
    }

    pub(crate) fn empty() -> Self {
        Self { body: Body::Length(String::new()), ..Self::ok() }
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = Body::Length(body.into());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        self.trailers.push((name, value));
        self
    }

    pub(crate) fn for_path(mut self, path: &'static str) -> Self {
        self.path = Some(path);
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(crate) fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}
