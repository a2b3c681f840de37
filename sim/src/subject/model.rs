//! Textbook balancers under stated knowledge. The board is written for all workers at once, at whole multiples of its
//! interval (periodic updates: Mitzenmacher 2000).

use super::{Cost, Counts, Model};
use crate::balancer::{Attempt, Balancer, Ending, Pick, Request};
use crate::run::begin_time;
use crate::scenario::Scenario;
use plimsoll_engine::{Rng, Time};
use std::time::Duration;

/// Latencies at loads up to this are told apart.
const LOADS: usize = 256;
/// How much a new latency counts in the mean of its load.
const GAIN: f64 = 0.1;

/// Old counts that count for less count for nothing. Own counts are small numbers and often equal; what is left of old
/// ones would decide then, and all workers would run to the same endpoint.
const LEAST_TRUST: f64 = 0.05;

/// The balancer.
pub(super) struct Textbook {
    model: Model,
    workers: usize,
    endpoints: usize,
    present: Vec<u32>,
    /// Under way: all, and by worker and endpoint.
    total: Vec<u32>,
    own: Vec<u32>,
    /// The same when the board was written.
    board: Vec<u32>,
    own_on_board: Vec<u32>,
    written: Time,
    /// How much what is written counts now.
    trust: f64,
    every: Option<Duration>,
    /// By worker (one if shared) and endpoint.
    averages: Vec<Average>,
    /// By endpoint and load on arrival.
    at_load: Vec<Option<f64>>,
    /// By the slot of the request: when its attempt began, at which load.
    began: Vec<(Time, u32)>,
    /// For quantiles of the loads.
    sorted: Vec<u32>,
    drawn: Vec<u32>,
    rng: Rng,
}

#[derive(Clone, Copy, Debug, Default)]
struct Average {
    nanos: Option<f64>,
    at: Time,
}

impl Textbook {
    pub(super) fn new(model: &Model, scenario: &Scenario, rng: Rng) -> Self {
        let (workers, endpoints) = (model.workers.max(1) as usize, scenario.endpoints.len());
        let sets = if matches!(model.cost, Cost::Ewma { shared: false, .. }) { workers } else { 1 };
        let every = match model.counts {
            Counts::Exact | Counts::Local => None,
            Counts::Board { every } | Counts::BoardAndOwn { every } | Counts::DecayedAndOwn { every, .. } => {
                Some(every.max(Duration::from_nanos(1)))
            }
        };
        let loads = if matches!(model.cost, Cost::HotCold { .. }) { endpoints * LOADS } else { 0 };
        Self {
            model: *model,
            workers,
            endpoints,
            present: Vec::new(),
            total: vec![0; endpoints],
            own: vec![0; workers * endpoints],
            board: vec![0; endpoints],
            own_on_board: vec![0; workers * endpoints],
            written: begin_time(),
            trust: 0.0,
            every,
            averages: vec![Average::default(); sets * endpoints],
            at_load: vec![None; loads],
            began: Vec::new(),
            sorted: Vec::new(),
            drawn: Vec::new(),
            rng,
        }
    }

    fn load(&self, worker: usize, endpoint: u32) -> f64 {
        let number = endpoint as usize;
        let mine = worker * self.endpoints + number;
        let own = || f64::from(self.own[mine]);
        let others = || f64::from(self.board[number] - self.own_on_board[mine]);
        match self.model.counts {
            Counts::Exact => f64::from(self.total[number]),
            Counts::Local => own(),
            Counts::Board { .. } => f64::from(self.board[number]),
            Counts::BoardAndOwn { .. } => own() + others(),
            Counts::DecayedAndOwn { .. } => own() + self.trust * others(),
        }
    }

    fn average(&mut self, worker: usize, endpoint: u32) -> &mut Average {
        let set = if self.averages.len() > self.endpoints { worker } else { 0 };
        &mut self.averages[set * self.endpoints + endpoint as usize]
    }

    fn cost(&mut self, worker: usize, endpoint: u32, hot: f64, now: Time) -> (bool, f64) {
        let load = self.load(worker, endpoint);
        match self.model.cost {
            Cost::Load => (false, load),
            Cost::Ewma { decay, .. } => {
                let average = *self.average(worker, endpoint);
                let age = now.since(average.at).as_secs_f64() / decay.as_secs_f64();
                // Unknown ones are tried first.
                (false, average.nanos.unwrap_or(0.0) * libm::exp(-age) * (load + 1.0))
            }
            Cost::HotCold { .. } if load > hot => (true, load),
            Cost::HotCold { .. } => (false, self.latency_at(endpoint, load)),
        }
    }

