//! Rules of peers and clients: Envoy's outlier detection, adaptive throttling, the retry budget; and the sketch's bound.

use crate::Section;
use crate::bed::{SERVICE, Size, reports};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::{Rng, Time};
use plimsoll_sim::{
    Attempt, Balancer, Change, Client, Ending, Endpoint, Envoy, Fault, FaultKind, Outlier, RetryBudget, Scenario,
    Service, Shape, Subject, Targets, Throttle, Traffic,
};
use plimsoll_snapshot::FailureKind;
use plimsoll_snapshot::sketch::{bucket, middle};
use std::time::Duration;

pub(crate) const SECTIONS: [Section; 3] = [
    Section { name: "envoy's rules", claims: outliers },
    Section { name: "clients", claims: clients },
    Section { name: "sketch", claims: sketch },
];

const RULE: &str = "a rule: there is no chance in it";

/// Envoy's outlier detection, told results instead of serving.
struct Told {
    balancer: Box<dyn Balancer>,
    now: Time,
}

impl Told {
    fn new(hosts: usize, outlier: Outlier) -> Self {
        let scenario = Scenario::equals(hosts, 0.5, SERVICE);
        let mut balancer = Subject::Envoy(Envoy::least_request(Some(outlier))).balancer(&scenario);
        let now = Time::from_millis(1_700_000_000_000);
        balancer.members(&(0..hosts as u32).collect::<Vec<_>>(), now);
        Self { balancer, now }
    }

    fn tell(&mut self, endpoint: u32, success: bool) {
        let attempt = Attempt { slot: 0, worker: 0, endpoint };
        self.balancer.start(attempt, self.now);
        let ending = if success { Ending::Success } else { Ending::Failure(FailureKind::Status) };
        self.balancer.settle(attempt, self.now, ending);
    }

    fn fail_in_a_row(&mut self, endpoint: u32) {
        (0..5).for_each(|_| self.tell(endpoint, false));
    }

    /// Lets the interval end; who was ejected since the last time.
    fn interval(&mut self) -> Vec<u32> {
        self.now = self.balancer.next_tick().expect("outlier detection ticks");
        self.balancer.tick(self.now);
        self.changed(Change::Ejected)
    }

    fn changed(&mut self, to: Change) -> Vec<u32> {
        let verdicts = self.balancer.verdicts();
        verdicts.into_iter().filter(|verdict| verdict.change == to).map(|verdict| verdict.endpoint).collect()
    }
}

/// Hosts that answer this many of a hundred requests well, failures spread evenly: who is ejected at the end.
fn ejected(good: &[u32]) -> usize {
    let mut told = Told::new(good.len(), Outlier { max_ejection_percent: 100, ..Outlier::default() });
    for (host, good) in good.iter().enumerate() {
        (0..100).for_each(|n| told.tell(host as u32, (n + 1) * good / 100 > n * good / 100));
    }
    told.interval().len()
}

fn outliers(effort: Effort) -> Vec<Claim> {
    let exact = |name: &str, want: f64, got: f64| Claim::exact(format!("Envoy: {name}"), want, got, 0.0, RULE);
    let rates = [50.0, 100.0, 100.0, 100.0, 100.0_f64];
    let mean = rates.iter().sum::<f64>() / 5.0;
    let sigma = (rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
    let mut claims = vec![
        exact("{50, 100×4}: threshold", 52.0, mean - 1.9 * sigma),
        exact("{50, 100×4}: ejected", 1.0, ejected(&[50, 100, 100, 100, 100]) as f64),
        exact("two equal outliers of five hide: ejected", 0.0, ejected(&[50, 50, 100, 100, 100]) as f64),
    ];
    for (hosts, want) in [(9, 0.0), (20, 2.0)] {
        let mut told = Told::new(hosts, Outlier::default());
        (0..hosts as u32).for_each(|host| told.fail_in_a_row(host));
        let got = told.changed(Change::Ejected).len() as f64;
        claims.push(exact(&format!("10 % of {hosts} hosts, all fail: ejected"), want, got));
    }
    let mut told = Told::new(1, Outlier { max_ejection_percent: 100, ..Outlier::default() });
    for time in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300] {
        told.fail_in_a_row(0);
        let since = told.now;
        while told.changed(Change::Returned).is_empty() {
            told.now = told.balancer.next_tick().expect("outlier detection ticks");
            told.balancer.tick(told.now);
        }
        let got = told.now.since(since).as_secs_f64();
        claims.push(exact(&format!("ejection for {time} s"), f64::from(time), got));
    }
    claims.push(healthy(effort));
    claims
}

