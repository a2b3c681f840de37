//! WASI as a proxy-wasm host serves it: deterministic, without files, and mostly there from the start.

use std::time::Duration;

use crate::guests::stage::{IN, OUT, Stage};
use crate::guests::{try_guest, vm};
use plimsoll_host_tests::host::{Cas, Guest, HostCall, LoadError, Plugin, Vm, World};

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOTSUP: u32 = 58;

fn long(stage: &Stage, at: u32) -> u64 {
    u64::from(stage.word(at)) | u64::from(stage.word(at + 4)) << 32
}

#[test]
fn clocks_show_virtual_time() {
    let mut stage = Stage::envoy();
    stage.world.advance(Duration::from_millis(3));
    for (clock, expected) in [(0, stage.world.now_ns()), (1, 3_000_000)] {
        assert_eq!(stage.call(HostCall::ClockTimeGet, &[clock, 0, 0, OUT]), SUCCESS);
        assert_eq!(long(&stage, OUT), expected);
        assert_eq!(stage.call(HostCall::ClockResGet, &[clock, OUT]), SUCCESS);
        assert_eq!(long(&stage, OUT), 1);
    }
    for clock in [2, 3, u32::MAX] {
        assert_eq!(stage.call(HostCall::ClockTimeGet, &[clock, 0, 0, OUT]), NOTSUP);
        assert_eq!(stage.call(HostCall::ClockResGet, &[clock, OUT]), NOTSUP);
    }
    assert_eq!(stage.call(HostCall::ClockTimeGet, &[0, 0, 0, u32::MAX - 6]), FAULT);
}

#[test]
fn chance_comes_from_the_seed() {
    let draw = |seed: Option<u64>| {
        let mut stage = Stage::envoy();
        if let Some(seed) = seed {
            stage.world.set_random_seed(seed);
        }
        assert_eq!(stage.call(HostCall::RandomGet, &[OUT, 13]), SUCCESS);
        assert_eq!(stage.word(OUT + 13) & 0xff, 0, "no byte more");
        stage.vm.memory(OUT, 13).expect("inside").to_vec()
    };
    assert_eq!(draw(None), draw(Some(0)));
    assert_eq!(draw(Some(7)), draw(Some(7)));
    assert_ne!(draw(Some(7)), draw(Some(8)));
    let mut stage = Stage::envoy();
    assert_eq!(stage.call(HostCall::RandomGet, &[u32::MAX, 0]), SUCCESS, "nothing is written");
    assert_eq!(stage.call(HostCall::RandomGet, &[u32::MAX, 1]), FAULT);
    assert_eq!(stage.call(HostCall::RandomGet, &[0x1_0000, 64 << 10]), SUCCESS);
    assert_eq!(stage.call(HostCall::RandomGet, &[0, (64 << 10) + 1]), INVAL);
}

#[test]
fn output_becomes_lines_of_the_log() {
    let mut stage = Stage::envoy();
    stage.put(IN, "hello world\n");
    for (at, word) in [IN, 6, IN + 6, 6, IN, 0].into_iter().enumerate() {
        stage.put(OUT + at as u32 * 4, u32::to_le_bytes(word));
    }
    for (file, level) in [(1, 2), (2, 4)] {
        assert_eq!(stage.call(HostCall::FdWrite, &[file, OUT, 3, OUT + 64]), SUCCESS);
        assert_eq!(stage.word(OUT + 64), 12);
        let line = stage.world.log().pop().expect("logged");
        assert_eq!((line.level, line.message.as_str(), line.vm.as_str()), (level, "hello world", "worker-0"));
    }
    assert_eq!(stage.call(HostCall::FdPwrite, &[1, OUT, 1, 9, 9, OUT + 64]), SUCCESS);
    assert_eq!(stage.world.log().pop().expect("logged").message, "hello ");
    let before = stage.world.log_len();
    assert_eq!(stage.call(HostCall::FdWrite, &[1, OUT, 0, OUT + 64]), SUCCESS);
    assert_eq!(stage.call(HostCall::FdWrite, &[3, OUT, 1, OUT + 64]), BADF);
    assert_eq!(stage.call(HostCall::FdWrite, &[1, u32::MAX - 10, 2, OUT + 64]), FAULT);
    assert_eq!(stage.call(HostCall::FdWrite, &[1, OUT, u32::MAX, OUT + 64]), FAULT, "parts without end");
    assert_eq!(stage.world.log_len(), before);
    assert_eq!(stage.call(HostCall::FdWrite, &[1, OUT, 1, u32::MAX]), FAULT, "what was written stays");
    assert_eq!(stage.world.log_len(), before + 1);
}

