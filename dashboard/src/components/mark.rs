//! The marks of [`crate::mark`], as elements.

use super::parts::{El, el, words};
use crate::mark;
use crate::state::State;

/// The mark of a state.
pub(super) fn state_mark(state: impl Fn() -> Option<State> + Send + Sync + 'static) -> El {
    let svg = words(move || state().map(mark::of).unwrap_or_default());
    el("span", "mark").set("aria-hidden", "true").drawing(svg)
}
