//! The simulator against results that are not ours: queueing theory, and figures computed by independent programs.
//! Times are in units of the mean service time. Tolerances are stated with each case.

use plimsoll_engine::{EndpointConfig, PoolConfig, Strategy};
use plimsoll_sim::{Report, Scenario, Subject, Upstream, run};
use std::time::Duration;

const SERVICE: Duration = Duration::from_millis(10);

fn engine(strategy: Strategy, upstreams: usize, workers: usize) -> Subject {
    let endpoint = |index: usize| EndpointConfig {
        address: format!("10.0.0.1:{index}"),
        id: index.to_string(),
        weight: 1,
        zone: None,
    };
    let endpoints = (0..upstreams).map(endpoint).collect();
    let pool = PoolConfig { strategy, endpoints, candidates: 1, ..PoolConfig::default() };
    Subject::Engine { pool: Box::new(pool), workers, tick: Duration::from_millis(100) }
}

fn units(time: Duration) -> f64 {
    time.as_secs_f64() / SERVICE.as_secs_f64()
}

fn reports(scenario: &Scenario, seeds: u64, requests: usize) -> Vec<Report> {
    let one = |seed| run(&Scenario { seed, warm_up: requests / 10, requests, ..scenario.clone() });
    (1..=seeds).map(one).collect()
}

/// The mean over the seeds of `value` lies within `tolerance` (a share) of `want`.
fn check(name: &str, reports: &[Report], value: impl Fn(&Report) -> Duration, want: f64, tolerance: f64) {
    let values: Vec<f64> = reports.iter().map(|report| units(value(report))).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    println!("{name}: {mean:.4}, want {want} ± {:.1} %, by seed {values:.3?}", tolerance * 100.0);
    assert!((mean / want - 1.0).abs() < tolerance, "{name}: {mean} for {want}, by seed {values:?}");
}


#[test] fn figures() {
  for (w, tick) in [(8usize,100u64),(8,20)] {
    let Subject::Engine{pool,workers,..} = engine(Strategy::PeakEwma,100,w) else {panic!()};
    let sc = Scenario::equals(100,0.9,SERVICE,Subject::Engine{pool,workers,tick:Duration::from_millis(tick)});
    let r = reports(&sc,1,100_000); check(&format!("peak_ewma W={w} tick={tick}ms p99={:.2}", units(r[0].quantile(0.99))), &r, Report::mean, 3.0, 9.0);
  }
}
