use super::*;
use plimsoll_lab::Desk;

fn asked(desk: &mut Desk, lab: &mut Lab, message: &str) {
    assert!(lab.receive(&desk.ask(message)));
}

#[test]
fn what_the_page_asks_is_what_the_lab_understands() {
    let (mut desk, mut lab) = (Desk::default(), Lab::default());
    assert!(!lab.is_right(), "nothing has been said yet");
    asked(&mut desk, &mut lab, &ask("hello", &[]));
    assert!(lab.is_right() && lab.hello["settings"].is_array());
    assert_eq!((lab.field("source"), lab.field("seeds"), lab.field("nothing")), ("slow", "10", ""));
    let text = "{\"candidates\":\t3,\n\"zone_aware\":\"ä\\\"\"}";
    asked(&mut desk, &mut lab, &ask("write", &[("field", "changed"), ("text", text)]));
    assert_eq!(lab.field("changed"), text);
    assert!(!lab.is_right() && !lab.list("problems")[2].is_empty() && !lab.holds("keep"));
    asked(&mut desk, &mut lab, &keep(ask("write", &[("field", "changed"), ("text", "{\"candidates\":3}")])));
    assert!(lab.is_right() && lab.holds("keep") && !lab.says("link").is_empty());

    asked(&mut desk, &mut lab, &ask("write", &[("field", "seeds"), ("text", "1")]));
    asked(&mut desk, &mut lab, &ask("run", &[]));
    assert!(lab.holds("playing"));
    while desk.step(0.0) {}
    assert!(!lab.receive(&desk.state()));
    assert_eq!((lab.permille(), lab.says("progress").as_str()), (1000, "1 seeds played"));
    let lines = lab.lines();
    assert!(lines.len() > 5 && lines.iter().all(|line| line.values.len() == crate::sheet::places(FORM)));
    assert_eq!(lines[0].key, "p50_ms");
    assert!(lab.hello["settings"].is_array(), "later answers do not repeat it");
    asked(&mut desk, &mut lab, &ask("dance", &[]));
    assert!(lab.note.contains("different versions"));
}

#[test]
fn a_worker_that_does_not_work_is_told() {
    let mut lab = Lab::default();
    lab.receive("{\"failed\":\"no memory\"}");
    assert_eq!((lab.failed.as_str(), lab.is_right()), ("no memory", false));
    lab.receive("<html>");
    assert!(lab.failed.contains("no JSON"));
}

#[test]
fn a_pool_is_taken_once_it_was_watched_with_its_endpoints() {
    let answer = |at_ms: u64, endpoints: &str| {
        let picks = at_ms / 10;
        format!(
            r#"{{"version":1,"at_ms":{at_ms},"tick_ms":100,"workers":[],"pools":[{{"name":"orders","picks":{picks},
            "requests":{picks},"latency_ms":{{"p50":4.0,"p90":8.0,"p99":20.0}},"endpoints":[{endpoints}]}}]}}"#
        )
    };
    let one = |at_ms: u64| {
        let (requests, failures) = (at_ms / 10, at_ms / 40);
        format!(r#"{{"id":"order-1","address":"10.0.0.1:80","weight":1,"requests":{requests},"failures":{failures}}}"#)
    };
    let mut model = Model::default();
    assert_eq!(is_known(&model, "orders"), None);
    model.receive(Ok(answer(1_000, "")), 1);
    assert_eq!(is_known(&model, "orders"), Some(false));
    for at_ms in [2_000, 3_200, 6_800] {
        assert_eq!(is_known(&model, "orders"), Some(false));
        model.receive(Ok(answer(at_ms, &one(at_ms))), at_ms);
    }
    assert_eq!(is_known(&model, "orders"), Some(true));
    let config = r#"{"pools":[{"name":"orders","strategy":"random","endpoints":[]}]}"#;
    let (mut desk, mut lab) = (Desk::default(), Lab::default());
    asked(&mut desk, &mut lab, &take(&model, "orders", &answer(6_800, &one(6_800)), config));
    assert_eq!(
        (lab.says("live"), lab.field("present"), lab.note.as_str()),
        ("orders".into(), r#"{"strategy":"random"}"#, "")
    );
    assert!(lab.says("size").starts_with("1 endpoints, 100 requests a second"), "{}", lab.says("size"));
    let told = lab.list("assumptions").join("\n");
    assert!(told.contains("25.0 % of the answers are errors"), "{told}");
    asked(&mut desk, &mut lab, &take(&model, "users", &answer(6_800, ""), config));
    assert!(lab.note.contains("users: there is no such pool"), "{}", lab.note);
}
