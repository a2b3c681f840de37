//! Who is well again comes back: probes, permits and the clock.

use crate::arrange::{Bed, TICK, equal, failing, ms, well, with_circuit};
use plimsoll_engine::detect::Limits;
use plimsoll_engine::{CircuitConfig, CircuitMode, Ending, Pool, RateConfig, Strategy};
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const STATUS: Option<FailureKind> = Some(FailureKind::Status);

#[test]
fn an_endpoint_that_is_slow_every_day_comes_back_after_failures() {
    for strategy in [Strategy::PeakEwma, Strategy::RoundRobin] {
        let mut bed = Bed::new(equal(strategy, 4), 1, 1);
        let usual = |at: u32| (if at == 0 { ms(10) } else { ms(2) }, None);
        bed.traffic(12_000, ms(5), &usual);
        assert_eq!(bed.events, [], "served as it always was");
        for _ in 0..6 {
            bed.attempt(0, 0, &|_| (ms(1), STATUS));
        }
        bed.pass(TICK);
        assert_eq!(bed.state(0), CircuitState::Open);
        bed.traffic(120_000, ms(5), &usual);
        assert_eq!(bed.state(0), CircuitState::Closed, "{strategy:?}, ten minutes as well as ever: {:?}", bed.story());
    }
}

#[test]
fn probes_that_are_as_slow_as_the_whole_pool_pass() {
    let rates = RateConfig { slow_above: Some(ms(5)), ..RateConfig::default() };
    let mut bed =
        Bed::new(with_circuit(CircuitConfig { rates: Some(rates), outliers: false, ..CircuitConfig::default() }), 1, 1);
    bed.eject(&[0]);
    bed.traffic(60_000, ms(10), &well);
    assert_eq!(bed.state(0), CircuitState::Closed, "as fast as the others: {:?}", bed.story());
}

#[test]
fn an_endpoint_comes_back_however_seldom_requests_are() {
    for (open_for_max, gap) in [(300, 320), (5, 10)] {
        let circuit =
            CircuitConfig { open_for: 2 * SECOND, open_for_max: open_for_max * SECOND, ..CircuitConfig::default() };
        let mut bed = Bed::new(with_circuit(circuit), 1, 1);
        bed.eject(&[0]);
        bed.traffic(200, gap * SECOND, &well);
        assert_eq!(bed.state(0), CircuitState::Closed, "200 good requests, one in {gap} s, limit {open_for_max} s");
    }
}

#[test]
fn probes_that_overlap_and_all_pass_are_not_overdue() {
    let circuit = CircuitConfig { half_open_permits: 60, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 1);
    bed.eject(&[0]);
    // Each answer takes 150 ms: those of endpoint 0 end when they should.
    let mut out = std::collections::VecDeque::new();
    for _ in 0..2500 {
        if let Ok(list) = bed.pick(0) {
            let attempt = bed.start(0, list[0]);
            out.push_back((bed.now.after(ms(150)), attempt));
        }
        bed.pass(ms(10));
        while out.front().is_some_and(|(due, _)| *due <= bed.now) {
            let (_, attempt) = out.pop_front().unwrap();
            bed.end(0, attempt, ms(0), None);
        }
    }
    let failed: Vec<_> = bed.events.iter().filter(|(_, event)| event.reason.signal == Signal::ProbeFailed).collect();
    assert!(failed.is_empty(), "no probe took longer than 150 ms: {failed:?}");
}

