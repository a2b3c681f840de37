//! Durations as people write them.

use core::time::Duration;

const NANOS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Reads a duration such as `250ms`, `1.5s`, `10m`, `1h`.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, nanos) = NANOS.iter().find(|(name, _)| *name == unit)?;
    let nanos = number.parse::<f64>().ok()? * *nanos as f64;
    (nanos.is_finite() && nanos < u64::MAX as f64).then(|| Duration::from_nanos(nanos as u64))
}

/// Writes a duration so that it reads back alike, to the millisecond.
#[must_use]
pub fn print(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
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
