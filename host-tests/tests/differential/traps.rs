//! Traps, and what each failure policy does with requests in flight and with new ones.

use plimsoll_host_tests::bed::FailurePolicy;

use crate::case::{Answer, Case, Filter, Request, Scene};
use crate::compare::compare;

fn scene(name: &'static str, policy: FailurePolicy) -> Scene {
    Scene::new(name)
        .downstream([Filter::new("down").policy(policy)])
        .upstream([Filter::new("up").policy(policy)])
        .case(Case::new("before", ""))
        .case(Case::new("a trap in response headers", "down response_headers trap"))
        .case(Case::new("after the trap", ""))
        .case(Case::new("again after the trap", "").request(Request::post("x")))
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
    for (name, script) in [
        ("trap in request headers", "down request_headers trap"),
        ("trap in request body", "down request_body trap"),
        ("trap in response body", "down response_body trap"),
        ("trap in log", "down log trap"),
        ("trap in done", "down done trap"),
        ("trap upstream in request headers", "up request_headers trap"),
        ("trap upstream in response headers", "up response_headers trap"),
        ("trap upstream in done", "up done trap"),
    ] {
        for (policy, named) in [(FailurePolicy::Open, "open"), (FailurePolicy::OpenInFlight, "open in flight")] {
            let scene =
                Scene::new(if policy == FailurePolicy::Open { "places, open" } else { "places, open in flight" })
                    .downstream([Filter::new("down").policy(policy)])
                    .upstream([Filter::new("up").policy(policy)])
                    .case(Case::new(name, script).exchange(Request::chunks(&["in"]), [Answer::chunks(&["out"])]))
                    .case(Case::new("afterwards", ""));
            println!("{named}");
            compare(&scene);
        }
    }
}