/// A hundred healthy hosts of which each fails one request in a hundred: the share of intervals in which one is ejected.
fn healthy(effort: Effort) -> Claim {
    let interval = |rng: &mut Rng| {
        let mut told = Told::new(100, Outlier { max_ejection_percent: 100, ..Outlier::default() });
        for host in 0..100 {
            (0..100).for_each(|_| told.tell(host, rng.unit() >= 0.01));
        }
        f64::from(u8::from(!told.interval().is_empty()))
    };
    let count = effort.pick(300, 3000);
    let share = |seed| {
        let mut rng = Rng::new(seed);
        100.0 * (0..count).map(|_| interval(&mut rng)).sum::<f64>() / f64::from(count)
    };
    let values: Vec<f64> = (1..=effort.pick(5, 10)).map(share).collect();
    let because = "1 %: the stated hosts' error rate is not told, 1 % here";
    Claim::measured("Envoy: intervals in which a healthy host of 100 is flagged, %", 99.8, &values, 0.01, because)
}

fn clients(effort: Effort) -> Vec<Claim> {
    let size = Size::new(effort.pick(5, 20), effort.pick(100_000, 400_000));
    let mut claims = Vec::new();
    for c in [0.1, 0.25, 0.4] {
        // A thousand requests a second are served, whatever comes beyond is turned away at once.
        let endpoint = Endpoint {
            service: Service { mean: SERVICE, shape: Shape::Fixed },
            queue: Some(50),
            ..Endpoint::plain(0, 10, SERVICE)
        };
        let throttle = Throttle { cap: 1.0, ..Throttle::default() };
        let scenario = Scenario {
            traffic: Traffic::Poisson { rate: 1000.0 / c },
            endpoints: vec![endpoint],
            client: Client { throttle: Some(throttle), ..Client::default() },
            ..Scenario::equals(1, 0.5, SERVICE)
        };
        // Twice its window to settle.
        let size = Size { warm_up: (20_000.0 / c) as u64, ..size };
        let reports = reports(&scenario, &Subject::Random, size);
        let throttled: Vec<f64> =
            reports.iter().map(|report| report.outcomes.throttled as f64 / report.outcomes.total() as f64).collect();
        let name = format!("throttle, a share of {c} can be served: throttled");
        claims.push(Claim::measured(name, 1.0 - 2.0 * c, &throttled, 0.03, "3 %: the window's own fluctuation"));
    }
    let outage = Fault {
        targets: Targets::All,
        from: Duration::ZERO,
        to: None,
        flapping: None,
        kind: FaultKind::Errors { share: 1.0, after: Some(Duration::from_millis(1)), of_requests: false },
    };
    let scenario = Scenario {
        traffic: Traffic::Poisson { rate: 1000.0 },
        faults: vec![outage],
        client: Client { retries: 15, budget: Some(RetryBudget::default()), ..Client::default() },
        ..Scenario::equals(10, 0.5, SERVICE)
    };
    let reports = reports(&scenario, &Subject::Random, size);
    let per_second: Vec<f64> =
        reports.iter().map(|report| 1000.0 * report.attempts as f64 / report.outcomes.total() as f64).collect();
    let because = "1 %: fluctuation of arrivals in the window";
    claims.push(Claim::measured(
        "retry budget, outage at 1,000 rps: attempts per s",
        1210.0,
        &per_second,
        0.01,
        because,
    ));
    claims
}

/// The worst of all values up to a second, and of a thousand spread over the rest of its range, 67 s.
fn sketch(_: Effort) -> Vec<Claim> {
    let off = |micros: u32| {
        let told = middle::<4>(bucket::<4>(micros));
        (told - f64::from(micros)).abs() / f64::from(micros)
    };
    let worst = (16..1_000_000).chain((1..1000).map(|n| n * 67_000)).map(off).fold(0.0, f64::max);
    vec![Claim::exact("sketch, largest error, %", 3.03, 100.0 * worst, 0.1, "a bucket's half over its lower end: 1/33")]
}
