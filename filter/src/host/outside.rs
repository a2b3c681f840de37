//! Outside a proxy there is no host: every call answers with a status that no host uses.

#![allow(unused_variables, clippy::too_many_arguments)]

macro_rules! unsupported {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(pub(super) unsafe fn $name($($argument: $type),*) -> u32 { u32::MAX })*
    };
}

unsupported! {
    proxy_log(level: u32, text: *const u8, size: usize);
    proxy_get_current_time_nanoseconds(time: *mut u64);
    proxy_set_tick_period_milliseconds(period: u32);
    proxy_get_property(path: *const u8, path_size: usize, value: *mut *mut u8, value_size: *mut usize);
    proxy_get_header_map_value(
        map: u32, key: *const u8, key_size: usize, value: *mut *mut u8, value_size: *mut usize
    );
    proxy_replace_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
    proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
    proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize);
    proxy_get_buffer_bytes(buffer: u32, start: usize, max_size: usize, value: *mut *mut u8, value_size: *mut usize);
    proxy_send_local_response(
        status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize,
        headers: *const u8, headers_size: usize, grpc_status: i32
    );
    proxy_get_shared_data(
        key: *const u8, key_size: usize, value: *mut *mut u8, value_size: *mut usize, cas: *mut u32
    );
    proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, cas: u32);
    proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32);
    proxy_increment_metric(id: u32, by: i64);
    proxy_record_metric(id: u32, value: u64);
}
