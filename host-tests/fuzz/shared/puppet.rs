//! A guest on strings: in every callback it makes the host calls that stand in a script in its memory.
//!
//! The script is written into its memory from outside, the statuses are read from there, so that a test, or a fuzzer,
//! can make any call with any words in any callback. Shared by the tests and by the fuzz target.

use std::fmt::Write;
use std::sync::{Mutex, OnceLock};

use plimsoll_host_tests::host::{AbiVersion, CallbackKind, Guest, HostCall, Vm};

/// What the next callback returns.
pub(crate) const ANSWER: u32 = 0xffc;
/// How the allocator behaves: one of [`Allocator`].
pub(crate) const ALLOCATOR: u32 = 0xff8;
/// What the allocator returns in [`Allocator::Fixed`].
pub(crate) const ADDRESS: u32 = 0xff4;
/// If it is not 0, the next callback traps after its script.
pub(crate) const TRAP: u32 = 0xff0;
/// How many calls the script has; they follow.
pub(crate) const SCRIPT: u32 = 0x1000;
/// Where the statuses go.
pub(crate) const RESULTS: u32 = 0x8000;
/// From here on the memory is free for arguments and answers.
pub(crate) const FREE: u32 = 0x1_0000;
/// From here on the allocator gives memory, anew in every callback.
pub(crate) const HEAP: u32 = 0x2_0000;
/// Bytes of memory at the start.
pub(crate) const MEMORY: u32 = 0x4_0000;
/// Words of a call in the script: its number and its arguments.
const WORDS: u32 = 14;
/// The most calls of one script.
pub(crate) const MOST_CALLS: usize = 500;

/// What the guest's allocator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocator {
    /// Gives memory and grows it.
    Good = 0,
    /// Gives whatever stands at [`ADDRESS`].
    Fixed = 1,
    /// Traps.
    Trap = 2,
    /// Asks the host for the time, which is allowed in callbacks only.
    Calls = 3,
}

/// All imports with their parameters, `i` for 32 bits and `l` for 64, and whether they return something.
const IMPORTS: &[(&str, &str, &str)] = &[
    ("env", "iii", "proxy_log"),
    ("env", "i", "proxy_get_log_level proxy_get_current_time_nanoseconds proxy_set_tick_period_milliseconds"),
    ("env", "ii", "proxy_get_configuration pthread_equal"),
    ("env", "iii", "proxy_get_status"),
    ("env", "iiii", "proxy_get_property proxy_set_property proxy_define_metric proxy_grpc_send"),
    (
        "env",
        "iiiii",
        "proxy_get_header_map_value proxy_add_header_map_value proxy_replace_header_map_value proxy_get_buffer_bytes \
         proxy_set_buffer_bytes proxy_get_shared_data proxy_set_shared_data proxy_resolve_shared_queue",
    ),
    (
        "env",
        "iii",
        "proxy_remove_header_map_value proxy_get_header_map_pairs proxy_set_header_map_pairs proxy_get_buffer_status \
         proxy_register_shared_queue proxy_enqueue_shared_queue proxy_dequeue_shared_queue",
    ),
    ("env", "ii", "proxy_get_header_map_size proxy_get_metric"),
    ("env", "iiiiiiii", "proxy_send_local_response"),
    ("env", "", "proxy_continue_request proxy_continue_response proxy_clear_route_cache proxy_done"),
    ("env", "i", "proxy_continue_stream proxy_close_stream proxy_set_effective_context"),
    ("env", "i", "proxy_grpc_cancel proxy_grpc_close"),
    ("env", "il", "proxy_increment_metric proxy_record_metric"),
    ("env", "iiiiiiiiii", "proxy_http_call"),
    ("env", "iiiiiiiiiiii", "proxy_grpc_call"),
    ("env", "iiiiiiiii", "proxy_grpc_stream"),
    ("env", "iiiiii", "proxy_call_foreign_function"),
    ("env", "i>", "emscripten_notify_memory_growth"),
    ("wasi_snapshot_preview1", "ii", "args_get args_sizes_get environ_get environ_sizes_get clock_res_get random_get"),
    ("wasi_snapshot_preview1", "ili", "clock_time_get"),
    ("wasi_snapshot_preview1", "iiii", "fd_write fd_read poll_oneoff path_symlink"),
    ("wasi_snapshot_preview1", "iiili", "fd_pwrite fd_pread fd_readdir"),
    ("wasi_snapshot_preview1", "ilii", "fd_seek"),
    ("wasi_snapshot_preview1", "ii", "fd_tell fd_renumber fd_fdstat_get fd_fdstat_set_flags fd_filestat_get"),
    ("wasi_snapshot_preview1", "ii", "fd_prestat_get sock_shutdown"),
    ("wasi_snapshot_preview1", "i", "fd_close fd_sync fd_datasync"),
    ("wasi_snapshot_preview1", "illi", "fd_advise fd_filestat_set_times"),
    ("wasi_snapshot_preview1", "ill", "fd_allocate fd_fdstat_set_rights"),
    ("wasi_snapshot_preview1", "il", "fd_filestat_set_size"),
    ("wasi_snapshot_preview1", "iii", "fd_prestat_dir_name path_create_directory path_remove_directory"),
    ("wasi_snapshot_preview1", "iii", "path_unlink_file sock_accept"),
    ("wasi_snapshot_preview1", "iiiiillii", "path_open"),
    ("wasi_snapshot_preview1", "iiiii", "path_filestat_get sock_send"),
    ("wasi_snapshot_preview1", "iiiilli", "path_filestat_set_times"),
    ("wasi_snapshot_preview1", "iiiiii", "path_link path_readlink path_rename sock_recv"),
    ("wasi_snapshot_preview1", "", "sched_yield"),
    ("wasi_snapshot_preview1", "i>", "proc_exit"),
];

