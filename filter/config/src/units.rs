//! Durations and numbers as people write them. In the filter every byte counts, so neither uses the standard library's
//! conversions of floats, which take 30 KB with their tables.

use core::time::Duration;

const NANOS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Reads a duration such as `250ms`, `1.5s`, `10m`, `1h`.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'.')?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, nanos) = NANOS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let mut total = whole.parse::<u64>().ok()?.checked_mul(*nanos)?;
    if fraction.is_empty() {
        return None;
    }
    let mut place = *nanos;
    for digit in fraction.bytes() {
        place /= 10;
        total =
            total.checked_add(place.checked_mul(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?))?)?;
    }
    Some(Duration::from_nanos(total))
}

/// Writes a number: `3`, `1.25`.
#[must_use]
pub fn decimal(number: f64) -> String {
    let mut text = serde_json::Value::from(number).to_string();
    if text.ends_with(".0") {
        text.truncate(text.len().saturating_sub(2));
    }
    text
}

/// Writes a duration so that it reads back alike, to the millisecond.
#[must_use]
pub fn print(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        let cases = [
            ("250ms", Some(Duration::from_millis(250))),
            ("1.5s", Some(Duration::from_millis(1500))),
            ("2m", Some(Duration::from_secs(120))),
            ("1h", Some(Duration::from_secs(3600))),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1 s", None),
            ("0.25s", Some(Duration::from_millis(250))),
            ("1.0000000019s", Some(Duration::from_nanos(1_000_000_001))),
            ("1.s", None),
            (".5s", None),
            ("1.2.3s", None),
            ("", None),
            ("99999999999999999999h", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text), want, "{text}");
        }
        for text in ["250ms", "10s", "1500ms"] {
            assert_eq!(print(parse(text).unwrap()), text);
        }
    }
}
