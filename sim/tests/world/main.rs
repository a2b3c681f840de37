//! What a scenario says happens, happens: endpoints, faults, clients, traffic, subjects. One small world for all:
//! requests come evenly enough and slots are plenty unless a test says otherwise, so that what is seen is what the test
//! is about.

mod clients;
mod faults;
mod play;
mod subjects;
mod traffic;

use plimsoll_sim::{Endpoint, Extent, Fault, FaultKind, Scenario, Service, Shape, Targets, Traffic};
use std::time::Duration;

/// What a request takes.
const SERVICE: Duration = Duration::from_millis(10);

/// `endpoints` that always take [`SERVICE`] and never make anybody wait, 1,000 requests a second for ten seconds.
fn world(endpoints: usize) -> Scenario {
    let endpoint = |number| Endpoint {
        service: Service { mean: SERVICE, shape: Shape::Fixed },
        ..Endpoint::plain(number, 1000, SERVICE)
    };
    Scenario {
        measured: Extent::Time(seconds(10)),
        traffic: Traffic::Poisson { rate: 1000.0 },
        endpoints: (0..endpoints).map(endpoint).collect(),
        timeline: seconds(1),
        ..Scenario::equals(endpoints, 0.5, SERVICE)
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A fault of these endpoints for the whole run.
fn always(targets: &[u32], kind: FaultKind) -> Fault {
    Fault { targets: Targets::Some(targets.to_vec()), from: Duration::ZERO, to: None, flapping: None, kind }
}

/// Within five standard deviations of a binomial number.
fn assert_near(seen: u64, of: u64, share: f64) {
    let want = of as f64 * share;
    let bound = 5.0 * (want * (1.0 - share)).sqrt() + 1.0;
    assert!((seen as f64 - want).abs() <= bound, "{seen} of {of}, expected {want} ± {bound}");
}
