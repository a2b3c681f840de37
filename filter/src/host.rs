//! The host calls that the filter uses (proxy-wasm ABI 0.2.1), each as a function that returns a `Result`: no status
//! that a host may give, and nothing that a client sends, can trap the VM here.
//!
//! Values that the host returns are written into one buffer of this VM where they fit (`allocate`), because a host
//! call returns at most one value and we copy out what we need before the next call. Natively, every call fails with
//! [`Failure::Unsupported`]: the crate then builds for tests of its pure parts.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;

/// Why a host call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such key, header or property.
    NotFound,
    /// The value was changed by somebody else.
    CasMismatch,
    /// Any other status of the host.
    Status(u32),
    /// Not inside a proxy.
    Unsupported,
}

/// A header map of the current stream.
#[derive(Clone, Copy, Debug)]
pub enum Headers {
    /// Request headers.
    Request = 0,
    /// Response headers.
    Response = 2,
    /// What comes after a response's body.
    ResponseTrailers = 3,
}

/// Levels of the host's log.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// As expected.
    Info = 2,
    /// Worth a look.
    Warn = 3,
    /// Refused or lost.
    Error = 4,
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug)]
pub enum MetricKind {
    /// Only grows.
    Counter = 0,
    /// Set to a value.
    Gauge = 1,
}

const PLUGIN_CONFIGURATION: u32 = 7;

#[cfg(target_arch = "wasm32")]
mod imports {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_add_header_map_value(
            map: u32,
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            value: *mut *mut u8,
            value_size: *mut usize,
            cas: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            cas: u32,
        ) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(id: u32, by: i64) -> u32;
        pub(super) fn proxy_record_metric(id: u32, value: u64) -> u32;
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[path = "host/outside.rs"]
mod imports;

fn check(status: u32) -> Result<(), Failure> {
    match status {
        0 => Ok(()),
        1 => Err(Failure::NotFound),
        8 => Err(Failure::CasMismatch),
        u32::MAX => Err(Failure::Unsupported),
        other => Err(Failure::Status(other)),
    }
}

/// Values up to this size need no allocation: addresses, statuses, flags, and the records of small pools.
const SCRATCH_SIZE: usize = 4096;

struct Scratch(UnsafeCell<[u8; SCRATCH_SIZE]>);

// SAFETY: a proxy-wasm VM has one thread, and natively no host call ever returns a value.
unsafe impl Sync for Scratch {}

static SCRATCH: Scratch = Scratch(UnsafeCell::new([0; SCRATCH_SIZE]));

/// Where the host may write `size` bytes that it wants to return.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    if size <= SCRATCH_SIZE {
        return SCRATCH.0.get().cast();
    }
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

/// Hands the bytes that the host wrote at `start` to `read`, and frees them.
fn received<R>(start: *mut u8, size: usize, read: impl FnOnce(&[u8]) -> R) -> R {
    if start.is_null() || size == 0 {
        return read(&[]);
    }
    if size <= SCRATCH_SIZE {
        // SAFETY: `allocate` gave out the scratch buffer for this size, the host filled `size` bytes of it, and
        // nothing else refers to it until `read` returns, because `read` cannot call the host: it has no way to.
        return read(unsafe { core::slice::from_raw_parts(start, size) });
    }
    // SAFETY: `allocate` made this very box for this size and leaked it.
    let owned = unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(start, size)) };
    read(&owned)
}

/// Writes a line to the host's log.
pub fn log(level: Level, text: &str) {
    // SAFETY: the host reads `text` only during the call. A log line that is lost is lost.
    let _ = unsafe { imports::proxy_log(level as u32, text.as_ptr(), text.len()) };
}

/// The host's wall clock, nanoseconds since the Unix epoch; 0 if the host has none.
#[must_use]
pub fn now() -> u64 {
    let mut time = 0;
    // SAFETY: the host writes eight bytes to `time`.
    let _ = unsafe { imports::proxy_get_current_time_nanoseconds(&raw mut time) };
    time
}

/// Asks for a tick of the current root every `millis`.
///
/// # Errors
/// As the host says.
pub fn set_tick_period(millis: u32) -> Result<(), Failure> {
    // SAFETY: plain numbers.
    check(unsafe { imports::proxy_set_tick_period_milliseconds(millis) })
}

