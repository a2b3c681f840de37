//! The load, on a thread of its own: an open loop, so that requests leave when they are due, whatever became of the
//! earlier ones. Latency counts from that time. A pool of keep-alive connections, last in, first out.

use crate::dice::arrivals;
use anyhow::{Context, Result};
use plimsoll_host_tests::bed::wire::read_message;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

/// After that a client has no use for the answer; a failed request counts as this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Requests before those that count: connections are made, V8 compiles what is hot.
pub(crate) const WARM_UP: Duration = Duration::from_millis(1500);

/// What to send.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) target: SocketAddr,
    /// Requests per second.
    pub(crate) rate: f64,
    /// How long, without the warm-up.
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
    /// Second zero: the warm-up is over then.
    pub(crate) zero: Instant,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Seconds between the time at which it was due and its end.
    pub(crate) latency: f32,
    /// Status 200, in time.
    pub(crate) ok: bool,
    /// Seconds between the time at which it was due and the time at which it was sent.
    pub(crate) late: f32,
}

/// Sends everything, and waits for the answers. Blocks.
pub(crate) fn run(load: Load) -> Result<Vec<Record>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(drive(load)))
}

async fn drive(load: Load) -> Result<Vec<Record>> {
    let idle: Rc<RefCell<Vec<TcpStream>>> = Rc::default();
    let begin = load.zero.checked_sub(WARM_UP).context("second zero lies too early")?;
    let (mut records, mut requests) = (Vec::new(), JoinSet::new());
    for (number, after) in arrivals(load.seed, load.rate).take_while(|(_, at)| *at < load.duration + WARM_UP) {
        let due = begin + after;
        tokio::time::sleep_until(due).await;
        while let Some(ended) = requests.try_join_next() {
            records.extend(ended?);
        }
        let (idle, target) = (Rc::clone(&idle), load.target);
        let counts = after >= WARM_UP;
        requests.spawn_local(async move {
            let late = due.elapsed().as_secs_f32();
            let ok = tokio::time::timeout_at(due + PATIENCE, exchange(&idle, target, number)).await;
            let record = Record { latency: due.elapsed().as_secs_f32(), ok: ok.unwrap_or(false), late };
            counts.then_some(record)
        });
    }
    while let Some(ended) = requests.join_next().await {
        records.extend(ended?);
    }
    Ok(records)
}

/// One request on an idle connection, or on a new one; true if the answer is 200.
async fn exchange(idle: &RefCell<Vec<TcpStream>>, target: SocketAddr, number: u64) -> bool {
    let kept = idle.borrow_mut().pop();
    let Ok(mut stream) = (match kept {
        Some(stream) => Ok(stream),
        None => TcpStream::connect(target).await,
    }) else {
        return false;
    };
    // Where it cannot be set, the request is only slower.
    let _ = stream.set_nodelay(true);
    let request = format!("GET /{number} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    if stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let mut buffer = Vec::new();
    let Ok(Some(answer)) = read_message(&mut stream, &mut buffer).await else { return false };
    let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    if answer.complete && answer.header("content-length").is_some() && !closes {
        idle.borrow_mut().push(stream);
    }
    answer.complete && answer.status() == Some(200)
}
