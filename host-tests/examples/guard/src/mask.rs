//! Masks secrets in a body that comes in chunks.
//!
//! A secret is the run of token characters behind a marker. Each of its bytes becomes `*`, so lengths stay as
//! `content-length` promised, and no byte is held back: of the chunks before, the last few bytes are enough.

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
    /// The last bytes of the chunks before, one fewer than the longest marker has.
    before: Vec<u8>,
}

impl Masker {
    /// Masks the next chunk in place; how many secrets begin in it, or `None` if nothing was changed.
    pub(crate) fn mask(&mut self, markers: &[String], chunk: &mut [u8]) -> Option<usize> {
        let kept = markers.iter().map(String::len).max()?.saturating_sub(1);
        let (mut begun, mut changed) = (0, false);
        let mut text = std::mem::take(&mut self.before);
        for byte in chunk {
            if self.place != Place::Text && is_token(*byte) {
                begun += usize::from(self.place == Place::BehindMarker);
                (self.place, *byte, changed) = (Place::Secret, b'*', true);
            } else {
                text.push(*byte);
                self.place = if ends_with_one_of(markers, &text) { Place::BehindMarker } else { Place::Text };
            }
        }
        text.drain(..text.len().saturating_sub(kept));
        self.before = text;
        changed.then_some(begun)
    }
}

/// Looks at the last byte first: this runs for each byte of every body.
fn ends_with_one_of(markers: &[String], text: &[u8]) -> bool {
    let last = text.last();
    markers.iter().any(|marker| marker.as_bytes().last() == last && text.ends_with(marker.as_bytes()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=')
}
