//! A sample endpoint on its own port whose behaviour is switched while it runs: healthy, slow, failing,
//! refusing, hanging, resetting, cutting answers off. It counts what it got and keeps the last request's headers.
//!
//! One task owns the listening socket; switching waits for it, so that after [`Upstream::set`] no new connection
//! meets the old behaviour. Requests that already hang go on hanging until their client gives up, as real ones do.

mod respond;
mod serve;

use anyhow::{Context, Result};
use hyper::HeaderMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Response header with the upstream's name.
pub const NAME_HEADER: &str = "x-upstream";

/// How long a healthy answer takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Exponential with this mean: most answers are fast, some take several times the mean.
    Exponential(Duration),
}

impl Latency {
    fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        match self {
            Self::Fixed(latency) => latency,
            Self::Exponential(mean) => mean.mul_f64(-(1.0 - rng.f64()).ln()),
        }
    }
}

/// What an upstream does with requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// Answers 200 after the upstream's latency.
    Healthy,
    /// Answers 200 after the latency times this factor.
    Slow {
        /// 10.0: ten times slower.
        factor: f64,
    },
    /// Answers this status at once for this part of the requests (0 to 1), the rest as healthy.
    Failing {
        /// For example 503.
        status: u16,
        /// 1.0: all of them.
        fraction: f64,
    },
    /// Answers 503 with `retry-after` to all requests.
    Overloaded,
    /// Answers calls with this gRPC status. Over HTTP/2 only, which it speaks with clients that begin with it.
    Grpc {
        /// For example 14, UNAVAILABLE.
        status: u16,
        /// The status is among the headers, and there is nothing else; else it is in the trailers.
        trailers_only: bool,
    },
    /// Closes its listening socket and every connection: connects are refused.
    Refusing,
    /// Accepts and reads, never answers.
    Hanging,
    /// Resets the connection (RST) before an answer.
    Resetting,
    /// Sends the head and a part of the body, then closes.
    Truncating,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamStats {
    /// Requests whose head arrived.
    pub requests: u64,
    /// Requests now being handled.
    pub in_flight: u64,
    /// Most that were handled at once.
    pub peak_in_flight: u64,
    /// Connections accepted.
    pub connections: u64,
}

/// How an upstream is set up.
#[derive(Clone, Debug)]
pub struct UpstreamSpec {
    /// Name that it gives in [`NAME_HEADER`].
    pub name: String,
    /// Of a healthy answer.
    pub latency: Latency,
    /// At most so many answers are worked on at once, the others queue; unlimited if absent.
    pub slots: Option<usize>,
    /// Of its latencies and of its choice of failures.
    pub seed: u64,
}

/// A running upstream; dropping it closes everything at once.
pub struct Upstream {
    name: String,
    address: SocketAddr,
    state: Arc<State>,
    switch: mpsc::Sender<Switch>,
    server: JoinHandle<()>,
}

/// What connections and requests of one upstream share.
struct State {
    spec: UpstreamSpec,
    behaviour: watch::Sender<Behaviour>,
    slots: Option<Semaphore>,
    rng: Mutex<fastrand::Rng>,
    requests: AtomicU64,
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
    connections: AtomicU64,
    last_headers: Mutex<Option<HeaderMap>>,
}

/// A change of behaviour, and where to say that it is done.
struct Switch {
    behaviour: Behaviour,
    done: oneshot::Sender<Result<()>>,
}

impl Upstream {
    /// Starts a healthy upstream without a bound on concurrency, on a free port.
    pub async fn start(name: &str, latency: Latency, seed: u64) -> Result<Self> {
        Self::start_on(super::ports::free()?, UpstreamSpec { name: name.into(), latency, slots: None, seed }).await
    }

    /// Starts one on this address.
    pub async fn start_on(address: SocketAddr, spec: UpstreamSpec) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("upstream {} cannot listen on {address}", spec.name))?;
        let name = spec.name.clone();
        let state = Arc::new(State {
            behaviour: watch::Sender::new(Behaviour::Healthy),
            slots: spec.slots.map(Semaphore::new),
            rng: Mutex::new(fastrand::Rng::with_seed(spec.seed)),
            requests: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            peak_in_flight: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            last_headers: Mutex::new(None),
            spec,
        });
        let (switch, switches) = mpsc::channel(1);
        let server = tokio::spawn(serve::run(listener, address, Arc::clone(&state), switches));
        Ok(Self { name, address, state, switch, server })
    }

    /// Name from its specification.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens, or will listen again.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does now.
    pub fn behaviour(&self) -> Behaviour {
        *self.state.behaviour.borrow()
    }

    /// Switches; returns when the new behaviour is in force. Leaving [`Behaviour::Refusing`] binds the same port
    /// again and fails if another program has taken it.
    pub async fn set(&self, behaviour: Behaviour) -> Result<()> {
        let (done, answer) = oneshot::channel();
        let sent = self.switch.send(Switch { behaviour, done }).await;
        sent.ok().with_context(|| format!("upstream {} has stopped", self.name))?;
        answer.await.with_context(|| format!("upstream {} has stopped", self.name))?
    }

    /// Counts since the start.
    pub fn stats(&self) -> UpstreamStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        UpstreamStats {
            requests: read(&self.state.requests),
            in_flight: read(&self.state.in_flight),
            peak_in_flight: read(&self.state.peak_in_flight),
            connections: read(&self.state.connections),
        }
    }

    /// Headers of the last request that arrived.
    pub fn last_headers(&self) -> Option<HeaderMap> {
        self.state.last_headers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}
