//! A circuit that opens by rates: the vectors of resilience4j's own tests.

use crate::Section;
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::Time;
use plimsoll_engine::detect::{Breaker, BreakerConfig, BreakerState, Call, Limits, TimeWindow, Verdict, WindowKind};
use std::time::Duration;

pub(crate) const SECTIONS: [Section; 1] = [Section { name: "circuits", claims: vectors }];

const EXACT: &str = "no chance in it";
const BEGIN: Time = Time::from_millis(1_000_000);

fn breaker() -> Breaker {
    Breaker::new(BreakerConfig {
        limits: Limits { failure_percent: 50, slow_percent: 100 },
        minimum_calls: 5,
        window: WindowKind::Calls(5),
        open_for: Duration::from_secs(5),
        half_open_permits: 4,
    })
}

/// Plays calls, S succeeded, F failed, - ignored; returns the failure rate in percent at which the state changed, and the
/// state then.
fn play(breaker: &mut Breaker, now: Time, calls: &str) -> (Option<f64>, BreakerState) {
    let mut rate = None;
    for call in calls.chars() {
        assert!(breaker.permit(now), "{calls}: a call is let through");
        if call == '-' {
            breaker.ignore();
        } else if let Some(change) = breaker.record(now, Call { failed: call == 'F', slow: false }) {
            assert_ne!(change.verdict, Verdict::TooFew);
            rate = change.counts.failure_percent();
        }
    }
    (rate, breaker.state())
}

fn is(state: BreakerState, wanted: BreakerState) -> f64 {
    f64::from(u8::from(state == wanted))
}

fn vectors(_: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut claim = |name: &str, expected: f64, got: f64| {
        claims.push(Claim::exact(format!("circuit, {name}"), expected, got, 0.0, EXACT));
    };
    let mut circuit = breaker();
    let (rate, state) = play(&mut circuit, BEGIN, "FFFSS");
    claim("F F F S S opens at, %", 60.0, rate.unwrap_or(f64::NAN));
    claim("F F F S S: open", 1.0, is(state, BreakerState::Open));
    let passed = circuit.permit(BEGIN);
    claim("then denied", 1.0, circuit.denied() as f64 + f64::from(u8::from(passed)));

    let late = BEGIN.after(Duration::from_millis(5001));
    let (rate, state) = play(&mut circuit, late, "FFSF");
    claim("half open, F F S F opens at, %", 75.0, rate.unwrap_or(f64::NAN));
    claim("half open, F F S F: open", 1.0, is(state, BreakerState::Open));

    let mut circuit = breaker();
    play(&mut circuit, BEGIN, "FFFSS");
    let (rate, state) = play(&mut circuit, late, "SSS-F");
    claim("half open, S S S ignored F closes at, %", 25.0, rate.unwrap_or(f64::NAN));
    claim("half open, S S S ignored F: closed", 1.0, is(state, BreakerState::Closed));

    let mut window = TimeWindow::new(5);
    let mut now = BEGIN;
    let calls =
        [(0, 1), (100, 2), (100, 3), (1000, 4), (1000, 5), (1000, 6), (1000, 7), (1000, 5), (1000, 5), (5000, 1)];
    for (number, (after, total)) in calls.into_iter().enumerate() {
        now = now.after(Duration::from_millis(after));
        window.record(now, Call::default());
        claim(
            &format!("window of 5 s, calls after call {}", number + 1),
            f64::from(total),
            f64::from(window.counts(now).calls),
        );
    }
    claims
}
