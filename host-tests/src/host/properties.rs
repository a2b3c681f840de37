//! Properties: how values are encoded, and which a stream can read in which phase.
//!
//! A path is the guest's bytes, its parts separated by NUL. Integers and doubles are 8 bytes little-endian, durations
//! and times int64 nanoseconds, a bool one byte, strings raw.

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
    /// What the guest gets.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Int(value) => value.to_le_bytes().to_vec(),
            Self::Uint(value) | Self::Time(value) => value.to_le_bytes().to_vec(),
            Self::Double(value) => value.to_le_bytes().to_vec(),
            Self::Bool(value) => vec![u8::from(*value)],
            Self::Duration(value) => (value.as_nanos() as i64).to_le_bytes().to_vec(),
            Self::Text(value) => value.as_bytes().to_vec(),
            Self::Bytes(value) => value.clone(),
        }
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

/// Encoded values by path.
#[derive(Clone, Debug, Default)]
pub struct Properties(BTreeMap<Vec<u8>, Vec<u8>>);

impl Properties {
    /// Sets a property by its dotted path, as in `upstream.address`.
    pub fn set(&mut self, dotted: &str, value: impl Into<Value>) {
        self.0.insert(path(dotted), value.into().encode());
    }

    /// Takes a property away.
    pub fn unset(&mut self, dotted: &str) {
        self.0.remove(&path(dotted));
    }

    pub(crate) fn set_raw(&mut self, path: &[u8], value: &[u8]) {
        self.0.insert(trim(path).to_vec(), value.to_vec());
    }

    pub(crate) fn get_raw(&self, path: &[u8]) -> Option<&[u8]> {
        self.0.get(trim(path)).map(Vec::as_slice)
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
pub(crate) fn from_headers(headers: &Headers, leaf: &[u8], name: Option<&[u8]>) -> Option<Vec<u8>> {
    let key: &[u8] = match leaf {
        b"headers" => name?,
        b"path" => b":path",
        b"method" => b":method",
        b"host" => b":authority",
        b"scheme" => b":scheme",
        b"id" => b"x-request-id",
        b"referer" => b"referer",
        b"useragent" => b"user-agent",
        b"url_path" => {
            let path = headers.get(":path")?;
            return path.split(|byte| *byte == b'?').next().map(<[u8]>::to_vec);
        }
        b"total_size" => return Some(Value::Uint(headers.byte_size() as u64).encode()),
        _ => return None,
    };
    headers.get(key).map(<[u8]>::to_vec)
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
    fn a_path_may_end_with_a_separator() {
        let mut properties = Properties::default();
        properties.set("upstream.address", "1.2.3.4:5");
        assert_eq!(properties.get_raw(b"upstream\0address\0"), Some(&b"1.2.3.4:5"[..]));
        assert_eq!(properties.get_raw(b"upstream.address"), None);
        assert_eq!(path("request.headers.x.y"), b"request\0headers\0x.y");
    }
}
