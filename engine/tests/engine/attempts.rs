//! Attempts: in flight exactly while they last, settled exactly once, across changes of the configuration.

use crate::arrange::{Bed, cases, equal, ms, well};
use plimsoll_engine::{Attempt, Ending, Outcome, PoolConfig, Strategy};
use plimsoll_snapshot::FailureKind;
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

const ENDPOINTS: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Start(u32),
    Answer(usize, bool),
    Finish(usize, u8),
    /// Keep the endpoints of this bit mask.
    Reconfigure(u8),
    Pass(u64),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        6 => (0..ENDPOINTS as u32).prop_map(Step::Start),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, ok)| Step::Answer(which, ok)),
        5 => (any::<usize>(), 0_u8..3).prop_map(|(which, ending)| Step::Finish(which, ending)),
        1 => any::<u8>().prop_map(Step::Reconfigure),
        1 => (0_u64..20_000).prop_map(Step::Pass),
    ]
}

/// What the test knows of one attempt.
struct Known {
    attempt: Attempt,
    endpoint: usize,
    /// How often the endpoint had joined when it began.
    life: u32,
    answer: Option<bool>,
}

/// What the engine should say about one endpoint.
#[derive(Clone, Copy, Default)]
struct Expected {
    life: u32,
    present: bool,
    in_flight: u32,
    requests: u64,
    failures: u64,
}

struct Model {
    bed: Bed,
    full: PoolConfig,
    under_way: Vec<Known>,
    expected: [Expected; ENDPOINTS],
}

impl Model {
    fn new(detect_truncated: bool) -> Self {
        let full = PoolConfig { detect_truncated, ..equal(Strategy::PeakEwma, ENDPOINTS) };
        let expected = [Expected { present: true, ..Expected::default() }; ENDPOINTS];
        Self { bed: Bed::new(full.clone(), 1, 1), full, under_way: Vec::new(), expected }
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Start(position) => self.start(position),
            Step::Answer(which, ok) => self.answer(which, ok),
            Step::Finish(which, ending) => self.finish(which, ending),
            Step::Reconfigure(mask) => self.reconfigure(mask),
            Step::Pass(time) => self.bed.pass(ms(time)),
        }
        self.check();
    }

    fn start(&mut self, position: u32) {
        let now = self.bed.now;
        let Some(address) = self.bed.pool().endpoint(position).map(|endpoint| endpoint.address.clone()) else {
            assert!(self.bed.pool().start(position, now).is_none());
            return;
        };
        let endpoint = self.full.endpoints.iter().position(|other| other.address == address).unwrap();
        let attempt = self.bed.start(0, position);
        self.expected[endpoint].in_flight += 1;
        self.under_way.push(Known { attempt, endpoint, life: self.expected[endpoint].life, answer: None });
    }

    fn answer(&mut self, which: usize, ok: bool) {
        let Some(known) = which.checked_rem(self.under_way.len()).map(|at| &mut self.under_way[at]) else { return };
        let outcome = if ok { Outcome::Success } else { Outcome::Failure(FailureKind::Status) };
        self.bed.pools[0].answer(&mut known.attempt, self.bed.now, outcome);
        if known.answer.is_some() {
            return;
        }
        known.answer = Some(ok);
        let (endpoint, life) = (known.endpoint, known.life);
        if !ok || !self.full.detect_truncated {
            self.settled(endpoint, life, ok);
        }
    }

    fn finish(&mut self, which: usize, ending: u8) {
        let Some(at) = which.checked_rem(self.under_way.len()) else { return };
        let Known { attempt, endpoint, life, answer } = self.under_way.swap_remove(at);
        let endings = [Ending::Complete, Ending::Failed(FailureKind::Reset), Ending::Abandoned];
        self.bed.pools[0].finish(attempt, self.bed.now, endings[usize::from(ending)]);
        if self.alive(endpoint, life) {
            self.expected[endpoint].in_flight -= 1;
        }
        let held = self.full.detect_truncated && answer == Some(true);
        if (answer.is_none() || held) && ending < 2 {
            self.settled(endpoint, life, ending == 0);
        }
    }

    fn reconfigure(&mut self, mask: u8) {
        let keeps = |index: usize| mask >> index & 1 == 1;
        let endpoints = (0..ENDPOINTS).filter(|index| keeps(*index)).map(|index| self.full.endpoints[index].clone());
        let config = PoolConfig { endpoints: endpoints.collect(), ..self.full.clone() };
        self.bed.pool().reconfigure(config);
        for (index, expected) in self.expected.iter_mut().enumerate() {
            if !keeps(index) && expected.present {
                *expected = Expected { life: expected.life + 1, ..Expected::default() };
            }
            expected.present = keeps(index);
        }
    }

    fn alive(&self, endpoint: usize, life: u32) -> bool {
        self.expected[endpoint].present && self.expected[endpoint].life == life
    }

    fn settled(&mut self, endpoint: usize, life: u32, ok: bool) {
        if self.alive(endpoint, life) {
            self.expected[endpoint].requests += 1;
            self.expected[endpoint].failures += u64::from(!ok);
        }
    }

    fn check(&mut self) {
        let got: Vec<_> = self.bed.pool().counts().iter().map(|c| (c.in_flight, c.requests, c.failures)).collect();
        let want: Vec<_> = self
            .expected
            .iter()
            .filter(|expected| expected.present)
            .map(|expected| (expected.in_flight, expected.requests, expected.failures))
            .collect();
        assert_eq!(got, want);
    }
}