struct Import {
    module: &'static str,
    parameters: &'static str,
    returns: bool,
    call: HostCall,
}

/// The imports of one version, each at its number in a script.
fn imports(version: AbiVersion) -> Vec<Import> {
    let mut found: Vec<Import> = Vec::new();
    for (module, parameters, names) in IMPORTS {
        for name in names.split_whitespace() {
            let call = HostCall::by_name(name).expect("the host knows it");
            let (parameters, returns) = (parameters.trim_end_matches('>'), !parameters.ends_with('>'));
            found.push(Import { module, parameters, returns, call });
        }
    }
    let first = version == AbiVersion::V0_1_0;
    found.retain(|import| match import.call {
        HostCall::GetConfiguration
        | HostCall::ContinueRequest
        | HostCall::ContinueResponse
        | HostCall::ClearRouteCache => first,
        HostCall::ContinueStream | HostCall::CloseStream => !first,
        HostCall::GetLogLevel => version == AbiVersion::V0_2_1,
        _ => true,
    });
    found
}

/// The number of a call in scripts of one version.
pub(crate) fn number(version: AbiVersion, call: HostCall) -> Option<u32> {
    imports(version).iter().position(|import| import.call == call).map(|at| at as u32)
}

/// How many calls a version has.
pub(crate) fn count(version: AbiVersion) -> u32 {
    imports(version).len() as u32
}

/// How many words in a script the arguments of a call take: two for 64 bits.
pub(crate) fn words(version: AbiVersion, number: u32) -> usize {
    let imports = imports(version);
    imports[number as usize].parameters.chars().map(|kind| if kind == 'l' { 2 } else { 1 }).sum()
}

fn text(version: AbiVersion, without: &[HostCall]) -> String {
    let imports = imports(version);
    let mut text = String::from("(module\n");
    for (at, import) in imports.iter().enumerate() {
        if without.contains(&import.call) {
            continue;
        }
        let kinds: Vec<&str> = import.parameters.chars().map(|kind| if kind == 'l' { "i64" } else { "i32" }).collect();
        let result = if import.returns { "(result i32)" } else { "" };
        let (module, name, kinds) = (import.module, import.call.name(), kinds.join(" "));
        writeln!(text, r#"(import "{module}" "{name}" (func $c{at} (param {kinds}) {result}))"#).expect("text");
    }
    writeln!(text, r#"(memory (export "memory") 4) (global $next (mut i32) (i32.const {HEAP}))"#).expect("text");
    writeln!(text, r#"(func (export "{}"))"#, version.export()).expect("text");
    dispatch(&mut text, &imports, without);
    text.push_str(&format!(
        r#"(func $run (result i32) (local $i i32)
          (global.set $next (i32.const {HEAP}))
          (loop $again
            (if (i32.lt_u (local.get $i) (i32.load (i32.const {SCRIPT}))) (then
              (i32.store (i32.add (i32.const {RESULTS}) (i32.shl (local.get $i) (i32.const 2)))
                (call $dispatch (i32.add (i32.const {first}) (i32.mul (local.get $i) (i32.const {stride})))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $again))))
          (if (i32.load (i32.const {TRAP})) (then (unreachable)))
          (i32.load (i32.const {ANSWER})))
        (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (local $at i32)
          (if (i32.eq (i32.load (i32.const {ALLOCATOR})) (i32.const 1)) (then (return (i32.load (i32.const {ADDRESS})))))
          (if (i32.eq (i32.load (i32.const {ALLOCATOR})) (i32.const 2)) (then (unreachable)))
          (if (i32.eq (i32.load (i32.const {ALLOCATOR})) (i32.const 3)) (then
            (drop (call $c{clock} (i32.const {FREE})))))
          (local.set $at (global.get $next))
          (global.set $next (i32.add (local.get $at) (local.get $size)))
          (loop $grow
            (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16))) (then
              (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (return (i32.const 0))))
              (br $grow))))
          (local.get $at))
        "#,
        first = SCRIPT + 4,
        stride = WORDS * 4,
        clock = number(version, HostCall::GetCurrentTime).expect("all have it"),
    ));
    for kind in CallbackKind::ALL {
        let shorter = matches!(kind, CallbackKind::RequestHeaders | CallbackKind::ResponseHeaders);
        let one_less = usize::from(shorter && version == AbiVersion::V0_1_0);
        let parameters = "i32 ".repeat(kind.parameters() - one_less);
        let returns = kind.returns();
        let (result, drop) = if returns { ("(result i32)", "(call $run)") } else { ("", "(drop (call $run))") };
        writeln!(text, r#"(func (export "{}") (param {parameters}) {result} {drop})"#, kind.name()).expect("text");
    }
    text.push(')');
    text
}

