//! Masks secrets in a body that comes in chunks.
//!
//! A secret is the run of token characters behind a marker. Each of its bytes becomes `*`, so lengths stay as
//! `content-length` promised, and no byte is held back: of the chunks before, the last few bytes are enough.

use std::collections::VecDeque;

/// Where in a body the next byte stands.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    BehindMarker,
    Secret,
}

/// The masking of one body.
#[derive(Default)]
pub(crate) struct Masker {
    place: Place,
    /// The last bytes of the text, as many as the longest marker has.
    recent: VecDeque<u8>,
}

impl Masker {
    /// Masks the next chunk in place; how many secrets begin in it, or `None` if nothing was changed.
    pub(crate) fn mask(&mut self, markers: &[String], chunk: &mut [u8]) -> Option<usize> {
        let longest = markers.iter().map(String::len).max()?;
        let (mut begun, mut changed) = (0, false);
        for byte in chunk {
            if self.place != Place::Text && is_token(*byte) {
                begun += usize::from(self.place == Place::BehindMarker);
                (self.place, *byte, changed) = (Place::Secret, b'*', true);
                continue;
            }
            self.place = Place::Text;
            self.recent.push_back(*byte);
            if self.recent.len() > longest {
                self.recent.pop_front();
            }
            if markers.iter().any(|marker| self.ends_with(marker.as_bytes())) {
                self.place = Place::BehindMarker;
                self.recent.clear();
            }
        }
        changed.then_some(begun)
    }

    fn ends_with(&self, marker: &[u8]) -> bool {
        let before = self.recent.len().checked_sub(marker.len());
        before.is_some_and(|before| self.recent.iter().skip(before).eq(marker))
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=')
}
