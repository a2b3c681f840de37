//! The marks of [`crate::mark`], as elements.

use super::parts::{El, el, words};
use crate::mark;
use crate::state::State;

fn drawn(svg: impl Fn() -> String + Send + Sync + 'static) -> El {
    el("span", "mark").set("aria-hidden", "true").drawing(words(svg))
}

/// The mark of a state.
pub(super) fn state_mark(state: impl Fn() -> Option<State> + Send + Sync + 'static) -> El {
    drawn(move || state().map(mark::of).unwrap_or_default())
}
