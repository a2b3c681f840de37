//! Which time the charts show: the last minutes up to now, or, paused, up to a fixed time.
//!
//! All changes go through [`Window::place`], which keeps the window within what was recorded: one that would go past
//! now follows it, one that would go before the first point begins there.

/// The shortest window.
pub const SHORTEST_MS: u64 = 60_000;
/// The longest: what the proxy keeps.
pub const LONGEST_MS: u64 = 6 * 3_600_000;

/// A stretch of time to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    span_ms: u64,
    /// `None`: now.
    end_ms: Option<u64>,
}

/// What there is to look at, Unix milliseconds of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The first point; now where there is none.
    pub first_ms: u64,
    /// Now.
    pub now_ms: u64,
}

impl Window {
    /// Spans to choose from, with their names.
    pub const SPANS: [(u64, &'static str); 7] = [
        (60_000, "1 min"),
        (300_000, "5 min"),
        (600_000, "10 min"),
        (1_800_000, "30 min"),
        (3_600_000, "1 h"),
        (10_800_000, "3 h"),
        (21_600_000, "6 h"),
    ];

    /// The last so many milliseconds, from a minute to six hours.
    pub fn live(span_ms: u64) -> Window {
        Window { span_ms: span_ms.clamp(SHORTEST_MS, LONGEST_MS), end_ms: None }
    }

    /// Up to a fixed time.
    pub fn paused(span_ms: u64, end_ms: u64) -> Window {
        Window { end_ms: Some(end_ms), ..Window::live(span_ms) }
    }

    /// As the address has it: its length in seconds, else the one that the browser remembers, else ten minutes; and where it
    /// ends, Unix milliseconds, if it stands still.
    pub fn chosen(seconds: &str, end_ms: &str, remembered: Option<&str>) -> Window {
        let seconds = seconds.parse().ok().or_else(|| remembered?.parse().ok()).unwrap_or(600_u64);
        Window { end_ms: end_ms.parse().ok(), ..Window::live(seconds.saturating_mul(1000)) }
    }

    /// Its length.
    pub fn span_ms(self) -> u64 {
        self.span_ms
    }

    /// Where it stopped; `None` while it follows now.
    pub fn end_ms(self) -> Option<u64> {
        self.end_ms
    }

    /// Whether it follows now.
    pub fn is_live(self) -> bool {
        self.end_ms.is_none()
    }

    /// Its begin and end.
    pub fn bounds(self, now_ms: u64) -> (u64, u64) {
        let end_ms = self.end_ms.unwrap_or(now_ms);
        (end_ms.saturating_sub(self.span_ms), end_ms)
    }

    /// Stops where it is.
    pub fn pause(self, now_ms: u64) -> Window {
        Window { end_ms: Some(self.end_ms.unwrap_or(now_ms)), ..self }
    }

    /// Follows now again.
    pub fn follow(self) -> Window {
        Window { end_ms: None, ..self }
    }

    /// Ends at a time, as far as there is something to see.
    pub fn place(self, end_ms: u64, limits: Limits) -> Window {
        let earliest_ms = limits.first_ms.saturating_add(self.span_ms);
        let end_ms = end_ms.max(earliest_ms);
        Window { end_ms: (end_ms < limits.now_ms).then_some(end_ms), ..self }
    }

    /// Moves by some time, to later if it is positive.
    pub fn pan(self, by_ms: i64, limits: Limits) -> Window {
        self.place(self.bounds(limits.now_ms).1.saturating_add_signed(by_ms), limits)
    }

    /// Another length; what is at `around_ms` stays where it is on the screen.
    pub fn zoom(self, factor: f64, around_ms: u64, limits: Limits) -> Window {
        let (from_ms, to_ms) = self.bounds(limits.now_ms);
        let around_ms = around_ms.clamp(from_ms, to_ms);
        let wanted = (self.span_ms as f64 * if factor.is_finite() { factor.max(0.0) } else { 1.0 }) as u64;
        // Whole seconds, so that a link to it is short.
        let changed = Window { end_ms: self.end_ms, ..Window::live(wanted.next_multiple_of(1000)) };
        let after = (to_ms - around_ms) as f64 / self.span_ms as f64 * changed.span_ms as f64;
        changed.place(around_ms.saturating_add(after as u64), limits)
    }

    /// A time in its middle, unless it is well within already.
    pub fn showing(self, at_ms: u64, limits: Limits) -> Window {
        let (from_ms, to_ms) = self.bounds(limits.now_ms);
        let margin_ms = self.span_ms / 10;
        if (from_ms + margin_ms..=to_ms.saturating_sub(margin_ms)).contains(&at_ms) {
            return self;
        }
        self.place(at_ms.saturating_add(self.span_ms / 2), limits)
    }

    /// Ends at a part of all that there is: 0 shows the begin, 1 follows now.
    pub fn scrub(self, part: f64, limits: Limits) -> Window {
        let first_ms = limits.first_ms.saturating_add(self.span_ms);
        let room_ms = limits.now_ms.saturating_sub(first_ms) as f64;
        if part.is_nan() || part >= 1.0 {
            return self.follow();
        }
        self.place(first_ms + (room_ms * part.max(0.0)) as u64, limits)
    }

    /// Where it stands between the begin of all that there is (0) and now (1).
    pub fn scrubbed(self, limits: Limits) -> f64 {
        let first_ms = limits.first_ms.saturating_add(self.span_ms);
        let room_ms = limits.now_ms.saturating_sub(first_ms) as f64;
        match self.end_ms {
            Some(end_ms) if room_ms > 0.0 => (end_ms.saturating_sub(first_ms) as f64 / room_ms).min(1.0),
            _ => 1.0,
        }
    }
}
