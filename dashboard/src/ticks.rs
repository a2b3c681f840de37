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

/// Seconds between the marks of a time axis that shows `span_s` seconds: at most six of them.
pub fn time_step(span_s: f64) -> f64 {
    let steps = [10.0, 15.0, 30.0, 60.0, 120.0];
    steps.into_iter().find(|step| span_s / step <= 6.0).unwrap_or(300.0)
}

/// A moment before now on a time axis: `now`, `−45 s`, `−2 min`.
pub fn time_label(before_s: f64) -> String {
    let seconds = before_s.round() as u64;
    match seconds {
        0 => "now".into(),
        s if s % 60 == 0 => format!("−{} min", s / 60),
        s if s > 60 => format!("−{}:{:02} min", s / 60, s % 60),
        s => format!("−{s} s"),
    }
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
    fn time_is_marked_in_seconds_or_minutes() {
        assert_eq!((time_step(60.0), time_step(120.0), time_step(300.0)), (10.0, 30.0, 60.0));
        let labels: Vec<_> = [0.0, 45.0, 90.0, 120.0].map(time_label).into();
        assert_eq!(labels, ["now", "−45 s", "−1:30 min", "−2 min"]);
    }
}
