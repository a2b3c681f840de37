//! Walks over who serves and who asks.

use super::scenario::above_zero;
use super::{LONGEST, MAX_ENDPOINTS, Wire};
use crate::scenario::{Client, Endpoint, RetryBudget, Shape, Throttle, Warming};
use plimsoll_engine::Forced;
use std::time::Duration;

const TICK: Duration = Duration::from_nanos(1);
const MAX_METADATA: usize = 32;

/// Equal ones that follow each other are written once. Names come after that, if they are more than numbers.
pub(super) fn endpoints(wire: &mut Wire, endpoints: &mut Vec<Endpoint>) {
    let mut count = endpoints.len() as u32;
    wire.short("endpoints", &mut count, 1, MAX_ENDPOINTS as u32);
    let mut done = 0;
    while done < count as usize && !wire.is_wrong() {
        let mut same = alike(endpoints.get_mut(done..).unwrap_or_default());
        wire.short("endpoints", &mut same, 1, count - done as u32);
        if wire.is_reading() {
            endpoints.push(numbered(done));
        }
        if let Some(first) = endpoints.get_mut(done) {
            endpoint(wire, first);
        }
        for number in done + 1..done + same as usize {
            if wire.is_reading()
                && let Some(first) = endpoints.get(done)
            {
                let (mut next, named) = (first.clone(), numbered(number).config);
                (next.config.address, next.config.id) = (named.address, named.id);
                endpoints.push(next);
            }
        }
        done += same as usize;
    }
    names(wire, endpoints);
}

/// How many of the first ones are written alike: shorter than comparing them.
fn alike(endpoints: &mut [Endpoint]) -> u32 {
    let written = |one: &mut Endpoint| {
        let mut wire = Wire::writer();
        endpoint(&mut wire, one);
        wire.written()
    };
    let mut all = endpoints.iter_mut().map(written);
    all.next().map_or(0, |first| 1 + all.take_while(|next| *next == first).count() as u32)
}

fn names(wire: &mut Wire, endpoints: &mut [Endpoint]) {
    let named = |(number, endpoint): (usize, &Endpoint)| endpoint.config.id != numbered(number).config.id;
    let mut are_named = endpoints.iter().enumerate().any(named);
    wire.flag("ids", &mut are_named);
    for endpoint in endpoints.iter_mut().filter(|_| are_named) {
        wire.text("ids", &mut endpoint.config.id);
    }
}

fn numbered(number: usize) -> Endpoint {
    Endpoint::plain(number, 1, Duration::from_millis(1))
}

fn endpoint(wire: &mut Wire, endpoint: &mut Endpoint) {
    wire.short("slots", &mut endpoint.slots, 1, 1_000_000);
    wire.optional("queue", &mut endpoint.queue, 0, |wire, queue| wire.short("queue", queue, 0, 100_000_000));
    wire.time("service", &mut endpoint.service.mean, TICK..=LONGEST);
    shape(wire, &mut endpoint.service.shape);
    let blank = Warming { from: 1.0, over: TICK };
    wire.optional("warming", &mut endpoint.warming, blank, |wire, warming| {
        wire.number("from", &mut warming.from, f64::MIN_POSITIVE, 1.0);
        wire.time("over", &mut warming.over, TICK..=LONGEST);
    });
    wire.number("cold", &mut endpoint.cold, 1.0, 1e6);
    wire.flag("notices", &mut endpoint.notices);
    wire.time("joins", &mut endpoint.joins, Duration::ZERO..=LONGEST);
    above_zero(wire, "leaves", &mut endpoint.leaves);
    if endpoint.leaves.is_some_and(|leaves| leaves <= endpoint.joins) {
        wire.refuse("leaves");
    }
    let config = &mut endpoint.config;
    wire.short("weight", &mut config.weight, 1, 1000);
    wire.short("tier", &mut config.tier, 0, 15);
    wire.flag("draining", &mut config.draining);
    config.circuit = match wire.choice("circuit", config.circuit as u32, 3) {
        0 => Forced::Auto,
        1 => Forced::Open,
        _ => Forced::Disabled,
    };
    let mut zone = config.zone.take().unwrap_or_default();
    wire.text("zone", &mut zone);
    config.zone = Some(zone).filter(|zone| !zone.is_empty());
    wire.list("metadata", &mut config.metadata, MAX_METADATA, Default::default(), |wire, (key, value)| {
        wire.text("metadata", key);
        wire.text("metadata", value);
    });
}

pub(super) fn shape(wire: &mut Wire, shape: &mut Shape) {
    let (chosen, mut first, mut factor) = match *shape {
        Shape::Fixed => (0, 0.0, 1.0),
        Shape::Exponential => (1, 0.0, 1.0),
        Shape::LogNormal { sigma } => (2, sigma, 1.0),
        Shape::Bimodal { share, factor } => (3, share, factor),
        Shape::Empirical(_) => return wire.refuse("samples"),
    };
    *shape = match wire.choice("shape", chosen, 4) {
        0 => Shape::Fixed,
        1 => Shape::Exponential,
        2 => {
            wire.number("sigma", &mut first, 0.0, 5.0);
            Shape::LogNormal { sigma: first }
        }
        _ => {
            wire.number("share", &mut first, 0.0, 1.0);
            wire.number("factor", &mut factor, 1.0, 1e6);
            Shape::Bimodal { share: first, factor }
        }
    };
}

/// How clients wait and try again.
pub(super) fn client(wire: &mut Wire, client: &mut Client) {
    above_zero(wire, "try_timeout", &mut client.try_timeout);
    above_zero(wire, "timeout", &mut client.timeout);
    wire.short("retries", &mut client.retries, 0, 15);
    wire.flag("retry_on", &mut client.retry_on.status);
    wire.flag("retry_on", &mut client.retry_on.connect);
    wire.flag("retry_on", &mut client.retry_on.timeout);
    wire.time("back_off", &mut client.back_off, Duration::ZERO..=LONGEST);
    wire.optional("budget", &mut client.budget, RetryBudget::default(), |wire, budget| {
        wire.number("share", &mut budget.share, 0.0, 1.0);
        wire.number("per_second", &mut budget.per_second, 0.0, 1e6);
        wire.time("window", &mut budget.window, TICK..=LONGEST);
    });
    wire.optional("throttle", &mut client.throttle, Throttle::default(), |wire, throttle| {
        wire.number("k", &mut throttle.k, 1.0, 100.0);
        wire.time("window", &mut throttle.window, TICK..=LONGEST);
        wire.number("cap", &mut throttle.cap, f64::MIN_POSITIVE, 1.0);
    });
}
