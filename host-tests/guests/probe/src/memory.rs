//! What the host allocates in the guest, and ways to do that wrong.
//!
//! The host asks for memory in the middle of a host call, so nothing here may touch the interpreter's state.

#![allow(unsafe_code, reason = "memory that the host filled is taken over by its address")]

use std::sync::atomic::{AtomicU32, Ordering};

use crate::calls;

/// What the allocator does from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mode {
    /// Its duty.
    Normal,
    /// It has no memory.
    Null,
    /// It gives an address outside the memory.
    Wild,
    /// It traps.
    Trap,
    /// It writes a line to the log first, which hosts allow.
    Log,
    /// It asks for the time first, which hosts do not allow.
    Call,
}

static MODE: AtomicU32 = AtomicU32::new(Mode::Normal as u32);

const MODES: [(&str, Mode); 6] = [
    ("normal", Mode::Normal),
    ("null", Mode::Null),
    ("wild", Mode::Wild),
    ("trap", Mode::Trap),
    ("log", Mode::Log),
    ("call", Mode::Call),
];

/// Switches the allocator; false for a mode that does not exist.
pub(crate) fn switch(name: &[u8]) -> bool {
    let mode = MODES.iter().find(|(known, _)| known.as_bytes() == name);
    if let Some((_, mode)) = mode {
        MODE.store(*mode as u32, Ordering::Relaxed);
    }
    mode.is_some()
}

/// The host's request for memory.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    let mode = MODE.load(Ordering::Relaxed);
    let is = |wanted: Mode| mode == wanted as u32;
    if is(Mode::Null) {
        return std::ptr::null_mut();
    }
    if is(Mode::Wild) {
        return std::ptr::without_provenance_mut(0xffff_fff0);
    }
    if is(Mode::Trap) {
        trap();
    }
    if is(Mode::Log) {
        let text = b"allocating";
        calls::invoke("log", &[2, text.as_ptr() as usize as u64, text.len() as u64]);
    }
    if is(Mode::Call) {
        let mut time = 0_u64;
        calls::invoke("get_time", &[(&raw mut time) as usize as u64]);
    }
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

/// Takes bytes over that the host wrote into memory from [`allocate`].
pub(crate) fn take(address: u32, size: u32) -> Vec<u8> {
    let (start, size) = (std::ptr::with_exposed_provenance_mut::<u8>(address as usize), size as usize);
    if start.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host said that the call succeeded, so this is the box that `allocate` gave it for this size.
    unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, size)) }.into_vec()
}

/// Ends the VM.
pub(crate) fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort()
}
