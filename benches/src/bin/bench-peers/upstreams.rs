//! The endpoints of one subject, on a thread of their own: HTTP/1.1 with the least work that is right for what
//! proxies send, slots and queues as in [`crate::slots`], faults as in [`mod@crate::rows`].
//!
//! How long an attempt works depends on the request's number, which is its path, and on how often that request was
//! tried before, not on where. An attempt whose client has left gives up its place in the queue, but keeps the slot
//! that it works in, as in servers that do not notice until they write.

use crate::dice::{Purpose, exponential, unit};
use crate::rows::{ENDPOINTS, Effect, Phases, Row, SERVICE, SLOTS, effect_at, slowness};
use crate::slots::Slots;
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::ports;
use plimsoll_host_tests::bed::wire::read_message;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

/// Path of health checks; they take no slot.
pub(crate) const CHECK_PATH: &str = "/check";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
/// A port that was closed may be busy for a moment.
const REBIND_TRIES: u32 = 50;

/// Second zero of a run, once it is known.
#[derive(Clone, Default)]
pub(crate) struct Zero(Arc<OnceLock<Instant>>);

impl Zero {
    pub(crate) fn set(&self, at: Instant) {
        // Set once, by the one who starts the load.
        let _ = self.0.set(at);
    }

    /// Seconds since then; before, and while it is not known, a time before every fault.
    fn seconds(&self, now: Instant) -> f64 {
        self.0.get().map_or(-1.0, |zero| {
            now.saturating_duration_since(*zero).as_secs_f64() - zero.saturating_duration_since(now).as_secs_f64()
        })
    }
}

/// What an upstream saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Attempts in each second since zero; the ones before count as second 0.
    pub(crate) attempts: Vec<u64>,
}

/// What all of them saw, in their order, and how late their answers were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) endpoints: Vec<Seen>,
    /// Between the time at which an answer was due and the time at which it was sent, seconds.
    pub(crate) late: Vec<f32>,
}

/// The running endpoints; dropping them stops the thread.
pub(crate) struct Upstreams {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) zero: Zero,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Report>>,
}

