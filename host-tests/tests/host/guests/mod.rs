//! Small guests in WebAssembly text, for tests of the host itself.
#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../../../fuzz/shared/puppet.rs"]
pub(crate) mod puppet;
pub(crate) mod stage;

use plimsoll_host_tests::host::{Cas, Guest, LoadError, Vm, World};

/// Memory, a bump allocator and the ABI version; the functions of a test go below.
const PRELUDE: &str = r#"
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get $size))))
"#;

/// Assembles a guest from its imports and its functions.
pub(crate) fn try_guest(imports: &str, functions: &str) -> Result<Guest, LoadError> {
    let text = format!("(module {imports} {PRELUDE} {functions})");
    Guest::compile(&wat::parse_str(text).expect("the test's guest is well-formed"))
}

/// As [`try_guest`], for guests that load.
pub(crate) fn guest(imports: &str, functions: &str) -> Guest {
    try_guest(imports, functions).expect("the test's guest loads")
}

/// One VM of a guest in a world of its own.
pub(crate) fn vm(guest: &Guest, cas: Cas) -> (Vm, World) {
    let world = World::new(cas);
    (Vm::new(guest, "worker-0", "test", &world).expect("instantiates"), world)
}
