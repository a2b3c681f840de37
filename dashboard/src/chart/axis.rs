//! The time axis: from times to pixels and back.

/// Where a stretch of time lies, pixels of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Left end.
    pub left: f64,
    /// Right end.
    pub right: f64,
    /// Time at the left end, Unix milliseconds.
    pub from_ms: u64,
    /// Time at the right end.
    pub to_ms: u64,
}

impl Axis {
    /// Where a time lies; those beyond an end lie at it.
    pub fn x_of(&self, at_ms: u64) -> f64 {
        let since = at_ms.clamp(self.from_ms, self.to_ms) - self.from_ms;
        self.left + (self.right - self.left) * (since as f64 / self.span_ms())
    }

    /// The time at a place; places beyond an end have the end's.
    pub fn time_at(&self, x: f64) -> u64 {
        let part = ((x - self.left) / (self.right - self.left)).clamp(0.0, 1.0);
        self.from_ms + (part * self.span_ms()).round() as u64
    }

    /// Whether a time is on the axis.
    pub fn shows(&self, at_ms: u64) -> bool {
        (self.from_ms..=self.to_ms).contains(&at_ms)
    }

    /// Its length, at least a millisecond.
    fn span_ms(&self) -> f64 {
        self.to_ms.saturating_sub(self.from_ms).max(1) as f64
    }
}
