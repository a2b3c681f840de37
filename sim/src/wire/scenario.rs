//! Walks over a scenario. Ranges are those of scenario files.

use super::{LONGEST, Wire, who};
use crate::scenario::{Antagonist, Extent, Fault, FaultKind, Flapping, Keys, Scenario, Targets, Traffic};
use std::time::Duration;

const MAX_RATE: f64 = 1e7;
const MAX_FACTOR: f64 = 1e6;
const MAX_COUNT: u64 = 100_000_000;
/// More faults than this are no scenario that anybody wrote.
const MAX_TROUBLES: usize = 1000;
const TICK: Duration = Duration::from_nanos(1);

/// A scenario, but for what [`super`] leaves out. What is read goes into one without endpoints, antagonists and faults.
pub fn scenario(wire: &mut Wire, scenario: &mut Scenario) {
    extent(wire, "warm_up", &mut scenario.warm_up);
    extent(wire, "measured", &mut scenario.measured);
    traffic(wire, &mut scenario.traffic);
    let blank = Keys::Uniform { count: 1 };
    wire.optional("keys", &mut scenario.keys, blank, keys);
    who::endpoints(wire, &mut scenario.endpoints);
    let blank = Antagonist::Some { count: 1, factor: 1.0, every: None };
    wire.list("antagonists", &mut scenario.antagonists, MAX_TROUBLES, blank, antagonist);
    let blank = Fault { targets: Targets::All, from: Duration::ZERO, to: None, flapping: None, kind: FaultKind::Hang };
    wire.list("faults", &mut scenario.faults, MAX_TROUBLES, blank, fault);
    who::client(wire, &mut scenario.client);
    wire.time("timeline", &mut scenario.timeline, Duration::ZERO..=LONGEST);
    let last = scenario.endpoints.len() as u32;
    let beyond = |fault: &Fault| matches!(&fault.targets, Targets::Some(list) if list.iter().any(|at| *at >= last));
    if scenario.faults.iter().any(beyond) {
        wire.refuse("faults");
    }
    if scenario.endpoints.iter().all(|endpoint| !endpoint.joins.is_zero()) {
        wire.refuse("endpoints");
    }
}

fn extent(wire: &mut Wire, name: &'static str, extent: &mut Extent) {
    if wire.choice(name, u32::from(matches!(extent, Extent::Requests(_))), 2) == 0 {
        let mut time = if let Extent::Time(time) = extent { *time } else { Duration::ZERO };
        wire.time(name, &mut time, Duration::ZERO..=LONGEST);
        *extent = Extent::Time(time);
    } else {
        let mut count = if let Extent::Requests(count) = extent { *count } else { 0 };
        wire.whole(name, &mut count, 0, MAX_COUNT);
        *extent = Extent::Requests(count);
    }
}

fn traffic(wire: &mut Wire, traffic: &mut Traffic) {
    let chosen = match traffic {
        Traffic::Poisson { .. } => 0,
        Traffic::Bursts { .. } => 1,
        Traffic::Batches { .. } => 2,
        Traffic::Wave { .. } => 3,
        Traffic::Ramp(_) => 4,
        Traffic::Closed { .. } => 5,
        Traffic::Recorded(_) => return wire.refuse("recorded"),
    };
    let chosen = wire.choice("traffic", chosen, 6);
    if wire.is_reading() {
        let time = Duration::ZERO;
        *traffic = match chosen {
            0 => Traffic::Poisson { rate: 1.0 },
            1 => Traffic::Bursts { low: 0.0, high: 1.0, low_for: time, high_for: time },
            2 => Traffic::Batches { rate: 1.0, size: 1 },
            3 => Traffic::Wave { mean: 1.0, swing: 0.0, period: time },
            4 => Traffic::Ramp(Vec::new()),
            _ => Traffic::Closed { clients: 1, think: time, shape: crate::scenario::Shape::Fixed },
        };
    }
    let rate = |wire: &mut Wire, rate: &mut f64| wire.number("rate", rate, f64::MIN_POSITIVE, MAX_RATE);
    match traffic {
        Traffic::Poisson { rate: at } => rate(wire, at),
        Traffic::Bursts { low, high, low_for, high_for } => {
            wire.number("low", low, 0.0, MAX_RATE);
            rate(wire, high);
            wire.time("low_for", low_for, TICK..=LONGEST);
            wire.time("high_for", high_for, TICK..=LONGEST);
        }
        Traffic::Batches { rate: at, size } => {
            rate(wire, at);
            wire.short("size", size, 1, 100_000);
        }
        Traffic::Wave { mean, swing, period } => {
            rate(wire, mean);
            wire.number("swing", swing, 0.0, 1.0);
            wire.time("period", period, TICK..=LONGEST);
        }
        Traffic::Ramp(points) => {
            wire.list("ramp", points, MAX_TROUBLES, (Duration::ZERO, 0.0), |wire, (at, rate)| {
                wire.time("at", at, Duration::ZERO..=LONGEST);
                wire.number("rate", rate, 0.0, MAX_RATE);
            });
            let ascend = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
            if !ascend || points.iter().all(|(_, rate)| *rate <= 0.0) {
                wire.refuse("ramp");
            }
        }
        Traffic::Closed { clients, think, shape } => {
            wire.short("clients", clients, 1, 1_000_000);
            wire.time("think", think, Duration::ZERO..=LONGEST);
            who::shape(wire, shape);
        }
        Traffic::Recorded(_) => {}
    }
}

