use super::*;
use serde_json::{Value, json};

fn ask(desk: &mut Desk, message: &Value) -> Value {
    serde_json::from_str(&desk.ask(&message.to_string())).expect("JSON")
}

fn state(desk: &mut Desk) -> Value {
    serde_json::from_str(&desk.state()).expect("JSON")
}

fn write(desk: &mut Desk, field: &str, text: &str) -> Value {
    ask(desk, &json!({"do": "write", "field": field, "text": text}))
}

#[test]
fn the_first_answer_has_all_of_which_fields_are_made() {
    let mut desk = Desk::default();
    let hello = ask(&mut desk, &json!({"do": "hello"}));
    assert_eq!(hello["built_in"].as_array().expect("names").len(), plimsoll_sim::file::BUILT_IN.len());
    assert!(hello["faults"].as_array().expect("faults").contains(&json!(["slow", "takes longer"])));
    let strategy = &hello["settings"][0];
    assert_eq!(
        (&strategy[0], &strategy[2], &strategy[3]),
        (&"strategy".into(), &"peak_ewma".into(), &"peak_ewma".into())
    );
    assert_eq!(
        (&hello["fields"]["source"], &hello["fault"], &hello["live"]),
        (&"slow".into(), &false.into(), &"".into())
    );
    assert_eq!(hello["problems"], json!(["", "", ""]));
    for key in ["about", "size", "link"] {
        assert!(!hello[key].as_str().expect(key).is_empty(), "{key}");
    }
}

