use super::*;
use crate::fields::{self, FAULTS, PRESETS, SETTINGS, STRATEGIES};
use crate::form::pace;

fn form() -> Form {
    let mut form = Form::of(failing());
    form.write("fault", "");
    form
}

#[test]
fn the_page_begins_with_something_that_can_be_played() {
    let form = Form::default();
    assert!(form.is_right(), "{:?}", form.problems);
    assert_eq!((form.read("source"), form.read("present")), ("slow".into(), "{}".into()));
    assert!(form.size.starts_with("8 endpoints, 900 requests a second, about 2."), "{}", form.size);
    assert!(form.size.ends_with("nothing will differ"), "{}", form.size);
}

/// Whatever a field takes, it shows the same again.
#[test]
fn fields_show_what_was_written_into_them() {
    let mut form = form();
    for (field, text) in [
        ("seeds", "7"),
        ("workers", "3"),
        ("length", "12s"),
        ("length", "1500ms"),
        ("length", "2000"),
        ("fault", "errors"),
        ("fault.size", "12.5"),
        ("fault.who", "all"),
        ("fault.who", "0, 3"),
        ("fault.from", "2s"),
        ("fault.to", "4s"),
        ("fault.to", ""),
        ("fault", "slow"),
        ("fault.size", "2.5"),
        ("fault", "hang"),
        ("changed:strategy", "ring_hash"),
        ("changed:circuit.preset", "patient"),
        ("changed:circuit.open_for", "20s"),
        ("changed:circuit.open_for", ""),
        ("present", "{ }"),
        ("source", "hang"),
    ] {
        form.write(field, text);
        assert!(form.is_right(), "{field} {text}: {:?}", form.problems);
        assert_eq!(form.read(field), text, "{field}");
    }
    assert_eq!(form.read("nothing"), "");
    assert_eq!(form.setup.fault, None, "another scenario has other endpoints");
    assert!(form.setup.changed.contains("ring_hash"), "settings stay with another scenario");
}

#[test]
fn every_choice_and_every_setting_is_one_that_the_filter_knows() {
    for setting in &SETTINGS {
        assert!(!fields::default_of(setting.path).is_empty(), "{}", setting.path);
        assert_eq!(
            setting.choices.first().copied().unwrap_or(""),
            match setting.path {
                "strategy" => configuration::get("", "strategy").expect("it has a default"),
                "circuit.preset" => "adaptive".to_owned(),
                _ => String::new(),
            }
        );
    }
    for (path, choices) in [("strategy", &STRATEGIES[..]), ("circuit.preset", &PRESETS)] {
        for choice in choices {
            let mut form = form();
            form.write(&format!("changed:{path}"), choice);
            assert!(form.is_right(), "{choice}: {:?}", form.problems);
        }
    }
    let values = ["2", "5s", "8", "40", "200ms", "7s", "30", "40"];
    for (setting, value) in SETTINGS.iter().filter(|setting| setting.choices.is_empty()).zip(values) {
        let mut form = form();
        form.write(&format!("changed:{}", setting.path), value);
        assert!(form.is_right(), "{}: {:?}", setting.path, form.problems);
    }
    for (kind, _) in FAULTS {
        let mut form = form();
        form.write("fault", kind);
        assert_eq!((form.read("fault").as_str(), form.is_right()), (kind, true));
    }
}

#[test]
fn a_default_that_is_written_is_left_out() {
    let mut form = form();
    form.write("changed", "{}");
    form.write("changed:strategy", "random");
    form.write("changed:strategy", "peak_ewma");
    form.write("changed:circuit.open_for", "10s");
    assert_eq!((form.read("changed").as_str(), form.read("changed:strategy").as_str()), ("{}", "peak_ewma"));
}

/// Otherwise nothing could be played, and there would be no field to mend.
#[test]
fn a_text_that_cannot_be_taken_goes_with_its_field() {
    for (then, text) in [("fault", ""), ("fault", "hang"), ("source", "hang")] {
        let mut form = form();
        form.write("fault", "errors");
        form.write("fault.size", "half");
        assert!(!form.is_right());
        form.write(then, text);
        assert!(form.is_right(), "{then} {text}: {:?}", form.problems);
    }
}