#[test]
fn the_environment_is_what_the_test_says() {
    let mut stage = Stage::envoy();
    assert_eq!(stage.call(HostCall::EnvironSizesGet, &[OUT, OUT + 4]), SUCCESS);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (0, 0));
    stage.world.set_environment([("HOME", "/nowhere"), ("EMPTY", "")]);
    assert_eq!(stage.call(HostCall::EnvironSizesGet, &[OUT, OUT + 4]), SUCCESS);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (2, 21));
    assert_eq!(stage.call(HostCall::EnvironGet, &[OUT, OUT + 64]), SUCCESS);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (OUT + 64, OUT + 78));
    assert_eq!(stage.vm.memory(OUT + 64, 21).expect("inside"), b"HOME=/nowhere\0EMPTY=\0");
    assert_eq!(stage.call(HostCall::EnvironGet, &[OUT, u32::MAX]), FAULT);
    assert_eq!(stage.call(HostCall::EnvironGet, &[u32::MAX, OUT]), FAULT);
    assert_eq!(stage.call(HostCall::ArgsSizesGet, &[OUT, OUT + 4]), SUCCESS);
    assert_eq!((stage.word(OUT), stage.word(OUT + 4)), (0, 0));
    assert_eq!(stage.call(HostCall::ArgsGet, &[u32::MAX, u32::MAX]), SUCCESS);
}

#[test]
fn there_are_no_files_and_every_call_says_so() {
    let mut stage = Stage::envoy();
    let zero = [0; 12];
    for (call, number) in [
        (HostCall::FdRead, 52),
        (HostCall::FdPread, 52),
        (HostCall::FdSeek, SUCCESS),
        (HostCall::FdClose, SUCCESS),
        (HostCall::FdAdvise, SUCCESS),
        (HostCall::FdSync, BADF),
        (HostCall::FdDatasync, BADF),
        (HostCall::FdTell, BADF),
        (HostCall::FdAllocate, BADF),
        (HostCall::FdRenumber, BADF),
        (HostCall::FdReaddir, 20),
        (HostCall::FdFdstatGet, BADF),
        (HostCall::FdFdstatSetFlags, 52),
        (HostCall::FdFilestatGet, BADF),
        (HostCall::FdPrestatGet, BADF),
        (HostCall::FdPrestatDirName, 52),
        (HostCall::PathOpen, 44),
        (HostCall::PathFilestatGet, NOTSUP),
        (HostCall::PathReadlink, NOTSUP),
        (HostCall::PathRename, NOTSUP),
        (HostCall::SockAccept, NOTSUP),
        (HostCall::SockRecv, NOTSUP),
        (HostCall::PollOneoff, SUCCESS),
        (HostCall::SchedYield, SUCCESS),
    ] {
        assert_eq!(stage.call(call, &zero), number, "{call:?}");
    }
    let one = [1; 12];
    for call in [HostCall::FdSync, HostCall::FdAllocate, HostCall::FdTell, HostCall::FdFdstatGet] {
        assert_eq!(stage.call(call, &one), SUCCESS, "{call:?} of standard output");
    }
    assert_eq!(stage.call(HostCall::FdRenumber, &one), NOTSUP);
    assert_eq!(stage.call(HostCall::FdFdstatGet, &[2, OUT]), SUCCESS);
    assert_eq!((long(&stage, OUT), long(&stage, OUT + 8), long(&stage, OUT + 16)), (0, 64, 0));
    assert_eq!(stage.call(HostCall::FdFdstatGet, &[2, u32::MAX]), SUCCESS, "nobody complains of the pointer");
    assert_eq!(stage.call(HostCall::PollOneoff, &[0, 0, 0, u32::MAX]), FAULT);
    assert_eq!(stage.call(HostCall::SockRecv, &[0, 0, 0, 0, OUT, u32::MAX]), FAULT);
    // The C++ host only notes that a guest wants to end; toolchains make the code behind it trap.
    stage.call(HostCall::ProcExit, &[1]);
    assert!(!stage.vm.is_dead());
}

