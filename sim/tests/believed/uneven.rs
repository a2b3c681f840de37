//! A pool in which one endpoint in five works at half speed: 100 endpoints with 10 slots, load .8 of what they can do.
//!
//! The stated figures do not tell the distribution of the service times. An exponential one is excluded: its p99 alone is
//! 4.6, above all of the stated ones. With Erlang's of order 3 (coefficient of variation .58) every stated mean comes out
//! within 1 % and every p99 within 4 %, so that is what is used, and those are the tolerances.

use crate::Section;
use crate::average::Averages;
use crate::bed::{SERVICE, Size, choices, engine, means, quantiles, reports, reports_with};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::Strategy;
use plimsoll_sim::{
    Antagonist, Balancer, Cost, Counts, Endpoint, Model, Report, Scenario, Service, Shape, Subject, Traffic,
};

pub(crate) const SECTIONS: [Section; 1] = [Section { name: "uneven", claims: uneven }];

const MEAN: &str = "1.5 %: the distribution is not stated, both sides are simulations";
const AVERAGING: &str = "8 %: how latencies at a load are averaged is not stated";
const TAIL: &str = "5 %: the distribution is not stated, both sides are simulations";

/// Erlang's distribution of order 3 as its 2,000 quantiles: 1 − e^(−x)(1 + x + x²/2) with x three times the value.
fn erlang_3() -> Shape {
    let below = |x: f64| 1.0 - (-x).exp() * (1.0 + x + x * x / 2.0);
    let quantile = |q: f64| {
        let (mut low, mut high) = (0.0, 60.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if below(middle) < q { low = middle } else { high = middle }
        }
        low / 3.0
    };
    Shape::Empirical((0..2000).map(|i| quantile((f64::from(i) + 0.5) / 2000.0)).collect())
}

pub(crate) fn scenario() -> Scenario {
    let shape = erlang_3();
    let endpoint = |number: usize| {
        let mean = if number.is_multiple_of(5) { SERVICE * 2 } else { SERVICE };
        Endpoint { service: Service { mean, shape: shape.clone() }, ..Endpoint::plain(number, 10, mean) }
    };
    Scenario {
        endpoints: (0..100).map(endpoint).collect(),
        traffic: Traffic::Poisson { rate: 720.0 / SERVICE.as_secs_f64() },
        ..Scenario::equals(1, 0.5, SERVICE)
    }
}

/// Every fifty service times others are slow.
fn wandering() -> Scenario {
    let mut scenario = scenario();
    scenario.endpoints.iter_mut().for_each(|endpoint| endpoint.service.mean = SERVICE);
    scenario.antagonists = vec![Antagonist::Some { count: 20, factor: 2.0, every: Some(SERVICE * 50) }];
    scenario
}

fn uneven(effort: Effort) -> Vec<Claim> {
    let size = Size::new(effort.pick(4, 12), effort.pick(100_000, 500_000));
    let scenario = scenario();
    let mut claims = Vec::new();
    let mut push = |name: &str, reports: Vec<Report>, mean: f64, p99: f64| {
        let name = |what: &str| format!("uneven pool, {name}, {what}");
        claims.push(Claim::measured(name("mean"), mean, &means(&reports), 0.015, MEAN));
        claims.push(Claim::measured(name("p99"), p99, &quantiles(&reports, 0.99), 0.05, TAIL));
    };
    push("best of 2, own only", reports(&scenario, &choices(Some(2), Counts::Local, 8), size), 1.258, 4.75);
    push("best of 2, exact", reports(&scenario, &choices(Some(2), Counts::Exact, 8), size), 1.130, 3.91);
    for (count, mean, p99) in [(2, 1.090, 3.46), (5, 1.059, 3.27)] {
        let balancer = |seed| -> Box<dyn Balancer> { Box::new(Averages::new(count, 100, seed)) };
        push(&format!("EWMA of {count}, exact"), reports_with(&scenario, size, balancer), mean, p99);
    }
    let wandering = wandering();
    let balancer = |seed| -> Box<dyn Balancer> { Box::new(Averages::new(5, 100, seed)) };
    push("others slow every 50 S, EWMA of 5", reports_with(&wandering, size, balancer), 1.072, 3.40);
    claims.extend(hot_cold(effort, &scenario, &wandering));
    claims.extend(ours(effort, &scenario));
    claims
}

/// What the default strategy has to reach there, with workers that exchange news once in a service time: a mean of 1.07
/// and a p99 of 3.3 at most.
fn ours(effort: Effort, scenario: &Scenario) -> [Claim; 2] {
    // Longer than the others: at first it has to learn who is fast.
    let size = Size::new(effort.pick(4, 12), effort.pick(300_000, 500_000));
    let reports = reports(scenario, &engine(Strategy::default(), 8, SERVICE), size);
    let at_most =
        |name: &str, limit: f64, values: &[f64]| Claim::at_most(format!("uneven pool, ours, {name}"), limit, values);
    [at_most("mean", 1.07, &means(&reports)), at_most("p99", 3.3, &quantiles(&reports, 0.99))]
}

/// Prequal's rule looks at all endpoints here. How the stated simulation averages latencies at a load is not told, which
/// makes a difference to the mean.
fn hot_cold(effort: Effort, still: &Scenario, wandering: &Scenario) -> Vec<Claim> {
    let size = Size::new(effort.pick(4, 12), effort.pick(40_000, 300_000));
    let model = Model { choices: None, counts: Counts::Exact, cost: Cost::HotCold { quantile: 0.84 }, workers: 8 };
    let mut claims = Vec::new();
    for (name, scenario, mean, p99) in
        [("HCL", still, 1.224, 3.03), ("others slow every 50 S, HCL", wandering, 1.410, 3.64)]
    {
        let reports = reports(scenario, &Subject::Model(model), size);
        let name = |what: &str| format!("uneven pool, {name}, {what}");
        claims.push(Claim::measured(name("mean"), mean, &means(&reports), 0.08, AVERAGING));
        claims.push(Claim::measured(name("p99"), p99, &quantiles(&reports, 0.99), 0.08, AVERAGING));
    }
    claims
}
