//! Guests of each version of the ABI: what they import, how they are called.

use crate::guests::stage::{OUT, Stage, word};
use plimsoll_host_tests::host::{
    AbiVersion, Action, Body, CallbackKind, Flow, Guest, Headers, HostCall, LoadError, Plugin, Profile, Status, Vm,
    World,
};

const OK: u32 = word(Status::Ok);
const MEMORY: u32 = word(Status::InvalidMemoryAccess);

/// A guest that exports versions and imports calls, each by name and shape.
fn load(versions: &[&str], imports: &[(&str, &str)], functions: &str) -> Result<Guest, LoadError> {
    let imports: String =
        imports.iter().map(|(name, shape)| format!(r#"(import "env" "{name}" (func {shape}))"#)).collect();
    let versions: String =
        versions.iter().map(|version| format!(r#"(func (export "proxy_abi_version_{version}"))"#)).collect();
    let text = format!(
        r#"(module {imports} (memory (export "memory") 1) {versions}
        (func (export "malloc") (param i32) (result i32) (i32.const 1024)) {functions})"#
    );
    Guest::compile(&wat::parse_str(text).expect("text"))
}

#[test]
fn each_version_has_imports_of_its_own() {
    let none = "(result i32)";
    let one = "(param i32) (result i32)";
    let two = "(param i32 i32) (result i32)";
    for (name, shape, versions) in [
        ("proxy_get_configuration", two, "0_1_0"),
        ("proxy_continue_request", none, "0_1_0"),
        ("proxy_continue_response", none, "0_1_0"),
        ("proxy_clear_route_cache", none, "0_1_0"),
        ("proxy_continue_stream", one, "0_2_0 0_2_1"),
        ("proxy_close_stream", one, "0_2_0 0_2_1"),
        ("proxy_get_log_level", one, "0_2_1"),
        ("proxy_done", none, "0_1_0 0_2_0 0_2_1"),
        ("proxy_call_foreign_function", "(param i32 i32 i32 i32 i32 i32) (result i32)", "0_1_0 0_2_0 0_2_1"),
    ] {
        for version in ["0_1_0", "0_2_0", "0_2_1"] {
            let loaded = load(&[version], &[(name, shape)], "");
            if versions.contains(version) {
                assert_eq!(loaded.expect("has it").version().export(), format!("proxy_abi_version_{version}"));
            } else {
                assert_eq!(loaded.expect_err("lacks it"), LoadError::UnknownImports(vec![format!("env.{name}")]));
            }
        }
    }
}

#[test]
fn the_first_version_counts_and_an_unknown_one_is_passed_over() {
    let version = |versions: &[&str]| load(versions, &[], "").map(|guest| guest.version());
    assert_eq!(version(&["0_2_0", "0_2_1"]), Ok(AbiVersion::V0_2_0));
    assert_eq!(version(&["0_3_0", "0_2_1"]), Ok(AbiVersion::V0_2_1));
    let unknown = vec!["proxy_abi_version_0_3_0".to_owned()];
    assert_eq!(version(&["0_3_0"]), Err(LoadError::AbiVersion(unknown)));
    let global = r#"(global (export "proxy_abi_version_0_2_1") i32 (i32.const 0))"#;
    assert_eq!(load(&[], &[], global).expect_err("no function"), LoadError::AbiVersion(vec![]));
}

#[test]
fn callbacks_of_headers_have_the_shape_of_their_version() {
    let two = r#"(func (export "proxy_on_request_headers") (param i32 i32) (result i32) (i32.const 1))"#;
    let three = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local.get 2))"#;
    let start = |version: &str, functions: &str| {
        let guest = load(&[version], &[], functions).expect("loads");
        let world = World::new(Profile::envoy());
        Vm::new(&guest, "worker-0", "test", &world)
    };
    for (version, functions, good) in
        [("0_1_0", two, true), ("0_1_0", three, false), ("0_2_0", two, false), ("0_2_0", three, true)]
    {
        match start(version, functions) {
            Err(error) => assert!(!good && matches!(error, LoadError::Signature(_)), "{error}"),
            Ok(mut vm) => {
                assert!(good);
                let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
                let stream = vm.open_stream(root).expect("opens");
                let flow = vm.request_headers(stream, Headers::get_request("/"), true);
                assert_eq!(flow, Ok(Flow::Pause));
            }
        }
    }
}

#[test]
fn the_oldest_guests_ask_for_their_configuration_and_go_on_by_name() {
    let mut stage = Stage::with(Profile::envoy(), AbiVersion::V0_1_0);
    stage.vm.set_vm_configuration(b"of the vm");
    stage.put(OUT, [0; 8]);
    assert_eq!(stage.call(HostCall::GetConfiguration, &[OUT, OUT + 4]), OK);
    assert_eq!(stage.told(OUT), b"of the vm");
    assert_eq!(stage.call(HostCall::GetConfiguration, &[u32::MAX, OUT + 4]), MEMORY);
    stage.answer(1);
    stage.plan(&[(HostCall::GetConfiguration, &[OUT, OUT + 4])]);
    stage.vm.start_root(&Plugin::new("second", "of the plugin")).expect("starts");
    assert_eq!(stage.told(OUT), b"of the plugin", "while it is configured");
    stage.answer(0);
    let stream = stage.paused_request();
    let tick = CallbackKind::Tick;
    for (call, side) in [(HostCall::ContinueRequest, Body::Request), (HostCall::ContinueResponse, Body::Response)] {
        assert_eq!(stage.call_in(tick, stream, call, &[]), OK);
        assert_eq!(stage.vm.take_actions(), [Action::Continue { context: stream, side }]);
    }
    assert_eq!(stage.call_in(tick, stream, HostCall::ClearRouteCache, &[]), OK);
    stage.vm.foreign_function(stage.root, 1, Vec::new()).expect("is not told");
    assert_eq!(stage.vm.costs().callback(CallbackKind::ForeignFunction).calls, 0);
}

#[test]
fn a_guest_may_be_asked_whether_a_configuration_is_good() {
    let mut stage = Stage::envoy();
    for (answer, valid) in [(0, false), (1, true)] {
        stage.answer(answer);
        stage.plan(&[(HostCall::GetBuffer, &[7, 0, 99, OUT, OUT + 4])]);
        assert_eq!(stage.vm.validate_configuration(stage.root), Ok(valid));
        assert_eq!((stage.result(), stage.told(OUT)), (OK, b"config".to_vec()));
    }
    let quiet = load(&["0_2_1"], &[], "").expect("loads");
    let world = World::new(Profile::envoy());
    let mut vm = Vm::new(&quiet, "worker-0", "test", &world).expect("instantiates");
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    assert_eq!(vm.validate_configuration(root), Ok(true), "who does not answer agrees");
}

#[test]
fn malloc_comes_before_the_allocator_of_the_sdk() {
    let both = r#"(func (export "proxy_on_memory_allocate") (param i32) (result i32) (unreachable))
        (func (export "proxy_on_tick") (param i32)
          (drop (call 0 (i32.const 6) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4))))"#;
    let get = ("proxy_get_buffer_bytes", "(param i32 i32 i32 i32 i32) (result i32)");
    let guest = load(&["0_2_1"], &[get], both).expect("loads");
    let world = World::new(Profile::envoy());
    let mut vm = Vm::new(&guest, "worker-0", "test", &world).expect("instantiates");
    vm.set_vm_configuration(b"conf");
    let root = vm.start_root(&Plugin::new("r", "")).expect("starts");
    vm.tick(root).expect("malloc does not trap");
    assert_eq!(vm.memory(1024, 4), Some(&b"conf"[..]));
    let text = r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#;
    let bare = Guest::compile(&wat::parse_str(text).expect("text")).expect("loads");
    let refused = Vm::new(&bare, "worker-0", "test", &world).expect_err("no allocator");
    assert!(matches!(refused, LoadError::Export(_)));
}
