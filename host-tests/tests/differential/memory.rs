//! The guest's allocator, when it does not do its duty.

use crate::case::{Case, Scene};
use crate::compare::compare;

/// Host calls that have something to give, with the allocator as given.
fn with_allocator(mode: &str) -> String {
    format!(
        r#"
        down request_headers set_shared_data "k" "v" 0
        down request_headers alloc "{mode}"
        down request_headers get_header 0 ":path"
        down request_headers get_header 0 "x-none"
        down request_headers get_header 0 "x-empty"
        down request_headers get_pairs 0
        down request_headers get_property d"request.path"
        down request_headers get_shared_data "k"
        down request_headers get_buffer 0 0 10
        down request_headers alloc "normal"
        down request_headers get_header 0 ":path""#
    )
}

#[test]
fn allocator() {
    let scene = Scene::new("allocator")
        .case(Case::new("no memory", &with_allocator("null")))
        .case(Case::new("memory that is none", &with_allocator("wild")))
        .case(Case::new("logging in the allocator", &with_allocator("log")));
    compare(&scene);
}

#[test]
fn a_host_call_in_the_allocator() {
    let scene = Scene::new("call in the allocator")
        .case(Case::new("a call in the allocator", &with_allocator("call")).losing_the_vm());
    compare(&scene);
}

#[test]
fn a_trap_in_the_allocator() {
    let scene = Scene::new("trap in the allocator")
        .case(Case::new("a trap in the allocator", &with_allocator("trap")).losing_the_vm());
    compare(&scene);
}
