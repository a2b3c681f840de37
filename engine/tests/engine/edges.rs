//! Findings of a review: each test named `r…` fails and tells what goes wrong; those named `holds_…` pass.

use crate::arrange::{Bed, TICK, equal, failing, ms, well};
use plimsoll_engine::detect::Limits;
use plimsoll_engine::{
    CircuitConfig, CircuitMode, Ending, Forced, POOL_KEY, PoolCircuitConfig, PoolConfig, RateConfig, Strategy,
};
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const STATUS: Option<FailureKind> = Some(FailureKind::Status);

fn with(circuit: CircuitConfig) -> PoolConfig {
    PoolConfig { circuit, ..equal(Strategy::RoundRobin, 4) }
}

fn opened(bed: &Bed) -> Vec<(u64, Signal, f64, f64, u64, Option<f64>)> {
    let all = bed.events.iter().filter(|(_, event)| event.to == CircuitState::Open);
    all.map(|(key, event)| {
        let reason = &event.reason;
        (*key, reason.signal, reason.observed, reason.threshold, reason.samples, reason.pool)
    })
    .collect()
}

#[test]
fn r01_a_shared_slowdown_ejects_nobody_by_slow_rate() {
    for seed in 0..5 {
        let limits = Limits { failure_percent: 100, slow_percent: 80 };
        let rates = RateConfig { slow_above: Some(ms(50)), limits, ..RateConfig::default() };
        let mut bed = Bed::new(with(CircuitConfig { rates: Some(rates), ..CircuitConfig::default() }), 1, seed);
        for (turns, mean) in [(16_000_u32, 0.01), (16_000, 0.5)] {
            for turn in 0..turns {
                let latency = Duration::from_secs_f64(-mean * (1.0 - bed.rng.unit()).ln());
                bed.attempt(0, turn % 4, &|_| (latency, None));
                bed.pass(ms(5));
            }
        }
        assert_eq!(opened(&bed), [], "relative: all are slow alike, seed {seed}");
    }
}

#[test]
fn r02_a_shared_outage_ejects_nobody_by_failure_rate() {
    for share in [0.55, 0.7, 1.0] {
        for seed in 0..3 {
            let rates = Some(RateConfig::default());
            let circuit = CircuitConfig { rates, consecutive_failures: 0, ..CircuitConfig::default() };
            let mut bed = Bed::new(with(circuit), 1, seed);
            bed.traffic(6000, ms(5), &well);
            for turn in 0..8000 {
                let failure = STATUS.filter(|_| bed.rng.unit() < share);
                bed.attempt(0, turn % 4, &|_| (ms(10), failure));
                bed.pass(ms(5));
            }
            assert_eq!(opened(&bed), [], "relative: all fail alike, {share}, seed {seed}");
        }
    }
}

#[test]
fn r03_an_endpoint_that_is_slow_every_day_comes_back_after_failures() {
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
fn r03b_probes_that_are_as_slow_as_the_whole_pool_pass() {
    let rates = RateConfig { slow_above: Some(ms(5)), ..RateConfig::default() };
    let mut bed =
        Bed::new(with(CircuitConfig { rates: Some(rates), outliers: false, ..CircuitConfig::default() }), 1, 1);
    bed.eject(&[0]);
    bed.traffic(60_000, ms(10), &well);
    assert_eq!(bed.state(0), CircuitState::Closed, "as fast as the others: {:?}", bed.story());
}

#[test]
fn r04_an_endpoint_comes_back_however_seldom_requests_are() {
    for (open_for_max, gap) in [(300, 320), (5, 10)] {
        let circuit =
            CircuitConfig { open_for: 2 * SECOND, open_for_max: open_for_max * SECOND, ..CircuitConfig::default() };
        let mut bed = Bed::new(with(circuit), 1, 1);
        bed.eject(&[0]);
        bed.traffic(200, gap * SECOND, &well);
        assert_eq!(bed.state(0), CircuitState::Closed, "200 good requests, one in {gap} s, limit {open_for_max} s");
    }
}

fn refusing() -> PoolConfig {
    PoolConfig { pool_circuit: Some(PoolCircuitConfig::default()), ..equal(Strategy::RoundRobin, 4) }
}

fn pool_open(config: PoolConfig) -> Bed {
    let mut bed = Bed::new(config, 1, 1);
    bed.traffic(200, ms(5), &well);
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    bed.pass(TICK);
    bed
}

#[test]
fn r05_a_pool_closes_again_however_seldom_requests_are() {
    let mut bed = pool_open(refusing());
    let served = bed.traffic(300, 70 * SECOND, &well).iter().filter(|tried| !tried.is_empty()).count();
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed, "{served} of 300 requests served, all is well");
}

