//! A transition's reason as a sentence: what was noticed, against which limit, and what the last failure was.
//!
//! The sentence leads with the evidence, because the operator reads it in a narrow column and at night.

use plimsoll_snapshot::{FailureKind, Reason, Signal};

use crate::format;

/// Why a circuit changed.
pub fn sentence(reason: &Reason) -> String {
    let observed = reason.observed;
    let mut text = match reason.signal {
        Signal::ConsecutiveFailures => {
            format!("{} in a row (limit {})", count(observed, "failure"), whole(reason.threshold))
        }
        Signal::EjectionElapsed => format!("time-out of {} over, probing", milliseconds(reason.threshold)),
        Signal::ProbesPassed => format!("{} of {} probes passed", whole(observed), whole(reason.threshold)),
        Signal::ProbeFailed => match whole(observed) {
            1 => "a probe failed".into(),
            n => format!("{n} probes failed"),
        },
        Signal::PermitsExpired => format!("{} never came back, new permits", count(observed, "probe")),
        Signal::Failures => format!("{} of {} failed", share(reason), count(reason.samples as f64, "attempt")),
        Signal::Slowness => format!("{} of {} slow", share(reason), count(reason.samples as f64, "answer")),
        Signal::Silence => format!(
            "no answer for {} (limit {}), {} waiting",
            milliseconds(observed),
            milliseconds(reason.threshold),
            whole(reason.samples as f64)
        ),
        Signal::FailureRate | Signal::SlowRate => format!(
            "{} of {} {} (limit {})",
            percent(observed / 100.0),
            count(reason.samples as f64, "attempt"),
            if reason.signal == Signal::FailureRate { "failed" } else { "slow" },
            percent(reason.threshold / 100.0)
        ),
        Signal::ProbesSlow => format!("{} slow", count(observed, "probe")),
        Signal::Operator => "by configuration".into(),
    };
    if let Some(kind) = reason.failure {
        text.push_str(", last: ");
        text.push_str(failure(kind));
    }
    // Only where the endpoint was compared does the others' share say something.
    if let Some((pool, what)) = reason.pool.zip(compared(reason.signal)) {
        text.push_str(&format!("; others then {} {what}", percent(pool)));
    }
    text
}

/// What share of the others' attempts the reason's `pool` is.
fn compared(signal: Signal) -> Option<&'static str> {
    match signal {
        Signal::ConsecutiveFailures | Signal::Failures | Signal::FailureRate => Some("failing"),
        Signal::Slowness | Signal::SlowRate => Some("slow"),
        _ => None,
    }
}

fn share(reason: &Reason) -> String {
    percent(reason.share.unwrap_or(f64::NAN))
}

fn percent(share: f64) -> String {
    whole_word(&format::percent(Some(share)).to_string())
}

/// How an attempt failed.
pub fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Status => "5xx answer",
        FailureKind::Connect => "no connection",
        FailureKind::Reset => "connection reset",
        FailureKind::Timeout => "timed out",
        FailureKind::Truncated => "answer cut off",
        FailureKind::ConnectTimeout => "no connection in time",
        FailureKind::Protocol => "protocol error",
        FailureKind::Grpc => "gRPC error",
    }
}

fn whole(number: f64) -> u64 {
    // Casting saturates; what is not a number becomes 0.
    number.round() as u64
}

fn count(number: f64, noun: &str) -> String {
    match whole(number) {
        1 => format!("1 {noun}"),
        n => format!("{} {noun}s", format::grouped(n)),
    }
}

fn milliseconds(ms: f64) -> String {
    whole_word(&format::duration(whole(ms)))
}

/// Keeps a number and its unit on one line.
fn whole_word(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(signal: Signal, observed: f64, threshold: f64) -> Reason {
        Reason {
            signal,
            observed,
            threshold,
            samples: 5,
            share: None,
            pool: None,
            failure: None,
            trace_ids: Vec::new(),
        }
    }

    #[test]
    fn every_signal_has_its_sentence() {
        let cases = [
            (Signal::ConsecutiveFailures, 5.0, 5.0, "5 failures in a row (limit 5)"),
            (Signal::ConsecutiveFailures, 1.0, 1.0, "1 failure in a row (limit 1)"),
            (Signal::EjectionElapsed, 10_020.0, 10_000.0, "time-out of 10\u{a0}s over, probing"),
            (Signal::ProbesPassed, 3.0, 3.0, "3 of 3 probes passed"),
            (Signal::ProbeFailed, 1.0, 1.0, "a probe failed"),
            (Signal::PermitsExpired, 2.0, 3.0, "2 probes never came back, new permits"),
            (Signal::Silence, 400.0, 250.0, "no answer for 400\u{a0}ms (limit 250\u{a0}ms), 5 waiting"),
            (Signal::FailureRate, 60.0, 50.0, "60.0\u{a0}% of 5 attempts failed (limit 50.0\u{a0}%)"),
            (Signal::SlowRate, 100.0, 100.0, "100\u{a0}% of 5 attempts slow (limit 100\u{a0}%)"),
            (Signal::ProbesSlow, 2.0, 1.0, "2 probes slow"),
            (Signal::Operator, 0.0, 0.0, "by configuration"),
        ];
        for (signal, observed, threshold, expected) in cases {
            assert_eq!(sentence(&reason(signal, observed, threshold)), expected);
        }
    }

    #[test]
    fn the_last_failure_and_the_pool_are_named_where_they_explain() {
        let mut opened = reason(Signal::ConsecutiveFailures, 5.0, 5.0);
        opened.failure = Some(FailureKind::Connect);
        opened.pool = Some(0.004);
        assert_eq!(
            sentence(&opened),
            "5 failures in a row (limit 5), last: no connection; others then 0.40\u{a0}% failing"
        );
        let mut slow = reason(Signal::Slowness, 13.2, 12.8);
        (slow.share, slow.pool) = (Some(0.8), Some(0.07));
        assert_eq!(sentence(&slow), "80.0\u{a0}% of 5 answers slow; others then 7.00\u{a0}% slow");
        let mut closed = reason(Signal::ProbesPassed, 3.0, 3.0);
        closed.pool = Some(0.004);
        assert_eq!(sentence(&closed), "3 of 3 probes passed");
    }

    #[test]
    fn a_number_that_is_none_does_not_break_the_sentence() {
        assert_eq!(sentence(&reason(Signal::ProbesPassed, f64::NAN, 3.0)), "0 of 3 probes passed");
    }
}
