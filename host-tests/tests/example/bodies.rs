//! Bodies: secrets are masked wherever chunks part them, and nothing of a failure leaves.

use plimsoll_host_tests::host::proxy::{Answer, Behaviour, Proxy, Request};

use crate::support::*;

const PLAIN: &str = r#"{"key":"sk_live_4eC39Hq","user":"ann","password":"open sesame","id":"sk_liv"}"#;
const MASKED: &str = r#"{"key":"sk_live_*******","user":"ann","password":"**** sesame","id":"sk_liv"}"#;

fn fetch(proxy: &mut Proxy, request: Request, answer: Answer) -> plimsoll_host_tests::host::proxy::Outcome {
    proxy.set_answer(SERVICE, answer);
    proxy.fetch(request)
}

#[test]
fn a_secret_is_masked_wherever_the_body_is_cut_in_two() {
    let (mut proxy, _) = start(setup());
    for cut in 0..=PLAIN.len() {
        let (first, second) = PLAIN.split_at(cut);
        let request = Request::post("/", first).body(second);
        let outcome = fetch(&mut proxy, request, answer(200, &[first, second]));
        assert_eq!(text(&outcome.attempts[0].body), MASKED, "request cut at {cut}");
        assert_eq!(text(&outcome.body), MASKED, "response cut at {cut}");
    }
    assert_eq!(counter(&proxy, "masked"), 4 * (PLAIN.len() as u64 + 1));
    assert_sound(&proxy);
}

#[test]
fn a_body_byte_by_byte_is_masked_too() {
    let (mut proxy, _) = start(setup());
    let bytes: Vec<&str> = (0..PLAIN.len()).map(|at| &PLAIN[at..=at]).collect();
    let request = bytes.iter().fold(Request::get("/").chunk_gap(ms(3)), |request, byte| request.body(byte));
    let outcome = fetch(&mut proxy, request, answer(200, &bytes));
    assert_eq!((text(&outcome.attempts[0].body), text(&outcome.body)), (MASKED.to_owned(), MASKED.to_owned()));
}

#[test]
fn pieces_that_arrive_while_the_authority_thinks_wait_and_are_masked() {
    let (mut proxy, _) = start(setup());
    // The authority takes 10 ms; the pieces come at 0, 4, 8 and 12 ms.
    let pieces = ["sk_", "live", "_abc", "def ghi"];
    let request = pieces.iter().fold(Request::get("/").chunk_gap(ms(4)), |request, piece| request.body(piece));
    let outcome = proxy.fetch(request);
    assert_eq!(text(&outcome.attempts[0].body), "sk_live_****** ghi");
}

#[test]
fn the_length_that_was_promised_stays_true() {
    let (mut proxy, _) = start(setup());
    let length = PLAIN.len().to_string();
    let sent = answer(200, &[PLAIN]).header("content-length", &length).trailer("x-checksum", "7");
    let outcome = fetch(&mut proxy, Request::get("/"), sent);
    assert_eq!(outcome.headers.text("content-length"), Some(length));
    assert_eq!((outcome.body.len(), outcome.trailers.text("x-checksum")), (PLAIN.len(), Some("7".to_owned())));
}

#[test]
fn what_a_failing_service_says_stays_inside() {
    let (mut proxy, _) = start(setup());
    let pieces = ["panic at db.rs:7, ", "password=hunter2, ", "stack follows"];
    for trailers in [false, true] {
        let mut sent = answer(500, &pieces).header("content-length", "51").header("content-type", "text/html");
        if trailers {
            sent = sent.trailer("x-took", "3");
        }
        let outcome = fetch(&mut proxy, Request::get("/"), sent);
        assert_eq!(
            (outcome.status, text(&outcome.body)),
            (Some(500), "{\"error\":\"the service failed\"}\n".to_owned())
        );
        assert_eq!(outcome.headers.text("content-length"), None);
        assert_eq!(outcome.headers.text("content-type").as_deref(), Some("application/json"));
    }
    assert_eq!(counter(&proxy, "hidden"), 2);
    assert_sound(&proxy);
}

#[test]
fn a_failure_without_a_body_gets_none() {
    let (mut proxy, _) = start(setup());
    let none: [&str; 0] = [];
    let outcome = fetch(&mut proxy, Request::get("/"), Answer::new(Behaviour::status(503, 5)).body(none));
    assert_eq!((outcome.status, outcome.body.len(), counter(&proxy, "hidden")), (Some(503), 0, 0));
}

#[test]
fn what_came_of_a_body_that_breaks_off_is_masked() {
    let (mut proxy, _) = start(setup());
    let cut = Behaviour::Truncate { status: 200, latency: ms(5), body_time: ms(9) };
    let outcome = fetch(&mut proxy, Request::get("/"), Answer::new(cut).body(["sk_live_ab", "cd"]));
    assert!(outcome.truncated && !text(&outcome.body).contains("ab"), "{outcome}");
    assert_sound(&proxy);
}
