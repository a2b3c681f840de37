//! The trace of a request, by which an operator finds what failed: read from the headers of attempts on endpoints that
//! are suspected only, because it costs up to three host calls.

use crate::host::{self, Headers};
use crate::vm;

/// Keeps the trace of the request that a stream watches with its attempt.
#[cold]
pub(crate) fn keep(context: u32) {
    for (name, parse) in HEADERS {
        if let Ok(Some(trace)) = host::header(Headers::Request, name, parse) {
            vm::with(|vm| vm.watched(context).map(|watched| watched.attempt.set_trace(trace)));
            return;
        }
    }
}

type Parse = fn(&[u8]) -> Option<u128>;
/// As W3C or Zipkin's B3 write it.
const HEADERS: [(&str, Parse); 3] = [("traceparent", w3c), ("b3", b3), ("x-b3-traceid", b3)];

/// `version-traceid-parentid-flags`; versions to come may go on after it.
fn w3c(text: &[u8]) -> Option<u128> {
    let field = |from, to| text.get(from..to).and_then(number);
    let version = field(0, 2)?;
    let trace = field(3, 35)?;
    let whole = field(36, 52)? != 0 && field(53, 55).is_some();
    let dashes = [2, 35, 52].iter().all(|at| text.get(*at) == Some(&b'-'));
    let ends = text.len() == 55 || (version > 0 && text.get(55) == Some(&b'-'));
    (version < 0xff && trace != 0 && whole && dashes && ends).then_some(trace)
}

/// `traceid-spanid-…`, or the trace's id alone; of 64 or 128 bits.
fn b3(text: &[u8]) -> Option<u128> {
    let length = text.iter().position(|byte| *byte == b'-').unwrap_or(text.len());
    let trace = text.get(..length).and_then(number)?;
    (trace != 0 && (length == 16 || length == 32)).then_some(trace)
}

/// Lower-case hexadecimal digits, up to 32.
#[inline(never)]
fn number(digits: &[u8]) -> Option<u128> {
    let mut number = 0_u128;
    for byte in digits {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

    #[test]
    fn a_trace_is_read_as_w3c_writes_it() {
        let whole = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(w3c(whole.as_bytes()), Some(TRACE));
        assert_eq!(w3c(format!("01{}-and-more", &whole[2..]).as_bytes()), Some(TRACE), "a version to come");
        let wrong = [
            String::new(),
            whole.replace("4bf9", "4BF9"),
            whole.replace("4bf9", "4bg9"),
            whole.replace("4bf9", "4bf"),
            whole.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            whole.replace("00f067aa0ba902b7", &"0".repeat(16)),
            whole.replacen("00", "ff", 1),
            whole.replacen("00-", "0-", 1),
            whole[..whole.len() - 3].to_owned(),
            format!("{whole}-more"),
            "é".repeat(30),
        ];
        for text in wrong {
            assert_eq!(w3c(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_trace_is_read_as_b3_writes_it() {
        let long = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(b3(format!("{long}-00f067aa0ba902b7-1-05e3ac9a4f6e3b90").as_bytes()), Some(TRACE));
        assert_eq!(b3(long.as_bytes()), Some(TRACE));
        assert_eq!(b3(b"a3ce929d0e0e4736"), Some(0xa3ce_929d_0e0e_4736));
        for text in ["", "0", "1", "d", &"0".repeat(32), &"1".repeat(33), "a3ce929d0e0e473", "A3ce929d0e0e4736"] {
            assert_eq!(b3(text.as_bytes()), None, "{text}");
        }
    }
}
