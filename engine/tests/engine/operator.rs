//! The operator's word, limits, and what clients are told.

use crate::arrange::{Bed, equal, failing, ms, well, with_circuit};
use plimsoll_engine::{CircuitConfig, Ending, Forced, PoolConfig, Strategy};
use plimsoll_snapshot::{CircuitState, FailureKind};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const STATUS: Option<FailureKind> = Some(FailureKind::Status);

#[test]
fn what_the_operator_lets_go_is_let_go_though_the_clock_stepped_back_a_little() {
    let mut config = with_circuit(CircuitConfig::default());
    let auto = config.clone();
    config.endpoints[0].circuit = Forced::Open;
    let mut bed = Bed::new(auto.clone(), 1, 1);
    bed.pass(SECOND);
    let now = bed.now;
    bed.pool().reconfigure(config);
    bed.pool().set_configured_at(now);
    bed.pass(SECOND);
    assert_eq!(bed.record.get(bed.key(0)).unwrap().state, CircuitState::ForcedOpen);
    bed.step_back(30);
    let now = bed.now;
    bed.pool().reconfigure(auto);
    bed.pool().set_configured_at(now);
    bed.traffic(60_000, ms(10), &well);
    bed.traffic(200, ms(10), &failing(0));
    assert_eq!(bed.state(0), CircuitState::Open, "fails always: {:?}", bed.record);
}

#[test]
fn retry_after_is_of_endpoints_that_come_back() {
    let circuit =
        CircuitConfig { outliers: false, relative: false, open_for: 100 * SECOND, ..CircuitConfig::default() };
    let mut config = PoolConfig { max_ejected_percent: 100, panic_threshold_percent: 0, ..with_circuit(circuit) };
    config.endpoints[3].circuit = Forced::Open;
    let mut bed = Bed::new(config, 1, 1);
    bed.pass(SECOND);
    bed.eject(&[0, 1, 2]);
    let refused = bed.pick(0).unwrap_err();
    assert!(refused.retry_after > 90 * SECOND, "nobody comes back before that: {refused:?}");
}

#[test]
fn nobody_is_ejected_where_none_may_be_and_openings_are_withdrawn() {
    let mut bed = Bed::new(PoolConfig { max_ejected_percent: 0, ..equal(Strategy::RoundRobin, 4) }, 2, 1);
    bed.traffic(3000, ms(10), &failing(0));
    assert_eq!((bed.events.len(), bed.pools[0].eligible()), (0, 4));
}

#[test]
fn whatever_the_order_in_which_workers_are_configured_the_record_ends_as_the_operator_wants() {
    for seed in 0..300 {
        let plain = with_circuit(CircuitConfig::default());
        let mut bed = Bed::new(plain.clone(), 3, seed);
        let mut at = [0_usize; 3];
        let plan: Vec<Forced> =
            (0..4).map(|_| [Forced::Auto, Forced::Open, Forced::Disabled][bed.rng.below(3) as usize]).collect();
        while at.iter().any(|at| *at < plan.len()) {
            let worker = bed.rng.below(3) as usize;
            if at[worker] < plan.len() && bed.rng.below(3) == 0 {
                let mut config = plain.clone();
                config.endpoints[0].circuit = plan[at[worker]];
                at[worker] += 1;
                bed.pools[worker].reconfigure(config);
                let now = bed.now;
                bed.pools[worker].set_configured_at(now);
            }
            let bad = bed.rng.below(2) == 0;
            for worker in 0..3 {
                for _ in 0..bed.rng.below(8) {
                    bed.request(worker, &|at| if bad && at == 0 { (ms(1), STATUS) } else { well(at) });
                }
            }
            let step = u64::from(bed.rng.below(60));
            bed.pass(ms(step));
        }
        bed.pass(SECOND);
        let state = bed.record.get(bed.key(0)).map(|entry| entry.state);
        let fits = match plan[3] {
            Forced::Open => state == Some(CircuitState::ForcedOpen),
            Forced::Disabled => state == Some(CircuitState::Disabled),
            Forced::Auto => !matches!(state, Some(CircuitState::ForcedOpen | CircuitState::Disabled)),
        };
        assert!(fits, "seed {seed}: {plan:?} ended as {state:?}");
        let all: Vec<_> = (0..3).map(|worker| bed.pools[worker].circuit_state(0)).collect();
        assert!(all.iter().all(|state| *state == all[0]), "seed {seed}: {all:?}");
    }
}

#[test]
fn a_client_that_gives_up_does_not_make_its_endpoint_silent() {
    let mut bed = Bed::new(equal(Strategy::RoundRobin, 4), 1, 3);
    bed.traffic(1200, ms(5), &well);
    let poll = bed.start(0, 2);
    bed.traffic(600, ms(5), &well);
    let young: Vec<_> = (0..3).map(|_| bed.start(0, 2)).collect();
    // As filter/src/picker.rs ends a request without an answer.
    let started = poll.started();
    bed.pool().finish(poll, started, Ending::Abandoned);
    bed.attempt(0, 1, &well);
    bed.tick();
    let events = bed.events.clone();
    for attempt in young {
        bed.end(0, attempt, ms(5), None);
    }
    assert_eq!(events, [], "it answers everything within 10 ms");
}

#[test]
fn the_operators_word_stands_against_workers_with_an_old_configuration() {
    let auto = with_circuit(CircuitConfig::default());
    let mut forced = auto.clone();
    forced.endpoints[0].circuit = Forced::Open;
    let mut bed = Bed::new(auto, 2, 1);
    let now = bed.now;
    bed.pools.iter_mut().for_each(|pool| pool.set_configured_at(now));
    bed.pass(400 * SECOND);
    let now = bed.now;
    bed.pools[0].reconfigure(forced);
    bed.pools[0].set_configured_at(now);
    // The second worker still has the old one.
    bed.pass(SECOND);
    let state = bed.record.get(bed.key(0)).map(|entry| entry.state);
    assert_eq!(state, Some(CircuitState::ForcedOpen), "{:?}", bed.story());
}
