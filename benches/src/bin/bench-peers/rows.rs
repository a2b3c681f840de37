//! The rows of the table: what happens to which endpoint when. Everything is a function of time alone, so that all
//! subjects meet the very same faults.

/// Endpoints of the pool; a request's work takes a slot of one of them.
pub(crate) const ENDPOINTS: usize = 8;
/// Requests that an endpoint works on at once; the others queue, first come, first served.
pub(crate) const SLOTS: usize = 4;
/// Mean of the exponential service time, seconds.
pub(crate) const SERVICE: f64 = 0.020;
/// Requests per second, 56 % of what the pool can do.
const RATE: f64 = 900.0;
/// Three times slower, the pool can do 533 a second: this is 68 % of that.
const RATE_WHEN_ALL_ARE_SLOW: f64 = 360.0;
/// Faults begin here, seconds after the first request that counts.
const FAULT: f64 = 3.0;
/// Since ever.
const ALWAYS: f64 = f64::NEG_INFINITY;

/// What an endpoint does with requests that arrive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Answers 200; the work takes this many times as long as usual.
    Serve(f64),
    /// Answers 503 at once to this part of the requests, and 200 to the rest.
    Errors(f64),
    /// Accepts connections, reads requests, never answers.
    Hang,
    /// Closes its connections and refuses new ones.
    Refuse,
    /// Has just been started, which broke its connections: the work takes `factor` times as long, less and less so, and
    /// after `over` seconds as long as usual.
    Cold {
        /// At first.
        factor: f64,
        /// Seconds.
        over: f64,
    },
}

/// What an endpoint does from when on, in seconds; in order.
pub(crate) type Phases = Vec<(f64, Effect)>;

/// The effect in force at `at`, and since when.
pub(crate) fn effect_at(phases: &[(f64, Effect)], at: f64) -> (f64, Effect) {
    let begun = phases.iter().rev().find(|(since, _)| *since <= at);
    begun.copied().unwrap_or((ALWAYS, Effect::Serve(1.0)))
}

/// How much longer than usual the work takes that begins at `at`.
pub(crate) fn slowness(phases: &[(f64, Effect)], at: f64) -> f64 {
    match effect_at(phases, at) {
        (_, Effect::Serve(factor)) => factor,
        (since, Effect::Cold { factor, over }) => factor + (1.0 - factor) * ((at - since) / over).min(1.0),
        _ => 1.0,
    }
}

/// What is asked of a row besides that nobody does better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    /// The p99 as a multiple of the own p99 without faults.
    pub(crate) p99: Option<f64>,
    /// Nobody may be ejected.
    pub(crate) no_ejection: bool,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// For `--rows`.
    pub(crate) key: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Requests per second.
    pub(crate) rate: f64,
    /// What the endpoints do, by their index.
    pub(crate) phases: Vec<Phases>,
    pub(crate) target: Target,
}

impl Row {
    fn new(key: &'static str, title: &'static str, faults: &[(usize, Phases)]) -> Self {
        let mut phases = vec![Phases::new(); ENDPOINTS];
        for (endpoint, own) in faults {
            phases[*endpoint].clone_from(own);
        }
        Self { key, title, rate: RATE, phases, target: Target { p99: None, no_ejection: false } }
    }

    fn target(mut self, p99: f64) -> Self {
        self.target.p99 = Some(p99);
        self
    }
}

/// Highest p99 with one bad endpoint, as a multiple of the p99 without faults.
const ONE_BAD: f64 = 1.15;
/// The same where a quarter of the pool is slow.
const UNEVEN: f64 = 1.35;

/// All rows, the one without faults first.
pub(crate) fn all() -> Vec<Row> {
    let first = |effect| [(0, vec![(FAULT, effect)])];
    let flapping = (0..100).map(|turn| {
        let effect = if turn % 2 == 0 { Effect::Errors(1.0) } else { Effect::Serve(1.0) };
        (FAULT + 3.0 * f64::from(turn), effect)
    });
    let always = |factor| vec![(ALWAYS, Effect::Serve(factor))];
    let two_slow = [(0, vec![(FAULT, Effect::Serve(4.0))]), (1, vec![(FAULT, Effect::Serve(4.0))])];
    let all_slow: Vec<_> = (0..ENDPOINTS).map(|at| (at, vec![(FAULT, Effect::Serve(3.0))])).collect();
    let mut everyone = Row::new("all-slow", "all 3x slower at once, at 360/s", &all_slow);
    everyone.rate = RATE_WHEN_ALL_ARE_SLOW;
    everyone.target.no_ejection = true;
    vec![
        Row::new("none", "none", &[]),
        Row::new("slow", "10x slow", &first(Effect::Serve(10.0))).target(ONE_BAD),
        Row::new("two-slow", "2 of 8 4x slow", &two_slow).target(UNEVEN),
        Row::new("uneven", "uneven: two 3x slow, one 2x fast", &[(0, always(3.0)), (1, always(3.0)), (2, always(0.5))])
            .target(UNEVEN),
        Row::new("503", "fast 503s", &first(Effect::Errors(1.0))).target(ONE_BAD),
        Row::new("some-503", "30 % 503s", &first(Effect::Errors(0.3))).target(ONE_BAD),
        Row::new("hang", "hangs", &first(Effect::Hang)).target(ONE_BAD),
        Row::new("refuse", "refuses connections", &first(Effect::Refuse)).target(ONE_BAD),
        Row::new("flap", "flapping: 503s, 3 s of every 6", &[(0, flapping.collect())]).target(ONE_BAD),
        Row::new(
            "cold",
            "restarted: 10x slow, less and less for 5 s",
            &first(Effect::Cold { factor: 10.0, over: 5.0 }),
        )
        .target(ONE_BAD),
        everyone,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str) -> Row {
        all().into_iter().find(|row| row.key == key).unwrap()
    }

    #[test]
    fn a_fault_begins_at_its_second_and_flapping_ends_again() {
        let effect = |key, at| effect_at(&row(key).phases[0], at).1;
        assert_eq!(effect("hang", 2.9), Effect::Serve(1.0));
        assert_eq!(effect("hang", 3.0), Effect::Hang);
        assert_eq!(effect("flap", 5.9), Effect::Errors(1.0));
        assert_eq!(effect("flap", 6.1), Effect::Serve(1.0));
        assert_eq!(effect("uneven", -1.0), Effect::Serve(3.0));
    }

    #[test]
    fn a_restarted_endpoint_warms_up() {
        let phases = &row("cold").phases[0];
        let slow: Vec<f64> = [2.0, 3.0, 5.5, 8.0, 11.0].iter().map(|at| slowness(phases, *at)).collect();
        assert_eq!(slow, [1.0, 10.0, 5.5, 1.0, 1.0]);
    }

    #[test]
    fn every_row_leaves_the_pool_enough_to_carry_the_load() {
        for row in all() {
            let able = |phases: &Phases| match effect_at(phases, FAULT).1 {
                Effect::Serve(factor) => SLOTS as f64 / (SERVICE * factor),
                _ => 0.0,
            };
            let able: f64 = row.phases.iter().map(able).sum();
            assert!(row.rate < 0.8 * able, "{}: {} of {able} requests a second", row.key, row.rate);
        }
    }
}
