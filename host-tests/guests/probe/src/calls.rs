//! Every host call of ABI 0.2.1, by name and with any words as arguments, right or wrong.
//!
//! One table says what each call takes and, behind it, what it gives back through pointers. The interpreter knows
//! nothing else about host calls, so a misuse is written like a use.

#![allow(unsafe_code, reason = "host calls take raw addresses, and wrong ones are what this guest is for")]

/// What a host call writes through a pointer that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// A 32-bit number.
    Word,
    /// A 64-bit number.
    Long,
    /// Address and length of bytes that the host allocated in the guest.
    Bytes,
}

impl Out {
    /// How many arguments it takes.
    pub(crate) fn arguments(self) -> usize {
        if self == Self::Bytes { 2 } else { 1 }
    }
}

/// A host call's shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// All its arguments.
    pub(crate) arguments: usize,
    /// What the last of them are for.
    pub(crate) outs: &'static [Out],
}

impl Shape {
    /// The arguments that carry something to the host.
    pub(crate) fn inputs(self) -> usize {
        self.arguments - self.outs.iter().map(|out| out.arguments()).sum::<usize>()
    }
}

macro_rules! host_calls {
    ($($name:ident = $import:ident($($argument:ident: $type:ty),*) [$($out:ident),*];)*) => {
        #[cfg(target_arch = "wasm32")]
        mod imports {
            #[link(wasm_import_module = "env")]
            unsafe extern "C" {
                $(pub(super) fn $import($($argument: $type),*) -> u32;)*
            }
        }

        /// Outside a proxy there is no host: every call answers with a status that no host uses.
        #[cfg(not(target_arch = "wasm32"))]
        #[allow(clippy::too_many_arguments, reason = "the ABI's")]
        mod imports {
            $(pub(super) unsafe fn $import($(_: $type),*) -> u32 { u32::MAX })*
        }

        /// The shape of a host call, by its name in scripts.
        pub(crate) fn shape(name: &str) -> Option<Shape> {
            Some(match name {
                $(stringify!($name) => Shape {
                    arguments: <[&str]>::len(&[$(stringify!($argument)),*]),
                    outs: &[$(Out::$out),*],
                },)*
                _ => return None,
            })
        }

        /// Makes a host call; missing arguments are 0.
        pub(crate) fn invoke(name: &str, words: &[u64]) -> u32 {
            let mut words = words.iter().copied();
            match name {
                $(stringify!($name) => {
                    $(let $argument = words.next().unwrap_or(0) as $type;)*
                    // SAFETY: hosts check every address that they are given; a wrong one costs a status.
                    unsafe { imports::$import($($argument),*) }
                })*
                _ => u32::MAX,
            }
        }
    };
}

host_calls! {
    log = proxy_log(level: u32, text: u32, size: u32) [];
    get_log_level = proxy_get_log_level(at: u32) [Word];
    get_time = proxy_get_current_time_nanoseconds(at: u32) [Long];
    set_tick_period = proxy_set_tick_period_milliseconds(period: u32) [];
    get_status = proxy_get_status(code: u32, text: u32, size: u32) [Word, Bytes];
    get_property = proxy_get_property(path: u32, path_size: u32, value: u32, size: u32) [Bytes];
    set_property = proxy_set_property(path: u32, path_size: u32, value: u32, size: u32) [];
    get_header = proxy_get_header_map_value(map: u32, key: u32, key_size: u32, value: u32, size: u32) [Bytes];
    add_header = proxy_add_header_map_value(map: u32, key: u32, key_size: u32, value: u32, size: u32) [];
    replace_header = proxy_replace_header_map_value(map: u32, key: u32, key_size: u32, value: u32, size: u32) [];
    remove_header = proxy_remove_header_map_value(map: u32, key: u32, key_size: u32) [];
    get_pairs = proxy_get_header_map_pairs(map: u32, value: u32, size: u32) [Bytes];
    set_pairs = proxy_set_header_map_pairs(map: u32, value: u32, size: u32) [];
    get_map_size = proxy_get_header_map_size(map: u32, at: u32) [Word];
    get_buffer = proxy_get_buffer_bytes(buffer: u32, start: u32, length: u32, value: u32, size: u32) [Bytes];
    set_buffer = proxy_set_buffer_bytes(buffer: u32, start: u32, length: u32, value: u32, size: u32) [];
    get_buffer_status = proxy_get_buffer_status(buffer: u32, length: u32, flags: u32) [Word, Word];
    send_local_response = proxy_send_local_response(
        status: u32, details: u32, details_size: u32, body: u32, body_size: u32, headers: u32, headers_size: u32,
        grpc_status: i32
    ) [];
    continue_stream = proxy_continue_stream(side: u32) [];
    close_stream = proxy_close_stream(side: u32) [];
    set_effective_context = proxy_set_effective_context(context: u32) [];
    done = proxy_done() [];
    get_shared_data = proxy_get_shared_data(key: u32, key_size: u32, value: u32, size: u32, cas: u32) [Bytes, Word];
    set_shared_data = proxy_set_shared_data(key: u32, key_size: u32, value: u32, size: u32, cas: u32) [];
    register_queue = proxy_register_shared_queue(name: u32, name_size: u32, at: u32) [Word];
    resolve_queue = proxy_resolve_shared_queue(vm: u32, vm_size: u32, name: u32, name_size: u32, at: u32) [Word];
    enqueue = proxy_enqueue_shared_queue(queue: u32, value: u32, size: u32) [];
    dequeue = proxy_dequeue_shared_queue(queue: u32, value: u32, size: u32) [Bytes];
    define_metric = proxy_define_metric(kind: u32, name: u32, name_size: u32, at: u32) [Word];
    increment_metric = proxy_increment_metric(id: u32, by: i64) [];
    record_metric = proxy_record_metric(id: u32, value: u64) [];
    get_metric = proxy_get_metric(id: u32, at: u32) [Long];
    http_call = proxy_http_call(
        cluster: u32, cluster_size: u32, headers: u32, headers_size: u32, body: u32, body_size: u32, trailers: u32,
        trailers_size: u32, timeout: u32, at: u32
    ) [Word];
    grpc_call = proxy_grpc_call(
        cluster: u32, cluster_size: u32, service: u32, service_size: u32, method: u32, method_size: u32, metadata: u32,
        metadata_size: u32, request: u32, request_size: u32, timeout: u32, at: u32
    ) [Word];
    grpc_stream = proxy_grpc_stream(
        cluster: u32, cluster_size: u32, service: u32, service_size: u32, method: u32, method_size: u32, metadata: u32,
        metadata_size: u32, at: u32
    ) [Word];
    grpc_send = proxy_grpc_send(token: u32, message: u32, message_size: u32, end: u32) [];
    grpc_cancel = proxy_grpc_cancel(token: u32) [];
    grpc_close = proxy_grpc_close(token: u32) [];
    call_foreign_function = proxy_call_foreign_function(
        name: u32, name_size: u32, argument: u32, argument_size: u32, value: u32, size: u32
    ) [Bytes];
}
