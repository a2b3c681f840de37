//! Free ports on loopback, for servers that are told their port before they start.
//!
//! Ports come from below the kernel's ephemeral range. Inside it, an outgoing connection may take the port of a
//! server that is down for a moment, and a connect to a refused port may even meet itself, and succeed.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The range that Linux hands to outgoing connections starts here unless configured otherwise.
const EPHEMERAL_START: u16 = 32_768;
/// Below this live well-known services and the ports of the sample configuration.
const FIRST: u16 = 11_000;

/// A loopback address with a port that nobody listens on, given out once per process.
pub fn free() -> Result<SocketAddr> {
    static GIVEN: OnceLock<Mutex<BTreeSet<u16>>> = OnceLock::new();
    let mut given = GIVEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let end = ephemeral_start().max(FIRST + 1_000);
    // Test binaries that run side by side start in different places.
    let mut rng = fastrand::Rng::new();
    for _ in 0..2_000 {
        let port = rng.u16(FIRST..end);
        if !given.contains(&port) && is_free(port) {
            given.insert(port);
            return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
    }
    bail!("no free port on 127.0.0.1 between {FIRST} and {end}: stop other servers on this machine")
}

/// As many as asked, all different.
pub fn free_many(count: usize) -> Result<Vec<SocketAddr>> {
    (0..count).map(|_| free()).collect::<Result<_>>().context("cannot reserve ports")
}

/// Nobody listens on this loopback port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn ephemeral_start() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(EPHEMERAL_START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_different_and_can_be_bound() {
        let addresses = free_many(20).unwrap();
        let listeners: Vec<_> = addresses.iter().map(|a| TcpListener::bind(a).unwrap()).collect();
        assert_eq!(listeners.len(), 20);
        assert!(!is_free(addresses[0].port()));
    }

    #[test]
    fn ports_stay_out_of_the_range_of_outgoing_connections() {
        assert!(free().unwrap().port() < ephemeral_start());
    }
}
