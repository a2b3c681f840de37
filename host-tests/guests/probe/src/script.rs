//! The script language: one operation per line, `case callback operation argument… [-> register]`.
//!
//! `case` names the requests that it is for (their header `x-case`), or is `*` for all; `callback` is `request_body`,
//! say, or `request_body#2` for the second call in its context. Arguments are numbers (`12`, `-1`, `0xff`), registers
//! (`$id`), and bytes, which become address and length: `"text\n"`, `d"upstream.address"` with NUL for dots,
//! `p"key|value|key|value"` as an encoded header map, `x70000` for so many bytes. A trailing `-> id` keeps the last number that the
//! host gave; `~` before an operation logs only the length of its answer.

use std::fmt;

/// A line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) case: String,
    pub(crate) callback: String,
    /// Only this call of it in its context, counted from 1.
    pub(crate) occurrence: Option<u32>,
    pub(crate) operation: Operation,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    /// Where the last number of the answer is kept.
    pub(crate) register: Option<String>,
    /// Log the length of an answer instead of its bytes.
    pub(crate) brief: bool,
    /// As it was written.
    pub(crate) text: String,
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Number(u64),
    Register(String),
    Bytes(Vec<u8>),
}

/// A line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nonsense(String);

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "script makes no sense: {}", self.0)
    }
}

/// Reads a script.
pub(crate) fn parse(text: &str) -> Result<Vec<Line>, Nonsense> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| parse_line(line).ok_or_else(|| Nonsense(line.to_owned()))).collect()
}

fn parse_line(line: &str) -> Option<Line> {
    let mut parts = line.splitn(3, ' ');
    let (case, callback, operation) = (parts.next()?, parts.next()?, parts.next()?);
    let (callback, occurrence) = match callback.split_once('#') {
        Some((callback, number)) => (callback, Some(number.parse().ok()?)),
        None => (callback, None),
    };
    let operation = parse_operation(operation)?;
    Some(Line { case: case.to_owned(), callback: callback.to_owned(), occurrence, operation })
}

fn parse_operation(text: &str) -> Option<Operation> {
    let (text, register) = match text.rsplit_once(" -> ") {
        Some((text, register)) => (text, Some(register.to_owned())),
        None => (text, None),
    };
    let (brief, rest) = text.strip_prefix('~').map_or((false, text), |rest| (true, rest));
    let (name, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut arguments = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let (argument, after) = parse_argument(rest)?;
        arguments.push(argument);
        rest = after;
    }
    Some(Operation { name: name.to_owned(), arguments, register, brief, text: text.to_owned() })
}

fn parse_argument(text: &str) -> Option<(Argument, &str)> {
    for (prefix, decode) in [("\"", plain as fn(Vec<u8>) -> Vec<u8>), ("d\"", dotted), ("p\"", pairs)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let (bytes, rest) = quoted(rest)?;
            return Some((Argument::Bytes(decode(bytes)), rest));
        }
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let argument = match word.split_at_checked(1)? {
        ("$", name) => Argument::Register(name.to_owned()),
        ("x", length) => Argument::Bytes(vec![b'x'; length.parse().ok()?]),
        _ => Argument::Number(number(word)?),
    };
    Some((argument, rest))
}

fn number(word: &str) -> Option<u64> {
    if let Some(hexadecimal) = word.strip_prefix("0x") {
        return u64::from_str_radix(hexadecimal, 16).ok();
    }
    word.parse().ok().or_else(|| Some(word.parse::<i64>().ok()?.cast_unsigned()))
}

/// Bytes up to the closing quote, and what follows it.
fn quoted(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let next = rest.chars().next()?;
        rest = &rest[next.len_utf8()..];
        match next {
            '"' => return Some((bytes, rest)),
            '\\' => {
                let escape = rest.chars().next()?;
                rest = &rest[escape.len_utf8()..];
                match escape {
                    'n' => bytes.push(b'\n'),
                    '0' => bytes.push(0),
                    'x' => {
                        bytes.push(u8::from_str_radix(rest.get(..2)?, 16).ok()?);
                        rest = &rest[2..];
                    }
                    other => bytes.extend(other.to_string().bytes()),
                }
            }
            other => bytes.extend(other.to_string().bytes()),
        }
    }
}

fn plain(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn dotted(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().map(|byte| if byte == b'.' { 0 } else { byte }).collect()
}

/// The ABI's form of a header map; without any text, a map without pairs.
fn pairs(bytes: Vec<u8>) -> Vec<u8> {
    let texts: Vec<&[u8]> = if bytes.is_empty() { Vec::new() } else { bytes.split(|byte| *byte == b'|').collect() };
    let mut encoded = ((texts.len() / 2) as u32).to_le_bytes().to_vec();
    encoded.extend(texts.iter().flat_map(|text| (text.len() as u32).to_le_bytes()));
    for text in texts {
        encoded.extend(text);
        encoded.push(0);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_all_kinds_of_arguments() {
        let lines = parse(r#"a request_body#2 ~get 1 -1 0x10 $id "q\"\x01\n" d"a.b" x3 p"k|v" -> id"#).unwrap();
        let line = &lines[0];
        assert_eq!((line.case.as_str(), line.callback.as_str(), line.occurrence), ("a", "request_body", Some(2)));
        let operation = &line.operation;
        assert!(operation.brief);
        assert_eq!((operation.name.as_str(), operation.register.as_deref()), ("get", Some("id")));
        let bytes = |text: &[u8]| Argument::Bytes(text.to_vec());
        let pairs = b"\x01\0\0\0\x01\0\0\0\x01\0\0\0k\0v\0";
        assert_eq!(operation.arguments[..3], [1, u64::MAX, 16].map(Argument::Number));
        assert_eq!(operation.arguments[3], Argument::Register("id".into()));
        assert_eq!(operation.arguments[4..], [bytes(b"q\"\x01\n"), bytes(b"a\0b"), bytes(b"xxx"), bytes(pairs)]);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_told() {
        assert!(parse("a request_headers get_header 0 \"open").is_err());
        assert!(parse("only two").is_err());
    }
}
