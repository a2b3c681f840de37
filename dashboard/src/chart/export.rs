//! A chart to take away: as a drawing, and as a table of numbers.

use super::shape::{self, Align, SVG_TITLE, Shape, ink};
use super::{Chart, Kind, bands, labels};
use crate::format;

impl Chart {
    /// The chart as an SVG document of so many pixels, with a line above it that says what it is.
    pub fn svg(&self, width: f64, height: f64) -> String {
        let look = &self.look;
        let local = |at_ms: u64| {
            let shifted = at_ms.saturating_add_signed(-look.west_minutes * 60_000);
            iso(shifted)[..19].replace('T', " ")
        };
        let (from, to) = (local(look.from_ms), local(look.to_ms));
        let mut title = [&self.pool, " · ", self.kind.title(), " · ", &from, " to ", &to[11..]].concat();
        if labels::width(&title) + 8.0 > width {
            title = [&self.pool, " · ", self.kind.title()].concat();
        }
        let title = Shape::Text((8.0, SVG_TITLE / 2.0 + 2.0), title, Align::Left, ink(look.theme.ink()));
        let shapes = self.shapes(width, (height - SVG_TITLE).max(1.0));
        shape::svg(shapes, title, ink(look.theme.paper()), (width, height))
    }

    /// What the chart shows as CSV (RFC 4180): a line for each point, times as in ISO 8601, UTC. What is not known is
    /// empty.
    pub fn csv(&self) -> String {
        let unit = match self.kind {
            Kind::Circuits => "",
            Kind::Scores => " (0 to 1)",
            Kind::Traffic | Kind::Failures => " (1/s)",
            _ => " (ms)",
        };
        let mut text = String::from("time (UTC),duration (s)");
        for series in &self.series {
            text.push(',');
            field(&[&series.name, unit].concat(), &mut text);
        }
        for (index, (begin_ms, end_ms)) in self.spans.iter().enumerate() {
            text.push_str("\r\n");
            text.push_str(&iso(*begin_ms));
            text.push(',');
            decimal((end_ms - begin_ms) as f64 / 1000.0, &mut text);
            for series in &self.series {
                text.push(',');
                let value = series.values[index];
                if value.is_nan() {
                } else if self.kind == Kind::Circuits {
                    text.push_str(bands::word(value as usize));
                } else {
                    decimal(value.into(), &mut text);
                }
            }
        }
        text.push_str("\r\n");
        text
    }

    /// A name for a file with it, without extension: `orders-latency-20260101-140000`.
    pub fn file_name(&self) -> String {
        let time: String = iso(self.look.to_ms)[..19].replace('T', "-").chars().filter(|c| !":".contains(*c)).collect();
        let time = time.replacen('-', "", 2);
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let pool: String = self.pool.chars().map(plain).collect();
        [&pool, "-", self.kind.key(), "-", &time].concat()
    }
}

/// A field, quoted where it has to be.
fn field(text: &str, out: &mut String) {
    if !text.contains([',', '"', '\r', '\n']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

/// A number that is not negative, with three decimals at most.
fn decimal(value: f64, out: &mut String) {
    let thousandths = (value.max(0.0) * 1000.0).round() as u64;
    out.push_str(&(thousandths / 1000).to_string());
    let rest = thousandths % 1000;
    if rest > 0 {
        let digits = (1000 + rest).to_string();
        out.push('.');
        out.push_str(digits[1..].trim_end_matches('0'));
    }
}

/// A Unix time as in ISO 8601: `2026-01-01T00:00:09.500Z`. The date after Howard Hinnant's "chrono-compatible low-level
/// date algorithms": years begin in March, so that leap days end them, and come in eras of 400.
fn iso(at_ms: u64) -> String {
    let days = at_ms / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut text = String::new();
    let mut part = |value: u64, width: usize, end: &str| {
        let digits = (10_000 + value % 10_000).to_string();
        text.push_str(&digits[5 - width..]);
        text.push_str(end);
    };
    part(year, 4, "-");
    part(month, 2, "-");
    part(day, 2, "T");
    let clock = format::clock(at_ms, 0);
    let mut milliseconds = String::new();
    std::mem::swap(&mut text, &mut milliseconds);
    let digits = (1000 + at_ms % 1000).to_string();
    [&milliseconds, clock.as_str(), ".", &digits[1..], "Z"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601_across_leap_days_and_centuries() {
        // GNU date: `date -u -d @1709164800 --iso-8601=ns`, and so on.
        for (at_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_799_999, "2024-02-28T23:59:59.999Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_767_225_600_001, "2026-01-01T00:00:00.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(at_ms), text);
        }
    }

    #[test]
    fn numbers_are_written_with_the_decimals_they_have() {
        let text = |value| {
            let mut text = String::new();
            decimal(value, &mut text);
            text
        };
        let texts: Vec<String> = [0.0, 7.037, 0.05, 12.5, 100.0, 1_234_567.0, f64::from(9.977_f32)].map(text).into();
        assert_eq!(texts, ["0", "7.037", "0.05", "12.5", "100", "1234567", "9.977"]);
    }

    #[test]
    fn fields_are_quoted_where_rfc_4180_says() {
        let text = |value| {
            let mut text = String::new();
            field(value, &mut text);
            text
        };
        assert_eq!(text("order-1"), "order-1");
        assert_eq!(text("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
