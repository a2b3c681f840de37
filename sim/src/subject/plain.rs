//! Baselines without knobs: by chance, in turn, and the two that know what no proxy can.

use crate::balancer::{Attempt, Balancer, Ending, Pick, Request};
use crate::scenario::Scenario;
use plimsoll_engine::{Rng, Time};

/// By chance.
pub(super) struct Random {
    pub(super) rng: Rng,
    pub(super) present: Vec<u32>,
}

impl Balancer for Random {
    fn members(&mut self, present: &[u32], _now: Time) {
        self.present = present.to_vec();
    }

    fn pick(&mut self, _request: &Request<'_>, _now: Time) -> Pick {
        let number = self.rng.below(self.present.len() as u32) as usize;
        self.present.get(number).map_or(Pick::Refuse, |endpoint| Pick::To(*endpoint))
    }

    fn start(&mut self, _attempt: Attempt, _now: Time) {}

    fn settle(&mut self, _attempt: Attempt, _now: Time, _ending: Ending) {}
}

/// In turn.
pub(super) struct InTurn {
    pub(super) turn: usize,
    pub(super) present: Vec<u32>,
}

impl Balancer for InTurn {
    fn members(&mut self, present: &[u32], _now: Time) {
        self.present = present.to_vec();
    }

    fn pick(&mut self, _request: &Request<'_>, _now: Time) -> Pick {
        self.turn = if self.turn + 1 >= self.present.len() { 0 } else { self.turn + 1 };
        self.present.get(self.turn).map_or(Pick::Refuse, |endpoint| Pick::To(*endpoint))
    }

    fn start(&mut self, _attempt: Attempt, _now: Time) {}

    fn settle(&mut self, _attempt: Attempt, _now: Time, _ending: Ending) {}
}

/// Who knows every endpoint's requests under way and slots.
struct Known {
    present: Vec<u32>,
    in_flight: Vec<u32>,
    slots: Vec<u32>,
    rng: Rng,
}

impl Known {
    fn new(scenario: &Scenario, rng: Rng) -> Self {
        Self {
            present: Vec::new(),
            in_flight: vec![0; scenario.endpoints.len()],
            slots: scenario.endpoints.iter().map(|endpoint| endpoint.slots.max(1)).collect(),
            rng,
        }
    }
}

/// The shortest queue.
pub(super) struct Shortest(Known);

impl Shortest {
    pub(super) fn new(scenario: &Scenario, rng: Rng) -> Self {
        Self(Known::new(scenario, rng))
    }
}

impl Balancer for Shortest {
    fn members(&mut self, present: &[u32], _now: Time) {
        self.0.present = present.to_vec();
    }

    fn pick(&mut self, _request: &Request<'_>, _now: Time) -> Pick {
        let Known { present, in_flight, slots, rng } = &mut self.0;
        let mut best = None;
        let mut ties = 0;
        for endpoint in present.iter().copied() {
            let (load, size) = (u64::from(in_flight[endpoint as usize]), u64::from(slots[endpoint as usize]));
            // load / size, without fractions.
            let order = best
                .map_or(std::cmp::Ordering::Less, |(_, least, of): (u32, u64, u64)| (load * of).cmp(&(least * size)));
            match order {
                std::cmp::Ordering::Less => (best, ties) = (Some((endpoint, load, size)), 1),
                // Each of k equal ones stays with probability 1 / k.
                std::cmp::Ordering::Equal => {
                    ties += 1;
                    if rng.below(ties) == 0 {
                        best = Some((endpoint, load, size));
                    }
                }
                std::cmp::Ordering::Greater => {}
            }
        }
        best.map_or(Pick::Refuse, |(endpoint, ..)| Pick::To(endpoint))
    }

    fn start(&mut self, attempt: Attempt, _now: Time) {
        self.0.in_flight[attempt.endpoint as usize] += 1;
    }

    fn settle(&mut self, attempt: Attempt, _now: Time, _ending: Ending) {
        self.0.in_flight[attempt.endpoint as usize] -= 1;
    }
}

/// One queue for all.
pub(super) struct Central {
    known: Known,
    /// Endpoints with a free slot, in any order, and where each stands in that list.
    open: Vec<u32>,
    places: Vec<Option<u32>>,
}

impl Central {
    pub(super) fn new(scenario: &Scenario, rng: Rng) -> Self {
        let places = vec![None; scenario.endpoints.len()];
        Self { known: Known::new(scenario, rng), open: Vec::new(), places }
    }

    fn list(&mut self, endpoint: u32) {
        let number = endpoint as usize;
        let wanted = self.known.in_flight[number] < self.known.slots[number] && self.known.present.contains(&endpoint);
        match (wanted, self.places[number]) {
            (true, None) => {
                self.places[number] = Some(self.open.len() as u32);
                self.open.push(endpoint);
            }
            (false, Some(place)) => {
                self.places[number] = None;
                self.open.swap_remove(place as usize);
                if let Some(moved) = self.open.get(place as usize) {
                    self.places[*moved as usize] = Some(place);
                }
            }
            _ => {}
        }
    }
}

impl Balancer for Central {
    fn members(&mut self, present: &[u32], _now: Time) {
        self.known.present = present.to_vec();
        (0..self.places.len() as u32).for_each(|endpoint| self.list(endpoint));
    }

    fn pick(&mut self, _request: &Request<'_>, _now: Time) -> Pick {
        let number = self.known.rng.below(self.open.len() as u32) as usize;
        self.open.get(number).map_or(Pick::Hold, |endpoint| Pick::To(*endpoint))
    }

    fn start(&mut self, attempt: Attempt, _now: Time) {
        self.known.in_flight[attempt.endpoint as usize] += 1;
        self.list(attempt.endpoint);
    }

    fn settle(&mut self, attempt: Attempt, _now: Time, _ending: Ending) {
        self.known.in_flight[attempt.endpoint as usize] -= 1;
        self.list(attempt.endpoint);
    }
}
