//! Whole histories, from what workers publish to what the admin API answers.

use super::*;
use crate::cell::CellEndpoint;
use crate::history::Identity;
use crate::history::draft::Level;
use crate::history::query::Query;
use crate::history::view::{History, PoolHistory};
use crate::view::{CircuitState, Status};
use alloc::{collections::BTreeMap, format, string::String};
use core::cell::RefCell;
use core::time::Duration;
use std::time::Instant;

extern crate std;

/// A store, the workers that publish to it, and a clock.
#[derive(Default)]
struct Bed {
    records: RefCell<BTreeMap<String, Vec<u8>>>,
    workers: Vec<Cell>,
    names: Vec<String>,
    now_ms: u64,
    apart: usize,
}

impl Store for Bed {
    fn read(&self, key: &str) -> Option<Vec<u8>> {
        self.records.borrow().get(key).cloned()
    }

    fn write(&self, key: &str, record: &[u8]) {
        self.records.borrow_mut().insert(key.into(), record.into());
    }
}

impl Bed {
    fn new(endpoints: usize, workers: usize) -> Self {
        let names: Vec<String> = (0..endpoints).map(|n| format!("e{n}")).collect();
        let mut bed = Self { names, now_ms: 1_800_000_000_050, apart: 50, ..Self::default() };
        (0..workers).for_each(|_| bed.join());
        bed
    }

    fn join(&mut self) {
        let worker = self.workers.len() as u32;
        let endpoint = |n: usize| CellEndpoint { key: n as u64, ..CellEndpoint::default() };
        let endpoints = (0..self.names.len()).map(endpoint).collect();
        self.workers.push(Cell { worker, nonce: u64::from(worker) + 100, generation: 1, endpoints, ..Cell::default() });
    }

    /// Every worker finishes so many attempts on every endpoint, within a second.
    fn serve(&mut self, requests: u64) {
        self.now_ms += 1000;
        for cell in &mut self.workers {
            for endpoint in &mut cell.endpoints {
                endpoint.requests += requests;
                cell.picks += requests;
            }
        }
    }

    /// The tick of whoever leads, among these workers.
    fn record(&mut self, alive: &[usize]) {
        for worker in alive {
            let cell = &mut self.workers[*worker];
            cell.at_ms = self.now_ms;
            let key = cell_key(cell.worker, "p");
            let bytes = cell.encode();
            self.write(&key, &bytes);
        }
        let members = self.workers.iter().map(|cell| Member { worker: cell.worker, nonce: cell.nonce });
        let subject = Subject {
            pool: "p",
            keys: &(0..self.names.len() as u64).collect::<Vec<_>>(),
            apart: self.apart,
            members: &members.collect::<Vec<_>>(),
            now_ms: self.now_ms,
            stale_ms: 1000,
        };
        subject.record(self, &mut |mut draft, merged| {
            for (id, merged) in self.names.iter().zip(&merged.endpoints) {
                let level = Level {
                    identity: Identity { id, address: "a" },
                    weight: 1,
                    score: Some(0.987),
                    status: Status::Healthy,
                    circuit: CircuitState::Closed,
                };
                draft.endpoint(&level, merged);
            }
            draft.finish(merged.sketch.as_ref(), merged.endpoints.len(), false)
        });
    }

    fn json(&self, query: &str) -> Vec<u8> {
        Query::read(query, &["p".into()]).expect("a query").answer(self, self.now_ms)
    }

    fn history(&self, query: &str) -> (History, PoolHistory) {
        let history: History = serde_json::from_slice(&self.json(query)).expect("as documented");
        (history.clone(), history.pools[0].clone())
    }
}

fn sum(values: &[Option<u64>]) -> u64 {
    values.iter().flatten().sum()
}

#[test]
fn whoever_leads_goes_on_where_the_other_was() {
    let mut bed = Bed::new(2, 2);
    bed.record(&[0, 1]);
    for _ in 0..10 {
        bed.serve(3);
        // All that a leader knows is in the store: any of them may record, twice in a second, too.
        bed.record(&[0, 1]);
        bed.record(&[0, 1]);
    }
    // Nobody leads for three seconds, and one worker never comes back, but in a new life.
    (0..3).for_each(|_| bed.serve(3));
    bed.record(&[1]);
    bed.workers[0] = Cell { nonce: 200, ..bed.workers[0].clone() };
    bed.workers[0].picks = 0;
    bed.workers[0].endpoints.iter_mut().for_each(|endpoint| endpoint.requests = 0);
    bed.serve(3);
    bed.record(&[0, 1]);
    let (history, pool) = bed.history("endpoints=true");
    let last_life = 3 * 2 * 3;
    assert_eq!(sum(&pool.requests), 10 * 12 + last_life + 12, "{:?}", pool.requests);
    assert_eq!(sum(&pool.picks), sum(&pool.requests));
    assert_eq!(pool.requests[0], None, "nobody knows from where to count");
    assert_eq!(sum(&pool.endpoints[1].requests) * 2, sum(&pool.requests));
    assert_eq!(pool.span_ms[11..], [Some(3000), Some(1000)]);
    let gaps: Vec<u64> = pool.at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1], "points are missing, not zero");
    let last = history.from_ms + pool.at.last().expect("a point") * 1000;
    assert_eq!(last + 1000, bed.now_ms / 1000 * 1000, "the second that has passed");
}