proptest! {
    #![proptest_config(cases(300))]
    #[test]
    fn in_flight_is_exact_and_every_attempt_counts_once(
        detect_truncated: bool,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut model = Model::new(detect_truncated);
        for step in steps {
            model.act(step);
        }
        while !model.under_way.is_empty() {
            model.act(Step::Finish(0, 2));
        }
        prop_assert!(model.bed.pool().counts().iter().all(|count| count.in_flight == 0));
    }
}

#[test]
fn an_answer_that_breaks_off_is_a_failure_only_where_that_is_looked_for() {
    for (detect_truncated, failures) in [(false, 0), (true, 1)] {
        let mut bed = Bed::new(PoolConfig { detect_truncated, ..equal(Strategy::Random, 2) }, 1, 1);
        let mut attempt = bed.start(0, 0);
        let now = bed.now;
        bed.pool().answer(&mut attempt, now, Outcome::Success);
        bed.pool().finish(attempt, now, Ending::Failed(FailureKind::Truncated));
        assert_eq!((bed.counts(0).requests, bed.counts(0).failures), (1, failures));
    }
}

#[test]
fn a_held_answer_counts_once_as_what_is_said_later() {
    let cases = [
        (Outcome::Success, [1, 0, 0, 0]),
        (Outcome::Failure(FailureKind::Grpc), [1, 1, 0, 0]),
        (Outcome::Overload, [1, 0, 1, 0]),
        (Outcome::Ignored, [0, 0, 0, 1]),
    ];
    for (outcome, want) in cases {
        let mut bed = Bed::new(equal(Strategy::Random, 2), 1, 1);
        let mut attempt = bed.start(0, 0);
        let now = bed.now;
        bed.pool().release(&mut attempt, now, outcome);
        bed.pool().hold(&mut attempt, now);
        assert!(attempt.answered() && attempt.held());
        bed.pool().answer(&mut attempt, now, Outcome::Failure(FailureKind::Status));
        assert_eq!(bed.counts(0).requests, 0, "held");
        bed.pass(ms(1000));
        let now = bed.now;
        for _ in 0..2 {
            bed.pool().release(&mut attempt, now, outcome);
        }
        bed.pool().finish(attempt, now, Ending::Failed(FailureKind::Reset));
        let counts = bed.counts(0);
        assert_eq!([counts.requests, counts.failures, counts.overloads, counts.ignored], want, "{outcome:?}");
        assert_eq!(counts.in_flight, 0);
    }
}

#[test]
fn a_held_answer_of_which_nothing_more_is_said_counts_by_its_ending() {
    let endings = [(Ending::Complete, 1, 0), (Ending::Failed(FailureKind::Grpc), 1, 1), (Ending::Abandoned, 0, 0)];
    for (ending, requests, failures) in endings {
        let mut bed = Bed::new(equal(Strategy::Random, 2), 1, 1);
        let mut attempt = bed.start(0, 0);
        let now = bed.now;
        bed.pool().hold(&mut attempt, now);
        bed.pool().finish(attempt, now, ending);
        assert_eq!((bed.counts(0).requests, bed.counts(0).failures), (requests, failures), "{ending:?}");
    }
}

#[test]
fn staying_endpoints_keep_what_is_known_and_leaving_ones_are_forgotten() {
    let full = equal(Strategy::RoundRobin, 3);
    let mut bed = Bed::new(full.clone(), 1, 4);
    bed.traffic(30, ms(10), &well);
    let under_way = bed.start(0, 2);
    // The last one moves to the front, the first leaves, the second stays between.
    let reordered = [2, 1].map(|index| full.endpoints[index].clone()).to_vec();
    bed.pool().reconfigure(PoolConfig { endpoints: reordered, ..full.clone() });
    assert_eq!((bed.counts(0).requests, bed.counts(0).in_flight), (10, 1));
    assert_eq!(bed.counts(1).requests, 10);
    assert_eq!(bed.pool().sketches().len(), 2);
    bed.end(0, under_way, ms(10), None);
    assert_eq!((bed.counts(0).requests, bed.counts(0).in_flight), (11, 0));
    bed.pool().reconfigure(full);
    assert_eq!([0, 1, 2].map(|position| bed.counts(position).requests), [0, 10, 11]);
}

#[test]
fn an_attempt_on_an_endpoint_that_left_and_came_back_is_not_the_new_ones() {
    let full = equal(Strategy::RoundRobin, 2);
    let mut bed = Bed::new(full.clone(), 1, 4);
    let old = bed.start(0, 1);
    bed.pool().reconfigure(PoolConfig { endpoints: full.endpoints[..1].to_vec(), ..full.clone() });
    bed.pool().reconfigure(full);
    let new = bed.start(0, 1);
    bed.end(0, old, ms(1), Some(FailureKind::Reset));
    assert_eq!((bed.counts(1).in_flight, bed.counts(1).requests), (1, 0));
    bed.end(0, new, ms(1), None);
    assert_eq!((bed.counts(1).in_flight, bed.counts(1).requests, bed.counts(1).failures), (0, 1, 0));
}
