use super::*;
use crate::file::{BUILT_IN, parse};
use crate::{Extent, Fault, FaultKind, RetryBudget, Scenario, Shape, Targets, Throttle, Traffic};
use plimsoll_engine::{Forced, Rng};

fn bytes(given: &Scenario) -> Result<Vec<u8>, &'static str> {
    let mut wire = Wire::writer();
    scenario(&mut wire, &mut given.clone());
    wire.written()
}

fn read(bytes: &[u8]) -> Result<Scenario, &'static str> {
    let mut read = Scenario::equals(0, 1.0, Duration::from_secs(1));
    let mut wire = Wire::reader(bytes.to_vec());
    scenario(&mut wire, &mut read);
    wire.read().map(|()| read)
}

fn built_in(text: &str) -> Scenario {
    let value: serde_json::Value = serde_yaml_ng::from_str(text).unwrap();
    parse(&value, &|_| Err(String::new())).unwrap().scenario
}

/// One of everything.
fn rich() -> Scenario {
    let mut scenario = Scenario::equals(4, 0.5, Duration::from_nanos(12_345_678));
    scenario.traffic = Traffic::Ramp(vec![(Duration::ZERO, 0.0), (Duration::from_millis(1500), 1.0 / 3.0)]);
    scenario.measured = Extent::Time(Duration::from_secs(20));
    let endpoint = &mut scenario.endpoints[2];
    endpoint.config.id = "order-3 ü".into();
    endpoint.config.zone = Some("a".into());
    (endpoint.config.weight, endpoint.config.tier, endpoint.config.draining) = (7, 3, true);
    endpoint.config.circuit = Forced::Disabled;
    endpoint.config.metadata = vec![("version".into(), "2".into())];
    (endpoint.service.shape, endpoint.queue) = (Shape::LogNormal { sigma: 0.1 + 0.2 }, Some(0));
    endpoint.leaves = Some(Duration::from_secs(9));
    scenario.faults = vec![Fault {
        targets: Targets::Some(vec![3, 1]),
        from: Duration::from_millis(1),
        to: Some(Duration::from_secs(4)),
        flapping: None,
        kind: FaultKind::Slow { factor: 1e-300 },
    }];
    scenario.client.budget = Some(RetryBudget::default());
    scenario.client.throttle = Some(Throttle { cap: 0.123_456_789, ..Throttle::default() });
    scenario
}

#[test]
fn every_built_in_scenario_comes_back_from_few_bytes() {
    for (name, text) in BUILT_IN {
        let scenario = built_in(text);
        let bytes = bytes(&scenario).unwrap();
        assert!(bytes.len() < 120, "{name}: {}", bytes.len());
        assert_eq!(read(&bytes).unwrap(), scenario, "{name}");
    }
}

#[test]
fn every_field_comes_back() {
    let rich = rich();
    assert_eq!(read(&bytes(&rich).unwrap()).unwrap(), rich);
}

#[test]
fn a_thousand_endpoints_are_the_most() {
    let service = Duration::from_millis(1);
    assert!(read(&bytes(&Scenario::equals(1000, 0.5, service)).unwrap()).is_ok());
    assert_eq!(bytes(&Scenario::equals(1001, 0.5, service)), Err("endpoints"));
    let recorded = Scenario { traffic: Traffic::Recorded(Vec::new()), ..Scenario::equals(1, 0.5, service) };
    assert_eq!(bytes(&recorded), Err("recorded"));
}

/// Whatever is read keeps the ranges: what it gives can be written again. Nothing panics or takes memory without end.
#[test]
fn damaged_bytes_are_refused_or_are_another_scenario_within_all_ranges() {
    let mut rng = Rng::new(3);
    let (mut refused, mut accepted) = (0, 0);
    let sources: Vec<Vec<u8>> =
        BUILT_IN.iter().map(|(_, text)| built_in(text)).chain([rich()]).map(|one| bytes(&one).unwrap()).collect();
    for turn in 0..50_000_usize {
        let mut damaged = sources[turn % sources.len()].clone();
        for _ in 0..=rng.below(2) {
            let at = rng.below(damaged.len() as u32) as usize;
            damaged[at] = rng.next_u64() as u8;
        }
        if turn % 3 == 0 {
            damaged.truncate(rng.below(damaged.len() as u32) as usize);
        }
        match read(&damaged) {
            Err(_) => refused += 1,
            Ok(scenario) => {
                accepted += 1;
                assert_eq!(read(&bytes(&scenario).unwrap()).unwrap(), scenario);
            }
        }
    }
    assert!(refused > 10_000 && accepted > 1000, "{refused}, {accepted}");
}

#[test]
fn what_is_cut_short_or_too_long_is_named() {
    let whole = bytes(&rich()).unwrap();
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    let longer = [whole, vec![0]].concat();
    assert_eq!(read(&longer), Err("its end"));
    let many = Scenario { measured: Extent::Requests(100_000_001), ..Scenario::equals(1, 0.5, Duration::from_secs(1)) };
    assert_eq!(bytes(&many), Err("measured"));
}