fn keys(wire: &mut Wire, keys: &mut Keys) {
    let (chosen, mut count, mut exponent) = match *keys {
        Keys::Uniform { count } => (0, count, 1.0),
        Keys::Zipf { count, exponent } => (1, count, exponent),
    };
    let chosen = wire.choice("keys", chosen, 2);
    wire.whole("keys", &mut count, 1, MAX_COUNT);
    *keys = if chosen == 0 {
        Keys::Uniform { count }
    } else {
        wire.number("exponent", &mut exponent, 0.0, 10.0);
        Keys::Zipf { count, exponent }
    };
}

fn factor(wire: &mut Wire, factor: &mut f64) {
    wire.number("factor", factor, f64::MIN_POSITIVE, MAX_FACTOR);
}

fn antagonist(wire: &mut Wire, antagonist: &mut Antagonist) {
    let is_each = matches!(antagonist, Antagonist::Each { .. });
    if wire.choice("antagonist", u32::from(is_each), 2) == 1 && !is_each {
        *antagonist = Antagonist::Each { every: TICK, low: 1.0, high: 1.0 };
    }
    match antagonist {
        Antagonist::Some { count, factor: times, every } => {
            wire.short("count", count, 1, super::MAX_ENDPOINTS as u32);
            factor(wire, times);
            above_zero(wire, "every", every);
        }
        Antagonist::Each { every, low, high } => {
            wire.time("every", every, TICK..=LONGEST);
            factor(wire, low);
            wire.number("high", high, *low, MAX_FACTOR);
        }
    }
}

/// A time above zero, if it is there.
pub(super) fn above_zero(wire: &mut Wire, name: &'static str, time: &mut Option<Duration>) {
    wire.optional(name, time, TICK, |wire, time| wire.time(name, time, TICK..=LONGEST));
}

/// A fault. Positions are not checked here: who serves is not known.
pub fn fault(wire: &mut Wire, fault: &mut Fault) {
    let mut hit = match std::mem::replace(&mut fault.targets, Targets::All) {
        Targets::All => None,
        Targets::Some(list) => Some(list),
    };
    if wire.choice("endpoints", u32::from(hit.is_some()), 2) == 1 {
        let mut list = hit.take().unwrap_or_default();
        let most = super::MAX_ENDPOINTS;
        wire.list("endpoints", &mut list, most, 0, |wire, at| wire.short("endpoints", at, 0, most as u32));
        fault.targets = Targets::Some(list);
    }
    wire.time("from", &mut fault.from, Duration::ZERO..=LONGEST);
    above_zero(wire, "to", &mut fault.to);
    if fault.to.is_some_and(|to| to <= fault.from) {
        wire.refuse("to");
    }
    let blank = Flapping { bad: TICK, good: TICK };
    wire.optional("flapping", &mut fault.flapping, blank, |wire, flapping| {
        wire.time("bad", &mut flapping.bad, TICK..=LONGEST);
        wire.time("good", &mut flapping.good, TICK..=LONGEST);
    });
    kind(wire, &mut fault.kind);
}

fn kind(wire: &mut Wire, kind: &mut FaultKind) {
    let chosen = match kind {
        FaultKind::Slow { .. } => 0,
        FaultKind::Errors { .. } => 1,
        FaultKind::Hang => 2,
        FaultKind::Refuse => 3,
    };
    let chosen = wire.choice("fault", chosen, 4);
    if wire.is_reading() {
        *kind = match chosen {
            0 => FaultKind::Slow { factor: 1.0 },
            1 => FaultKind::Errors { share: 1.0, after: None, of_requests: false },
            2 => FaultKind::Hang,
            _ => FaultKind::Refuse,
        };
    }
    match kind {
        FaultKind::Slow { factor: times } => factor(wire, times),
        FaultKind::Errors { share, after, of_requests } => {
            wire.number("share", share, 0.0, 1.0);
            let any = Duration::ZERO..=LONGEST;
            wire.optional("after", after, Duration::ZERO, |wire, after| wire.time("after", after, any));
            wire.flag("of_requests", of_requests);
        }
        FaultKind::Hang | FaultKind::Refuse => {}
    }
}
