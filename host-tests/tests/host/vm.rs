//! Loading a guest, traps, fuel, ticks: what holds for a VM whatever its guest does.

use std::time::Duration;

use crate::guests::{guest, try_guest, vm};
use plimsoll_host_tests::host::{
    CallbackKind, Cas, Guest, Headers, HostCall, LoadError, Plugin, StartError, Vm, VmError, World,
};

const LOG: &str = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
const CLOCK: &str = r#"(import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))"#;

#[test]
fn an_unknown_import_fails_at_load_and_is_named() {
    let import = r#"(import "env" "proxy_get_upstream_hosts" (func (param i32) (result i32)))
        (import "wasi_snapshot_preview2" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    let error = try_guest(import, "").expect_err("unknown imports");
    assert_eq!(
        error,
        LoadError::UnknownImports(vec![
            "env.proxy_get_upstream_hosts".into(),
            "wasi_snapshot_preview2.fd_write".into()
        ])
    );
    assert!(error.to_string().contains("env.proxy_get_upstream_hosts"));
}

#[test]
fn a_host_call_with_another_signature_fails_at_load_and_is_named() {
    let import = r#"(import "env" "proxy_log" (func (param i32) (result i32)))"#;
    let error = try_guest(import, "").expect_err("wrong signature");
    assert!(matches!(&error, LoadError::Signature(reason) if reason.contains("proxy_log")), "{error}");
}

#[test]
fn a_callback_with_another_signature_fails_at_load_and_is_named() {
    let guest = guest("", r#"(func (export "proxy_on_tick"))"#);
    let world = World::new(Cas::Envoy);
    let error = Vm::new(&guest, "w", "test", &world).expect_err("wrong signature");
    assert!(matches!(&error, LoadError::Signature(_)), "{error}");
}

#[test]
fn a_module_without_an_abi_version_or_of_another_is_refused() {
    let none = wat::parse_str("(module)").expect("text");
    assert_eq!(Guest::compile(&none).expect_err("no version"), LoadError::AbiVersion(vec![]));
    let old = wat::parse_str(r#"(module (func (export "proxy_abi_version_0_3_0")))"#).expect("text");
    let error = Guest::compile(&old).expect_err("old version").to_string();
    assert!(error.contains("proxy_abi_version_0_3_0"), "{error}");
    assert!(matches!(Guest::compile(b"no wasm"), Err(LoadError::Module(_))));
}

#[test]
fn a_trap_is_a_value_and_the_vm_is_dead_afterwards() {
    let guest = guest(
        LOG,
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)
           (func (export "proxy_on_log") (param i32) (drop (call $log (i32.const 2) (i32.const 0) (i32.const 0))))"#,
    );
    let (mut vm, world) = vm(&guest, Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "{}")).expect("starts");
    let stream = vm.open_stream(root).expect("opens");
    let trap = vm.request_headers(stream, Headers::get_request("/"), true).expect_err("traps");
    assert!(
        matches!(&trap, VmError::Trapped { callback: "proxy_on_request_headers", context, .. } if *context == stream)
    );
    assert!(trap.to_string().contains("unreachable"), "{trap}");
    assert!(vm.is_dead());
    assert_eq!(vm.end_stream(stream), Err(VmError::Dead));
    assert_eq!(vm.raw(CallbackKind::Log, &[stream]), Err(VmError::Dead));
    assert_eq!(world.log_len(), 0, "no callback runs in a dead VM");
    assert!(Vm::new(&guest, "worker-1", "test", &world).is_ok(), "the guest itself is unharmed");
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let guest = guest("", r#"(func (export "proxy_on_tick") (param i32) (loop $l (br $l)))"#);
    let (mut vm, _world) = vm(&guest, Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    let trap = vm.tick(root).expect_err("must not run for ever");
    assert!(trap.to_string().contains("fuel"), "{trap}");
}

#[test]
fn an_allocator_that_calls_the_host_traps() {
    let text = r#"(module
        (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
        (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "plugin_root_id")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (drop (call $now (i32.const 8))) (i32.const 64))
        (func (export "proxy_on_tick") (param i32)
          (drop (call $get (i32.const 0) (i32.const 14) (i32.const 32) (i32.const 36)))))"#;
    let guest = Guest::compile(&wat::parse_str(text).expect("text")).expect("loads");
    let (mut vm, _world) = vm(&guest, Cas::Envoy);
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    let trap = vm.tick(root).expect_err("restricted");
    assert!(trap.to_string().contains("not allowed here"), "{trap}");
}

#[test]
fn fuel_and_host_calls_are_equal_in_every_run() {
    let run = || {
        let guest = guest(
            CLOCK,
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $i i32)
                 (drop (call $now (i32.const 16)))
                 (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
                   (br_if $l (i32.lt_u (local.get $i) (local.get 1))))
                 (i32.const 0))"#,
        );
        let (mut vm, _world) = vm(&guest, Cas::Envoy);
        let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
        for _ in 0..3 {
            let stream = vm.open_stream(root).expect("opens");
            vm.request_headers(stream, Headers::get_request("/"), true).expect("runs");
            vm.end_stream(stream).expect("ends");
        }
        vm.costs().clone()
    };
    let costs = run();
    assert_eq!(costs, run());
    let streams = costs.streams("r");
    assert_eq!((streams.streams, streams.max_host_calls, streams.host_calls.get(HostCall::GetCurrentTime)), (3, 1, 3));
    assert_eq!(streams.fuel, 3 * streams.max_fuel);
    assert!(streams.max_fuel > 0);
    assert_eq!(costs.callback(CallbackKind::RequestHeaders).calls, 3);
    assert_eq!(costs.callback(CallbackKind::Log).calls, 0, "not exported, so not called");
    assert!(costs.to_string().contains("proxy_get_current_time_nanoseconds"));
}

#[test]
fn a_plugin_that_refuses_its_configuration_says_what_it_logged() {
    let guest = guest(
        LOG,
        r#"(data (i32.const 0) "bad pools[0].name")
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $log (i32.const 4) (i32.const 0) (i32.const 17)))
             (i32.ne (local.get 1) (i32.const 3)))"#,
    );
    let (mut vm, _world) = vm(&guest, Cas::Envoy);
    let refused = vm.start_root(&Plugin::new("r", "bad")).expect_err("refuses");
    assert!(matches!(&refused, StartError::Refused { callback: "proxy_on_configure", .. }));
    assert!(refused.to_string().contains("bad pools[0].name"), "{refused}");
    assert!(vm.roots().is_empty());
    assert!(vm.start_root(&Plugin::new("r", "good")).is_ok());
}

#[test]
fn two_roots_tick_each_with_its_own_period_from_completion() {
    let guest = guest(
        r#"(import "env" "proxy_set_tick_period_milliseconds" (func $every (param i32) (result i32)))"#,
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (i32.eqz (call $every (i32.mul (local.get 1) (i32.const 10)))))
           (func (export "proxy_on_tick") (param i32))"#,
    );
    let (mut vm, world) = vm(&guest, Cas::Envoy);
    vm.start_root(&Plugin::new("a", "x")).expect("every 10 ms");
    vm.start_root(&Plugin::new("b", "xxx")).expect("every 30 ms");
    for _ in 0..60 {
        world.advance(Duration::from_millis(1));
        vm.run_due_ticks().expect("ticks");
    }
    assert_eq!(vm.costs().callback(CallbackKind::Tick).calls, 6 + 2);
}
