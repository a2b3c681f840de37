//! A header map as the guest sees it: an ordered list of pairs, keys in lower case, pseudo-headers plain keys.
//!
//! Values are bytes, never checked for UTF-8: a client may send anything, and a guest has to live with it.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::Status;

/// As in the C++ host: more pairs than this, or more bytes, are taken for none.
const MAX_PAIRS: usize = 1_024;
const MAX_BYTES: usize = 1 << 20;

/// A key in lower case and its value.
type Pair = (Arc<[u8]>, Arc<[u8]>);

/// An ordered list of header pairs. Look-ups give the first value of a key.
///
/// A request's headers are handed on many times and changed seldom, so copies share the list until one of them is
/// changed, and texts ever after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers(Arc<Vec<Pair>>);

impl Default for Headers {
    fn default() -> Self {
        // Most of a stream's maps stay empty.
        static EMPTY: LazyLock<Arc<Vec<Pair>>> = LazyLock::new(Arc::default);
        Self(Arc::clone(&EMPTY))
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

    /// The pairs, to change them: copied if others share them.
    fn pairs(&mut self) -> &mut Vec<Pair> {
        Arc::make_mut(&mut self.0)
    }

    /// The first value of `key`.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.position(key.as_ref()).map(|at| &*self.0[at].1)
    }

    /// Where the first pair of `key` is.
    pub(crate) fn position(&self, key: &[u8]) -> Option<usize> {
        self.0.iter().position(|(name, _)| name.eq_ignore_ascii_case(key))
    }

    /// The value of the pair at a place.
    pub(crate) fn value_at(&self, at: usize) -> Option<&[u8]> {
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// All values of `key`, with commas between them.
    pub(crate) fn joined(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut values = self.0.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
        let mut joined = Cow::Borrowed(&**values.next()?);
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

    /// Appends a pair.
    pub fn add(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.pairs().push((lower(key.as_ref()), value.as_ref().into()));
    }

    /// Leaves exactly one pair for `key`, in the place of the first.
    pub fn replace(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (key, value) = (key.as_ref(), value.as_ref());
        let Some(at) = self.position(key) else {
            return self.add(key, value);
        };
        let pairs = self.pairs();
        pairs[at].1 = value.into();
        let mut seen = 0;
        pairs.retain(|(name, _)| {
            let same = name.eq_ignore_ascii_case(key);
            seen += usize::from(same);
            !same || seen == 1
        });
    }

    /// Removes every pair of `key`.
    pub fn remove(&mut self, key: impl AsRef<[u8]>) {
        let key = key.as_ref();
        if self.position(key).is_some() {
            self.pairs().retain(|(name, _)| !name.eq_ignore_ascii_case(key));
        }
    }

    /// Appends a pair where Envoy puts it: pseudo-headers stand before all others.
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) {
        let end = self.0.len();
        let pseudo = key.first() == Some(&b':');
        let at = if pseudo { self.0.iter().position(|(name, _)| name.first() != Some(&b':')) } else { None };
        self.pairs().insert(at.unwrap_or(end), (lower(key), value.into()));
    }

    /// Appends to the value at a place, behind a delimiter if there is something before it.
    pub(crate) fn append_at(&mut self, at: usize, delimiter: &[u8], value: &[u8]) {
        if let Some((_, existing)) = self.pairs().get_mut(at)
            && !value.is_empty()
        {
            let delimiter = if existing.is_empty() { &[][..] } else { delimiter };
            *existing = [&**existing, delimiter, value].concat().into();
        }
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Bytes of all keys and values.
    pub fn byte_size(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// How long the ABI's form is.
    pub fn encoded_len(&self) -> usize {
        4 + self.byte_size() + 10 * self.0.len()
    }

    /// The ABI's form: count, then both lengths of each pair, then each key and value with a NUL behind it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.extend((self.0.len() as u32).to_le_bytes());
        for (key, value) in self.0.iter() {
            out.extend((key.len() as u32).to_le_bytes());
            out.extend((value.len() as u32).to_le_bytes());
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
        let mut headers = Self(Arc::new(Vec::with_capacity(count)));
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

fn lower(key: &[u8]) -> Arc<[u8]> {
    if key.iter().any(u8::is_ascii_uppercase) { key.to_ascii_lowercase().into() } else { key.into() }
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
