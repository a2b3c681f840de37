//! What all endpoints do alike is nobody's fault: outages and slowdowns of whatever they share.

use crate::arrange::{Bed, ms, well, with_circuit};
use plimsoll_engine::detect::{Limits, WindowKind};
use plimsoll_engine::{CircuitConfig, CircuitMode, RateConfig};
use plimsoll_snapshot::{CircuitState, FailureKind, Signal};
use std::time::Duration;

const STATUS: Option<FailureKind> = Some(FailureKind::Status);

fn opened(bed: &Bed) -> Vec<(u64, Signal, f64, f64, u64, Option<f64>)> {
    let all = bed.events.iter().filter(|(_, event)| event.to == CircuitState::Open);
    all.map(|(key, event)| {
        let reason = &event.reason;
        (*key, reason.signal, reason.observed, reason.threshold, reason.samples, reason.pool)
    })
    .collect()
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
fn a_shared_slowdown_ejects_nobody_by_slow_rate() {
    for seed in 0..5 {
        let limits = Limits { failure_percent: 100, slow_percent: 80 };
        let rates = RateConfig { slow_above: Some(ms(50)), limits, ..RateConfig::default() };
        let mut bed = Bed::new(with_circuit(CircuitConfig { rates: Some(rates), ..CircuitConfig::default() }), 1, seed);
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
fn a_shared_outage_ejects_nobody_by_failure_rate() {
    for share in [0.55, 0.7, 1.0] {
        for seed in 0..3 {
            let rates = Some(RateConfig::default());
            let circuit = CircuitConfig { rates, consecutive_failures: 0, ..CircuitConfig::default() };
            let mut bed = Bed::new(with_circuit(circuit), 1, seed);
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
fn slowness_asks_for_2_5_times_the_middle_whatever_a_slow_call_is() {
    for slow_above in [None, Some(ms(2000))] {
        let rates = RateConfig { slow_above, ..RateConfig::default() };
        let mut bed = Bed::new(with_circuit(CircuitConfig { rates: Some(rates), ..CircuitConfig::default() }), 1, 1);
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
fn a_shared_slowdown_is_no_silence() {
    let mut late = Vec::new();
    for seed in 0..5 {
        let mut bed = Bed::new(with_circuit(CircuitConfig::default()), 1, seed);
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
fn what_is_usual_follows_a_shared_slowdown_that_lasts() {
    let mut late = Vec::new();
    for seed in 0..5 {
        let circuit = CircuitConfig { mode: CircuitMode::MetricsOnly, ..CircuitConfig::default() };
        let mut bed = Bed::new(with_circuit(circuit), 1, seed);
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
fn a_shared_outage_after_an_idle_time_is_nobodys_fault() {
    let rates = RateConfig { window: WindowKind::Seconds(10), minimum_calls: 10, ..RateConfig::default() };
    let circuit =
        CircuitConfig { rates: Some(rates), outliers: false, consecutive_failures: 0, ..CircuitConfig::default() };
    let mut bed = Bed::new(with_circuit(circuit), 1, 1);
    for turn in 0..200 {
        bed.attempt(0, turn % 4, &well);
        bed.pass(ms(5));
    }
    // Nobody needs endpoint 0 for ten minutes.
    for turn in 0..60_000 {
        bed.attempt(0, 1 + turn % 3, &well);
        bed.pass(ms(10));
    }
    for turn in 0..2000 {
        bed.attempt(0, turn % 4, &|_| (ms(10), STATUS));
        bed.pass(ms(5));
    }
    let opened: Vec<_> = bed.events.iter().map(|(_, e)| (e.reason.signal, e.reason.observed, e.reason.pool)).collect();
    assert!(opened.is_empty(), "all fail alike: {opened:?}");
}

#[test]
fn a_shared_outage_ejects_nobody_by_failure_rate_where_news_come_in_batches() {
    let mut bad = Vec::new();
    for (workers, per_ms) in [(1, 4), (4, 1), (4, 4)] {
        for seed in 0..5 {
            let circuit = CircuitConfig {
                rates: Some(RateConfig::default()),
                outliers: false,
                consecutive_failures: 0,
                ..CircuitConfig::default()
            };
            let mut bed = Bed::new(with_circuit(circuit), workers, seed);
            bed.share();
            // The outage begins somewhere between two ticks.
            let begins = 3000 + seed * 17;
            for millis in 0..6000_u64 {
                for at in 0..per_ms * 4_u32 {
                    if per_ms == 1 && u64::from(at) % 4 != millis % 4 {
                        continue;
                    }
                    let worker = bed.rng.below(workers as u32) as usize;
                    let failure = STATUS.filter(|_| millis >= begins && bed.rng.unit() < 0.8);
                    bed.attempt(worker, at % 4, &|_| (ms(10), failure));
                }
                if millis % 100 == 99 {
                    bed.share();
                }
                bed.pass(ms(1));
            }
            let opened: Vec<_> = bed
                .events
                .iter()
                .map(|(_, e)| (e.at_ms % 100_000, e.reason.observed, e.reason.pool, e.reason.samples))
                .collect();
            if !opened.is_empty() {
                bad.push((workers, per_ms, seed, opened));
            }
        }
    }
    assert!(bad.is_empty(), "all fail alike: {bad:#?}");
}