impl Upstreams {
    /// Starts them with the faults of `row`.
    pub(crate) fn start(row: &Row, seed: u64) -> Result<Self> {
        let (addresses, zero) = (ports::free_many(ENDPOINTS)?, Zero::default());
        let listeners = addresses.iter().map(|address| {
            let listener =
                std::net::TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listeners = listeners.collect::<Result<Vec<_>>>()?;
        let (stop, stopped) = oneshot::channel();
        let phases = row.phases.clone();
        let world = (zero.clone(), seed);
        let thread = std::thread::Builder::new().name("upstreams".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(LocalSet::new().run_until(serve_all(listeners, phases, world, stopped)))
        })?;
        Ok(Self { addresses, zero, stop: Some(stop), thread: Some(thread) })
    }

    /// Stops them.
    pub(crate) fn finish(mut self) -> Result<Report> {
        self.stop = None;
        let thread = self.thread.take().context("the thread of the upstreams is gone")?;
        thread.join().ok().context("the thread of the upstreams has panicked")
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        // The sender's end is the signal.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the endpoints of a run share.
struct World {
    zero: Zero,
    seed: u64,
    /// How often a request was tried.
    tries: RefCell<HashMap<u64, u32>>,
    late: RefCell<Vec<f32>>,
}

struct Endpoint {
    world: Rc<World>,
    address: SocketAddr,
    phases: Phases,
    /// Anew when all connections are broken: whoever held one is gone.
    slots: RefCell<Slots>,
    seen: RefCell<Seen>,
    open: Cell<bool>,
}

async fn serve_all(
    listeners: Vec<std::net::TcpListener>,
    phases: Vec<Phases>,
    (zero, seed): (Zero, u64),
    stopped: oneshot::Receiver<()>,
) -> Report {
    let world = Rc::new(World { zero, seed, tries: RefCell::default(), late: RefCell::default() });
    let mut tasks = JoinSet::new();
    let mut endpoints = Vec::new();
    for (listener, phases) in listeners.into_iter().zip(phases) {
        let address = listener.local_addr().expect("it is bound");
        let listener = TcpListener::from_std(listener).expect("a runtime with I/O");
        let (slots, seen) = (RefCell::new(Slots::new(SLOTS)), RefCell::default());
        let endpoint =
            Rc::new(Endpoint { world: Rc::clone(&world), address, phases, slots, seen, open: Cell::new(true) });
        endpoints.push(Rc::clone(&endpoint));
        tasks.spawn_local(serve(endpoint, listener));
    }
    // Its sender is never used, only dropped.
    let _ = stopped.await;
    tasks.shutdown().await;
    let endpoints = endpoints.iter().map(|endpoint| endpoint.seen.take()).collect();
    Report { endpoints, late: world.late.take() }
}

/// Accepts, and breaks all connections where a phase says so.
async fn serve(endpoint: Rc<Endpoint>, listener: TcpListener) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    let mut next = 0;
    loop {
        let due = endpoint.phases.get(next).map(|(at, _)| *at);
        tokio::select! {
            () = endpoint.world.reached(due) => {
                let effect = endpoint.phases[next].1;
                next += 1;
                if matches!(effect, Effect::Refuse | Effect::Cold { .. }) {
                    listener = None;
                    connections.shutdown().await;
                    *endpoint.slots.borrow_mut() = Slots::new(SLOTS);
                }
                if effect != Effect::Refuse && listener.is_none() {
                    listener = rebind(endpoint.address).await;
                }
                endpoint.open.set(listener.is_some());
            }
            accepted = accept(listener.as_ref()) => {
                if let Ok(stream) = accepted {
                    connections.spawn_local(converse(Rc::clone(&endpoint), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn rebind(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..REBIND_TRIES {
        if let Ok(listener) = TcpListener::bind(address).await {
            return Some(listener);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    None
}

impl World {
    /// Returns at that second; never, if there is none.
    async fn reached(&self, second: Option<f64>) {
        let Some(second) = second else { return std::future::pending().await };
        loop {
            let left = second - self.zero.seconds(Instant::now());
            if left <= 0.0 {
                return;
            }
            // Second zero may not be known yet.
            tokio::time::sleep(Duration::from_secs_f64(left.min(0.02))).await;
        }
    }

    fn try_again(&self, request: u64) -> u32 {
        let mut tries = self.tries.borrow_mut();
        let tried = tries.entry(request).or_default();
        *tried += 1;
        *tried
    }
}

/// Answers the requests of one connection until either side closes it.
async fn converse(endpoint: Rc<Endpoint>, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(message) = read_message(&mut stream, &mut buffer).await? {
        let path = message.start.split(' ').nth(1).unwrap_or_default();
        let world = &endpoint.world;
        let now = Instant::now();
        let at = world.zero.seconds(now);
        let (_, effect) = effect_at(&endpoint.phases, at);
        let checked = path == CHECK_PATH;
        let request = path.trim_start_matches('/').parse().unwrap_or(u64::MAX);
        // Checks, and the tries before second zero, leave no trace.
        let attempt = if checked || at < 0.0 { 0 } else { world.try_again(request) };
        if !checked {
            endpoint.note(at);
        }
        let fails = |fraction| unit(world.seed, request, attempt, Purpose::Failure) <= fraction;
        match effect {
            Effect::Hang => {
                // Until the client gives up.
                while stream.read_buf(&mut buffer).await? > 0 {}
                return Ok(());
            }
            Effect::Errors(fraction) if fails(fraction) => stream.write_all(UNAVAILABLE).await?,
            _ if checked => stream.write_all(OK).await?,
            _ => {
                let work = exponential(SERVICE, unit(world.seed, request, attempt, Purpose::Service));
                if !endpoint.work(&mut stream, &mut buffer, now, work).await? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

impl Endpoint {
    fn note(&self, at: f64) {
        let second = at.max(0.0) as usize;
        let attempts = &mut self.seen.borrow_mut().attempts;
        if attempts.len() <= second {
            attempts.resize(second + 1, 0);
        }
        attempts[second] += 1;
    }

    /// Waits for a slot, works, answers; false if the client left first.
    async fn work(
        &self,
        stream: &mut TcpStream,
        buffer: &mut Vec<u8>,
        now: Instant,
        work: f64,
    ) -> std::io::Result<bool> {
        let mut turn = self.slots.borrow().enter(now);
        let slot = loop {
            tokio::select! {
                biased;
                slot = turn.come() => break slot,
                more = stream.read_buf(buffer) => if more? == 0 { return Ok(false) },
            }
        };
        let Some(mut slot) = slot else { return Ok(false) };
        let slower = slowness(&self.phases, self.world.zero.seconds(slot.from));
        slot.until = slot.from + Duration::from_secs_f64(work * slower);
        tokio::time::sleep_until(slot.until).await;
        let late = Instant::now().saturating_duration_since(slot.until).as_secs_f32();
        self.world.late.borrow_mut().push(late);
        drop(slot);
        stream.write_all(OK).await?;
        Ok(true)
    }
}
