//! Traps, and what each failure policy does with requests in flight and with new ones.

use std::time::Duration;

use plimsoll_host_tests::bed::FailurePolicy;

use crate::case::{Answer, Case, Filter, Request, Scene};
use crate::compare::compare;

fn scene(name: &'static str, policy: FailurePolicy) -> Scene {
    Scene::new(name)
        .downstream([Filter::new("down").policy(policy)])
        .upstream([Filter::new("up").policy(policy)])
        .case(Case::new("before", ""))
        .case(Case::new("a trap in response headers", "down response_headers trap").losing_the_vm())
        .case(Case::new("at once after the trap", "").losing_the_vm())
        .case(Case::new("later", "").after(Duration::from_secs(2)).losing_the_vm())
        .case(Case::new("once more", "").request(Request::post("x")).losing_the_vm())
}

#[test]
fn unset() {
    compare(&scene("trap, no policy", FailurePolicy::Unset));
}

#[test]
fn open() {
    compare(&scene("trap, open", FailurePolicy::Open));
}

#[test]
fn open_in_flight() {
    compare(&scene("trap, open in flight", FailurePolicy::OpenInFlight));
}

#[test]
fn reload() {
    compare(&scene("trap, reload", FailurePolicy::Reload));
}

#[test]
fn places() {
    use FailurePolicy::{Open, OpenInFlight};
    for (name, script, policy) in [
        ("trap in request headers", "down request_headers trap", Open),
        ("trap in request headers, in flight", "down request_headers trap", OpenInFlight),
        ("trap in request body", "down request_body trap", Open),
        ("trap in response body", "down response_body trap", Open),
        ("trap in response body, in flight", "down response_body trap", OpenInFlight),
        ("trap in log", "down log trap", Open),
        ("trap in done", "down done trap", OpenInFlight),
        ("trap upstream in request headers", "up request_headers trap", Open),
        ("trap upstream in response headers", "up response_headers trap", OpenInFlight),
        ("trap upstream in done", "up done trap", Open),
    ] {
        let scene = Scene::new(name)
            .downstream([Filter::new("down").policy(policy)])
            .upstream([Filter::new("up").policy(policy)])
            .case(
                Case::new("the trap", script)
                    .exchange(Request::chunks(&["in"]), [Answer::chunks(&["out"])])
                    .losing_the_vm(),
            )
            .case(Case::new("afterwards", "").losing_the_vm());
        compare(&scene);
    }
}