#[test]
fn with_a_preset_everything_that_is_written_stays() {
    let mut form = form();
    form.write("changed", "{}");
    form.write("changed:circuit.preset", "patient");
    form.write("changed:circuit.open_for", "10s");
    assert_eq!(form.read("changed"), r#"{"circuit":{"open_for":"10s","preset":"patient"}}"#);
    assert_eq!(form.read("changed:circuit.open_for"), "10s");
    form.write("changed:circuit.open_for", "");
    form.write("changed:circuit.preset", "adaptive");
    assert_eq!(form.read("changed"), "{}");
}

#[test]
fn endpoints_are_named_whatever_their_names_are() {
    let mut form = form();
    for (place, name) in [(0, "a, b"), (1, "c d"), (2, "live/e")] {
        form.setup.scenario.endpoints[place].config.id = name.into();
    }
    form.write("fault", "hang");
    for (text, want) in [("a, b", vec![0]), ("c d, live/e", vec![1, 2]), ("c d,,live/e,", vec![1, 2])] {
        form.write("fault.who", text);
        assert_eq!(form.setup.fault.as_ref().expect("a fault").targets, Targets::Some(want), "{:?}", form.problems);
    }
}

#[test]
fn a_text_that_cannot_be_taken_stays_and_is_told_until_it_is_right() {
    for (field, text, want) in [
        ("seeds", "many", "seeds: \"many\" is not a whole number"),
        ("seeds", "21", "seeds: 21 is not a whole number from 1 to 20"),
        ("workers", "-1", "workers: \"-1\" is not a whole number"),
        ("length", "soon", "length: \"soon\" is neither a duration such as 30s"),
        ("length", "0", "length: 0 requests"),
        ("length", "35996400s", "too many for a page"),
        ("fault.size", "half", "fault.size: \"half\" is not a number"),
        ("fault.size", "120", "its share of errors is not from 0 to 1"),
        ("fault.who", "11", "fault.who: \"11\" is not an endpoint; there are 0 to 9, or all"),
        ("fault.who", "", "it hits endpoints that are not there"),
        ("fault.from", "1", "fault.from: \"1\" is not a duration such as 5s"),
        ("fault.to", "1s", "it ends before it begins"),
    ] {
        let mut form = form();
        form.write("fault", "errors");
        form.write(field, text);
        assert_eq!(form.read(field), text, "{field}");
        assert!(form.problems[0].contains(want), "{field} {text}: {:?}", form.problems);
        assert!(form.begin().is_none() && form.size.is_empty(), "{field}");
        let right = match field {
            "length" => "10s",
            "fault.from" | "fault.to" => "12s",
            _ => "9",
        };
        form.write(field, right);
        assert!(form.is_right(), "{field}: {:?}", form.problems);
    }
}

#[test]
fn a_mistake_in_the_json_is_told_at_its_side() {
    let mut form = form();
    form.write("changed", r#"{"candidates":99}"#);
    assert_eq!(form.problems[2], "candidates: 99 is not a whole number from 1 to 16");
    assert!(form.problems[1].is_empty() && form.begin().is_none());
    // A field cannot be put into what is no object; once that is mended, nothing is left of it.
    form.write("changed", "{");
    form.write("changed:candidates", "4");
    assert!(form.problems[0].contains("not JSON"), "{:?}", form.problems);
    form.write("changed", "{}");
    assert!(form.is_right(), "{:?}", form.problems);
    form.write("changed:candidates", "4");
    assert!(form.is_right(), "{:?}", form.problems);
    assert_eq!(form.read("changed"), r#"{"candidates":4}"#);
}

#[test]
fn a_trial_fills_the_page_and_a_change_makes_it_old() {
    let mut form = Form::of(Setup { seeds: 2, ..failing() });
    let mut trial = form.begin().expect("nothing is wrong");
    let setup = form.setup.clone();
    assert!(form.playing && form.saved.is_empty());
    while trial.step(5_000) {
        form.tell(&trial);
        assert!(form.playing && form.permille < 1000);
    }
    form.end(&trial, &setup);
    assert!(!form.playing && !form.outdated);
    assert_eq!((form.permille, form.progress.as_str()), (1000, "2 seeds played"));
    assert_eq!(form.saved, export::json(&setup, &trial));
    form.write("seeds", "3");
    assert!(form.outdated);
    form.begin().expect("nothing is wrong");
    assert!(!form.outdated && form.saved.is_empty());
}

#[test]
fn slices_grow_and_shrink_with_what_they_take() {
    assert_eq!(pace(1_000, 1.0), 2_000);
    assert_eq!(pace(1_000, 30.0), 1_000);
    assert_eq!(pace(1_000, 60.0), 500);
    assert_eq!(pace(1_000, 500.0), 250);
    assert_eq!((pace(1_000, 0.0), pace(1, 0.0), pace(u64::MAX / 4, 0.0)), (2_000, 50, 100_000));
}
