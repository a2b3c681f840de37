//! What the admin API costs in a real Envoy: processor time of the whole process for an answer, with a large pool, a full
//! log of events and a history of some seconds. Beside it an answer of Envoy alone, as the measure of what any request to
//! a listener costs.

use crate::load::{Clients, Endpoints};
use crate::{cpu, paired};
use anyhow::{Result, ensure};
use plimsoll_host_tests::bed::{Envoy, EnvoyConfig};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const ENDPOINTS: usize = 1000;
/// Each makes an event when it is configured as one whose circuit the operator has switched off: the log is full then.
const EVENTS: usize = 600;
/// Answers for each figure, which is their median.
const ANSWERS: usize = 30;
const CONNECTIONS: usize = 16;
/// In one second.
const REQUESTS: u64 = 1000;
const LIMIT: Duration = Duration::from_secs(30);

const PATHS: [&str; 6] = [
    "/healthz-of-nobody",
    "/plimsoll/v1/healthz",
    "/plimsoll/v1/snapshot",
    "/plimsoll/v1/events?since=0",
    "/plimsoll/v1/history",
    "/plimsoll/v1/history?endpoints=true&pool=demo",
];

/// Measures and prints, with a history of `seconds`.
///
/// # Errors
/// When Envoy does not start, or an answer is not one.
pub async fn bench(seconds: u64) -> Result<()> {
    let endpoints = Endpoints::start(ENDPOINTS).await?;
    let listed: Vec<Value> = endpoints.addresses().iter().enumerate().map(endpoint).collect();
    let config = EnvoyConfig::from_repo()?.endpoints(endpoints.addresses()).pool(json!({ "endpoints": listed }));
    let envoy = Envoy::start(&config.dashboard_files(None).log_level("error"), 1).await?;
    let mut clients = Clients::connect(envoy.public(), CONNECTIONS).await?;
    for _ in 0..seconds {
        clients.send(REQUESTS, LIMIT).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!("\n{ENDPOINTS} endpoints, 1 worker, {seconds} s of traffic");
    println!("{:48} {:>9} {:>8} {:>8}", "", "bytes", "ms", "at best");
    for path in PATHS {
        let (mut bytes, mut millis) = (0, Vec::new());
        for _ in 0..ANSWERS {
            // Ticks fall into some of them; the least is without.
            let before = cpu::used(envoy.id())?;
            let (status, _, body) = envoy.admin().raw(hyper::Method::GET, path).await?;
            millis.push((cpu::used(envoy.id())?.saturating_sub(before)).as_secs_f64() * 1e3);
            ensure!(status == 200 || path == PATHS[0], "{path} answered {status}: {body}");
            bytes = body.len();
        }
        let least = millis.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{path:48} {bytes:9} {:8.2} {least:8.2}", paired::median(&millis).unwrap_or_default());
    }
    Ok(())
}

fn endpoint((number, address): (usize, &SocketAddr)) -> Value {
    let circuit = if number < EVENTS { "disabled" } else { "auto" };
    json!({"id": format!("order-{}", number + 1), "address": address.to_string(), "circuit": circuit})
}