/// A guest whose entry point makes one call of WASI.
fn entry(entry: &str, import: &str, call: &str) -> Result<Vm, LoadError> {
    let functions = format!(
        r#"(func (export "{entry}") (drop {call}))
        (func (export "proxy_on_tick") (param i32))"#
    );
    let guest = try_guest(import, &functions)?;
    Vm::new(&guest, "worker-0", "test", &World::new(Cas::Envoy))
}

#[test]
fn a_runtime_can_set_itself_up_but_not_use_the_proxy() {
    let random = r#"(import "wasi_snapshot_preview1" "random_get" (func $c (param i32 i32) (result i32)))"#;
    let old = r#"(import "wasi_unstable" "random_get" (func $c (param i32 i32) (result i32)))"#;
    let now = r#"(import "env" "proxy_get_current_time_nanoseconds" (func $c (param i32) (result i32)))"#;
    let close = r#"(import "wasi_snapshot_preview1" "fd_close" (func $c (param i32) (result i32)))"#;
    for name in ["_initialize", "_start"] {
        assert!(entry(name, random, "(call $c (i32.const 0) (i32.const 8))").is_ok());
        assert!(entry(name, old, "(call $c (i32.const 0) (i32.const 8))").is_ok());
        for (import, call) in [(now, "(call $c (i32.const 0))"), (close, "(call $c (i32.const 1))")] {
            let refused = entry(name, import, call).expect_err("is not allowed");
            assert!(matches!(&refused, LoadError::Start(why) if why.contains("not allowed here")), "{refused}");
        }
    }
}

#[test]
fn a_reactor_runs_initialize_and_main_and_not_start() {
    let import = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let say = |at: u32| format!("(drop (call $log (i32.const 2) (i32.const {at}) (i32.const 1)))");
    let run = |exports: &[(&str, &str, u32)]| {
        let functions: String = exports
            .iter()
            .map(|(name, shape, at)| {
                let result = if shape.contains("result") { "(i32.const 0)" } else { "" };
                format!(r#"(func (export "{name}") {shape} {} {result})"#, say(*at))
            })
            .collect();
        let functions = format!(r#"(data (i32.const 0) "imvs") {functions}"#);
        let (vm, world) = vm(&try_guest(import, &functions).expect("loads"), Cas::Envoy);
        drop(vm);
        world.log().iter().map(|line| line.message.clone()).collect::<String>()
    };
    let (initialize, start) = (("_initialize", "", 0), ("_start", "", 3));
    let (main, void) = (("main", "(param i32 i32) (result i32)", 1), ("__main_void", "(result i32)", 2));
    assert_eq!(run(&[initialize, main, void, start]), "im");
    assert_eq!(run(&[initialize, void, start]), "iv");
    assert_eq!(run(&[start, main]), "s");
    assert_eq!(run(&[main]), "", "without an entry point nothing runs");
}

#[test]
fn time_and_output_are_allowed_in_the_allocator() {
    let import = r#"
      (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $dice (param i32 i32) (result i32)))
      (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))"#;
    let guest = |call: &str| {
        let text = format!(
            r#"(module {import} (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) (drop {call}) (i32.const 1024))
            (func (export "proxy_on_tick") (param i32)
              (drop (call $get (i32.const 6) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))))"#
        );
        Guest::compile(&wat::parse_str(text).expect("text")).expect("loads")
    };
    for (call, good) in [
        ("(call $now (i32.const 0) (i64.const 0) (i32.const 16))", true),
        ("(call $dice (i32.const 0) (i32.const 8))", false),
    ] {
        let (mut vm, _world) = vm(&guest(call), Cas::Envoy);
        vm.set_vm_configuration(b"conf");
        let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
        assert_eq!(vm.tick(root).is_ok(), good, "{call}");
    }
}
