//! What a filter holds back of a stream while it is paused, and where that is.

use super::chain::Piece;
use crate::host::{Body as Side, Headers, Map};

/// Why a filter holds something back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hold {
    #[default]
    Nothing,
    /// Paused on headers: body and trailers wait unseen.
    All,
    /// Paused on a body: the filter sees each piece, and all are kept.
    Body,
    /// Paused on trailers.
    Trailers,
}

/// What a filter holds back of one direction.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) hold: Hold,
    pub(super) headers: bool,
    pub(super) body: Option<Vec<u8>>,
    pub(super) trailers: Option<Headers>,
    pub(super) end: bool,
}

impl Held {
    /// Keeps a piece that the filter has not seen.
    pub(super) fn keep(&mut self, piece: Piece) {
        match piece {
            Piece::Headers(..) => {}
            Piece::Data(data, end) => {
                self.body.get_or_insert_default().extend(data);
                self.end |= end;
            }
            Piece::Trailers(trailers) => (self.trailers, self.end) = (Some(trailers), true),
        }
    }
}

/// Between a filter's place in its chain and its turn in a direction; the same both ways.
pub(super) fn place(len: usize, side: Side, at: usize) -> usize {
    match side {
        Side::Request => at,
        Side::Response => len - 1 - at,
    }
}

pub(super) fn headers_of(side: Side) -> Map {
    match side {
        Side::Request => Map::RequestHeaders,
        Side::Response => Map::ResponseHeaders,
    }
}

pub(super) fn trailers_of(side: Side) -> Map {
    match side {
        Side::Request => Map::RequestTrailers,
        Side::Response => Map::ResponseTrailers,
    }
}
