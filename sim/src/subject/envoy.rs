//! Envoy's ROUND_ROBIN and LEAST_REQUEST, after `source/extensions/load_balancing_policies` and `edf_scheduler.h`. With
//! equal weights LEAST_REQUEST samples hosts with replacement and keeps the first on ties; with unequal ones it is an
//! earliest-deadline-first schedule, in which a host's weight is divided by its requests under way plus one whenever
//! its turn comes. ROUND_ROBIN is such a schedule without the division, and plain turns with equal weights.

use super::outlier::Detector;
use super::{Envoy, EnvoyPolicy};
use crate::balancer::{Attempt, Balancer, Ending, Pick, Request, Verdict};
use crate::run::begin_time;
use crate::scenario::Scenario;
use plimsoll_engine::{Rng, Time};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The proxy: counts and detection are shared, turns are each worker's own.
pub(super) struct Proxy {
    config: Envoy,
    weights: Vec<u32>,
    in_flight: Vec<u32>,
    present: Vec<u32>,
    /// Those that are balanced over: without the ejected ones, but in panic all.
    hosts: Vec<u32>,
    equal: bool,
    workers: Vec<Worker>,
    detector: Option<Detector>,
    rng: Rng,
}

#[derive(Default)]
struct Worker {
    turn: usize,
    schedule: BinaryHeap<Entry>,
    time: f64,
    order: u64,
}

/// A host's turn. The heap's greatest is the earliest.
struct Entry {
    deadline: f64,
    order: u64,
    host: u32,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.deadline.total_cmp(&self.deadline).then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl Worker {
    fn add(&mut self, host: u32, weight: f64) {
        self.order += 1;
        self.schedule.push(Entry { deadline: self.time + 1.0 / weight, order: self.order, host });
    }
}

impl Proxy {
    pub(super) fn new(config: &Envoy, scenario: &Scenario, rng: Rng) -> Self {
        let count = scenario.endpoints.len();
        Self {
            config: *config,
            weights: scenario.endpoints.iter().map(|endpoint| endpoint.config.weight.max(1)).collect(),
            in_flight: vec![0; count],
            present: Vec::new(),
            hosts: Vec::new(),
            equal: true,
            workers: (0..config.workers.max(1)).map(|_| Worker::default()).collect(),
            detector: config.outlier.map(|outlier| Detector::new(outlier, count, begin_time())),
            rng,
        }
    }

    /// The healthy hosts changed.
    fn refresh(&mut self) {
        let ejected = |host: u32| self.detector.as_ref().is_some_and(|detector| detector.is_ejected(host));
        let healthy: Vec<u32> = self.present.iter().copied().filter(|host| !ejected(*host)).collect();
        let panic = healthy.len() * 100 < self.present.len() * self.config.panic_percent as usize;
        self.hosts = if panic { self.present.clone() } else { healthy };
        self.equal = self.hosts.windows(2).all(|pair| self.weights[pair[0] as usize] == self.weights[pair[1] as usize]);
        for number in 0..self.workers.len() {
            let start = self.rng.below(self.hosts.len() as u32);
            let worker = &mut self.workers[number];
            *worker = Worker { turn: start as usize, ..Worker::default() };
            if self.equal {
                continue;
            }
            for host in &self.hosts {
                worker.add(*host, f64::from(self.weights[*host as usize]));
            }
            // Workers do not all begin with the same host.
            for _ in 0..start {
                let _ = self.scheduled(number);
            }
        }
    }

    fn weight(&self, host: u32) -> f64 {
        let weight = f64::from(self.weights[host as usize]);
        match self.config.policy {
            EnvoyPolicy::RoundRobin => weight,
            EnvoyPolicy::LeastRequest { .. } => weight / f64::from(self.in_flight[host as usize] + 1),
        }
    }

    fn scheduled(&mut self, worker: usize) -> Option<u32> {
        let Entry { deadline, host, .. } = self.workers[worker].schedule.pop()?;
        self.workers[worker].time = deadline;
        let weight = self.weight(host);
        self.workers[worker].add(host, weight);
        Some(host)
    }

    fn choose(&mut self, worker: usize) -> Option<u32> {
        if !self.equal {
            return self.scheduled(worker);
        }
        match self.config.policy {
            EnvoyPolicy::RoundRobin => {
                let turn = &mut self.workers[worker].turn;
                *turn = if *turn + 1 >= self.hosts.len() { 0 } else { *turn + 1 };
                self.hosts.get(*turn).copied()
            }
            EnvoyPolicy::LeastRequest { choices } => {
                let mut best: Option<u32> = None;
                for _ in 0..choices.max(1) {
                    let sample = *self.hosts.get(self.rng.below(self.hosts.len() as u32) as usize)?;
                    let fewer = |best: u32| self.in_flight[sample as usize] < self.in_flight[best as usize];
                    if best.is_none_or(fewer) {
                        best = Some(sample);
                    }
                }
                best
            }
        }
    }
}

impl Balancer for Proxy {
    fn workers(&self) -> u32 {
        self.workers.len() as u32
    }

    fn members(&mut self, present: &[u32], _now: Time) {
        self.present = present.to_vec();
        if let Some(detector) = &mut self.detector {
            detector.members(present);
        }
        self.refresh();
    }

    fn pick(&mut self, request: &Request<'_>, _now: Time) -> Pick {
        let mut picked = self.choose(request.worker as usize);
        for _ in 0..self.config.reselect {
            match picked {
                Some(host) if request.tried.contains(&host) => picked = self.choose(request.worker as usize),
                _ => break,
            }
        }
        picked.map_or(Pick::Refuse, Pick::To)
    }

    fn start(&mut self, attempt: Attempt, _now: Time) {
        self.in_flight[attempt.endpoint as usize] += 1;
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        self.in_flight[attempt.endpoint as usize] -= 1;
        if let Some(detector) = &mut self.detector
            && detector.record(attempt.endpoint, ending == Ending::Success, now)
        {
            self.refresh();
        }
    }

    fn next_tick(&self) -> Option<Time> {
        self.detector.as_ref().map(Detector::next)
    }

    fn tick(&mut self, now: Time) {
        if self.detector.as_mut().is_some_and(|detector| detector.interval(now)) {
            self.refresh();
        }
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        self.detector.as_mut().map(Detector::verdicts).unwrap_or_default()
    }
}