/// Reads a property; the parts of its path are separated by a zero byte.
///
/// # Errors
/// [`Failure::NotFound`] when it has no value now, or as the host says.
pub fn property<R>(path: &str, read: impl FnOnce(&[u8]) -> R) -> Result<R, Failure> {
    let (mut value, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the host reads `path` and writes two words; the value lies where `allocate` said.
    check(unsafe { imports::proxy_get_property(path.as_ptr(), path.len(), &raw mut value, &raw mut size) })?;
    Ok(received(value, size, read))
}

/// Reads the first value of a header, as bytes.
///
/// # Errors
/// [`Failure::NotFound`] when there is no such header, or as the host says, for example out of phase.
pub fn header<R>(map: Headers, name: &str, read: impl FnOnce(&[u8]) -> R) -> Result<R, Failure> {
    let (mut value, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: as in `property`.
    check(unsafe {
        imports::proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), &raw mut value, &raw mut size)
    })?;
    Ok(received(value, size, read))
}

/// Sets a request header to this one value.
///
/// # Errors
/// As the host says.
pub fn replace_request_header(name: &str, value: &str) -> Result<(), Failure> {
    // SAFETY: the host reads both texts only during the call.
    check(unsafe {
        imports::proxy_replace_header_map_value(
            Headers::Request as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Adds a response header to those of its name.
///
/// # Errors
/// As the host says.
pub fn add_response_header(name: &str, value: &str) -> Result<(), Failure> {
    // SAFETY: the host reads both texts only during the call.
    check(unsafe {
        imports::proxy_add_header_map_value(
            Headers::Response as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes a request header.
///
/// # Errors
/// As the host says.
pub fn remove_request_header(name: &str) -> Result<(), Failure> {
    // SAFETY: the host reads `name` only during the call.
    check(unsafe { imports::proxy_remove_header_map_value(Headers::Request as u32, name.as_ptr(), name.len()) })
}

/// The configuration of the root that is being configured.
///
/// # Errors
/// As the host says.
pub fn configuration(size: usize) -> Result<Vec<u8>, Failure> {
    let (mut value, mut got) = (core::ptr::null_mut(), 0);
    // SAFETY: as in `property`.
    check(unsafe { imports::proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &raw mut value, &raw mut got) })?;
    Ok(received(value, got, <[u8]>::to_vec))
}

/// Answers the current request itself.
///
/// # Errors
/// As the host says.
pub fn send_local_response(status: u32, details: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Failure> {
    let headers = serialise(headers);
    // SAFETY: the host reads all three only during the call.
    check(unsafe {
        imports::proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// The ABI's form of a header list: count, then all sizes, then all texts, each closed by a zero byte.
fn serialise(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = (headers.len() as u32).to_le_bytes().to_vec();
    for (name, value) in headers {
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    }
    for (name, value) in headers {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}

/// Reads shared data and the number that a compare-and-swap needs.
///
/// # Errors
/// [`Failure::NotFound`], or as the host says.
pub fn shared_data<R>(key: &str, read: impl FnOnce(&[u8]) -> R) -> Result<(R, u32), Failure> {
    let (mut value, mut size, mut cas) = (core::ptr::null_mut(), 0, 0);
    // SAFETY: as in `property`.
    check(unsafe {
        imports::proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut value, &raw mut size, &raw mut cas)
    })?;
    Ok((received(value, size, read), cas))
}

/// Writes shared data. What `cas` 0 means differs between hosts: see [`crate::shared`].
///
/// # Errors
/// [`Failure::CasMismatch`], or as the host says.
pub fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<(), Failure> {
    // SAFETY: the host reads both only during the call.
    check(unsafe { imports::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

/// Defines a metric, or finds the one of this name.
///
/// # Errors
/// As the host says.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32, Failure> {
    let mut id = 0;
    // SAFETY: the host reads `name` and writes four bytes to `id`.
    check(unsafe { imports::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Adds to a counter; hosts refuse to add 0.
///
/// # Errors
/// As the host says.
pub fn increment_metric(id: u32, by: u64) -> Result<(), Failure> {
    // SAFETY: plain numbers.
    check(unsafe { imports::proxy_increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX)) })
}

/// Sets a gauge.
///
/// # Errors
/// As the host says.
pub fn record_metric(id: u32, value: u64) -> Result<(), Failure> {
    // SAFETY: plain numbers.
    check(unsafe { imports::proxy_record_metric(id, value) })
}