#[test]
fn a_trial_is_run_told_stopped_and_saved() {
    let mut desk = Desk::default();
    write(&mut desk, "source", "errors");
    write(&mut desk, "seeds", "2");
    let setup = write(&mut desk, "changed:strategy", "random");
    assert!(!desk.is_playing() && !desk.step(0.0));
    let begun = ask(&mut desk, &json!({"do": "run", "keep": true}));
    assert!(desk.is_playing());
    assert_eq!((&begun["playing"], &begun["keep"], &begun["link"]), (&true.into(), &true.into(), &setup["link"]));
    while desk.step(0.0) {
        let now = state(&mut desk);
        assert!(now["permille"].as_u64() < Some(1000), "{now}");
        assert_eq!((&now["playing"], &now["keep"]), (&true.into(), &Value::Null));
    }
    let end = state(&mut desk);
    assert_eq!(
        (&end["progress"], &end["playing"], &end["saved"]),
        (&"2 seeds played".into(), &false.into(), &true.into())
    );
    assert_eq!(end["rows"].as_array().expect("rows").len(), comparison::FIGURES.len());

    let file = ask(&mut desk, &json!({"do": "save", "what": "result"}))["file"].as_str().expect("a file").to_owned();
    let mut same =
        Setup { seeds: 2, changed: r#"{"strategy":"random"}"#.into(), ..Setup::built_in("errors").expect("known") };
    assert_eq!(file, export::json(&same, &played(&same, u64::MAX)));
    let file = ask(&mut desk, &json!({"do": "save", "what": "scenario"}))["file"].as_str().expect("a file").to_owned();
    assert_eq!(file, export::scenario(&same));

    ask(&mut desk, &json!({"do": "run"}));
    while desk.state().contains("\"rows\":[]") || state(&mut desk)["permille"].as_u64() < Some(600) {
        assert!(desk.step(0.0));
    }
    let stopped = ask(&mut desk, &json!({"do": "stop"}));
    assert!(!desk.is_playing() && !desk.step(0.0));
    assert_eq!(stopped["progress"], "stopped after 1 of 2 seeds");
    // A change ends a trial, too, and what came out is not of what is there now.
    ask(&mut desk, &json!({"do": "run"}));
    let changed = write(&mut desk, "seeds", "3");
    assert!(!desk.is_playing());
    assert_eq!(changed["fields"]["seeds"], "3");
    same.seeds = 3;
    assert_eq!(changed["link"], same.to_link().expect("it has a place in a link"));
}

#[test]
fn what_cannot_be_done_is_told_and_changes_nothing() {
    let mut desk = Desk::default();
    let before = ask(&mut desk, &json!({"do": "hello"}));
    for (message, want) in [
        (json!({"do": "open", "link": "1abc"}), "damaged"),
        (json!({"do": "open"}), "empty"),
        (json!({"do": "live", "pool": "orders"}), "orders: there is no such pool"),
        (json!({"do": "dance"}), "does not know what \"dance\" is"),
        (json!(7), "different versions"),
    ] {
        let answer = ask(&mut desk, &message);
        assert!(answer["note"].as_str().expect("a note").contains(want), "{message}: {}", answer["note"]);
        assert_eq!(answer["fields"], before["fields"]);
    }
    assert!(desk.ask("{").contains("different versions"));
    write(&mut desk, "changed", "{");
    let refused = ask(&mut desk, &json!({"do": "run"}));
    assert!(!desk.is_playing() && refused["problems"][2].as_str().expect("text").contains("not JSON"), "{refused}");
}

#[test]
fn a_live_pool_comes_as_the_admin_api_tells_of_it() {
    let endpoint = |id: &str, p50: f64, more: Value| {
        let mut endpoint = json!({
            "id": id, "address": "10.0.0.1:80", "weight": 2, "zone": "b", "status": "healthy",
            "latency_ms": {"p50": p50, "p90": 2.0 * p50, "p99": 4.0 * p50}, "circuit": {"state": "closed"},
        });
        for (key, value) in more.as_object().expect("an object") {
            endpoint[key] = value.clone();
        }
        endpoint
    };
    let out = json!({
        "circuit": {"state": "open"},
        "last_transition": {
            "at_ms": 5, "from": "closed", "to": "open",
            "reason": {"signal": "failure_rate", "observed": 60.0, "threshold": 50.0, "samples": 20},
        },
    });
    let endpoints =
        [endpoint("order-1", 4.0, json!({})), endpoint("order-2", 5.0, json!({})), endpoint("order-3", 4.0, out)];
    let message = |config: Value| {
        json!({
            "do": "live", "pool": "orders", "requests": 100_000, "endpoints": [["order-1", 40_000, 0], ["order-2", 60_000, 250_000], ["order-3", 10_000, 0]],
            "snapshot": {"pools": [
                {"name": "users", "endpoints": []},
                {"name": "orders", "latency_ms": {"p50": 4.0, "p90": 8.0, "p99": 20.0}, "endpoints": endpoints},
            ]},
            "config": config,
        })
    };
    let config = json!({"pools": [{"name": "orders", "strategy": "random", "endpoints": []}]});
    for config in [config.clone(), json!([{}, config])] {
        let setup = message::live(&message(config)).expect("everything is there");
        assert_eq!(
            (setup.present.as_str(), &setup.source),
            (r#"{"strategy":"random"}"#, &Source::Live("orders".into()))
        );
        assert_eq!(setup.scenario.traffic, Traffic::Poisson { rate: 100.0 });
        let told = words::assumptions(&setup).join("\n");
        assert!(
            told.contains("order-2: 25.0 % of the answers are errors.") && told.contains("order-3: 60.0 %"),
            "{told}"
        );
        assert!(!told.contains("order-1:"), "{told}");
        let first = &setup.scenario.endpoints[0].config;
        assert_eq!((first.weight, first.zone.as_deref()), (2, Some("b")));
    }
    let mut desk = Desk::default();
    let answer = ask(&mut desk, &message(json!({})));
    assert_eq!(answer["note"], "orders: the configuration in force does not have it");
    let answer = ask(&mut desk, &message(config));
    assert_eq!(
        (&answer["live"], &answer["fields"]["source"], &answer["note"]),
        (&"orders".into(), &"kept".into(), &"".into())
    );
}
