use plimsoll_snapshot::Worker;

use super::*;

const POLL: u64 = 1000;

fn snapshot(at_ms: u64, ages_ms: &[u64]) -> Snapshot {
    let worker = |&age_ms: &u64| Worker { age_ms, ..Worker::default() };
    Snapshot { version: 1, at_ms, tick_ms: 100, workers: ages_ms.iter().map(worker).collect(), ..Snapshot::default() }
}

fn live() -> Link {
    let mut link = Link::default();
    link.good(&snapshot(50_000, &[12, 40]), 1000);
    link
}

#[test]
fn before_the_first_answer_the_page_connects() {
    assert_eq!(Link::default().freshness(500, POLL), Freshness::Connecting);
}

#[test]
fn fresh_answers_are_live() {
    assert_eq!(live().freshness(1900, POLL), Freshness::Live);
}

#[test]
fn the_newest_worker_decides_and_ten_ticks_are_the_limit() {
    let mut link = live();
    link.good(&snapshot(51_000, &[5000, 1000]), 2000);
    assert_eq!(link.freshness(2000, POLL), Freshness::Live);
    link.good(&snapshot(52_000, &[5000, 1001]), 3000);
    assert_eq!(link.freshness(3000, POLL), Freshness::Stale(Stale::Workers { age_ms: 1001, limit_ms: 1000 }));
}

#[test]
fn a_proxy_without_traffic_has_no_workers_and_is_not_stale() {
    let mut link = Link::default();
    link.good(&snapshot(50_000, &[]), 1000);
    assert_eq!(link.freshness(1500, POLL), Freshness::Live);
}

#[test]
fn answers_that_repeat_the_same_moment_are_stale() {
    let mut link = live();
    for now_ms in [2000, 3000, 4000] {
        link.good(&snapshot(50_000, &[12]), now_ms);
        assert_eq!(link.freshness(now_ms, POLL), Freshness::Live);
    }
    link.good(&snapshot(50_000, &[12]), 5000);
    assert_eq!(link.freshness(5000, POLL), Freshness::Stale(Stale::Frozen { for_ms: 4000 }));
    link.good(&snapshot(50_001, &[12]), 6000);
    assert_eq!(link.freshness(6000, POLL), Freshness::Live);
}

#[test]
fn one_failed_poll_is_forgiven_two_over_time_are_lost() {
    let mut link = live();
    link.bad("no answer within 2 s".into());
    assert_eq!(link.freshness(4000, POLL), Freshness::Live);
    link.bad("cannot connect".into());
    assert_eq!(link.freshness(3400, POLL), Freshness::Live);
    assert_eq!(link.freshness(5000, POLL), Freshness::Lost { for_ms: Some(4000), error: "cannot connect".into() });
}

#[test]
fn a_page_that_never_had_an_answer_says_so_at_once() {
    let mut link = Link::default();
    link.bad("cannot connect".into());
    assert_eq!(link.freshness(10, POLL), Freshness::Lost { for_ms: None, error: "cannot connect".into() });
}

#[test]
fn a_tab_that_slept_is_not_lost() {
    assert_eq!(live().freshness(3_600_000, POLL), Freshness::Live);
}

#[test]
fn a_good_answer_ends_every_alarm() {
    let mut link = live();
    link.bad("x".into());
    link.bad("x".into());
    link.mismatched(2);
    link.good(&snapshot(60_000, &[12]), 20_000);
    assert_eq!(link.freshness(20_000, POLL), Freshness::Live);
}

#[test]
fn another_version_is_a_mismatch_until_polls_fail() {
    let mut link = live();
    link.mismatched(2);
    assert_eq!(link.freshness(2000, POLL), Freshness::Mismatch { theirs: 2 });
    assert!(link.freshness(2000, POLL).is_old());
    link.bad("x".into());
    link.bad("x".into());
    assert_eq!(link.freshness(9000, POLL).state(), "lost");
}
