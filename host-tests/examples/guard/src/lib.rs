//! An example guest for the test host, of another style than Plimsoll: it waits for other clusters and rewrites bodies.
//!
//! - Before a request passes, an *authority* (another cluster) is asked by an HTTP call. 200 lets it pass, with the user
//!   that the authority named in `x-guard-user`; 401 and 403 refuse it; anything else is an error, and the
//!   configuration says which way errors go.
//! - What follows a *marker* in a body, in either direction, is masked, also where chunks part the two. What an upstream
//!   says when it fails never leaves: its body is replaced.
//! - Every stream leaves a record in a shared queue. The worker that Envoy tells of new items collects them and posts
//!   them to an *audit* cluster in batches.
//!
//! It links the proxy-wasm SDK as most filters do. Left out, because it is an example: caching of permissions, gRPC.

#![allow(missing_docs, reason = "the only public items are those of the SDK's macro")]

mod audit;
mod config;
mod mask;
mod stream;

use std::rc::Rc;

use audit::Audit;
use config::Config;
use proxy_wasm::hostcalls::{define_metric, increment_metric};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel, MetricType, Status};
use stream::Stream;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Guard::default()));
}}

/// What all streams of one plugin share.
struct Shared {
    config: Config,
    queue: u32,
    metrics: Metrics,
}

/// Ids of metrics.
struct Metrics {
    allowed: u32,
    denied: u32,
    authority_errors: u32,
    authority_ms: u32,
    masked: u32,
    hidden: u32,
    audit_sent: u32,
    audit_dropped: u32,
}

impl Metrics {
    fn define() -> Result<Self, Status> {
        let counter = |name: &str| define_metric(MetricType::Counter, &format!("guard.{name}"));
        Ok(Self {
            allowed: counter("allowed")?,
            denied: counter("denied")?,
            authority_errors: counter("authority_errors")?,
            authority_ms: define_metric(MetricType::Histogram, "guard.authority_ms")?,
            masked: counter("masked")?,
            hidden: counter("hidden")?,
            audit_sent: counter("audit_sent")?,
            audit_dropped: counter("audit_dropped")?,
        })
    }
}

/// Adds to a counter; nothing else fails when a metric does, and adding 0 is an error in Envoy.
fn count(metric: u32, by: usize) {
    if by > 0 && increment_metric(metric, by as i64).is_err() {
        log(LogLevel::Warn, "a metric cannot be written");
    }
}

fn log(level: LogLevel, message: &str) {
    // There is nobody left to tell if the log fails.
    let _ = proxy_wasm::hostcalls::log(level, message);
}

/// The status that a call was answered with; empty if the answer was cut off: then there is no map of its headers, and
/// the SDK's functions panic on one that is not there.
fn call_status(context: &dyn Context, headers: usize) -> Vec<u8> {
    if headers == 0 { Vec::new() } else { context.get_http_call_response_header_bytes(":status").unwrap_or_default() }
}

/// The root context: configuration, and the audit of the worker that owns the queue.
#[derive(Default)]
struct Guard {
    shared: Option<Rc<Shared>>,
    audit: Audit,
    stopping: bool,
}

impl Guard {
    fn configure(&mut self) -> Result<(), String> {
        let config = Config::parse(&self.get_plugin_configuration().unwrap_or_default())?;
        let metrics = Metrics::define().map_err(|status| format!("metrics: {status:?}"))?;
        // Whoever registers last is told of new items: after a start or an update, the last worker's newest root.
        let queue = self.register_shared_queue("guard.audit");
        self.set_tick_period(config.audit.every());
        self.shared = Some(Rc::new(Shared { config, queue, metrics }));
        Ok(())
    }

    fn collect(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        while let Ok(Some(record)) = self.dequeue_shared_queue(shared.queue) {
            count(shared.metrics.audit_dropped, self.audit.add(record));
        }
    }
}

impl RootContext for Guard {
    fn on_configure(&mut self, _: usize) -> bool {
        let result = self.configure();
        if let Err(error) = &result {
            log(LogLevel::Error, &format!("guard: {error}"));
        }
        result.is_ok()
    }

    fn on_queue_ready(&mut self, _: u32) {
        self.collect();
    }

    /// Collects too: some hosts tell nobody of new items, and in Envoy nobody is told once the owner's VM has died.
    fn on_tick(&mut self) {
        self.collect();
        if let Some(shared) = &self.shared {
            self.audit.flush(&shared.config.audit);
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.shared.clone()?)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Guard {
    fn on_http_call_response(&mut self, _: u32, headers: usize, _: usize, _: usize) {
        let Some(shared) = self.shared.clone() else { return };
        if call_status(self, headers).starts_with(b"2") {
            count(shared.metrics.audit_sent, self.audit.confirm());
        } else {
            log(LogLevel::Warn, "guard: the audit cluster took no records; they wait for the next tick");
            count(shared.metrics.audit_dropped, self.audit.take_back());
        }
        if self.stopping {
            self.done();
        }
    }

    /// An old configuration's root is stopped: what it has collected is sent first, once.
    fn on_done(&mut self) -> bool {
        self.stopping = true;
        self.collect();
        if let Some(shared) = &self.shared {
            self.audit.flush(&shared.config.audit);
        }
        !self.audit.is_under_way()
    }
}
