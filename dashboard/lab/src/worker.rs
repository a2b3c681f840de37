//! The lab as `worker.js` sees it.

use crate::Desk;
use wasm_bindgen::prelude::wasm_bindgen;

/// One page's lab.
#[wasm_bindgen]
#[derive(Default)]
pub struct Lab(Desk);

#[wasm_bindgen]
impl Lab {
    /// A lab that plays nothing.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`Desk::ask`].
    pub fn ask(&mut self, message: &str) -> String {
        self.0.ask(message)
    }

    /// See [`Desk::is_playing`].
    pub fn playing(&self) -> bool {
        self.0.is_playing()
    }

    /// See [`Desk::step`].
    pub fn step(&mut self, took_ms: f64) -> bool {
        self.0.step(took_ms)
    }

    /// See [`Desk::state`].
    pub fn state(&mut self) -> String {
        self.0.state()
    }
}
