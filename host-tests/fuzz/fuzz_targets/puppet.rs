//! The host against a guest on strings; see `../shared/drive.rs`.
#![no_main]

#[path = "../shared/drive.rs"]
mod drive;
#[path = "../shared/puppet.rs"]
mod puppet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    drive::drive(data);
});
