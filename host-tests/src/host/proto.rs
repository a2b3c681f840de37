//! Just enough of protobuf's wire format to read the arguments that Envoy takes in it.

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// A number, a flag, an enum.
    Varint(u64),
    /// A string, bytes, a message.
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed(&'a [u8]),
}

/// All fields of a message with their numbers, or `None` if it is malformed.
pub(crate) fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Varint(varint(&mut bytes)?),
            1 => Field::Fixed(take(&mut bytes, 8)?),
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                Field::Bytes(take(&mut bytes, len)?)
            }
            5 => Field::Fixed(take(&mut bytes, 4)?),
            _ => return None,
        };
        if tag >> 3 == 0 || tag >> 3 > 0x1fff_ffff {
            return None;
        }
        found.push((tag >> 3, field));
    }
    Some(found)
}

/// The last value of a field of bytes.
pub(crate) fn bytes_of<'a>(fields: &[(u64, Field<'a>)], number: u64) -> Option<&'a [u8]> {
    fields.iter().rev().find_map(|(found, field)| match field {
        Field::Bytes(bytes) if *found == number => Some(*bytes),
        _ => None,
    })
}

/// The last value of a field of text: `Err` if it is not UTF-8, which malforms the message.
pub(crate) fn text_of<'a>(fields: &[(u64, Field<'a>)], number: u64) -> Result<&'a str, std::str::Utf8Error> {
    std::str::from_utf8(bytes_of(fields, number).unwrap_or_default())
}

/// The last value of a number.
pub(crate) fn number_of(fields: &[(u64, Field<'_>)], number: u64) -> u64 {
    let numbers = fields.iter().rev().find_map(|(found, field)| match field {
        Field::Varint(value) if *found == number => Some(*value),
        _ => None,
    });
    numbers.unwrap_or(0)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_malformed_messages_are_not() {
        let message = [0x0a, 2, b'a', b'b', 0x10, 0x96, 0x01, 0x0a, 1, b'c', 0x1d, 1, 2, 3, 4];
        let read = fields(&message).expect("well-formed");
        assert_eq!(bytes_of(&read, 1), Some(&b"c"[..]));
        assert_eq!((number_of(&read, 2), number_of(&read, 9)), (150, 0));
        assert_eq!(text_of(&read, 7), Ok(""));
        for bad in [&[0x0a][..], &[0x0a, 5, 1], &[0x80; 11], &[0x03], &[0x00, 0x00], &[0x09, 1, 2], b"demo"] {
            assert_eq!(fields(bad), None, "{bad:?}");
        }
    }
}