#[test]
fn a_clock_that_is_set_back_spoils_no_number() {
    for back_ms in [400, 5_000, 45_000, 3_600_000, 86_400_000] {
        let mut bed = Bed::new(2, 1);
        bed.record(&[0]);
        for _ in 0..100 {
            bed.serve(5);
            bed.record(&[0]);
        }
        bed.now_ms -= back_ms;
        bed.record(&[0]);
        for _ in 0..100 {
            bed.serve(5);
            bed.record(&[0]);
        }
        let (history, pool) = bed.history("");
        assert!(pool.at.windows(2).all(|pair| pair[0] < pair[1]), "{back_ms}: {:?}", pool.at);
        let last = history.from_ms + pool.at.last().expect("a point") * 1000;
        assert_eq!(last + 1000, bed.now_ms / 1000 * 1000, "{back_ms}: it goes on");
        assert!(pool.at.len() >= 95, "{back_ms}: {}", pool.at.len());
        let pairs = pool.requests.iter().zip(&pool.span_ms);
        // 10 attempts a second, whatever the clock says.
        assert!(pairs.flat_map(|(requests, span)| requests.zip(*span)).all(|(requests, span)| requests * 100 == span));
    }
}

#[test]
fn a_clock_that_leaps_ahead_leaves_a_gap() {
    let mut bed = Bed::new(1, 1);
    bed.record(&[0]);
    (0..40).for_each(|_| {
        bed.serve(1);
        bed.record(&[0]);
    });
    bed.now_ms += 3_600_000;
    bed.serve(1);
    bed.record(&[0]);
    let (_, pool) = bed.history("");
    assert_eq!((pool.at.len(), sum(&pool.requests)), (1, 1), "what was before is too old for this ring");
    assert_eq!(sum(&bed.history("resolution=30s").1.requests), 40, "but not for the other one");
}

/// As much as one answer may be. Prints how long it takes; the bound is for builds without optimisation on a busy
/// machine.
#[test]
fn rows_of_fifty_of_a_thousand_endpoints_come_in_answers_that_are_fast() {
    let mut bed = Bed::new(1000, 1);
    bed.record(&[0]);
    for n in 0..640 {
        bed.serve(20 + n % 7);
        bed.workers[0].endpoints.iter_mut().for_each(|endpoint| endpoint.in_flight = 3);
        bed.record(&[0]);
    }
    for query in ["", "endpoints=true"] {
        // The best of some: others use this machine, too.
        let took = (0..20).map(|_| {
            let began = Instant::now();
            let bytes = bed.json(query).len();
            (began.elapsed(), bytes)
        });
        let (took, bytes) = took.min().expect("some");
        std::println!("{query:15} {bytes} bytes in {took:?}");
        assert!(took < Duration::from_millis(100));
    }
    let whole = bed.history("").1;
    assert!((600..=630).contains(&whole.at.len()));
    // Reading on from where an answer begins brings all of it, each point once.
    let (mut requests, mut until) = (Vec::new(), u64::MAX);
    loop {
        let (history, pool) = bed.history(&format!("endpoints=true&until={until}"));
        if pool.at.is_empty() {
            break;
        }
        assert!(pool.at.len() <= 300 && pool.endpoints.len() == 50);
        assert_eq!(pool.endpoints[49].requests.len(), pool.at.len());
        requests.splice(0..0, pool.requests);
        until = history.from_ms;
    }
    assert_eq!(requests, whole.requests);
}

#[test]
fn a_reader_gets_what_it_asked_for() {
    let mut bed = Bed::new(2, 1);
    for _ in 0..100 {
        bed.record(&[0]);
        bed.serve(1);
    }
    let begins = |query: &str| {
        let (history, pool) = bed.history(query);
        pool.at.iter().map(|at| history.from_ms + at * 1000).collect::<Vec<_>>()
    };
    let all = begins("");
    let (from, to) = (all[20], all[90]);
    assert_eq!(begins(&format!("since={from}&until={to}")), all[21..90]);
    assert_eq!(begins(&format!("since={}", from + 1)), all[21..]);
    assert_eq!(begins(&format!("until={}", to + 1)), all[..91]);
    for nothing in ["since=99999999999999", "until=0", "since=18446744073709551615", "until=1"] {
        assert!(begins(nothing).is_empty(), "{nothing}");
    }
}