#[test]
fn a_clock_that_steps_back_leaves_no_half_open_circuit_behind() {
    let circuit = CircuitConfig { half_open_max: 60 * SECOND, half_open_permits: 3, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed.step_back(3600);
    bed.traffic(30_000, ms(20), &well);
    assert_eq!(bed.state(0), CircuitState::Closed, "ten minutes of good traffic: {:?}", bed.record);
}

#[test]
fn a_probe_whose_answer_goes_on_for_long_has_passed_with_its_head() {
    // As the filter does for a gRPC call: its status comes with the trailers.
    let circuit = CircuitConfig { half_open_permits: 1, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let mut stream = bed.start(0, 0);
    let now = bed.now.after(ms(5));
    bed.pool().hold(&mut stream, now);
    bed.traffic(700, ms(10), &well);
    let failed = bed.events.iter().any(|(_, event)| event.reason.signal == Signal::ProbeFailed);
    let end = bed.now;
    bed.pool().finish(stream, end, Ending::Complete);
    assert!(!failed, "its answer had begun after 5 ms: {:?}", bed.story());
}

#[test]
fn metrics_only_tells_alarms_also_after_an_ejection() {
    let mut bed = Bed::new(with_circuit(CircuitConfig { open_for: 100 * SECOND, ..CircuitConfig::default() }), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::Closed, 200 * SECOND, &well);
    let circuit = CircuitConfig { mode: CircuitMode::MetricsOnly, ..CircuitConfig::default() };
    bed.pool().reconfigure(with_circuit(circuit));
    let before = bed.events.len();
    bed.traffic(6000, ms(10), &failing(0));
    assert!(bed.events.len() > before, "a minute of failures, open_for is 10 s, {:?}", bed.record);
}

#[test]
fn permits_lowered_while_half_open_close_in_time() {
    let mut bed = Bed::new(with_circuit(CircuitConfig { half_open_permits: 100, ..CircuitConfig::default() }), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed.traffic(100, ms(10), &well);
    let circuit = CircuitConfig { half_open_permits: 3, ..CircuitConfig::default() };
    bed.pool().reconfigure(with_circuit(circuit));
    bed.traffic(200, ms(10), &well);
    assert_eq!(bed.state(0), CircuitState::Closed, "{:?}", bed.record);
}

#[test]
fn a_hanging_probe_is_overdue_though_the_clock_stepped_back() {
    let circuit = CircuitConfig { half_open_permits: 1, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let hanging = bed.start(0, 0);
    bed.step_back(3600);
    bed.traffic(6000, ms(50), &well);
    let state = bed.record.get(bed.key(0)).map(|entry| (entry.state, entry.generation));
    let end = bed.now;
    bed.pool().finish(hanging, end, Ending::Abandoned);
    assert!(bed.events.len() > 2, "it hangs for five minutes, half_open_max is 5 s: {state:?}");
}

#[test]
fn a_record_that_is_lost_is_made_anew() {
    let mut bed = Bed::new(with_circuit(CircuitConfig::default()), 2, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed.record = plimsoll_snapshot::circuits::Circuits::default();
    bed.traffic(100, ms(10), &failing(0));
    assert_eq!(bed.state(0), CircuitState::Open);
    bed.until(0, CircuitState::Closed, 20 * SECOND, &well);
    bed.traffic(100, ms(10), &well);
}

#[test]
fn an_endpoint_that_was_always_slower_comes_back_after_a_new_start_of_the_worker() {
    let config = equal(Strategy::RoundRobin, 4);
    let mut bed = Bed::new(config.clone(), 1, 1);
    let usual = |at: u32| (if at == 0 { ms(10) } else { ms(2) }, None);
    bed.traffic(12_000, ms(5), &usual);
    for _ in 0..6 {
        bed.attempt(0, 0, &|_| (ms(1), STATUS));
    }
    bed.pass(TICK);
    assert_eq!(bed.state(0), CircuitState::Open);
    bed.pools[0] = Pool::new(config);
    let record = bed.record.clone();
    bed.pools[0].adopt(record, None);
    bed.traffic(120_000, ms(5), &usual);
    assert_eq!(bed.state(0), CircuitState::Closed, "ten minutes as well as ever: {:?}", bed.story());
}

#[test]
fn after_the_record_was_lost_old_results_change_nothing() {
    let circuit = CircuitConfig { half_open_permits: 1, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let old = bed.start(0, 0);
    bed.record = Circuits::default();
    bed.tick();
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 15 * SECOND, &well);
    let before = bed.events.len();
    bed.end(0, old, ms(0), Some(FailureKind::Timeout));
    bed.tick();
    assert_eq!(bed.events.len(), before, "it began in another life: {:?}", bed.events.last());
}

/// Requests whose services take 10 ms on average, and on the first endpoint so many times that.
fn first_takes(bed: &mut Bed, requests: usize, times: f64) {
    for _ in 0..requests {
        let draw = bed.rng.unit();
        let takes = move |at: u32| {
            let mean = 0.01 * if at == 0 { times } else { 1.0 };
            (Duration::from_secs_f64(-mean * (1.0 - draw).ln()), None)
        };
        bed.traffic(1, ms(5), &takes);
    }
}

#[test]
fn slow_for_ever_is_not_let_back() {
    for strategy in [Strategy::RoundRobin, Strategy::PeakEwma] {
        let mut bed = Bed::new(equal(strategy, 4), 1, 1);
        first_takes(&mut bed, 6000, 1.0);
        first_takes(&mut bed, 120_000, 10.0);
        let story = bed.story();
        let closed =
            story.iter().filter(|(from, to, _)| *from == CircuitState::HalfOpen && *to == CircuitState::Closed).count();
        let opened = story.iter().filter(|(_, to, _)| *to == CircuitState::Open).count();
        println!("{strategy:?}: opened {opened}, closed {closed}");
        assert!(opened > 0 && closed <= opened / 3, "{strategy:?}: {opened} {closed} {story:?}");
    }
}

#[test]
fn what_was_ejected_for_slowness_does_not_come_back_as_slow_where_a_slow_call_is_configured() {
    let rates = RateConfig {
        slow_above: Some(ms(2000)),
        limits: Limits { failure_percent: 100, slow_percent: 100 },
        ..RateConfig::default()
    };
    let mut bed = Bed::new(with_circuit(CircuitConfig { rates: Some(rates), ..CircuitConfig::default() }), 1, 1);
    first_takes(&mut bed, 6000, 1.0);
    first_takes(&mut bed, 24_000, 20.0);
    let story = bed.story();
    let ended_by =
        |signal| story.iter().filter(|(from, _, why)| (*from, *why) == (CircuitState::HalfOpen, signal)).count();
    // Two of three probes are not slow by chance now and then.
    assert!(ended_by(Signal::ProbesSlow) > 2 * ended_by(Signal::ProbesPassed), "twenty times slower: {story:?}");
}

#[test]
fn a_probe_that_hangs_is_a_failed_one_though_others_pass() {
    let mut bad = Vec::new();
    for workers in [1, 2] {
        let circuit = CircuitConfig { half_open_permits: 100, ..CircuitConfig::default() };
        let mut bed = Bed::new(with_circuit(circuit), workers, 1);
        bed.eject(&[0]);
        bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
        let mut hanging = None;
        for _ in 0..3000 {
            for worker in (0..workers).rev() {
                let first = bed.pick(worker).unwrap()[0];
                if first == 0 && hanging.is_none() {
                    hanging = Some((worker, bed.start(worker, 0)));
                } else {
                    bed.attempt(worker, first, &well);
                }
            }
            bed.pass(ms(10));
        }
        if !bed.events.iter().any(|(_, e)| e.reason.signal == Signal::ProbeFailed) {
            bad.push((workers, bed.story()));
        }
        let end = bed.now;
        let (worker, attempt) = hanging.unwrap();
        bed.pools[worker].finish(attempt, end, Ending::Abandoned);
    }
    assert!(bad.is_empty(), "it hangs for 30 s, half_open_max is 5 s: {bad:?}");
}
