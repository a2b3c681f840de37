//! Properties: how values are encoded, and which a stream can read in which phase.
//!
//! A path is the guest's bytes, its parts separated by NUL. Integers and doubles are 8 bytes little-endian, durations
//! and times int64 nanoseconds, a bool one byte, strings raw.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::Headers;

/// A property's value before it is encoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A signed integer: 8 bytes.
    Int(i64),
    /// An unsigned integer: 8 bytes.
    Uint(u64),
    /// A double: 8 bytes.
    Double(f64),
    /// One byte.
    Bool(bool),
    /// Nanoseconds in 8 bytes.
    Duration(Duration),
    /// Nanoseconds since 1970 in 8 bytes.
    Time(u64),
    /// Text, raw.
    Text(String),
    /// Bytes, raw: also for a value that no Envoy would send.
    Bytes(Vec<u8>),
}

impl Value {
    /// What the guest gets from Envoy.
    pub fn encode(&self) -> Vec<u8> {
        self.bytes().into_owned()
    }

    /// As in Envoy.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Int(value) => value.to_le_bytes().to_vec().into(),
            Self::Uint(value) | Self::Time(value) => value.to_le_bytes().to_vec().into(),
            Self::Double(value) => value.to_le_bytes().to_vec().into(),
            Self::Bool(value) => vec![u8::from(*value)].into(),
            Self::Duration(value) => (value.as_nanos() as i64).to_le_bytes().to_vec().into(),
            Self::Text(value) => value.as_bytes().into(),
            Self::Bytes(value) => value.into(),
        }
    }

    /// As in hosts that know text only: numbers in decimal, times in seconds with milliseconds.
    pub(crate) fn text(&self) -> Cow<'_, [u8]> {
        let seconds = |ns: u128| format!("{}.{:03}", ns / 1_000_000_000, ns / 1_000_000 % 1_000);
        let text = match self {
            Self::Int(value) => value.to_string(),
            Self::Uint(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Duration(value) => seconds(value.as_nanos()),
            Self::Time(value) => seconds(u128::from(*value)),
            Self::Text(value) => return value.as_bytes().into(),
            Self::Bytes(value) => return value.into(),
        };
        text.into_bytes().into()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Uint(value)
    }
}

/// Values by path.
#[derive(Clone, Debug, Default)]
pub struct Properties(BTreeMap<Vec<u8>, Value>);

impl Properties {
    /// Sets a property by its dotted path, as in `upstream.address`.
    pub fn set(&mut self, dotted: &str, value: impl Into<Value>) {
        self.0.insert(path(dotted), value.into());
    }

    /// Takes a property away.
    pub fn unset(&mut self, dotted: &str) {
        self.0.remove(&path(dotted));
    }

    pub(crate) fn set_path(&mut self, path: &[u8], value: Value) {
        self.0.insert(trim(path).to_vec(), value);
    }

    /// A property by the path that the guest wrote.
    pub(crate) fn get(&self, path: &[u8]) -> Option<&Value> {
        self.0.get(trim(path))
    }
}

/// A dotted path as the guest writes it. Only the first two dots separate: header names may hold dots.
pub fn path(dotted: &str) -> Vec<u8> {
    let mut left = 2;
    let separate = |byte| match byte {
        b'.' if left > 0 => {
            left -= 1;
            0
        }
        other => other,
    };
    dotted.bytes().map(separate).collect()
}

/// Guests may end a path with a NUL; it means the same.
pub(crate) fn trim(path: &[u8]) -> &[u8] {
    path.strip_suffix(&[0]).unwrap_or(path)
}

/// `request.*` and `response.*` properties that are read from a header map.
pub(crate) fn from_headers<'a>(headers: &'a Headers, leaf: &[u8], name: Option<&[u8]>) -> Option<Cow<'a, [u8]>> {
    let key: &[u8] = match leaf {
        b"headers" | b"trailers" => return headers.joined(name?),
        b"path" => b":path",
        b"method" => b":method",
        b"host" => b":authority",
        b"scheme" => b":scheme",
        b"id" => b"x-request-id",
        b"referer" => b"referer",
        b"useragent" => b"user-agent",
        b"url_path" => {
            let path = headers.get(":path")?;
            return path.split(|byte| *byte == b'?').next().map(Cow::Borrowed);
        }
        b"query" => {
            let path = headers.get(":path")?;
            let query = path.iter().position(|byte| *byte == b'?').map_or(&b""[..], |at| &path[at + 1..]);
            return Some(query.split(|byte| *byte == b'#').next().unwrap_or_default().into());
        }
        _ => return None,
    };
    headers.get(key).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_eight_bytes_little_endian_and_bools_one() {
        assert_eq!(Value::Uint(258).encode(), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Value::Int(-1).encode(), [255; 8]);
        assert_eq!(Value::Duration(Duration::from_nanos(3)).encode(), [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Value::Double(1.0).encode(), 1.0_f64.to_le_bytes());
        assert_eq!(Value::Bool(true).encode(), [1]);
        assert_eq!(Value::from("a").encode(), b"a");
    }

    #[test]
    fn a_host_of_text_writes_numbers_in_decimal_and_times_in_seconds() {
        let text = |value: Value| String::from_utf8(value.text().into_owned()).expect("text");
        assert_eq!(text(Value::Int(-200)), "-200");
        assert_eq!(text(Value::Bool(true)), "true");
        assert_eq!(text(Value::Duration(Duration::from_micros(1_234_567))), "1.234");
        assert_eq!(text(Value::Time(1_767_225_600_005_000_000)), "1767225600.005");
    }

    #[test]
    fn a_path_may_end_with_a_separator() {
        let mut properties = Properties::default();
        properties.set("upstream.address", "1.2.3.4:5");
        assert_eq!(properties.get(b"upstream\0address\0"), Some(&Value::from("1.2.3.4:5")));
        assert_eq!(properties.get(b"upstream.address"), None);
        assert_eq!(path("request.headers.x.y"), b"request\0headers\0x.y");
    }
}