    /// What requests took that came at the load nearest to this one; 0 if none is known.
    fn latency_at(&self, endpoint: u32, load: f64) -> f64 {
        let row = &self.at_load[endpoint as usize * LOADS..][..LOADS];
        let load = (load as usize).min(LOADS - 1);
        let near = |distance: &usize| {
            let below = load.checked_sub(*distance).and_then(|at| row[at]);
            below.or_else(|| row.get(load + distance).copied().flatten())
        };
        (0..LOADS).find_map(|distance| near(&distance)).unwrap_or(0.0)
    }

    /// Above this load an endpoint is hot.
    fn hot(&mut self, worker: usize) -> f64 {
        let Cost::HotCold { quantile } = self.model.cost else { return f64::INFINITY };
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend(self.present.iter().map(|endpoint| self.load(worker, *endpoint) as u32));
        let rank = (quantile * sorted.len() as f64) as usize;
        let rank = rank.min(sorted.len().saturating_sub(1));
        let hot = if sorted.is_empty() { 0 } else { *sorted.select_nth_unstable(rank).1 };
        self.sorted = sorted;
        f64::from(hot)
    }

    /// Draws distinct endpoints.
    fn draw(&mut self, count: usize) {
        self.drawn.clear();
        while self.drawn.len() < count {
            let endpoint = self.present[self.rng.below(self.present.len() as u32) as usize];
            if !self.drawn.contains(&endpoint) {
                self.drawn.push(endpoint);
            }
        }
    }

    fn choose(&mut self, worker: usize, now: Time) -> Option<u32> {
        let all = self.present.len();
        let choices = self.model.choices.map_or(all, |choices| (choices.max(1) as usize).min(all));
        let scan = choices == all;
        if !scan {
            self.draw(choices);
        }
        if let Counts::DecayedAndOwn { mean, .. } = self.model.counts {
            let trust = libm::exp(-now.since(self.written).as_secs_f64() / mean.as_secs_f64());
            self.trust = if trust < LEAST_TRUST { 0.0 } else { trust };
        }
        let hot = self.hot(worker);
        let mut best: Option<(u32, (bool, f64))> = None;
        let mut ties = 0;
        for place in 0..choices {
            let endpoint = if scan { self.present[place] } else { self.drawn[place] };
            let cost = self.cost(worker, endpoint, hot, now);
            let order = best
                .map_or(std::cmp::Ordering::Less, |(_, least)| cost.0.cmp(&least.0).then(cost.1.total_cmp(&least.1)));
            ties = match order {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => ties + 1,
                std::cmp::Ordering::Greater => continue,
            };
            // Each of k equal ones stays with probability 1 / k. The order drawn is random already.
            if ties == 1 || (scan && self.rng.below(ties) == 0) {
                best = Some((endpoint, cost));
            }
        }
        best.map(|(endpoint, _)| endpoint)
    }

    fn learn(&mut self, attempt: Attempt, now: Time) {
        let (began, load) = self.began[attempt.slot as usize];
        let latency = now.since(began).as_nanos() as f64;
        match self.model.cost {
            Cost::Load => {}
            Cost::Ewma { decay, peak, .. } => {
                let average = self.average(attempt.worker as usize, attempt.endpoint);
                let keep = libm::exp(-now.since(average.at).as_secs_f64() / decay.as_secs_f64());
                average.nanos = Some(match average.nanos {
                    Some(value) if !peak || value > latency => value * keep + latency * (1.0 - keep),
                    _ => latency,
                });
                average.at = now;
            }
            Cost::HotCold { .. } => {
                let place = attempt.endpoint as usize * LOADS + (load as usize).min(LOADS - 1);
                let known = self.at_load[place].unwrap_or(latency);
                self.at_load[place] = Some(known + GAIN * (latency - known));
            }
        }
    }
}

impl Balancer for Textbook {
    fn workers(&self) -> u32 {
        self.workers as u32
    }

    fn members(&mut self, present: &[u32], _now: Time) {
        self.present = present.to_vec();
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        self.choose(request.worker as usize, now).map_or(Pick::Refuse, Pick::To)
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        let slot = attempt.slot as usize;
        if self.began.len() <= slot {
            self.began.resize(slot + 1, (Time::default(), 0));
        }
        self.began[slot] = (now, self.load(attempt.worker as usize, attempt.endpoint) as u32);
        self.total[attempt.endpoint as usize] += 1;
        self.own[attempt.worker as usize * self.endpoints + attempt.endpoint as usize] += 1;
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        self.total[attempt.endpoint as usize] -= 1;
        self.own[attempt.worker as usize * self.endpoints + attempt.endpoint as usize] -= 1;
        if ending == Ending::Success {
            self.learn(attempt, now);
        }
    }

    fn next_tick(&self) -> Option<Time> {
        self.every.map(|every| self.written.after(every))
    }

    fn tick(&mut self, now: Time) {
        self.written = now;
        self.board.copy_from_slice(&self.total);
        self.own_on_board.copy_from_slice(&self.own);
    }
}
