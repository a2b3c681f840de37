//! Which endpoints of a pool the table shows, in which order, and which of them are on the screen.

use std::cmp::Ordering;

use plimsoll_snapshot::{Endpoint, Pool};

use crate::history::PoolHistory;
use crate::state::State;

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// The order of the configuration.
    #[default]
    Configured,
    /// The name; numbers in it count as numbers.
    Name,
    /// The state, worst first.
    State,
    /// The score, worst first.
    Score,
    /// Attempts per second.
    Rate,
    /// Failed part of the attempts.
    Failed,
    /// Attempts under way.
    InFlight,
    /// Weight in force.
    Weight,
    /// Median latency.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
    /// When the circuit last changed, newest first.
    Change,
}

/// Keys by their names in links.
pub const KEYS: [(Key, &str); 12] = [
    (Key::Configured, ""),
    (Key::Name, "name"),
    (Key::State, "state"),
    (Key::Score, "score"),
    (Key::Rate, "rate"),
    (Key::Failed, "failed"),
    (Key::InFlight, "in-flight"),
    (Key::Weight, "weight"),
    (Key::P50, "p50"),
    (Key::P90, "p90"),
    (Key::P99, "p99"),
    (Key::Change, "change"),
];

/// A key and whether it runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub key: Key,
    /// The other way round than what calls for attention first.
    pub reversed: bool,
}

impl Order {
    /// From a link: `p99`, or `-p99` the other way round.
    pub fn parse(text: &str) -> Order {
        let name = text.trim_start_matches('-');
        let key = KEYS.iter().find(|(_, known)| *known == name).map_or(Key::Configured, |(key, _)| *key);
        Order { key, reversed: text.starts_with('-') }
    }

    /// For a link.
    pub fn text(self) -> String {
        let name = KEYS.iter().find(|(key, _)| *key == self.key).map_or("", |(_, name)| name);
        if self.reversed { format!("-{name}") } else { name.to_owned() }
    }

    /// After a press on a column's head: by that key, then the other way round, then as configured.
    pub fn pressed(self, key: Key) -> Order {
        match (self.key == key, self.reversed) {
            (false, _) => Order { key, reversed: false },
            (true, false) => Order { key, reversed: true },
            (true, true) => Order::default(),
        }
    }
}

/// The places of the endpoints that fit, in order. `wanted` is what was typed: every word must be in the endpoint's id,
/// address, zone or state.
pub fn places(pool: &Pool, past: Option<&PoolHistory>, wanted: &str, order: Order) -> Vec<usize> {
    let mut kept: Vec<(f64, usize)> = Vec::with_capacity(pool.endpoints.len());
    for (place, endpoint) in pool.endpoints.iter().enumerate() {
        if wanted.split_whitespace().all(|word| fits(endpoint, word)) {
            kept.push((rank(endpoint, past, order.key), place));
        }
    }
    // One sort for all keys. Ties stay in the order of the configuration, also backwards; what is unknown comes last both
    // ways.
    kept.sort_unstable_by(|(a, a_place), (b, b_place)| {
        let known = a.is_nan().cmp(&b.is_nan());
        let by_key = match order.key {
            Key::Name => natural(&pool.endpoints[*a_place].id, &pool.endpoints[*b_place].id),
            _ if a.is_nan() || b.is_nan() => Ordering::Equal,
            _ => a.total_cmp(b),
        };
        let by_key = if order.reversed { by_key.reverse() } else { by_key };
        known.then(by_key).then(a_place.cmp(b_place))
    });
    kept.into_iter().map(|(_, place)| place).collect()
}

fn fits(endpoint: &Endpoint, word: &str) -> bool {
    let zone = endpoint.zone.as_deref().unwrap_or("");
    let state = State::of(endpoint).word();
    [endpoint.id.as_str(), &endpoint.address, zone, state].iter().any(|text| holds(text, word))
}

/// Whether a text has a word in it, capital letters of ASCII or not: the tables for all of Unicode would be as large as the
/// table of endpoints.
pub fn holds(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty() || text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Smaller is more interesting; not a number where it is not known.
fn rank(endpoint: &Endpoint, past: Option<&PoolHistory>, key: Key) -> f64 {
    let recent = || past.and_then(|past| past.endpoints.get(&endpoint.id)?.recent());
    let latency = |pick: fn(&plimsoll_snapshot::LatencyMs) -> f64| endpoint.latency_ms.as_ref().map_or(f64::NAN, pick);
    match key {
        Key::Configured | Key::Name => 0.0,
        Key::State => State::ALL.iter().position(|state| *state == State::of(endpoint)).unwrap_or(0) as f64,
        Key::Score => endpoint.score.unwrap_or(f64::NAN),
        Key::Rate => -recent().map_or(f64::NAN, |delta| delta.rate()),
        Key::Failed => -recent().and_then(|delta| delta.failed()).unwrap_or(f64::NAN),
        Key::InFlight => -(endpoint.in_flight as f64),
        Key::Weight => -endpoint.effective_weight,
        Key::P50 => -latency(|l| l.p50),
        Key::P90 => -latency(|l| l.p90),
        Key::P99 => -latency(|l| l.p99),
        Key::Change => -endpoint.last_transition.as_ref().map_or(f64::NAN, |change| change.at_ms as f64),
    }
}

/// `order-2` before `order-10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while let ([x, ..], [y, ..]) = (a, b) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let number = |text: &[u8]| {
                let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let zeros = text.iter().take(digits).take_while(|byte| **byte == b'0').count();
                (zeros, digits)
            };
            let ((za, da), (zb, db)) = (number(a), number(b));
            let order = (da - za).cmp(&(db - zb)).then_with(|| a[za..da].cmp(&b[zb..db]));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[da..], &b[db..]);
        } else {
            if x != y {
                return x.cmp(y);
            }
            (a, b) = (&a[1..], &b[1..]);
        }
    }
    a.len().cmp(&b.len())
}

/// Rows further than this from the screen are not made, where there are more than [`WHOLE`].
pub const AROUND: usize = 3;
/// So many rows are simply all there: searching in the page then finds everything.
pub const WHOLE: usize = 30;

/// Which rows of `count` to make. `above_px` of the table are above the screen's upper edge, and the screen shows
/// `screen_px` of it; a row is `row_px` high. All pixels of the page.
pub fn on_screen(count: usize, above_px: f64, screen_px: f64, row_px: f64) -> std::ops::Range<usize> {
    if count <= WHOLE {
        return 0..count;
    }
    let row_px = if row_px.is_finite() { row_px.max(1.0) } else { 1.0 };
    // Casting saturates: what is above the table is row 0.
    let first = (above_px / row_px).floor() as usize;
    let last = ((above_px + screen_px) / row_px).ceil() as usize;
    // In steps, so that scrolling by a pixel changes nothing.
    let first = first.saturating_sub(AROUND) / AROUND * AROUND;
    let last = (last + AROUND).next_multiple_of(AROUND).min(count);
    first.min(last)..last
}

#[cfg(test)]
mod tests;