/// A function that makes the call whose number and arguments stand at an address.
fn dispatch(text: &mut String, imports: &[Import], without: &[HostCall]) {
    text.push_str("(func $dispatch (param $p i32) (result i32)\n");
    text.push_str(&"(block ".repeat(imports.len() + 1));
    let targets: Vec<String> = (0..=imports.len()).map(|at| at.to_string()).collect();
    writeln!(text, "(br_table {} (i32.load (local.get $p))))", targets.join(" ")).expect("text");
    for (at, import) in imports.iter().enumerate() {
        let mut offset = 4;
        let mut arguments = String::new();
        for kind in import.parameters.chars() {
            let load = if kind == 'l' { "i64.load" } else { "i32.load" };
            write!(arguments, "({load} offset={offset} (local.get $p))").expect("text");
            offset += if kind == 'l' { 8 } else { 4 };
        }
        let call = format!("(call $c{at} {arguments})");
        match (without.contains(&import.call), import.returns) {
            (true, _) => writeln!(text, "(return (i32.const -1)))"),
            (false, true) => writeln!(text, "(return {call}))"),
            (false, false) => writeln!(text, "{call} (return (i32.const 0)))"),
        }
        .expect("text");
    }
    text.push_str("(i32.const -1))\n");
}

/// The guest of one version, compiled once, without the host calls that a host may lack.
pub(crate) fn guest(version: AbiVersion) -> Guest {
    static GUESTS: OnceLock<Mutex<Vec<Guest>>> = OnceLock::new();
    let mut guests = GUESTS.get_or_init(Mutex::default).lock().expect("nobody panics with it");
    if let Some(guest) = guests.iter().find(|guest| guest.version() == version) {
        return guest.clone();
    }
    let guest = compile(version, &[]);
    guests.push(guest.clone());
    guest
}

/// As [`guest`], without some imports; in a script they answer -1.
pub(crate) fn compile(version: AbiVersion, without: &[HostCall]) -> Guest {
    let wasm = wat::parse_str(text(version, without)).expect("the puppet is well-formed");
    Guest::compile(&wasm).expect("the puppet loads")
}

/// Writes bytes into the guest's memory; what does not fit is cut.
pub(crate) fn put(vm: &mut Vm, at: u32, bytes: &[u8]) {
    let room = vm.memory_bytes().saturating_sub(at as usize).min(bytes.len());
    if let Some(target) = vm.memory_mut(at, room) {
        target.copy_from_slice(&bytes[..room]);
    }
}

/// Writes a word.
pub(crate) fn put_word(vm: &mut Vm, at: u32, word: u32) {
    put(vm, at, &word.to_le_bytes());
}

/// Reads a word; 0 beyond the end.
pub(crate) fn word(vm: &Vm, at: u32) -> u32 {
    vm.memory(at, 4).map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Writes a script of calls by number.
pub(crate) fn write_script(vm: &mut Vm, calls: &[(u32, Vec<u32>)]) {
    let calls = &calls[..calls.len().min(MOST_CALLS)];
    put_word(vm, SCRIPT, calls.len() as u32);
    for (at, (number, arguments)) in calls.iter().enumerate() {
        let start = SCRIPT + 4 + at as u32 * WORDS * 4;
        put_word(vm, start, *number);
        for (index, argument) in arguments.iter().take(WORDS as usize - 1).enumerate() {
            put_word(vm, start + 4 + index as u32 * 4, *argument);
        }
    }
}

/// The statuses of the last script.
pub(crate) fn results(vm: &Vm, count: usize) -> Vec<u32> {
    (0..count as u32).map(|at| word(vm, RESULTS + at * 4)).collect()
}
