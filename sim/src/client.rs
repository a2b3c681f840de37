//! How clients hold themselves back: retry budget and throttle, both over a sliding window.

use crate::dice::nanos;
use crate::scenario::{RetryBudget, Throttle};
use plimsoll_engine::Rng;
use std::time::Duration;

/// The window moves by a tenth of its length at a time.
const PARTS: usize = 10;

/// Two counts over the last window.
#[derive(Clone, Debug)]
struct Window {
    part_ns: u64,
    /// Which part of time is counted now.
    part: u64,
    counts: [[u64; 2]; PARTS],
    sums: [u64; 2],
}

impl Window {
    fn new(length: Duration) -> Self {
        let part_ns = (nanos(length.as_secs_f64()) / PARTS as u64).max(1);
        Self { part_ns, part: 0, counts: [[0; 2]; PARTS], sums: [0; 2] }
    }

    fn add(&mut self, now: u64, which: usize) {
        self.advance(now);
        self.counts[(self.part % PARTS as u64) as usize][which] += 1;
        self.sums[which] += 1;
    }

    fn sums(&mut self, now: u64) -> [u64; 2] {
        self.advance(now);
        self.sums
    }

    fn advance(&mut self, now: u64) {
        let part = now / self.part_ns;
        for passed in 0..(part - self.part).min(PARTS as u64) {
            let slot = &mut self.counts[((self.part + 1 + passed) % PARTS as u64) as usize];
            let [a, b] = std::mem::take(slot);
            self.sums[0] -= a;
            self.sums[1] -= b;
        }
        self.part = part;
    }
}

/// Retries under way of the budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    share: f64,
    constant: f64,
    /// Requests, retries.
    window: Window,
}

impl Budget {
    pub(crate) fn new(budget: &RetryBudget) -> Self {
        let constant = budget.per_second * budget.window.as_secs_f64();
        Self { share: budget.share, constant, window: Window::new(budget.window) }
    }

    pub(crate) fn request(&mut self, now: u64) {
        self.window.add(now, 0);
    }

    /// A retry is wanted: counts it if it is allowed.
    pub(crate) fn allows(&mut self, now: u64) -> bool {
        let [requests, retries] = self.window.sums(now);
        let allowed = (retries as f64) < self.share * requests as f64 + self.constant;
        if allowed {
            self.window.add(now, 1);
        }
        allowed
    }
}

/// The throttle's counts.
#[derive(Clone, Debug)]
pub(crate) struct Valve {
    k: f64,
    cap: f64,
    /// Requests, those accepted.
    window: Window,
}

impl Valve {
    pub(crate) fn new(throttle: &Throttle) -> Self {
        Self { k: throttle.k, cap: throttle.cap, window: Window::new(throttle.window) }
    }

    /// A request comes: whether it may pass.
    pub(crate) fn passes(&mut self, now: u64, rng: &mut Rng) -> bool {
        let [requests, accepted] = self.window.sums(now);
        let excess = requests as f64 - self.k * accepted as f64;
        let refuses = (excess / (requests as f64 + 1.0)).min(self.cap);
        self.window.add(now, 0);
        rng.unit() >= refuses
    }

    pub(crate) fn accepted(&mut self, now: u64) {
        self.window.add(now, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_window_forgets_what_is_older_than_it() {
        let mut window = Window::new(Duration::from_secs(10));
        (0..20).for_each(|second| window.add(second * SECOND, 0));
        assert_eq!(window.sums(19 * SECOND), [10, 0]);
        window.add(19 * SECOND, 1);
        assert_eq!(window.sums(28 * SECOND), [1, 1]);
        assert_eq!(window.sums(29 * SECOND), [0, 0]);
        assert_eq!(window.sums(1000 * SECOND), [0, 0]);
    }

    /// 1,000 requests a second, each wants a retry: 20 % and 10 per second pass.
    #[test]
    fn the_budget_is_a_share_and_a_constant() {
        let mut budget = Budget::new(&RetryBudget::default());
        let mut passed = 0;
        for request in 0..60_000_u64 {
            let now = request * SECOND / 1000;
            budget.request(now);
            passed += u32::from(budget.allows(now) && request >= 20_000);
        }
        assert!((passed as f64 / 40.0 - 210.0).abs() < 3.0, "{passed}");
    }

    /// The endpoints can do c of what is asked for: the throttle holds 1 − K c back, below its cap.
    #[test]
    fn the_throttle_refuses_one_minus_k_times_what_is_accepted() {
        for (accepted, want) in [(0.2, 0.6), (0.35, 0.3), (0.6, 0.0), (0.01, 0.8)] {
            let mut valve = Valve::new(&Throttle::default());
            let (mut rng, mut refused) = (Rng::new(1), 0);
            for request in 0..60_000_u64 {
                let now = request * SECOND / 1000;
                refused += u32::from(!valve.passes(now, &mut rng) && request >= 20_000);
                if rng.unit() < accepted {
                    valve.accepted(now);
                }
            }
            // Five standard deviations of the share among 40,000, and what the window's own noise adds.
            let share = f64::from(refused) / 40_000.0;
            assert!((share - want).abs() < 0.02, "{share} for {want}");
        }
    }
}
