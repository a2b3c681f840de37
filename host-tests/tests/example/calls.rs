//! Asking the authority: what waits, what passes, what is refused, and which way errors go.

use plimsoll_host_tests::host::proxy::{CallAnswer, Request, Source};
use serde_json::json;

use crate::support::*;

#[test]
fn a_request_waits_for_permission_and_carries_the_user_that_the_authority_named() {
    let (mut proxy, _) = start(setup());
    let outcome = proxy.fetch(request("/", "ann").header("x-guard-user", "root"));
    assert!(outcome.is_ok(), "{outcome}");
    assert_eq!(outcome.attempts[0].started, ms(10), "when the authority has answered");
    let users: Vec<_> = outcome.attempts[0].headers.iter().filter(|(key, _)| *key == b"x-guard-user").collect();
    assert_eq!(users, [(&b"x-guard-user"[..], &b"ann"[..])], "not what the client wrote");
    assert_sound(&proxy);
}

#[test]
fn the_authority_is_asked_about_the_path_with_the_clients_credentials() {
    let (mut proxy, _) = start(setup());
    proxy.submit(request("/orders/7", "ann"));
    proxy.run_for(ms(1));
    let calls = proxy.http_calls();
    let [(thread, call)] = calls.as_slice() else { panic!("one call: {calls:?}") };
    assert_eq!((*thread, call.upstream.as_str(), call.timeout_ms), (1, "authority", 200));
    assert_eq!(call.headers.text(":path").as_deref(), Some("/check"));
    assert_eq!(call.headers.text("x-guard-path").as_deref(), Some("/orders/7"));
    assert_eq!(call.headers.text("authorization").as_deref(), Some("ann"));
}

#[test]
fn a_refused_request_never_reaches_the_service() {
    for status in [401, 403] {
        let (mut proxy, _) = start(setup());
        proxy.set_call_script("authority", move |_, _| CallAnswer::status(status, 3));
        let outcome = proxy.fetch(Request::get("/"));
        assert_eq!((outcome.status, outcome.source, outcome.took), (Some(403), Source::Filter, ms(3)));
        assert!(outcome.attempts.is_empty() && outcome.body == b"not permitted\n", "{outcome}");
        assert_eq!(counter(&proxy, "denied"), 1);
        assert_sound(&proxy);
    }
}

/// What may go wrong with a call, and when the guest learns of it.
fn failures() -> [(&'static str, CallAnswer, u64); 4] {
    [
        ("late", CallAnswer::status(200, 201), 200),
        ("unreachable", CallAnswer::unreachable(7), 7),
        ("broken", CallAnswer::status(500, 7), 7),
        ("cut off", CallAnswer::cut(7), 7),
    ]
}

#[test]
fn errors_go_the_way_that_the_configuration_says() {
    for (what, failure, after) in failures() {
        for (on_error, status, attempts) in [("allow", 200, 1), ("deny", 503, 0)] {
            let (mut proxy, delivered) = start(setup_with(&configuration(on_error)));
            let answer = failure.clone();
            proxy.set_call_script("authority", move |_, _| answer.clone());
            let outcome = proxy.fetch(Request::get("/"));
            assert_eq!((outcome.status, outcome.attempts.len()), (Some(status), attempts), "{what}, {on_error}");
            let decided = outcome.attempts.first().map_or(outcome.took, |attempt| attempt.started);
            assert_eq!(decided, ms(after), "{what}, {on_error}");
            proxy.run_for(ms(2_000));
            assert_eq!(delivered.field("verdict"), [if status == 200 { "unchecked" } else { "refused" }], "{what}");
            assert_eq!(counter(&proxy, "authority_errors"), 1);
            assert_sound(&proxy);
        }
    }
}

#[test]
fn a_cluster_that_does_not_exist_is_an_error_as_any_other() {
    for (on_error, status) in [("allow", 200), ("deny", 503)] {
        let mut configuration = configuration(on_error);
        configuration["authority"]["cluster"] = json!("nowhere");
        let (mut proxy, _) = start(setup_with(&configuration));
        let outcome = proxy.fetch(Request::get("/"));
        assert_eq!(outcome.status, Some(status), "{outcome}");
        let said = proxy.world().log();
        assert!(said.iter().any(|line| line.message.contains("no call to the cluster nowhere")), "{said:?}");
        assert_sound(&proxy);
    }
}

#[test]
fn a_client_that_hangs_up_while_the_authority_thinks_leaves_nothing_behind() {
    let (mut proxy, delivered) = start(setup());
    proxy.set_call_script("authority", |_, _| CallAnswer::status(200, 100));
    let outcome = proxy.fetch(Request::get("/").aborting_after(ms(30)));
    assert_eq!((outcome.status, outcome.source, outcome.attempts.len()), (None, Source::Nobody, 0));
    proxy.run_for(ms(2_000));
    assert_sound(&proxy);
    assert_eq!(counter(&proxy, "allowed"), 0, "an answer for nobody");
    assert_eq!(delivered.field("verdict"), ["open"]);
}

#[test]
fn credentials_that_are_no_text_trap_nothing() {
    let (mut proxy, _) = start(setup());
    let outcome = proxy.fetch(Request::get("/").header("authorization", [0xff, 0xfe, b'a']));
    assert!(outcome.is_ok(), "{outcome}");
    assert_sound(&proxy);
}

#[test]
fn answers_that_overtake_each_other_find_their_own_requests() {
    let (mut proxy, _) = start(setup().workers(4).seed(3));
    proxy.set_call_script("authority", |call, rng| {
        let user = call.headers.get("authorization").unwrap_or_default();
        let status = if user.ends_with(b"0") { 403 } else { 200 };
        CallAnswer::status(status, 1 + rng.below(150)).header("x-user", user)
    });
    let ids: Vec<_> = (0..200).map(|n| proxy.submit_after(ms(n / 10), request("/", &format!("user-{n}")))).collect();
    proxy.run_until_idle();
    for (n, id) in ids.into_iter().enumerate() {
        let outcome = proxy.outcome(id).expect("ended");
        if n % 10 == 0 {
            assert_eq!((outcome.status, outcome.attempts.len()), (Some(403), 0), "user-{n}: {outcome}");
        } else {
            assert_eq!(outcome.attempts[0].headers.text("x-guard-user"), Some(format!("user-{n}")));
        }
    }
    assert_eq!((counter(&proxy, "allowed"), counter(&proxy, "denied")), (180, 20));
    let store = proxy.world().store();
    assert_eq!(store.metrics.histogram("guard.authority_ms").map(<[u64]>::len), Some(200));
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_with_its_name() {
    let mut configuration = configuration("deny");
    configuration["authority"]["retries"] = json!(3);
    let error = setup_with(&configuration).start().err().expect("refused").to_string();
    assert!(error.contains("retries"), "{error}");
    let (mut proxy, _) = start(setup());
    let update = plimsoll_host_tests::host::Plugin::new("guard", configuration.to_string());
    assert!(proxy.update(&update).is_err());
    assert!(proxy.fetch(Request::get("/")).is_ok(), "the old configuration serves on");
}
