//! A chart in words, for who cannot see it.

use super::{Chart, Form};
use crate::format;

/// More series than this are told by their extremes.
const MOST: usize = 16;

impl Chart {
    /// What it shows, how far it goes, where every series stands now, and the highest and lowest of it.
    pub fn words(&self) -> String {
        let look = &self.look;
        let clock = |at_ms: u64| format::clock(at_ms, look.west_minutes);
        let end = if look.live { "now".into() } else { clock(look.to_ms) };
        let mut text =
            [self.kind.title(), " of pool ", &self.pool, ", ", &clock(look.from_ms), " to ", &end, ". "].concat();
        let Some(last) = self.spans.len().checked_sub(1) else {
            text.push_str("Nothing recorded.");
            return text;
        };
        if self.spans[0].0 > look.from_ms {
            text.push_str(&["Recorded from ", &clock(self.spans[0].0), " on. "].concat());
        }
        let holes = self.spans.windows(2).filter(|pair| pair[0].1 < pair[1].0).count();
        if holes > 0 {
            let gaps = if holes == 1 { " gap. " } else { " gaps. " };
            text.push_str(&[&holes.to_string(), gaps].concat());
        }
        let reading = self.reading(self.spans[last].0);
        let told: Vec<String> =
            reading.values.iter().take(MOST).map(|value| [&value.name, " ", &value.text].concat()).collect();
        if told.is_empty() {
            text.push_str("Nothing to show.");
            return text;
        }
        text.push_str(if look.live { "Now: " } else { "At the end: " });
        text.push_str(&told.join(", "));
        if reading.values.len() > MOST {
            text.push_str(&[", and ", &(reading.values.len() - MOST).to_string(), " more"].concat());
        }
        text.push('.');
        if self.kind.form() != Form::Bands
            && let Some((value, series, index)) = self.highest()
        {
            let at = clock(self.spans[index].0);
            text.push_str(
                &[" Highest: ", &self.series[series].name, " ", &self.text(value), " at ", &at, "."].concat(),
            );
        }
        let shown = look.marks.iter().filter(|mark| (look.from_ms..=look.to_ms).contains(&mark.at_ms)).count();
        if shown > 0 {
            let events = if shown == 1 { " event." } else { " events." };
            text.push_str(&[" ", &shown.to_string(), events].concat());
        }
        text
    }

    /// The highest value, its series and its point.
    fn highest(&self) -> Option<(f32, usize, usize)> {
        let mut highest: Option<(f32, usize, usize)> = None;
        for (place, series) in self.series.iter().enumerate() {
            for (index, value) in series.values.iter().enumerate() {
                if !value.is_nan() && highest.is_none_or(|(most, ..)| *value > most) {
                    highest = Some((*value, place, index));
                }
            }
        }
        highest
    }
}