#[test]
fn r06_probes_that_overlap_and_all_pass_are_not_overdue() {
    let circuit = CircuitConfig { half_open_permits: 60, ..CircuitConfig::default() };
    let mut bed = Bed::new(with(circuit), 1, 1);
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
fn r07_a_probe_of_an_ejected_endpoint_says_nothing_of_the_pool() {
    let mut config = refusing();
    config.circuit.open_for = 4 * SECOND;
    let mut bed = Bed::new(config, 1, 1);
    bed.traffic(400, ms(5), &well);
    bed.eject(&[0]);
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    // The outage is over at once; only endpoint 0 is dead for ever.
    bed.traffic(1200, ms(10), &failing(0));
    let of_pool: Vec<_> =
        bed.events.iter().filter(|(key, _)| *key == POOL_KEY).map(|(_, e)| (e.from, e.to, e.reason.signal)).collect();
    assert!(
        !of_pool.iter().any(|(_, _, signal)| *signal == Signal::ProbeFailed),
        "three of four are well: {of_pool:?}"
    );
}

#[test]
fn r08_a_clock_that_steps_back_leaves_no_half_open_circuit_behind() {
    let circuit = CircuitConfig { half_open_max: 60 * SECOND, half_open_permits: 3, ..CircuitConfig::default() };
    let mut bed = Bed::new(with(circuit), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    step_back(&mut bed, 3600);
    bed.traffic(30_000, ms(20), &well);
    assert_eq!(bed.state(0), CircuitState::Closed, "ten minutes of good traffic: {:?}", bed.record);
}

fn step_back(bed: &mut Bed, seconds: u64) {
    bed.now = plimsoll_engine::Time::from_millis(bed.now.as_millis() - seconds * 1000);
    bed.tick();
}

#[test]
fn r09_a_clock_that_steps_back_does_not_blind_windows_of_seconds() {
    let mut bed = Bed::new(refusing(), 1, 1);
    bed.traffic(2000, ms(5), &well);
    step_back(&mut bed, 3600);
    bed.traffic(60_000, ms(5), &well);
    bed.traffic(6000, ms(5), &|_| (ms(1), STATUS));
    let story = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    assert!(story > 0, "everything has failed for 30 s, the window is 10 s");
}

#[test]
fn r10_what_the_operator_lets_go_is_let_go_though_the_clock_stepped_back_a_little() {
    let mut config = with(CircuitConfig::default());
    let auto = config.clone();
    config.endpoints[0].circuit = Forced::Open;
    let mut bed = Bed::new(auto.clone(), 1, 1);
    bed.pass(SECOND);
    let now = bed.now;
    bed.pool().reconfigure(config);
    bed.pool().set_configured_at(now);
    bed.pass(SECOND);
    assert_eq!(bed.record.get(bed.key(0)).unwrap().state, CircuitState::ForcedOpen);
    step_back(&mut bed, 30);
    let now = bed.now;
    bed.pool().reconfigure(auto);
    bed.pool().set_configured_at(now);
    bed.traffic(60_000, ms(10), &well);
    bed.traffic(200, ms(10), &failing(0));
    assert_eq!(bed.state(0), CircuitState::Open, "fails always: {:?}", bed.record);
}

#[test]
fn r11_a_probe_whose_answer_goes_on_for_long_has_passed_with_its_head() {
    // As the filter does for a gRPC call: its status comes with the trailers.
    let circuit = CircuitConfig { half_open_permits: 1, ..CircuitConfig::default() };
    let mut bed = Bed::new(with(circuit), 1, 1);
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
fn r12_a_probe_of_the_pool_passes_with_its_head_where_truncation_is_watched() {
    let mut bed = pool_open(PoolConfig { detect_truncated: true, ..refusing() });
    bed.pass(6 * SECOND);
    let mut bodies = Vec::new();
    for _ in 0..1000 {
        if let Ok(list) = bed.pick(0) {
            let mut attempt = bed.start(0, list[0]);
            let head = bed.now.after(ms(5));
            bed.pool().answer(&mut attempt, head, plimsoll_engine::Outcome::Success);
            bodies.push((bed.now.after(7 * SECOND), attempt));
        }
        bed.pass(ms(10));
    }
    let failed: Vec<_> = bed.events.iter().filter(|(_, event)| event.reason.signal == Signal::ProbeFailed).collect();
    assert!(failed.is_empty(), "every head came after 5 ms: {failed:?}");
    let end = bed.now;
    for (_, attempt) in bodies {
        bed.pool().finish(attempt, end, Ending::Complete);
    }
}

#[test]
fn r13_the_back_off_of_the_pool_is_not_forgotten_without_traffic() {
    let mut bed = pool_open(refusing());
    bed.traffic(1500, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed);
    assert_eq!(bed.record.get(POOL_KEY).unwrap().openings, 1);
    bed.pass(60 * SECOND);
    assert!(bed.record.get(POOL_KEY).is_some(), "nobody has asked anything of it since");
}

#[test]
fn r14_a_pool_without_a_circuit_of_its_own_has_it_closed() {
    let mut bed = pool_open(refusing());
    bed.pool().reconfigure(equal(Strategy::RoundRobin, 4));
    bed.pass(TICK);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed, "closed where none is configured");
}

#[test]
fn r15_retry_after_is_of_endpoints_that_come_back() {
    let circuit =
        CircuitConfig { outliers: false, relative: false, open_for: 100 * SECOND, ..CircuitConfig::default() };
    let mut config = PoolConfig { max_ejected_percent: 100, panic_threshold_percent: 0, ..with(circuit) };
    config.endpoints[3].circuit = Forced::Open;
    let mut bed = Bed::new(config, 1, 1);
    bed.pass(SECOND);
    bed.eject(&[0, 1, 2]);
    let refused = bed.pick(0).unwrap_err();
    assert!(refused.retry_after > 90 * SECOND, "nobody comes back before that: {refused:?}");
}

#[test]
fn r16_metrics_only_tells_alarms_also_after_an_ejection() {
    let mut bed = Bed::new(with(CircuitConfig { open_for: 100 * SECOND, ..CircuitConfig::default() }), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::Closed, 200 * SECOND, &well);
    let circuit = CircuitConfig { mode: CircuitMode::MetricsOnly, ..CircuitConfig::default() };
    bed.pool().reconfigure(with(circuit));
    let before = bed.events.len();
    bed.traffic(6000, ms(10), &failing(0));
    assert!(bed.events.len() > before, "a minute of failures, open_for is 10 s, {:?}", bed.record);
}

#[test]
fn r17_slowness_asks_for_2_5_times_the_middle_whatever_a_slow_call_is() {
    for slow_above in [None, Some(2 * SECOND)] {
        let rates = RateConfig { slow_above, ..RateConfig::default() };
        let mut bed = Bed::new(with(CircuitConfig { rates: Some(rates), ..CircuitConfig::default() }), 1, 1);
        let noisy = |bed: &mut Bed, times: f64| {
            for turn in 0..3000_u32 {
                let at = turn % 4;
                let mean = 0.01 * if at == 0 { times } else { 1.0 };
                let latency = Duration::from_secs_f64(-mean * (1.0 - bed.rng.unit()).ln());
                bed.attempt(0, at, &|_| (latency, None));
                bed.pass(ms(5));
            }
        };
        noisy(&mut bed, 1.0);
        noisy(&mut bed, 10.0);
        assert_eq!(opened(&bed).first().map(|event| event.1), Some(Signal::Slowness), "{slow_above:?}");
    }
}

#[test]
fn holds_r18_permits_lowered_while_half_open_close_in_time() {
    let mut bed = Bed::new(with(CircuitConfig { half_open_permits: 100, ..CircuitConfig::default() }), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed.traffic(100, ms(10), &well);
    let circuit = CircuitConfig { half_open_permits: 3, ..CircuitConfig::default() };
    bed.pool().reconfigure(with(circuit));
    bed.traffic(200, ms(10), &well);
    assert_eq!(bed.state(0), CircuitState::Closed, "{:?}", bed.record);
}

/// Attempts that really overlap: exponential services, one request every `gap` to the endpoints in turn.
fn overlapping(bed: &mut Bed, requests: usize, gap: Duration, mean: f64) {
    let mut out: Vec<(plimsoll_engine::Time, plimsoll_engine::Attempt)> = Vec::new();
    for turn in 0..requests {
        let at = (turn % 4) as u32;
        let attempt = bed.start(0, at);
        let latency = Duration::from_secs_f64(-mean * (1.0 - bed.rng.unit()).ln());
        out.push((bed.now.after(latency), attempt));
        let next = bed.now.after(gap);
        while bed.now < next {
            bed.pass(ms(5));
            let now = bed.now;
            while let Some(index) = out.iter().position(|(due, _)| *due <= now) {
                let (_, attempt) = out.swap_remove(index);
                bed.end(0, attempt, ms(0), None);
            }
        }
    }
}

#[test]
fn r20_a_shared_slowdown_is_no_silence() {
    let mut late = Vec::new();
    for seed in 0..5 {
        let mut bed = Bed::new(with(CircuitConfig::default()), 1, seed);
        overlapping(&mut bed, 3000, ms(10), 0.01);
        let began = bed.now.as_millis();
        overlapping(&mut bed, 3000, ms(20), 1.0);
        late.extend(
            bed.events
                .iter()
                .map(|(_, e)| (seed, (e.at_ms - began) / 1000, e.reason.signal, e.reason.observed, e.reason.threshold)),
        );
    }
    assert!(late.is_empty(), "all alike take a hundred times longer: {late:?}");
}

#[test]
fn r21_what_is_usual_follows_a_shared_slowdown_that_lasts() {
    let mut late = Vec::new();
    for seed in 0..5 {
        let circuit = CircuitConfig { mode: CircuitMode::MetricsOnly, ..CircuitConfig::default() };
        let mut bed = Bed::new(with(circuit), 1, seed);
        overlapping(&mut bed, 3000, ms(10), 0.01);
        let began = bed.now.as_millis();
        overlapping(&mut bed, 6000, ms(20), 1.0);
        let told = bed
            .events
            .iter()
            .map(|(_, e)| (seed, (e.at_ms - began) / 1000, e.reason.signal, e.reason.observed, e.reason.threshold));
        late.extend(told.filter(|(_, at, ..)| *at >= 20));
    }
    assert!(late.is_empty(), "for 20 s at least answers of all have taken 1 s on average: {late:?}");
}

#[test]
fn r22_a_hanging_probe_is_overdue_though_the_clock_stepped_back() {
    let circuit = CircuitConfig { half_open_permits: 1, ..CircuitConfig::default() };
    let mut bed = Bed::new(with(circuit), 1, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    assert_eq!(bed.pick(0).unwrap()[0], 0);
    let hanging = bed.start(0, 0);
    step_back(&mut bed, 3600);
    bed.traffic(6000, ms(50), &well);
    let state = bed.record.get(bed.key(0)).map(|entry| (entry.state, entry.generation));
    let end = bed.now;
    bed.pool().finish(hanging, end, Ending::Abandoned);
    assert!(bed.events.len() > 2, "it hangs for five minutes, half_open_max is 5 s: {state:?}");
}

#[test]
fn holds_r23_a_worker_that_dies_with_permits_holds_up_the_pool_no_longer_than_they_last() {
    let mut config = refusing();
    config.pool_circuit.as_mut().unwrap().circuit.half_open_permits = 1;
    let mut bed = Bed::new(config, 2, 1);
    bed.traffic(200, ms(5), &well);
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    // Only the second worker has requests until it has the permit, and then it is gone.
    for _ in 0..700 {
        if bed.pools[1].pool_circuit_state() == CircuitState::HalfOpen {
            break;
        }
        let _ = bed.pick(1);
        bed.pass(ms(10));
    }
    bed.pools.truncate(1);
    let began = bed.now;
    while bed.pools[0].pool_circuit_state() != CircuitState::Closed {
        bed.traffic(1, ms(10), &well);
        assert!(bed.now.since(began) < 30 * SECOND, "{:?}", bed.story());
    }
}

#[test]
fn holds_r24_a_record_that_is_lost_is_made_anew() {
    let mut bed = Bed::new(with(CircuitConfig::default()), 2, 1);
    bed.eject(&[0]);
    bed.until(0, CircuitState::HalfOpen, 12 * SECOND, &well);
    bed.record = plimsoll_snapshot::circuits::Circuits::default();
    bed.traffic(100, ms(10), &failing(0));
    assert_eq!(bed.state(0), CircuitState::Open);
    bed.until(0, CircuitState::Closed, 20 * SECOND, &well);
    bed.traffic(100, ms(10), &well);
}

#[test]
fn holds_r25_the_pool_passing_while_open_comes_back() {
    let config = PoolCircuitConfig { when_open: plimsoll_engine::WhenOpen::Pass, ..PoolCircuitConfig::default() };
    let mut bed = pool_open(PoolConfig { pool_circuit: Some(config), ..equal(Strategy::RoundRobin, 4) });
    bed.traffic(1500, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed, "{:?}", bed.story());
}

#[test]
fn holds_r26_nobody_is_ejected_where_none_may_be_and_openings_are_withdrawn() {
    let mut bed = Bed::new(PoolConfig { max_ejected_percent: 0, ..equal(Strategy::RoundRobin, 4) }, 2, 1);
    bed.traffic(3000, ms(10), &failing(0));
    assert_eq!((bed.events.len(), bed.pools[0].eligible()), (0, 4));
}

#[test]
fn r27_requests_that_nobody_serves_use_up_no_permits_of_the_pool() {
    let mut config = refusing();
    config.subset_keys = vec!["version".into()];
    config.no_match = plimsoll_engine::NoMatch::Refuse;
    for endpoint in &mut config.endpoints {
        endpoint.metadata = vec![("version".into(), "1".into())];
    }
    let wanted = |version: &'static str| plimsoll_engine::Request {
        subset: Some(plimsoll_engine::subset_key([version.as_bytes()])),
        ..Default::default()
    };
    let mut bed = Bed::new(config, 1, 1);
    let one = |bed: &mut Bed, version: &'static str, failure: Option<FailureKind>| {
        if let Ok(list) = bed.pick_for(&wanted(version)) {
            bed.attempt(0, list[0], &|_| (ms(1), failure));
        }
        bed.pass(ms(5));
    };
    (0..400).for_each(|_| one(&mut bed, "1", None));
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        one(&mut bed, "1", STATUS);
    }
    let began = bed.now;
    while bed.pools[0].pool_circuit_state() != CircuitState::Closed {
        // Nine of ten requests ask for what there is not.
        for turn in 0..10 {
            one(&mut bed, if turn == 5 { "1" } else { "2" }, None);
        }
        assert!(bed.now.since(began) < 20 * SECOND, "20 requests a second are well: {:?}", bed.story());
    }
}

#[test]
fn r28_attempts_from_before_the_pool_opened_do_not_open_it_again() {
    let mut bed = Bed::new(refusing(), 1, 1);
    bed.traffic(400, ms(5), &well);
    let hanging: Vec<_> = (0..1200).map(|turn| bed.start(0, turn % 4)).collect();
    while bed.pools[0].pool_circuit_state() == CircuitState::Closed {
        bed.traffic(1, ms(5), &|_| (ms(1), STATUS));
    }
    bed.traffic(1000, ms(10), &well);
    assert_eq!(bed.pools[0].pool_circuit_state(), CircuitState::Closed);
    let before = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    for attempt in hanging {
        bed.end(0, attempt, ms(0), Some(FailureKind::Timeout));
    }
    bed.traffic(10, ms(10), &well);
    let after = bed.events.iter().filter(|(key, _)| *key == POOL_KEY).count();
    assert_eq!(after, before, "results of an older generation change nothing: {:?}", bed.events.last());
}

#[test]
fn holds_r29_whatever_the_order_in_which_workers_are_configured_the_record_ends_as_the_operator_wants() {
    for seed in 0..300 {
        let plain = with(CircuitConfig::default());
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
fn r30_a_client_that_gives_up_does_not_make_its_endpoint_silent() {
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
