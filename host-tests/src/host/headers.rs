//! A header map as the guest sees it: an ordered list of pairs, keys in lower case, pseudo-headers plain keys.
//!
//! Values are bytes, never checked for UTF-8: a client may send anything, and a guest has to live with it.

use std::borrow::Cow;
use std::fmt;

use super::Status;

/// As in the C++ host: more pairs than this, or more bytes, are taken for none.
const MAX_PAIRS: usize = 1_024;
const MAX_BYTES: usize = 1 << 20;

/// An ordered list of header pairs. Look-ups give the first value of a key.
///
/// All text stands in one buffer, so that a map of any size is cloned with two allocations; what was replaced or removed
/// stays there until it outweighs the rest.
#[derive(Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    pairs: Vec<Pair>,
}

/// Where a pair's texts stand.
#[derive(Clone, Copy)]
struct Pair {
    key: usize,
    key_len: usize,
    value: usize,
    value_len: usize,
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(key, value)| Shown(key, value))).finish()
    }
}

/// A pair for reading.
struct Shown<'a>(&'a [u8], &'a [u8]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}: {}\"", self.0.escape_ascii(), self.1.escape_ascii())
    }
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The headers of a plain GET.
    pub fn get_request(path: &str) -> Self {
        Self::from_pairs([(":method", "GET"), (":path", path), (":authority", "test"), (":scheme", "http")])
    }

    /// A response with nothing but its status.
    pub fn response(status: u16) -> Self {
        Self::from_pairs([(":status", status.to_string().as_str())])
    }

    /// Headers from pairs of anything that is bytes.
    pub fn from_pairs<K: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut headers = Self::new();
        for (key, value) in pairs {
            headers.add(key.as_ref(), value.as_ref());
        }
        headers
    }

    fn key(&self, pair: &Pair) -> &[u8] {
        self.text.get(pair.key..pair.key + pair.key_len).unwrap_or_default()
    }

    fn value(&self, pair: &Pair) -> &[u8] {
        self.text.get(pair.value..pair.value + pair.value_len).unwrap_or_default()
    }

    /// The first value of `key`.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.value_at(self.position(key.as_ref())?)
    }

    /// Where the first pair of `key` is.
    pub(crate) fn position(&self, key: &[u8]) -> Option<usize> {
        self.pairs.iter().position(|pair| self.key(pair).eq_ignore_ascii_case(key))
    }

    /// The value of the pair at a place.
    pub(crate) fn value_at(&self, at: usize) -> Option<&[u8]> {
        self.pairs.get(at).map(|pair| self.value(pair))
    }

    /// All values of `key`, with commas between them.
    pub(crate) fn joined(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut values = self.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
        let mut joined = Cow::Borrowed(values.next()?);
        for value in values {
            let joined = joined.to_mut();
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(joined)
    }

    /// The first value of `key` as text, for assertions; bytes that are not UTF-8 are replaced.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    fn write(&mut self, key: &[u8], value: &[u8]) -> Pair {
        let at = self.text.len();
        self.text.reserve(key.len() + value.len());
        self.text.extend(key.iter().map(u8::to_ascii_lowercase));
        self.text.extend_from_slice(value);
        Pair { key: at, key_len: key.len(), value: at + key.len(), value_len: value.len() }
    }

    /// Appends a pair.
    pub fn add(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let pair = self.write(key.as_ref(), value.as_ref());
        self.pairs.push(pair);
    }

    /// Leaves exactly one pair for `key`, in the place of the first.
    pub fn replace(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (key, value) = (key.as_ref(), value.as_ref());
        let Some(at) = self.position(key) else {
            return self.add(key, value);
        };
        self.retain_but(key, Some(at));
        let start = self.text.len();
        self.text.extend_from_slice(value);
        if let Some(pair) = self.pairs.get_mut(at) {
            (pair.value, pair.value_len) = (start, value.len());
        }
        self.tidy();
    }

    /// Removes every pair of `key`.
    pub fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.retain_but(key.as_ref(), None);
        self.tidy();
    }

    /// Takes all pairs of a key away but the one at a place.
    fn retain_but(&mut self, key: &[u8], kept: Option<usize>) {
        let (text, mut at) = (&self.text, 0);
        self.pairs.retain(|pair| {
            let name = text.get(pair.key..pair.key + pair.key_len).unwrap_or_default();
            let keep = Some(at) == kept || !name.eq_ignore_ascii_case(key);
            at += 1;
            keep
        });
    }

    /// Appends a pair where Envoy puts it: pseudo-headers stand before all others.
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) {
        let pair = self.write(key, value);
        let pseudo = key.first() == Some(&b':');
        let ordinary = |pair: &Pair| self.key(pair).first() != Some(&b':');
        let at = if pseudo { self.pairs.iter().position(ordinary) } else { None };
        self.pairs.insert(at.unwrap_or(self.pairs.len()), pair);
    }

    /// Appends to the value at a place, behind a delimiter if there is something before it.
    pub(crate) fn append_at(&mut self, at: usize, delimiter: &[u8], value: &[u8]) {
        let Some(pair) = self.pairs.get(at).copied().filter(|_| !value.is_empty()) else { return };
        let start = self.text.len();
        if pair.value_len > 0 {
            self.text.extend_from_within(pair.value..pair.value + pair.value_len);
            self.text.extend_from_slice(delimiter);
        }
        self.text.extend_from_slice(value);
        self.pairs[at] = Pair { value: start, value_len: self.text.len() - start, ..pair };
        self.tidy();
    }

    /// Drops what no pair uses, once it is most of the text.
    fn tidy(&mut self) {
        const WORTH_IT: usize = 1_024;
        if self.text.len() > WORTH_IT && self.text.len() > 2 * self.byte_size() {
            *self = Self::from_pairs(self.iter());
        }
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True without any pair.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|pair| (self.key(pair), self.value(pair)))
    }

    /// Bytes of all keys and values.
    pub fn byte_size(&self) -> usize {
        self.pairs.iter().map(|pair| pair.key_len + pair.value_len).sum()
    }

    /// How long the ABI's form is.
    pub fn encoded_len(&self) -> usize {
        4 + self.byte_size() + 10 * self.len()
    }

    /// The ABI's form: count, then both lengths of each pair, then each key and value with a NUL behind it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.extend((self.len() as u32).to_le_bytes());
        for pair in &self.pairs {
            out.extend((pair.key_len as u32).to_le_bytes());
            out.extend((pair.value_len as u32).to_le_bytes());
        }
        for text in self.iter().flat_map(|(key, value)| [key, value]) {
            out.extend_from_slice(text);
            out.push(0);
        }
        out
    }

    /// Reads the ABI's form as hosts do: what is malformed, or beyond their limits of 1 MiB and 1,024 pairs, is an
    /// empty map.
    pub fn decode_or_empty(bytes: &[u8]) -> Self {
        let pairs = bytes.get(..4).map_or(0, |count| u32::from_le_bytes([count[0], count[1], count[2], count[3]]));
        if bytes.len() > MAX_BYTES || pairs as usize > MAX_PAIRS {
            return Self::new();
        }
        Self::decode(bytes).unwrap_or_default()
    }

    /// Reads the ABI's form. Bytes come from the guest, so every length is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, Status> {
        if bytes.is_empty() {
            return Ok(Self::new());
        }
        let word = |at: usize| -> Result<usize, Status> {
            let word = bytes.get(at..at + 4).ok_or(Status::SerializationFailure)?;
            Ok(u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize)
        };
        let count = word(0)?;
        let mut at = count.checked_mul(8).and_then(|n| n.checked_add(4)).ok_or(Status::SerializationFailure)?;
        if at > bytes.len() {
            return Err(Status::SerializationFailure);
        }
        let mut headers = Self { text: Vec::with_capacity(bytes.len() - at), pairs: Vec::with_capacity(count) };
        for pair in 0..count {
            let mut texts = [&[][..]; 2];
            for (side, text) in texts.iter_mut().enumerate() {
                let len = word(4 + pair * 8 + side * 4)?;
                let end = at.checked_add(len).ok_or(Status::SerializationFailure)?;
                *text = bytes.get(at..end).ok_or(Status::SerializationFailure)?;
                if bytes.get(end) != Some(&0) {
                    return Err(Status::SerializationFailure);
                }
                at = end + 1;
            }
            headers.add(texts[0], texts[1]);
        }
        if at == bytes.len() { Ok(headers) } else { Err(Status::SerializationFailure) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_pairs_decode_to_themselves() {
        let headers = Headers::from_pairs([("A", "1"), ("b", ""), ("a", "\u{fc}")]);
        assert_eq!(Headers::decode(&headers.encode()), Ok(headers.clone()));
        assert_eq!(headers.text("a").as_deref(), Some("1"));
    }

    #[test]
    fn a_pair_that_claims_more_than_there_is_does_not_decode() {
        assert_eq!(Headers::decode(&[255, 255, 255, 255]), Err(Status::SerializationFailure));
        assert_eq!(Headers::decode(&[1, 0]), Err(Status::SerializationFailure));
        let mut bytes = Headers::from_pairs([("a", "b")]).encode();
        bytes[4] = 200;
        assert_eq!(Headers::decode(&bytes), Err(Status::SerializationFailure));
    }

    #[test]
    fn what_was_replaced_does_not_pile_up() {
        let mut headers = Headers::from_pairs([("a", "1"), ("b", "2")]);
        for round in 0..10_000 {
            headers.replace("a", "x".repeat(round % 7));
            headers.append_at(1, b",", b"");
            headers.remove("c");
            headers.add("c", "d");
        }
        assert!(headers.text.len() < 4_096, "{}", headers.text.len());
        assert_eq!(headers, Headers::from_pairs([("a", "xxx"), ("b", "2"), ("c", "d")]));
        assert_eq!(format!("{headers:?}"), r#"["a: xxx", "b: 2", "c: d"]"#);
    }

    #[test]
    fn hosts_take_malformed_pairs_for_none() {
        let headers = Headers::from_pairs([("a", "1"), ("b", "2")]);
        let good = headers.encode();
        assert_eq!((good.len(), Headers::decode_or_empty(&good)), (headers.encoded_len(), headers));
        let mut terminator = good.clone();
        *terminator.last_mut().expect("not empty") = b'x';
        let longer = [good.as_slice(), b"x"].concat();
        for bad in [&terminator, &longer, &good[..good.len() - 1].to_vec()] {
            assert!(Headers::decode_or_empty(bad).is_empty(), "{bad:?}");
        }
        let many = Headers::from_pairs((0..1_025).map(|_| ("a", "b")));
        assert!(Headers::decode_or_empty(&many.encode()).is_empty());
        assert_eq!(Headers::decode(&many.encode()).map(|headers| headers.len()), Ok(1_025));
    }

    #[test]
    fn replacing_leaves_one_value_in_the_first_place() {
        let mut headers = Headers::from_pairs([("x", "1"), ("y", "2"), ("X", "3")]);
        headers.replace("x", "9");
        assert_eq!(headers, Headers::from_pairs([("x", "9"), ("y", "2")]));
    }
}
