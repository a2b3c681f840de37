//! The balancer of the figures for averages: a plain moving average of the latencies that all workers saw, times requests
//! under way plus one. Not Finagle's peak: with that the figures do not come out (a mean of 1.12 instead of 1.09 with two
//! candidates).

use crate::bed::SERVICE;
use plimsoll_engine::{Rng, Time};
use plimsoll_sim::{Attempt, Balancer, Ending, Pick, Request};

/// Time constant of the average, in service times.
const DECAY: f64 = 10.0;

/// The balancer; its endpoints never change.
pub(crate) struct Averages {
    choices: usize,
    under_way: Vec<u32>,
    /// In service times, and when it was last changed. An endpoint that has not answered yet counts as average.
    average: Vec<(f64, Time)>,
    began: Vec<Time>,
    rng: Rng,
}

impl Averages {
    pub(crate) fn new(choices: usize, endpoints: usize, seed: u64) -> Self {
        Self {
            choices,
            under_way: vec![0; endpoints],
            average: vec![(1.0, Time::default()); endpoints],
            began: Vec::new(),
            rng: Rng::new(seed ^ 0x5eed),
        }
    }
}

impl Balancer for Averages {
    fn workers(&self) -> u32 {
        8
    }

    fn members(&mut self, _present: &[u32], _now: Time) {}

    fn pick(&mut self, _request: &Request<'_>, _now: Time) -> Pick {
        let mut drawn: Vec<usize> = Vec::with_capacity(self.choices);
        while drawn.len() < self.choices {
            let endpoint = self.rng.below(self.under_way.len() as u32) as usize;
            if !drawn.contains(&endpoint) {
                drawn.push(endpoint);
            }
        }
        let cost = |endpoint: &usize| self.average[*endpoint].0 * f64::from(self.under_way[*endpoint] + 1);
        let best = drawn.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        best.map_or(Pick::Refuse, |endpoint| Pick::To(endpoint as u32))
    }

    fn start(&mut self, attempt: Attempt, now: Time) {
        let slot = attempt.slot as usize;
        self.began.resize(self.began.len().max(slot + 1), now);
        self.began[slot] = now;
        self.under_way[attempt.endpoint as usize] += 1;
    }

    fn settle(&mut self, attempt: Attempt, now: Time, _ending: Ending) {
        let endpoint = attempt.endpoint as usize;
        self.under_way[endpoint] -= 1;
        let latency = now.since(self.began[attempt.slot as usize]).as_secs_f64() / SERVICE.as_secs_f64();
        let (average, at) = &mut self.average[endpoint];
        let keep = (-now.since(*at).as_secs_f64() / SERVICE.as_secs_f64() / DECAY).exp();
        *average = *average * keep + latency * (1.0 - keep);
        *at = now;
    }
}
