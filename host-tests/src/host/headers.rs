//! A header map as the guest sees it: an ordered list of pairs, keys in lower case, pseudo-headers plain keys.
//!
//! Values are bytes, never checked for UTF-8: a client may send anything, and a guest has to live with it.

use super::Status;

/// An ordered list of header pairs. Look-ups give the first value of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

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

    /// The first value of `key`.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&[u8]> {
        let key = key.as_ref().to_ascii_lowercase();
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_slice())
    }

    /// The first value of `key` as text, for assertions; bytes that are not UTF-8 are replaced.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Appends a pair.
    pub fn add(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.0.push((key.as_ref().to_ascii_lowercase(), value.as_ref().to_vec()));
    }

    /// Leaves exactly one pair for `key`, in the place of the first.
    pub fn replace(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let key = key.as_ref().to_ascii_lowercase();
        let Some(at) = self.0.iter().position(|(name, _)| *name == key) else {
            return self.add(key, value);
        };
        self.0[at].1 = value.as_ref().to_vec();
        let mut seen = 0;
        self.0.retain(|(name, _)| {
            seen += usize::from(*name == key);
            *name != key || seen == 1
        });
    }

    /// Removes every pair of `key`.
    pub fn remove(&mut self, key: impl AsRef<[u8]>) {
        let key = key.as_ref().to_ascii_lowercase();
        self.0.retain(|(name, _)| *name != key);
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
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Bytes of all keys and values.
    pub fn byte_size(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// The ABI's form: count, then both lengths of each pair, then each key and value with a NUL behind it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = (self.0.len() as u32).to_le_bytes().to_vec();
        for (key, value) in &self.0 {
            out.extend((key.len() as u32).to_le_bytes());
            out.extend((value.len() as u32).to_le_bytes());
        }
        for text in self.0.iter().flat_map(|(key, value)| [key, value]) {
            out.extend(text);
            out.push(0);
        }
        out
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
        let mut headers = Self::new();
        for pair in 0..count {
            let mut texts = [&[][..]; 2];
            for (side, text) in texts.iter_mut().enumerate() {
                let len = word(4 + pair * 8 + side * 4)?;
                *text = bytes.get(at..at.saturating_add(len)).ok_or(Status::SerializationFailure)?;
                at += len + 1;
            }
            headers.add(texts[0], texts[1]);
        }
        Ok(headers)
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
    fn replacing_leaves_one_value_in_the_first_place() {
        let mut headers = Headers::from_pairs([("x", "1"), ("y", "2"), ("X", "3")]);
        headers.replace("x", "9");
        assert_eq!(headers, Headers::from_pairs([("x", "9"), ("y", "2")]));
    }
}
