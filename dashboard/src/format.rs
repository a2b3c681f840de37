//! Numbers, times and states in the page's words.
//!
//! A figure keeps its unit beside it, not inside it, so that the page can print units quietly where there is room. What is
//! not a finite number is printed as a dash: absence never looks like zero.
//!
//! Figures have the digits that mean something: percentiles are off by up to 3 % for a pool and 6 % for an endpoint, rates
//! are of ten seconds' requests. One more digit would be chance, and flicker.

use plimsoll_snapshot::{CircuitState, Status};

/// Stands where there is nothing to show.
pub const NONE: &str = "–";

/// A figure and its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Digits, or [`NONE`].
    pub value: String,
    /// Unit, empty where there is none.
    pub unit: &'static str,
}

impl Quantity {
    fn of(number: Option<f64>, unit: &'static str, digits: impl Fn(f64) -> String) -> Quantity {
        match number.filter(|n| n.is_finite()) {
            Some(n) => Quantity { value: digits(n.max(0.0)), unit },
            None => Quantity { value: NONE.into(), unit: "" },
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let space = if self.unit.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}", self.value, self.unit)
    }
}

/// A latency: `4.1 ms`, `22 ms`, `512 ms`.
pub fn latency(ms: Option<f64>) -> Quantity {
    Quantity::of(ms, "ms", two_digits)
}

/// Something per second: `0.4 /s`, `412 /s`.
pub fn rate(per_second: Option<f64>) -> Quantity {
    Quantity::of(per_second, "/s", two_digits)
}

/// A moment's figure as the charts have it, with a digit more: `21.7 ms`, `512 /s`.
pub fn recorded(number: Option<f64>, unit: &'static str) -> Quantity {
    Quantity::of(number, unit, |n| if n < 99.95 { format!("{n:.1}") } else { two_digits(n) })
}

/// Two digits at least; no part of a whole from ten on.
fn two_digits(n: f64) -> String {
    if n < 9.95 { format!("{n:.1}") } else { grouped(n.round() as u64) }
}

/// A part of a whole: `0.31 %`, `12.5 %`, `100 %`. Some is never rounded down to none, nor up to all.
pub fn percent(part: Option<f64>) -> Quantity {
    Quantity::of(part, "%", |n| {
        let p = n * 100.0;
        match p {
            0.0 => "0".into(),
            p if p < 0.01 => "<0.01".into(),
            p if p < 9.995 => format!("{p:.2}"),
            p if p > 99.94 && p < 100.0 => ">99.9".into(),
            p if p < 99.95 => format!("{p:.1}"),
            p => format!("{p:.0}"),
        }
    })
}

/// A share of traffic: one decimal is enough to compare endpoints.
pub fn share(part: Option<f64>) -> Quantity {
    Quantity::of(part, "%", |n| format!("{:.1}", n * 100.0))
}

/// A health score, 0 to 1, two decimals.
pub fn score(score: Option<f64>) -> String {
    score.filter(|s| s.is_finite()).map_or(NONE.into(), |s| format!("{s:.2}"))
}

/// A weight in force: `3`, `0.75`.
pub fn weight(weight: f64) -> String {
    let text = format!("{:.2}", if weight.is_finite() { weight.max(0.0) } else { 0.0 });
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A count, its digits in groups of three: `10 412`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A length of time in its two largest units: `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

/// How long ago: `just now`, `12 s ago`, `3 min ago`, `2 h ago`; one unit, so that it stays still.
pub fn ago(ms: u64) -> String {
    match ms / 1000 {
        0 => "just now".into(),
        s @ 1..60 => format!("{s} s ago"),
        s @ 60..3600 => format!("{} min ago", s / 60),
        s @ 3600..86_400 => format!("{} h ago", s / 3600),
        s => format!("{} d ago", s / 86_400),
    }
}

/// Time of day of a Unix time, `14:03:22`; `west_minutes` is what JavaScript's `getTimezoneOffset` says.
pub fn clock(at_ms: u64, west_minutes: i64) -> String {
    let local = (at_ms / 1000) as i64 - west_minutes * 60;
    let second = local.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A status as in the JSON documents.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Healthy => "healthy",
        Status::Degraded => "degraded",
        Status::Unhealthy => "unhealthy",
        Status::Unknown => "unknown",
        Status::Draining => "draining",
        Status::Warming => "warming",
    }
}

/// What a status means, for a tooltip.
pub fn status_meaning(status: Status) -> &'static str {
    match status {
        Status::Healthy => "takes its full share",
        Status::Degraded => "takes a reduced share",
        Status::Unhealthy => "takes probes only",
        Status::Unknown => "too few samples to judge; takes its full share",
        Status::Draining => "finishes what it has, takes nothing new",
        Status::Warming => "new or recovered; its share is growing",
    }
}

/// A circuit's state as in the JSON documents.
pub fn circuit_key(state: CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "half_open",
        CircuitState::ForcedOpen => "forced_open",
        CircuitState::Disabled => "disabled",
    }
}

/// A circuit's state for people.
pub fn circuit(state: CircuitState) -> &'static str {
    match state {
        CircuitState::HalfOpen => "half-open",
        CircuitState::ForcedOpen => "forced open",
        other => circuit_key(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_a_decimal_only_while_it_matters() {
        let texts: Vec<_> = [4.13, 9.96, 21.4, 512.4, 5002.0].map(|ms| latency(Some(ms)).to_string()).into();
        assert_eq!(texts, ["4.1 ms", "10 ms", "21 ms", "512 ms", "5\u{202f}002 ms"]);
    }

    #[test]
    fn what_is_absent_or_not_a_number_is_a_dash() {
        assert_eq!(latency(None).to_string(), "–");
        assert_eq!(rate(Some(f64::NAN)).to_string(), "–");
        assert_eq!(percent(Some(f64::INFINITY)).to_string(), "–");
        assert_eq!(score(None), "–");
        assert_eq!(score(Some(f64::NAN)), "–");
    }

    #[test]
    fn a_rare_failure_is_not_rounded_away_and_a_rare_success_neither() {
        let texts: Vec<_> = [0.0, 0.00001, 0.0031, 0.125, 0.99999, 1.0].map(|p| percent(Some(p)).value).into();
        assert_eq!(texts, ["0", "<0.01", "0.31", "12.5", ">99.9", "100"]);
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        let texts: Vec<_> = [850, 12_000, 60_000, 200_000, 7_500_000, 349_200_000].map(duration).into();
        assert_eq!(texts, ["850 ms", "12 s", "1 min", "3 min 20 s", "2 h 5 min", "4 d 1 h"]);
    }

    #[test]
    fn ages_show_one_unit() {
        let texts: Vec<_> = [0, 12_300, 200_000, 7_500_000, 349_200_000].map(ago).into();
        assert_eq!(texts, ["just now", "12 s ago", "3 min ago", "2 h ago", "4 d ago"]);
    }

    #[test]
    fn the_clock_follows_the_readers_time_zone() {
        assert_eq!(clock(1_700_000_000_000, 0), "22:13:20");
        assert_eq!(clock(1_700_000_000_000, -60), "23:13:20");
        assert_eq!(clock(1_700_000_000_000, -120), "00:13:20");
        assert_eq!(clock(0, 60), "23:00:00");
    }

    #[test]
    fn counts_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(10_412), "10\u{202f}412");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
