//! Exploring: interleavings differ, a lost update is found and made small, and what was found can be repeated.

use std::time::Duration;

use crate::guests::guest;
use plimsoll_host_tests::host::explore::Explore;
use plimsoll_host_tests::host::proxy::{Proxy, Setup};
use plimsoll_host_tests::host::{CallbackKind, Cas, Guest, Plugin};

const IMPORTS: &str = r#"
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $every (param i32) (result i32)))"#;

/// Every 10 ms it adds one to a shared number. With the configuration `careful` it swaps and tries again when somebody
/// was faster; with `blind` it writes whatever is there.
const FUNCTIONS: &str = r#"
  (data (i32.const 0) "n")
  (global $blind (mut i32) (i32.const 0))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (if (i32.eq (call $get (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68) (i32.const 72)) (i32.const 1))
      (then (drop (call $set (i32.const 0) (i32.const 1) (i32.const 512) (i32.const 4) (i32.const 0)))))
    (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get 1) (i32.const 64) (i32.const 68)))
    (global.set $blind (i32.eq (i32.load8_u (i32.load (i32.const 64))) (i32.const 98)))
    (drop (call $every (i32.const 10)))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (local $cas i32)
    (loop $again
      (drop (call $get (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 68) (i32.const 72)))
      (i32.store (i32.const 512) (i32.add (i32.load (i32.load (i32.const 64))) (i32.const 1)))
      (local.set $cas (if (result i32) (global.get $blind) (then (i32.const 0)) (else (i32.load (i32.const 72)))))
      (br_if $again (i32.eq (i32.const 8)
        (call $set (i32.const 0) (i32.const 1) (i32.const 512) (i32.const 4) (local.get $cas))))))
"#;

fn counter(guest: &Guest, how: &str, workers: usize) -> Setup {
    Setup::new(guest).workers(workers).vm_id("numbers").downstream(Plugin::new("counter", how))
}

/// After a second, the number is how often anybody ticked.
fn nothing_is_lost(proxy: &mut Proxy) -> Result<(), String> {
    proxy.run_for(Duration::from_secs(1));
    let ticks = proxy.costs().callback(CallbackKind::Tick).calls;
    let store = proxy.world().store();
    let (value, _) = store.get("numbers", b"n").ok_or("no number")?;
    let number = u32::from_le_bytes(value.try_into().map_err(|_| "no number of four bytes")?);
    if u64::from(number) == ticks { Ok(()) } else { Err(format!("{number} after {ticks} ticks")) }
}

#[test]
fn a_swap_that_is_tried_again_loses_nothing_in_any_interleaving() {
    let guest = guest(IMPORTS, FUNCTIONS);
    for workers in [1, 2, 4, 16] {
        let explored = Explore::new(200).check(|| counter(&guest, "careful", workers), nothing_is_lost);
        assert_eq!(explored.runs, 200);
        assert!(explored.distinct >= 190 && explored.preemptions >= 500, "{workers} workers: {explored:?}");
    }
}

#[test]
fn a_lost_update_is_found_made_small_and_found_again() {
    let guest = guest(IMPORTS, FUNCTIONS);
    let setup = || counter(&guest, "blind", 3);
    let explore = Explore::new(200).seed(7);
    let failure = explore.try_check(setup, nothing_is_lost).expect_err("updates are lost");
    assert_eq!(failure.preemptions.len(), 1, "one stand is enough: {failure}");
    let text = failure.to_string();
    assert!(text.contains(&format!("seed {} breaks", failure.seed)), "{text}");
    assert!(text.contains("stands still") && text.contains("proxy_set_shared_data"), "{text}");
    let again = explore.replay(&failure, setup, nothing_is_lost);
    assert_eq!(again, Err(failure.reason.clone()));
    let other = explore.try_check(setup, nothing_is_lost).expect_err("as before");
    assert_eq!((other.seed, other.trace), (failure.seed, failure.trace), "exploring is deterministic");
}

#[test]
fn without_stands_a_blind_write_looks_right() {
    let guest = guest(IMPORTS, FUNCTIONS);
    let explored =
        Explore::new(20).preempt(0, 0, Duration::ZERO).check(|| counter(&guest, "blind", 3), nothing_is_lost);
    assert_eq!(explored.preemptions, 0);
}

#[test]
fn what_the_host_calls_a_swap_matters() {
    let guest = guest(IMPORTS, FUNCTIONS);
    // With strict swaps 0 never overwrites, so the blind writer never gets beyond its first number.
    let failure = Explore::new(1).try_check(|| counter(&guest, "careful", 2).cas(Cas::Strict), nothing_is_lost);
    assert!(failure.is_ok(), "{failure:?}");
}

#[test]
fn a_scenario_that_panics_breaks_with_its_message() {
    let guest = guest(IMPORTS, FUNCTIONS);
    let failure = Explore::new(1)
        .try_check(|| counter(&guest, "careful", 1), |_| panic!("as {}", "said"))
        .expect_err("it panics");
    assert_eq!(failure.reason, "as said");
}
