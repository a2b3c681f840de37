//! All faults in sequence, again and again, under load: nothing leaks, nothing is stuck, nothing is counted twice.
//!
//! `SOAK=600` in the environment (set by `cargo xtask test --long`) makes it ten minutes; without it, it is half a minute.

use super::support::{Bed, SOON, Traffic, until};
use plimsoll_host_tests::bed::{Behaviour, Summary};
use plimsoll_snapshot::{CircuitState, Event, Snapshot};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

const ENDPOINTS: usize = 8;
const RATE: f64 = 250.0;
const BAD: Duration = Duration::from_millis(900);
const GOOD: Duration = Duration::from_millis(200);

const FAULTS: [Behaviour; 7] = [
    Behaviour::Failing { status: 503, fraction: 1.0 },
    Behaviour::Hanging,
    Behaviour::Refusing,
    Behaviour::Slow { factor: 20.0 },
    Behaviour::Resetting,
    Behaviour::Failing { status: 500, fraction: 0.3 },
    Behaviour::Truncating,
];

/// What the events told, without doubles and gaps.
#[derive(Default)]
struct Story {
    last_seq: u64,
    states: BTreeMap<String, CircuitState>,
    openings: usize,
    signals: BTreeSet<&'static str>,
}

impl Story {
    async fn read_on(&mut self, bed: &Bed) {
        let events = bed.envoy.admin().events(self.last_seq).await.unwrap();
        assert!(events.dropped_through <= self.last_seq, "read too seldom");
        for Event { seq, address, transition, .. } in events.events {
            assert_eq!(seq, self.last_seq + 1, "numbered without gaps");
            self.last_seq = seq;
            let before = self.states.insert(address, transition.to).unwrap_or_default();
            assert_eq!(before, transition.from, "event {seq} begins where the one before ended");
            self.openings += usize::from(transition.to == CircuitState::Open);
            self.signals.insert(transition.reason.signal.name());
        }
    }
}

/// Resident memory of the process, kB.
fn memory(bed: &Bed) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", bed.envoy.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn within_limits(snapshot: &Snapshot) {
    let pool = &snapshot.pools[0];
    assert!(pool.ejected <= pool.max_ejected, "{} are out, {} may be", pool.ejected, pool.max_ejected);
    for endpoint in &pool.endpoints {
        assert!(endpoint.failures <= endpoint.requests, "{endpoint:?}");
        assert!(endpoint.circuit.permits_left.is_none_or(|left| left <= 3), "{endpoint:?}");
    }
}

async fn soak(workers: u32, time: Duration) {
    let circuit = json!({"open_for": "400ms", "backoff": 1, "half_open_max": "1s"});
    let settings = json!({"circuit": circuit, "ramp": "300ms", "detect_truncated": true});
    let bed = Bed::start(ENDPOINTS, workers, |config| config.pool(settings)).await;
    let traffic = Traffic::start(&bed, RATE);
    let (began, mut story, mut half_way) = (Instant::now(), Story::default(), None);
    for turn in 0.. {
        if began.elapsed() > time {
            break;
        }
        let upstream = bed.upstream(turn * 3 % ENDPOINTS + 1);
        upstream.set(FAULTS[turn % FAULTS.len()]).await.unwrap();
        tokio::time::sleep(BAD).await;
        within_limits(&bed.envoy.admin().snapshot().await.unwrap());
        upstream.set(Behaviour::Healthy).await.unwrap();
        tokio::time::sleep(GOOD).await;
        story.read_on(&bed).await;
        if began.elapsed() > time / 2 {
            half_way.get_or_insert_with(|| memory(&bed));
        }
    }
    let all_closed = |snapshot: &Snapshot| {
        snapshot.pools[0].endpoints.iter().all(|endpoint| endpoint.circuit.state == CircuitState::Closed)
    };
    bed.snapshot_within(3 * SOON, "every circuit closes again", all_closed).await;
    let (grown, before) = (memory(&bed), half_way.unwrap());
    let summary = Summary::of(&traffic.stop().await);
    story.read_on(&bed).await;
    let snapshot = until(SOON, "nothing in flight", async || {
        let snapshot = bed.envoy.admin().snapshot().await.map_err(|error| error.to_string())?;
        let idle = snapshot.pools[0].endpoints.iter().all(|endpoint| endpoint.in_flight == 0);
        if idle { Ok(snapshot) } else { Err(format!("{} in flight", snapshot.pools[0].in_flight)) }
    })
    .await;
    println!(
        "{workers} workers, {:?}: {} requests, {} ok, {} openings by {:?}, {before} → {grown} kB",
        began.elapsed(),
        summary.requests,
        summary.ok,
        story.openings,
        story.signals
    );
    assert!(story.openings >= FAULTS.len() / 2, "faults are noticed");
    // Answers that break off cannot be tried again; whatever else failed was.
    assert!(summary.ok * 100 >= summary.requests * 98, "clients saw {:?}", summary.errors);
    assert!(grown < before + before / 10 + 8192, "memory grows: {before} kB, then {grown} kB");
    let pool = &snapshot.pools[0];
    let attempts: u64 = pool.endpoints.iter().map(|endpoint| endpoint.requests + endpoint.ignored).sum();
    assert!(attempts >= pool.picks, "{} picks, {attempts} attempts", pool.picks);
    assert!(pool.picks >= summary.requests as u64 * 99 / 100, "{} picks for {} requests", pool.picks, summary.requests);
}

#[tokio::test]
async fn all_faults_in_sequence_leave_nothing_behind_with_1_2_and_4_workers() {
    let seconds = std::env::var("SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(27);
    for workers in [1, 2, 4] {
        soak(workers, Duration::from_secs(seconds) / 3).await;
    }
}
