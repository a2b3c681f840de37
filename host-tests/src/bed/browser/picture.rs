//! Pictures come as text: base64 with its usual alphabet.

use anyhow::{Context, Result};

/// The bytes that the text stands for; it may be padded.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.chunks(4) {
        let mut bits = 0_u32;
        for letter in four {
            bits = bits << 6 | six_bits(*letter).context("a picture is not base64")?;
        }
        // Four letters make three bytes, three make two, two make one; the rest of the bits is zero.
        bits <<= 6 * (4 - four.len());
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    Ok(bytes)
}

fn six_bits(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::from_base64;

    #[test]
    fn the_examples_of_rfc_4648_are_read() {
        let examples = [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")];
        for (text, bytes) in examples {
            assert_eq!(from_base64(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        assert_eq!(from_base64("/+8A").unwrap(), [0xff, 0xef, 0]);
    }

    #[test]
    fn other_text_is_refused() {
        assert!(from_base64("Zm9v!").is_err());
    }
}
