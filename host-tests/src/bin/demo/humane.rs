//! Durations as people write them on a command line: 45s, 2m, 1m30s.

use std::time::Duration;

/// Shorter rounds leave an ejected endpoint no time to come back before the next fault.
const SHORTEST: Duration = Duration::from_secs(30);
/// Longer ones are typing errors.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A duration for `--for`.
pub(crate) fn headless_duration(text: &str) -> Result<Duration, String> {
    let duration = parse(text).ok_or_else(|| format!("{text:?} is not a duration such as 45s, 2m or 1m30s"))?;
    if duration < SHORTEST || duration > LONGEST {
        return Err(format!("{text} is not between {}s and {}m", SHORTEST.as_secs(), LONGEST.as_secs() / 60));
    }
    Ok(duration)
}

fn parse(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|letter: char| letter.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let unit = match &rest[digits..unit_end] {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(number.checked_mul(unit)?))?;
        rest = &rest[unit_end..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [("30s", 30), ("90s", 90), ("2m", 120), ("1m30s", 90), ("1h", 3_600)] {
            assert_eq!(headless_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_reason() {
        for text in ["", "60", "s", "1x", "-5s", "1m30", "99999999999999999999s"] {
            assert!(headless_duration(text).unwrap_err().contains("is not a duration"), "{text}");
        }
        for text in ["5s", "29s", "2h"] {
            assert!(headless_duration(text).unwrap_err().contains("is not between 30s and 60m"), "{text}");
        }
    }
}
