//! Closed-loop burst with clients that hang up in mid-request: finds counts of requests in flight that leak.

use super::connection::{Connection, get};
use super::summary::Outcome;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// What to send: `requests` in all, by `clients` that each have one under way.
#[derive(Clone, Debug)]
pub struct Burst {
    /// Where to.
    pub target: SocketAddr,
    /// How many in all.
    pub requests: usize,
    /// How many at once.
    pub clients: usize,
    /// Part of the requests, 0 to 1, whose client hangs up if there is no answer in time.
    pub abort_fraction: f64,
    /// Such a client hangs up after a random time up to this.
    pub abort_within: Duration,
    /// Path of every request.
    pub path: String,
    /// Extra headers of every request.
    pub headers: Vec<(String, String)>,
    /// Same seed, same choice of aborts.
    pub seed: u64,
    /// The burst fails when it takes longer than this.
    pub deadline: Duration,
}

/// What came of a burst.
#[derive(Clone, Debug, Default)]
pub struct BurstReport {
    /// How the requests ended whose client waited, or got its answer before it lost patience.
    pub outcomes: BTreeMap<Outcome, usize>,
    /// Requests whose client hung up.
    pub aborted: usize,
}

impl Burst {
    /// GET `/`, nobody hangs up, one minute.
    pub fn new(target: SocketAddr, requests: usize, clients: usize) -> Self {
        Self {
            target,
            requests,
            clients,
            abort_fraction: 0.0,
            abort_within: Duration::from_millis(20),
            path: "/".into(),
            headers: Vec::new(),
            seed: 1,
            deadline: Duration::from_secs(60),
        }
    }

    /// Sends it all and waits for the end.
    pub async fn run(self) -> Result<BurstReport> {
        ensure!(self.clients > 0, "a burst needs at least one client");
        let deadline = self.deadline;
        let burst = Arc::new(self);
        let sent = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for client in 0..burst.clients {
            let rng = fastrand::Rng::with_seed(burst.seed.wrapping_add(client as u64));
            clients.spawn(client_loop(Arc::clone(&burst), Arc::clone(&sent), rng));
        }
        let mut report = BurstReport::default();
        let all = async {
            while let Some(part) = clients.join_next().await {
                let part = part?;
                report.aborted += part.aborted;
                for (outcome, count) in part.outcomes {
                    *report.outcomes.entry(outcome).or_default() += count;
                }
            }
            anyhow::Ok(())
        };
        let within = tokio::time::timeout(deadline, all).await;
        within.with_context(|| format!("the burst did not end within {deadline:?}"))??;
        Ok(report)
    }
}

/// One client: sends until the burst's number is reached, on one connection for as long as that lasts.
async fn client_loop(burst: Arc<Burst>, sent: Arc<AtomicUsize>, mut rng: fastrand::Rng) -> BurstReport {
    let mut report = BurstReport::default();
    let mut kept: Option<Connection> = None;
    while sent.fetch_add(1, Ordering::Relaxed) < burst.requests {
        let opened = match kept.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(burst.target).await,
        };
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(failure) => {
                *report.outcomes.entry(Outcome::Failed(failure)).or_default() += 1;
                continue;
            }
        };
        let aborts = rng.f64() < burst.abort_fraction;
        let patience = if aborts { burst.abort_within.mul_f64(rng.f64()) } else { burst.deadline };
        let request = get(burst.target, &burst.path, &burst.headers);
        match tokio::time::timeout(patience, connection.send(request)).await {
            Ok((outcome, _)) => {
                *report.outcomes.entry(outcome).or_default() += 1;
                if matches!(outcome, Outcome::Status(_)) && connection.is_reusable().await {
                    kept = Some(connection);
                }
            }
            // Dropping the connection hangs up.
            Err(_) => report.aborted += 1,
        }
    }
    report
}
