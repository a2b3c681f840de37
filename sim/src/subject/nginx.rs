//! nginx' smooth weighted round robin and least_conn, after `ngx_http_upstream_round_robin.c` and
//! `ngx_http_upstream_least_conn_module.c`. Its clock has whole seconds.

use super::{Nginx, NginxPolicy};
use crate::balancer::{Attempt, Balancer, Change, Ending, Pick, Request, Verdict};
use crate::scenario::Scenario;
use plimsoll_engine::Time;

/// The proxy.
pub(super) struct Proxy {
    config: Nginx,
    /// By worker; the peers by their position in the scenario.
    workers: Vec<Vec<Peer>>,
    present: Vec<u32>,
    verdicts: Vec<Verdict>,
}

#[derive(Clone, Debug)]
struct Peer {
    weight: i64,
    effective_weight: i64,
    current_weight: i64,
    connections: i64,
    fails: u32,
    /// Seconds: the last failure, and when its time out, or the last look at it, began.
    accessed: u64,
    checked: u64,
}

impl Proxy {
    pub(super) fn new(config: &Nginx, scenario: &Scenario) -> Self {
        let weights = scenario.endpoints.iter().map(|endpoint| i64::from(endpoint.config.weight.max(1)));
        let peers: Vec<Peer> = weights.map(Peer::new).collect();
        Self {
            config: *config,
            workers: vec![peers; config.workers.max(1) as usize],
            present: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    fn choose(&mut self, request: &Request<'_>, now: u64) -> Option<u32> {
        if let [only] = self.present[..] {
            return Some(only);
        }
        let config = self.config;
        let peers = &mut self.workers[request.worker as usize];
        let usable = |peers: &[Peer], number: u32| {
            !request.tried.contains(&number) && !peers[number as usize].is_out(&config, now)
        };
        let least = match config.policy {
            NginxPolicy::RoundRobin => None,
            // The first of those with the fewest connections per weight; turns decide among them.
            NginxPolicy::LeastConn => {
                let mut best: Option<u32> = None;
                let mut tied = false;
                for number in self.present.iter().copied().filter(|number| usable(peers, *number)) {
                    let peer = &peers[number as usize];
                    if best.is_none_or(|best| peer.is_less_loaded(&peers[best as usize])) {
                        (best, tied) = (Some(number), false);
                    } else {
                        tied |= best.is_some_and(|best| !peers[best as usize].is_less_loaded(peer));
                    }
                }
                if !tied {
                    // No turn is taken.
                    return best.inspect(|best| peers[*best as usize].look(&config, now));
                }
                best
            }
        };
        let mut best: Option<u32> = None;
        let mut total = 0;
        for number in self.present.iter().copied() {
            let tied = least.is_none_or(|least| !peers[least as usize].is_less_loaded(&peers[number as usize]));
            if !tied || !usable(peers, number) {
                continue;
            }
            let peer = &mut peers[number as usize];
            peer.current_weight += peer.effective_weight;
            total += peer.effective_weight;
            peer.effective_weight += i64::from(peer.effective_weight < peer.weight);
            let current = peer.current_weight;
            if best.is_none_or(|best| current > peers[best as usize].current_weight) {
                best = Some(number);
            }
        }
        let peer = &mut peers[best? as usize];
        peer.current_weight -= total;
        peer.look(&config, now);
        best
    }
}

impl Peer {
    fn new(weight: i64) -> Self {
        Self { weight, effective_weight: weight, current_weight: 0, connections: 0, fails: 0, accessed: 0, checked: 0 }
    }

    fn is_out(&self, config: &Nginx, now: u64) -> bool {
        config.max_fails > 0
            && self.fails >= config.max_fails
            && now.saturating_sub(self.checked) <= config.fail_timeout.as_secs()
    }

    /// It is chosen; after its time out, once in a time out.
    fn look(&mut self, config: &Nginx, now: u64) {
        if now.saturating_sub(self.checked) > config.fail_timeout.as_secs() {
            self.checked = now;
        }
    }

    fn is_less_loaded(&self, other: &Self) -> bool {
        self.connections * other.weight < other.connections * self.weight
    }
}

impl Balancer for Proxy {
    fn workers(&self) -> u32 {
        self.workers.len() as u32
    }

    fn members(&mut self, present: &[u32], _now: Time) {
        for peers in &mut self.workers {
            for (number, peer) in peers.iter_mut().enumerate() {
                if !present.contains(&(number as u32)) {
                    *peer = Peer { connections: peer.connections, ..Peer::new(peer.weight) };
                }
            }
        }
        self.present = present.to_vec();
    }

    fn pick(&mut self, request: &Request<'_>, now: Time) -> Pick {
        self.choose(request, now.as_millis() / 1000).map_or(Pick::Refuse, Pick::To)
    }

    fn start(&mut self, attempt: Attempt, _now: Time) {
        self.workers[attempt.worker as usize][attempt.endpoint as usize].connections += 1;
    }

    fn settle(&mut self, attempt: Attempt, now: Time, ending: Ending) {
        let config = self.config;
        let now = now.as_millis() / 1000;
        let peer = &mut self.workers[attempt.worker as usize][attempt.endpoint as usize];
        peer.connections -= 1;
        let out = config.max_fails > 0 && peer.fails >= config.max_fails;
        let change = match ending {
            _ if self.present.len() == 1 => {
                peer.fails = 0;
                None
            }
            Ending::Success => {
                if peer.accessed < peer.checked {
                    peer.fails = 0;
                }
                (out && peer.fails == 0).then_some(Change::Returned)
            }
            Ending::Failure(_) => {
                peer.fails += 1;
                (peer.accessed, peer.checked) = (now, now);
                if config.max_fails > 0 {
                    peer.effective_weight -= peer.weight / i64::from(config.max_fails);
                }
                peer.effective_weight = peer.effective_weight.max(0);
                (!out && config.max_fails > 0 && peer.fails >= config.max_fails).then_some(Change::Ejected)
            }
        };
        if let Some(change) = change {
            self.verdicts.push(Verdict { endpoint: attempt.endpoint, change, why: "max_fails".into() });
        }
    }

    fn verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_snapshot::FailureKind;
    use std::time::Duration;

    fn proxy(policy: NginxPolicy, weights: &[u32]) -> Proxy {
        let mut scenario = Scenario::equals(weights.len(), 0.5, Duration::from_millis(10));
        for (endpoint, weight) in scenario.endpoints.iter_mut().zip(weights) {
            endpoint.config.weight = *weight;
        }
        let mut proxy = Proxy::new(&Nginx::new(policy), &scenario);
        proxy.members(&(0..weights.len() as u32).collect::<Vec<_>>(), at(0));
        proxy
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis((1000 + seconds) * 1000)
    }

    fn pick(proxy: &mut Proxy, now: u64, tried: &[u32]) -> Option<u32> {
        let request = Request { slot: 0, worker: 0, key: None, tried };
        match proxy.pick(&request, at(now)) {
            Pick::To(endpoint) => {
                proxy.start(Attempt { slot: 0, worker: 0, endpoint }, at(now));
                Some(endpoint)
            }
            _ => None,
        }
    }

    fn settle(proxy: &mut Proxy, now: u64, endpoint: u32, good: bool) {
        let ending = if good { Ending::Success } else { Ending::Failure(FailureKind::Status) };
        proxy.settle(Attempt { slot: 0, worker: 0, endpoint }, at(now), ending);
    }

    /// The example of the commit that brought it to nginx: { 5, 1, 1 } gives a a b a c a a.
    #[test]
    fn turns_are_smooth() {
        let mut proxy = proxy(NginxPolicy::RoundRobin, &[5, 1, 1]);
        let order: Vec<u32> = (0..7).filter_map(|_| pick(&mut proxy, 0, &[])).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn least_conn_counts_connections_per_weight() {
        let mut proxy = proxy(NginxPolicy::LeastConn, &[3, 1]);
        let order: Vec<u32> = (0..8).filter_map(|_| pick(&mut proxy, 0, &[])).collect();
        assert_eq!(order.iter().filter(|endpoint| **endpoint == 0).count(), 6, "{order:?}");
        (0..3).for_each(|_| settle(&mut proxy, 0, 0, true));
        assert_eq!(pick(&mut proxy, 0, &[]), Some(0));
    }

    #[test]
    fn one_failure_takes_a_peer_out_for_ten_seconds_and_one_success_brings_it_back() {
        let mut proxy = proxy(NginxPolicy::RoundRobin, &[1, 1]);
        assert_eq!(pick(&mut proxy, 0, &[]), Some(0));
        settle(&mut proxy, 0, 0, false);
        assert!((0..=10).all(|now| pick(&mut proxy, now, &[]) == Some(1)));
        // Then one request a time out looks how it is.
        let looks: Vec<u32> = (0..4).filter_map(|_| pick(&mut proxy, 11, &[])).collect();
        assert_eq!(looks.iter().filter(|endpoint| **endpoint == 0).count(), 1, "{looks:?}");
        settle(&mut proxy, 12, 0, true);
        assert!((0..4).any(|_| pick(&mut proxy, 12, &[]) == Some(0)));
        let changes: Vec<Change> = proxy.verdicts().into_iter().map(|verdict| verdict.change).collect();
        assert_eq!(changes, [Change::Ejected, Change::Returned]);
    }

    #[test]
    fn a_retry_goes_elsewhere_and_with_everybody_out_there_is_none() {
        let mut proxy = proxy(NginxPolicy::RoundRobin, &[1, 1]);
        assert_eq!(pick(&mut proxy, 0, &[0]), Some(1));
        assert_eq!(pick(&mut proxy, 0, &[0, 1]), None);
        settle(&mut proxy, 0, 1, false);
        assert_eq!(pick(&mut proxy, 0, &[]), Some(0));
        settle(&mut proxy, 0, 0, false);
        assert_eq!(pick(&mut proxy, 0, &[]), None);
    }
}
