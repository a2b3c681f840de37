//! Envoy hands a `google.protobuf.Struct` to the filter as it is on the wire, not as JSON (seen with 1.40; its
//! documentation says otherwise). This reads the wire form into the JSON value that it stands for.
//!
//! `Struct { map<string, Value> fields = 1 }`, `Value { null = 1 | double = 2 | string = 3 | bool = 4 | Struct = 5 |
//! ListValue = 6 }`, `ListValue { repeated Value values = 1 }`. Unknown fields are an error: there is nothing to gain
//! from guessing.

use serde_json::{Map, Value};

/// Deeper than any configuration, shallower than the stack.
const MAX_DEPTH: u32 = 32;

/// One field on the wire.
enum Field<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

/// Reads a serialised `Struct`; `None` if the bytes are not one.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    object(bytes, 0)
}

fn object(mut bytes: &[u8], depth: u32) -> Option<Value> {
    let mut map = Map::new();
    while !bytes.is_empty() {
        let Some((1, Field::Bytes(mut entry))) = field(&mut bytes) else { return None };
        let (mut key, mut content) = (String::new(), Value::Null);
        while !entry.is_empty() {
            match field(&mut entry)? {
                (1, Field::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
                (2, Field::Bytes(inner)) => content = value(inner, depth.checked_add(1)?)?,
                _ => return None,
            }
        }
        map.insert(key, content);
    }
    Some(Value::Object(map))
}

fn value(mut bytes: &[u8], depth: u32) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut found = Value::Null;
    // Of several, the last one counts.
    while !bytes.is_empty() {
        found = match field(&mut bytes)? {
            (1, Field::Varint(_)) => Value::Null,
            (2, Field::Double(number)) => whole(number),
            (3, Field::Bytes(text)) => Value::String(String::from_utf8(text.to_vec()).ok()?),
            (4, Field::Varint(flag)) => Value::Bool(flag != 0),
            (5, Field::Bytes(inner)) => object(inner, depth)?,
            (6, Field::Bytes(inner)) => list(inner, depth)?,
            _ => return None,
        };
    }
    Some(found)
}

fn list(mut bytes: &[u8], depth: u32) -> Option<Value> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let Some((1, Field::Bytes(inner))) = field(&mut bytes) else { return None };
        list.push(value(inner, depth.checked_add(1)?)?);
    }
    Some(Value::Array(list))
}

/// Whole numbers read as such, so that an error shows `3` where the operator wrote 3.
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 { Value::from(number as i64) } else { Value::from(number) }
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(bytes)?;
    let content = match tag & 7 {
        0 => Field::Varint(varint(bytes)?),
        1 => {
            let (number, rest) = bytes.split_first_chunk::<8>()?;
            *bytes = rest;
            Field::Double(f64::from_le_bytes(*number))
        }
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (content, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Field::Bytes(content)
        }
        _ => return None,
    };
    Some((tag >> 3, content))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// As Envoy 1.40 handed it over for `{role: observer}`.
    const OBSERVER: &[u8] = b"\x0a\x12\x0a\x04role\x12\x0a\x1a\x08observer";

    #[test]
    fn reads_what_envoy_hands_over() {
        assert_eq!(read(OBSERVER), Some(json!({"role": "observer"})));
        assert_eq!(read(b""), Some(json!({})));
        assert_eq!(read(b"{}"), None);
    }

    /// The wire form, written by the book.
    fn write_value(value: &Value) -> Vec<u8> {
        let framed = |tag: u8, inner: Vec<u8>| {
            let mut bytes = vec![tag];
            let mut length = inner.len();
            while length >= 0x80 {
                bytes.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend(inner);
            bytes
        };
        match value {
            Value::Null => vec![0x08, 0],
            Value::Number(number) => [&[0x11][..], &number.as_f64().unwrap().to_le_bytes()].concat(),
            Value::String(text) => framed(0x1a, text.clone().into_bytes()),
            Value::Bool(flag) => vec![0x20, u8::from(*flag)],
            Value::Object(map) => framed(0x2a, write_map(map, &framed)),
            Value::Array(list) => {
                framed(0x32, list.iter().flat_map(|value| framed(0x0a, write_value(value))).collect())
            }
        }
    }

    fn write_map(map: &Map<String, Value>, framed: &dyn Fn(u8, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let entry = |(key, value): (&String, &Value)| {
            framed(0x0a, [framed(0x0a, key.clone().into_bytes()), framed(0x12, write_value(value))].concat())
        };
        map.iter().flat_map(entry).collect()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,200}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{0,5}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(value in any_value()) {
            let wrapped = json!({ "v": value });
            let Value::Object(map) = &wrapped else { unreachable!() };
            let bytes = write_value(&Value::Object(map.clone()));
            // Without the outer tag and length, it is a plain Struct.
            let header = bytes.iter().skip(1).take_while(|byte| **byte >= 0x80).count() + 2;
            prop_assert_eq!(read(&bytes[header..]), Some(wrapped));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }
    }
}
