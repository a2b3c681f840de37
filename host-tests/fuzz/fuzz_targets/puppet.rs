//! The host against a guest on strings; see `../shared/drive.rs`.
#![no_main]

#[path = "../shared/drive.rs"]
mod drive;
#[path = "../shared/puppet.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod puppet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    drive::drive(data);
});
