//! A [`Scenario`](crate::Scenario) in few bytes, and back: for what comes with a page and for links.
//!
//! One walk over a value both writes and reads it, so the two cannot disagree, and a page carries the code once. Whole
//! numbers are seven bits a byte, the lowest first; other numbers are thousandths where that is exact, else the eight bytes
//! of the double. What is read is checked against the ranges that scenario files have; the first number out of range is
//! told at the end, and nothing is allocated for what is not there.
//!
//! Not in it: addresses (endpoints get numbered ones), the seed, recorded arrivals and measured service times, which are
//! data sets.

mod scenario;
mod who;

pub use scenario::{fault, scenario};

use std::ops::RangeInclusive;
use std::time::Duration;

/// As many endpoints as a page plays in reasonable time.
pub const MAX_ENDPOINTS: usize = 1000;
/// Longest text in bytes that anything has here.
pub const MAX_TEXT: u64 = 16_384;
/// The longest time that anything in a scenario may take: a week.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Bytes being written or read.
pub struct Wire {
    bytes: Vec<u8>,
    at: usize,
    is_reading: bool,
    /// What was wrong first.
    wrong: Option<&'static str>,
}

impl Wire {
    /// Writes.
    #[must_use]
    pub fn writer() -> Self {
        Self { bytes: Vec::new(), at: 0, is_reading: false, wrong: None }
    }

    /// Reads what was written.
    #[must_use]
    pub fn reader(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0, is_reading: true, wrong: None }
    }

    /// Whether values are read, not written.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// Nothing is left to read, or nothing that would be right.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len() || self.is_wrong()
    }

    /// What was written.
    ///
    /// # Errors
    /// The name of the first value that has no place here.
    pub fn written(self) -> Result<Vec<u8>, &'static str> {
        self.wrong.map_or(Ok(self.bytes), Err)
    }

    /// All was read, and all of it was right.
    ///
    /// # Errors
    /// The name of the first value that was out of its range.
    pub fn read(self) -> Result<(), &'static str> {
        match self.wrong {
            Some(name) => Err(name),
            None if self.at < self.bytes.len() => Err("its end"),
            None => Ok(()),
        }
    }

    fn is_wrong(&self) -> bool {
        self.wrong.is_some()
    }

    /// This value has no place here, or is out of its range.
    pub fn refuse(&mut self, name: &'static str) {
        self.wrong.get_or_insert(name);
    }

    fn byte(&mut self, name: &'static str) -> u8 {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.unwrap_or_else(|| {
            self.refuse(name);
            0
        })
    }

    /// A whole number as it is.
    #[inline(never)]
    fn varint(&mut self, name: &'static str, value: u64) -> u64 {
        if !self.is_reading {
            let mut rest = value;
            while rest > 127 {
                self.bytes.push(rest as u8 | 128);
                rest >>= 7;
            }
            self.bytes.push(rest as u8);
            return value;
        }
        let mut read = 0;
        for place in (0..u64::BITS).step_by(7) {
            let byte = self.byte(name);
            read |= u64::from(byte & 127) << place;
            if byte < 128 {
                return read;
            }
        }
        self.refuse(name);
        0
    }

    /// A whole number.
    #[inline(never)]
    pub fn whole(&mut self, name: &'static str, value: &mut u64, low: u64, high: u64) {
        let read = self.varint(name, *value);
        if read < low || read > high {
            self.refuse(name);
        } else {
            *value = read;
        }
    }

    /// The same for shorter ones.
    #[inline(never)]
    pub fn short(&mut self, name: &'static str, value: &mut u32, low: u32, high: u32) {
        let mut long = u64::from(*value);
        self.whole(name, &mut long, low.into(), high.into());
        *value = long as u32;
    }

    /// Which of `count` alternatives it is.
    #[inline(never)]
    pub fn choice(&mut self, name: &'static str, chosen: u32, count: u32) -> u32 {
        let mut chosen = chosen;
        self.short(name, &mut chosen, 0, count - 1);
        chosen
    }

    /// True or false.
    #[inline(never)]
    pub fn flag(&mut self, name: &'static str, value: &mut bool) {
        *value = self.choice(name, u32::from(*value), 2) == 1;
    }

    /// A number.
    #[inline(never)]
    pub fn number(&mut self, name: &'static str, value: &mut f64, low: f64, high: f64) {
        let thousandths = libm::rint(*value * 1000.0) as u64;
        let exact = thousandths < 1 << 52 && (thousandths as f64 / 1000.0).to_bits() == value.to_bits();
        let written = if exact { thousandths << 1 } else { 1 };
        let read = match self.varint(name, written) {
            even if even & 1 == 0 => (even >> 1) as f64 / 1000.0,
            _ if self.is_reading => f64::from_le_bytes([0; 8].map(|_: u8| self.byte(name))),
            _ => {
                self.bytes.extend_from_slice(&value.to_le_bytes());
                *value
            }
        };
        if read >= low && read <= high {
            *value = read;
        } else {
            self.refuse(name);
        }
    }

    /// A duration: milliseconds where that is exact, else nanoseconds.
    #[inline(never)]
    pub fn time(&mut self, name: &'static str, value: &mut Duration, range: RangeInclusive<Duration>) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX >> 1);
        let written = if nanos.is_multiple_of(1_000_000) { nanos / 1_000_000 * 2 } else { nanos.saturating_mul(2) | 1 };
        let read = self.varint(name, written);
        let read = if read & 1 == 0 { Duration::from_millis(read >> 1) } else { Duration::from_nanos(read >> 1) };
        if range.contains(&read) {
            *value = read;
        } else {
            self.refuse(name);
        }
    }

    /// A text.
    #[inline(never)]
    pub fn text(&mut self, name: &'static str, value: &mut String) {
        let mut length = value.len() as u64;
        self.whole(name, &mut length, 0, MAX_TEXT);
        if !self.is_reading {
            self.bytes.extend_from_slice(value.as_bytes());
            return;
        }
        let end = self.at + length as usize;
        let bytes = self.bytes.get(self.at..end).map(<[u8]>::to_vec);
        self.at = end;
        match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(text) => *value = text,
            None => self.refuse(name),
        }
    }

    /// Whether it is there, and if so the value, from `blank` where it is read.
    pub fn optional<T: Copy>(
        &mut self,
        name: &'static str,
        value: &mut Option<T>,
        blank: T,
        walk: impl FnOnce(&mut Self, &mut T),
    ) {
        let mut there = value.is_some();
        self.flag(name, &mut there);
        *value = there.then(|| {
            let mut inner = value.unwrap_or(blank);
            walk(self, &mut inner);
            inner
        });
    }

    /// A list of up to `most` items, each from `blank` where they are read.
    pub fn list<T: Clone>(
        &mut self,
        name: &'static str,
        list: &mut Vec<T>,
        most: usize,
        blank: T,
        walk: impl Fn(&mut Self, &mut T),
    ) {
        let mut length = list.len() as u64;
        self.whole(name, &mut length, 0, most as u64);
        for index in 0..length as usize {
            // What is out of range or cut short would only go on being so.
            if self.is_wrong() {
                return;
            }
            if self.is_reading {
                list.push(blank.clone());
            }
            if let Some(item) = list.get_mut(index) {
                walk(self, item);
            }
        }
    }
}

#[cfg(test)]
mod tests;
