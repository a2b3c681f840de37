//! How statuses and bytes look in the trace: one line, and readable where they are text.

/// More than this is cut; what is left has its length behind it.
const SHOWN: usize = 200;

/// A status of the ABI by name.
pub(crate) fn status(code: u32) -> String {
    const NAMES: [&str; 13] = [
        "ok",
        "not found",
        "bad argument",
        "serialization failure",
        "parse failure",
        "bad expression",
        "invalid memory access",
        "empty",
        "compare-and-swap mismatch",
        "result mismatch",
        "internal failure",
        "broken connection",
        "unimplemented",
    ];
    NAMES.get(code as usize).map_or_else(|| format!("status {code}"), |name| (*name).to_owned())
}

/// Bytes in quotes.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    match bytes.split_at_checked(SHOWN) {
        Some((start, rest)) if !rest.is_empty() => format!("\"{}\"… {} bytes", start.escape_ascii(), bytes.len()),
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}

/// An encoded header map as pairs, or as bytes if it is none.
pub(crate) fn pairs(encoded: &[u8]) -> String {
    if encoded.is_empty() {
        return "no bytes".into();
    }
    decode(encoded).unwrap_or_else(|| bytes(encoded))
}

fn decode(encoded: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u32::from_le_bytes(encoded.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = word(0)?;
    let mut at = 4 + count * 8;
    let mut shown = String::from("{");
    for text in 0..count * 2 {
        let length = word(4 + text * 4)?;
        let separator = match text {
            0 => "",
            _ if text % 2 == 0 => ", ",
            _ => "=",
        };
        shown.push_str(separator);
        shown.push_str(&format!("\"{}\"", encoded.get(at..at + length)?.escape_ascii()));
        at += length;
        if encoded.get(at) != Some(&0) {
            return None;
        }
        at += 1;
    }
    shown.push('}');
    (at == encoded.len()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_readable_and_garbage_is_bytes() {
        assert_eq!(pairs(b"\x01\0\0\0\x01\0\0\0\x02\0\0\0k\0v\n\0"), "{\"k\"=\"v\\n\"}");
        assert_eq!(pairs(b"\x01\0\0\0"), "\"\\x01\\x00\\x00\\x00\"");
        assert_eq!(pairs(b""), "no bytes");
    }

    #[test]
    fn long_bytes_are_cut_and_measured() {
        assert_eq!(bytes(b"a\"\0"), "\"a\\\"\\x00\"");
        assert!(bytes(&[b'x'; 201]).ends_with("\"… 201 bytes"));
    }
}
