//! Round numbers for axes.

/// An axis from 0 to `top`, marked every `step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// End of the axis.
    pub top: f64,
    /// Distance of the marks.
    pub step: f64,
}

impl Scale {
    /// The smallest round axis that holds `largest`, with at most five steps of 1, 2 or 5 times a power of ten.
    pub fn holding(largest: f64) -> Scale {
        let largest = if largest.is_finite() && largest > 0.0 { largest } else { 1.0 };
        let rough = largest / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        Scale { top: (largest / step).ceil() * step, step }
    }

    /// The marks, from 0 to the top.
    pub fn marks(self) -> impl Iterator<Item = f64> {
        let count = (self.top / self.step).round() as u32;
        (0..=count).map(move |index| f64::from(index) * self.step)
    }

    /// A mark's digits: as many decimals as the step needs.
    pub fn label(self, mark: f64) -> String {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{mark:.decimals$}")
    }
}

/// A value beside its mark, with a unit: `20 ms`, `12 k/s`, `15 s`.
pub fn value_label(scale: Scale, mark: f64, unit: &str) -> String {
    if mark <= 0.0 {
        return "0".into();
    }
    let (part, unit) = match unit {
        "ms" if scale.step >= 1e3 => (1e3, " s"),
        "ms" => (1.0, " ms"),
        "/s" if scale.top >= 1e7 => (1e6, " M/s"),
        "/s" if scale.top >= 1e4 => (1e3, " k/s"),
        "/s" => (1.0, " /s"),
        other => (1.0, other),
    };
    let mut text = Scale { top: scale.top / part, step: scale.step / part }.label(mark / part);
    text.push_str(unit);
    text
}

/// The largest of 1, 2, 5, 10, … that is not above a value.
pub fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    // Rounding errors of the logarithm must not move a round value.
    let fits = |round: &f64| round * power <= value * (1.0 + 1e-9);
    [10.0, 5.0, 2.0].into_iter().find(fits).unwrap_or(1.0) * power
}

/// The smallest of 1, 2, 5, 10, … that is not below a value.
pub fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let fits = |round: &f64| round * power >= value * (1.0 - 1e-9);
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power
}

/// Round times of a clock from one Unix time to another, milliseconds, at most `most` of them; `west_minutes` as in
/// [`crate::format::clock`].
pub fn times((from_ms, to_ms): (u64, u64), west_minutes: i64, most: f64) -> Vec<u64> {
    const STEPS_S: [u64; 13] = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];
    let span_s = to_ms.saturating_sub(from_ms) as f64 / 1000.0;
    let step_s = STEPS_S.into_iter().find(|step| span_s / *step as f64 <= most.max(1.0)).unwrap_or(STEPS_S[12]);
    let step_ms = step_s * 1000;
    // How far round times of the reader's clock are after those of Unix time.
    let shift_ms = (west_minutes * 60_000).rem_euclid(step_ms as i64) as u64;
    let first = (from_ms.saturating_sub(shift_ms)).div_ceil(step_ms);
    (first..).map(|index| index * step_ms + shift_ms).take_while(|at_ms| *at_ms <= to_ms).collect()
}

/// Whether times of a clock need their seconds.
pub fn with_seconds(times: &[u64]) -> bool {
    times.iter().any(|at_ms| !at_ms.is_multiple_of(60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_a_round_number_and_have_few_marks() {
        for largest in [0.003, 0.7, 1.0, 4.2, 21.7, 99.0, 100.0, 512.0, 5002.0, 1e9] {
            let scale = Scale::holding(largest);
            let marks = scale.marks().count();
            assert!(scale.top >= largest && scale.top <= largest * 1.5, "{largest}: {scale:?}");
            assert!((3..=6).contains(&marks), "{largest}: {marks} marks");
        }
    }

    #[test]
    fn nothing_to_hold_still_gives_an_axis() {
        for largest in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Scale::holding(largest).top, 1.0);
        }
    }

    #[test]
    fn labels_have_the_decimals_that_the_step_needs() {
        let scale = Scale::holding(0.7);
        let labels: Vec<_> = scale.marks().map(|mark| scale.label(mark)).collect();
        assert_eq!(labels, ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(Scale::holding(512.0).label(400.0), "400");
    }

    #[test]
    fn values_have_units_that_keep_them_short() {
        let label = |largest, mark, unit| value_label(Scale::holding(largest), mark, unit);
        assert_eq!(label(21.7, 20.0, "ms"), "20 ms");
        assert_eq!(label(14_800.0, 10_000.0, "ms"), "10 s");
        assert_eq!(label(2_400.0, 2_000.0, "ms"), "2000 ms");
        assert_eq!((label(0.7, 0.2, "/s"), label(14_800.0, 10_000.0, "/s")), ("0.2 /s".into(), "10 k/s".into()));
        assert_eq!((label(1.0, 0.2, ""), label(1e9, 0.0, "/s")), ("0.2".into(), "0".into()));
        for largest in [0.01, 9.0, 512.0, 9_999.0, 99_999.0, 1e7, 9e8] {
            for (mark, unit) in Scale::holding(largest).marks().flat_map(|mark| [(mark, "ms"), (mark, "/s")]) {
                if largest < 1e8 || unit == "/s" {
                    let text = label(largest, mark, unit);
                    assert!(text.chars().count() <= 8, "{text}");
                }
            }
        }
    }

    #[test]
    fn ranges_end_at_round_values() {
        let ends: Vec<_> = [0.3, 1.0, 4.9, 5.0, 99.0, 100.0, 512.0].map(|v| (round_down(v), round_up(v))).into();
        let near = |(a, b): (f64, f64), (c, d): (f64, f64)| (a / c - 1.0).abs() < 1e-9 && (b / d - 1.0).abs() < 1e-9;
        let right = [(0.2, 0.5), (1.0, 1.0), (2.0, 5.0), (5.0, 5.0), (50.0, 100.0), (100.0, 100.0), (500.0, 1000.0)];
        assert!(ends.iter().zip(right).all(|(own, right)| near(*own, right)), "{ends:?}");
    }

    #[test]
    fn times_are_round_on_the_readers_clock() {
        // 22:13:20 UTC.
        let to_ms = 1_700_000_000_000;
        let clocks = |span_ms: u64, west, most| -> Vec<String> {
            let times = times((to_ms - span_ms, to_ms), west, most);
            times.into_iter().map(|at_ms| crate::format::clock(at_ms, west)).collect()
        };
        assert_eq!(clocks(60_000, 0, 4.0), ["22:12:30", "22:12:45", "22:13:00", "22:13:15"]);
        // Nepal is 5:45 ahead.
        assert_eq!(clocks(3 * 3_600_000, -345, 4.0), ["01:00:00", "02:00:00", "03:00:00"]);
        assert_eq!(clocks(3 * 3_600_000, 0, 4.0), ["20:00:00", "21:00:00", "22:00:00"]);
        for span_ms in [60_000, 90_000, 600_000, 3_600_000, 21_600_000] {
            for most in [1.0, 3.5, 8.0, 30.0] {
                let count = clocks(span_ms, 0, most).len();
                assert!(count as f64 <= most + 1.0 && count >= (most / 3.0) as usize, "{span_ms} {most}: {count}");
            }
        }
    }
}
