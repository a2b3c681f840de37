//! All callbacks of ABI 0.2.1 for HTTP filters and services.

#![allow(unsafe_code, reason = "hosts find these functions by their names")]

use crate::{interpreter, memory};

macro_rules! callbacks {
    ($($export:ident = $name:literal($($argument:ident),+) $(-> $default:literal)?;)*) => {
        $(callbacks!(@one $export, $name, [$($argument),+] $(, $default)?);)*
    };
    (@one $export:ident, $name:literal, [$($argument:ident),+]) => {
        #[doc = concat!("`", $name, "`")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $export($($argument: u32),+) {
            interpreter::run($name, &[$($argument),+], 0);
        }
    };
    (@one $export:ident, $name:literal, [$($argument:ident),+], $default:literal) => {
        #[doc = concat!("`", $name, "`; answers what the script says, else ", stringify!($default), ".")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $export($($argument: u32),+) -> u32 {
            interpreter::run($name, &[$($argument),+], $default)
        }
    };
}

callbacks! {
    proxy_on_context_create = "context_create"(context, parent);
    proxy_on_vm_start = "vm_start"(root, size) -> 1;
    proxy_on_configure = "configure"(root, size) -> 1;
    proxy_on_tick = "tick"(root);
    proxy_on_request_headers = "request_headers"(context, count, end) -> 0;
    proxy_on_request_body = "request_body"(context, size, end) -> 0;
    proxy_on_request_trailers = "request_trailers"(context, count) -> 0;
    proxy_on_response_headers = "response_headers"(context, count, end) -> 0;
    proxy_on_response_body = "response_body"(context, size, end) -> 0;
    proxy_on_response_trailers = "response_trailers"(context, count) -> 0;
    proxy_on_http_call_response = "http_call_response"(context, token, headers, body, trailers);
    proxy_on_grpc_receive_initial_metadata = "grpc_receive_initial_metadata"(context, token, headers);
    proxy_on_grpc_receive = "grpc_receive"(context, token, size);
    proxy_on_grpc_receive_trailing_metadata = "grpc_receive_trailing_metadata"(context, token, trailers);
    proxy_on_grpc_close = "grpc_close"(context, token, status);
    proxy_on_queue_ready = "queue_ready"(root, queue);
    proxy_on_foreign_function = "foreign_function"(root, function, size);
    proxy_on_log = "log"(context);
    proxy_on_done = "done"(context) -> 1;
    proxy_on_delete = "delete"(context);
}

/// Says which version of the ABI this is.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// Runs before all callbacks, where hosts allow little more than logging.
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    interpreter::log("initialize");
}

/// The host asks for memory for a value that it returns.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    memory::allocate(size)
}
