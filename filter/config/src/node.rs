//! Reading a JSON value with its path at hand, so that every error names key, value and what is allowed; also for files
//! of other programs, such as the simulator's scenarios. Deriving the
//! reader (serde, with serde_path_to_error for the paths) said less and took a sixth of the whole `.wasm`.

use super::units;
use core::fmt::Display;
use core::ops::RangeInclusive;
use core::time::Duration;
use serde_json::{Map, Value};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// An object all of whose keys are known.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Node<'a> {
    /// The whole document.
    #[must_use]
    pub fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    /// Where it stands, such as `pools[0].circuit.open_for`; empty for the whole document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An error about this value.
    #[must_use]
    pub fn error(&self, why: impl Display) -> String {
        let at = if self.path.is_empty() { "the configuration" } else { &self.path };
        format!("{at}: {} {why}", abridged(self.value))
    }

    /// An object that has no keys but these.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn object(&self, keys: &[&str]) -> Result<Object<'a>, String> {
        let map = self.value.as_object().ok_or_else(|| self.error("is not an object"))?;
        let object = Object { map, path: self.path.clone() };
        match map.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => Err(format!("{}: unknown key, allowed are {}", object.at(key), listed(keys, ", "))),
            None => Ok(object),
        }
    }

    /// The items of a list.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn list(&self) -> Result<Vec<Node<'a>>, String> {
        let list = self.value.as_array().ok_or_else(|| self.error("is not a list"))?;
        let node = |(index, value)| Node { value, path: format!("{}[{index}]", self.path) };
        Ok(list.iter().enumerate().map(node).collect())
    }

    /// The entries of an object whose keys are free.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn entries(&self) -> Result<Vec<(&'a str, Node<'a>)>, String> {
        let map = self.value.as_object().ok_or_else(|| self.error("is not an object"))?;
        let object = Object { map, path: self.path.clone() };
        Ok(map.iter().map(|(key, value)| (key.as_str(), Node { value, path: object.at(key) })).collect())
    }

    /// Whether it is a text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.value.is_string()
    }

    /// A text.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn text(&self) -> Result<&'a str, String> {
        self.value.as_str().ok_or_else(|| self.error("is not a text"))
    }

    /// True or false.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn flag(&self) -> Result<bool, String> {
        self.value.as_bool().ok_or_else(|| self.error("is neither true nor false"))
    }

    /// A whole number. Protobuf's `Struct` knows only doubles, so it may be written `3`, `3.0` or `1e+06`.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn whole(&self, range: RangeInclusive<u32>) -> Result<u32, String> {
        let (low, high) = (*range.start(), *range.end());
        match self.value.as_f64() {
            Some(value) if value >= f64::from(low) && value <= f64::from(high) && f64::from(value as u32) == value => {
                Ok(value as u32)
            }
            _ => Err(self.error(format_args!("is not a whole number from {low} to {high}"))),
        }
    }

    /// A whole number of either sign; beyond 2^53 a double, which is what `Struct` has, cannot tell them apart.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn integer(&self) -> Result<i64, String> {
        const LIMIT: u64 = 9_007_199_254_740_991;
        match self.value.as_f64() {
            Some(value) if (value as i64).unsigned_abs() <= LIMIT && (value as i64) as f64 == value => Ok(value as i64),
            _ => Err(self.error(format_args!("is not a whole number from -{LIMIT} to {LIMIT}"))),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn number(&self, range: RangeInclusive<f64>) -> Result<f64, String> {
        let (low, high) = (*range.start(), *range.end());
        self.value.as_f64().filter(|value| range.contains(value)).ok_or_else(|| {
            let (low, high) = (units::decimal(low), units::decimal(high));
            self.error(format_args!("is not a number from {low} to {high}"))
        })
    }

    /// A duration: a text with a unit, see [`units`].
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Result<Duration, String> {
        let (low, high) = (units::print(*range.start()), units::print(*range.end()));
        self.value.as_str().and_then(units::parse).filter(|value| range.contains(value)).ok_or_else(|| {
            self.error(format_args!(
                "is not a duration from {low} to {high}, such as \"250ms\" or \"10s\" (units: ms, s, m, h)"
            ))
        })
    }

    /// One of some names.
    ///
    /// # Errors
    /// One line that names the path, the value and what is allowed.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, String> {
        let chosen = self.value.as_str().and_then(|text| choices.iter().find(|(name, _)| *name == text));
        chosen.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(format_args!("is none of {}", listed(&names, ", ")))
        })
    }
}

impl<'a> Object<'a> {
    /// The path of a key.
    #[must_use]
    pub fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A value, if the key is there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        self.map.get(key).map(|value| Node { value, path: self.at(key) })
    }

    /// A value that has to be there.
    ///
    /// # Errors
    /// One line that names the path.
    pub fn required(&self, key: &str) -> Result<Node<'a>, String> {
        self.get(key).ok_or_else(|| format!("{}: missing", self.at(key)))
    }

    /// A whole number, or the default. As the two below it is what [`Object::or`] with a closure does, in a fifth of the
    /// code at each place where it is called.
    ///
    /// # Errors
    /// As [`Node::whole`].
    #[inline(never)]
    pub fn whole_or(&self, key: &str, default: u32, range: RangeInclusive<u32>) -> Result<u32, String> {
        self.get(key).map_or(Ok(default), |node| node.whole(range))
    }

    /// True or false, or the default.
    ///
    /// # Errors
    /// As [`Node::flag`].
    #[inline(never)]
    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool, String> {
        self.get(key).map_or(Ok(default), |node| node.flag())
    }

    /// A duration, or the default.
    ///
    /// # Errors
    /// As [`Node::duration`].
    #[inline(never)]
    pub fn duration_or(
        &self,
        key: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, String> {
        self.get(key).map_or(Ok(default), |node| node.duration(range))
    }

    /// Reads an optional value.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn or<T>(&self, key: &str, default: T, read: impl FnOnce(&Node<'a>) -> Result<T, String>) -> Result<T, String> {
        self.get(key).map_or(Ok(default), |node| read(&node))
    }
}

/// Names with `between` between them: the standard library's `join` is a kilobyte of code.
pub(crate) fn listed(names: &[&str], between: &str) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(between);
        }
        list.push_str(name);
    }
    list
}

/// A value as it was written, cut where it is long.
fn abridged(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > 80 {
        let end = (0..=77).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}
