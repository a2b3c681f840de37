//! Envoy's outlier detection, after `source/common/upstream/outlier_detection_impl.cc`. What is not here is off by
//! default there (gateway failures, failure percentage, jitter, ejecting at least one host).

use super::Outlier;
use crate::balancer::{Change, Verdict};
use plimsoll_engine::Time;
use std::time::Duration;

/// What is known of all hosts.
#[derive(Debug)]
pub(super) struct Detector {
    config: Outlier,
    hosts: Vec<Host>,
    present: Vec<u32>,
    next: Time,
    verdicts: Vec<Verdict>,
}

#[derive(Clone, Debug, Default)]
struct Host {
    ejected_at: Option<Time>,
    /// How many base times the next ejection lasts.
    backoff: u32,
    consecutive: u32,
    /// Requests and successes of this interval.
    requests: u64,
    successes: u64,
}

impl Detector {
    pub(super) fn new(config: Outlier, hosts: usize, begin: Time) -> Self {
        Self {
            next: begin.after(config.interval),
            config,
            hosts: vec![Host::default(); hosts],
            present: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    pub(super) fn members(&mut self, present: &[u32]) {
        self.present = present.to_vec();
        for (number, host) in self.hosts.iter_mut().enumerate() {
            if !present.contains(&(number as u32)) {
                *host = Host::default();
            }
        }
    }

    pub(super) fn is_ejected(&self, host: u32) -> bool {
        self.hosts[host as usize].ejected_at.is_some()
    }

    /// An answer came, or an attempt failed, which counts as a status of 5xx; true if the host is ejected for it.
    pub(super) fn record(&mut self, host: u32, success: bool, now: Time) -> bool {
        let state = &mut self.hosts[host as usize];
        state.requests += 1;
        state.successes += u64::from(success);
        if success {
            state.consecutive = 0;
            return false;
        }
        state.consecutive += 1;
        // Exactly: beyond it nothing happens until a success or a return resets the count. While a host is ejected,
        // the count is not reset either.
        if state.consecutive != self.config.consecutive_5xx || state.ejected_at.is_some() {
            return false;
        }
        let ejected = self.eject(host, now, "consecutive_5xx");
        self.hosts[host as usize].consecutive = 0;
        ejected
    }

    pub(super) fn next(&self) -> Time {
        self.next
    }

    /// The interval is over; true if somebody was ejected or came back.
    pub(super) fn interval(&mut self, now: Time) -> bool {
        self.next = now.after(self.config.interval);
        let mut changed = false;
        for number in self.present.clone() {
            changed |= self.consider_return(number, now);
        }
        let hosts = &self.hosts;
        let enough = |number: &u32| {
            let host = &hosts[*number as usize];
            host.ejected_at.is_none() && host.requests >= u64::from(self.config.success_rate_request_volume)
        };
        let rate = |number: u32| {
            let host = &hosts[number as usize];
            (number, 100.0 * host.successes as f64 / host.requests.max(1) as f64)
        };
        let rates: Vec<(u32, f64)> = self.present.iter().copied().filter(enough).map(rate).collect();
        self.hosts.iter_mut().for_each(|host| (host.requests, host.successes) = (0, 0));
        if rates.is_empty() || rates.len() < self.config.success_rate_minimum_hosts as usize {
            return changed;
        }
        let values: Vec<f64> = rates.iter().map(|(_, rate)| *rate).collect();
        let limit = threshold(&values, f64::from(self.config.success_rate_stdev_factor) / 1000.0);
        for (number, _) in rates.into_iter().filter(|(_, rate)| *rate < limit) {
            changed |= self.eject(number, now, "success_rate");
        }
        changed
    }

    fn consider_return(&mut self, number: u32, now: Time) -> bool {
        let lasts = self.ejection_time(number);
        let host = &mut self.hosts[number as usize];
        let Some(since) = host.ejected_at else {
            host.backoff = host.backoff.saturating_sub(1);
            return false;
        };
        if now.since(since) < lasts {
            return false;
        }
        host.ejected_at = None;
        host.consecutive = 0;
        self.verdicts.push(Verdict { endpoint: number, change: Change::Returned, why: "ejection time".into() });
        true
    }

    fn ejection_time(&self, number: u32) -> Duration {
        let steps = self.hosts[number as usize].backoff;
        (self.config.base_ejection_time * steps).min(self.config.max_ejection_time)
    }

    fn eject(&mut self, number: u32, now: Time, why: &str) -> bool {
        let ejected = self.present.iter().filter(|host| self.is_ejected(**host)).count();
        let percent = 100.0 * (ejected + 1) as f64 / self.present.len() as f64;
        if percent > f64::from(self.config.max_ejection_percent) {
            return false;
        }
        let host = &mut self.hosts[number as usize];
        host.ejected_at = Some(now);
        let base = self.config.base_ejection_time;
        if base * host.backoff < self.config.max_ejection_time + base {
            host.backoff += 1;
        }
        self.verdicts.push(Verdict { endpoint: number, change: Change::Ejected, why: why.into() });
        true
    }

    pub(super) fn verdicts(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.verdicts)
    }
}

/// Success rates below this are outliers: mean − factor · standard deviation.
pub(super) fn threshold(rates: &[f64], factor: f64) -> f64 {
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let variance = rates.iter().map(|rate| (rate - mean) * (rate - mean)).sum::<f64>() / count;
    mean - factor * libm::sqrt(variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn detector(hosts: u32, config: Outlier) -> Detector {
        let mut detector = Detector::new(config, hosts as usize, at(0));
        detector.members(&(0..hosts).collect::<Vec<_>>());
        detector
    }

    fn fail(detector: &mut Detector, host: u32, now: u64) -> bool {
        (0..5).any(|_| detector.record(host, false, at(now)))
    }

    /// The example in Envoy's source and documentation.
    #[test]
    fn the_threshold_is_1_9_standard_deviations_below_the_mean() {
        assert_eq!(threshold(&[50.0, 100.0, 100.0, 100.0, 100.0], 1.9), 52.0);
    }

    #[test]
    fn ten_percent_of_nine_hosts_are_none_and_of_twenty_two() {
        for (hosts, want) in [(9, 0), (10, 1), (20, 2)] {
            let mut detector = detector(hosts, Outlier::default());
            let ejected = (0..hosts).filter(|host| fail(&mut detector, *host, 1)).count();
            assert_eq!(ejected, want, "{hosts}");
        }
    }

    /// Ejected again as soon as it is back: 30, 60, … 300 s, and not more.
    #[test]
    fn each_ejection_lasts_longer_up_to_the_limit() {
        let mut detector = detector(10, Outlier { interval: Duration::from_secs(1), ..Outlier::default() });
        let (mut now, mut lengths) = (0, Vec::new());
        for _ in 0..12 {
            assert!(fail(&mut detector, 3, now));
            let since = now;
            while detector.is_ejected(3) {
                now += 1;
                detector.interval(at(now));
            }
            lengths.push(now - since);
        }
        assert_eq!(lengths, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
        // One step is forgotten for each interval in which it stays in.
        assert!((0..9).all(|_| !detector.interval(at(now))));
        assert!(fail(&mut detector, 3, now));
        assert_eq!(detector.ejection_time(3), Duration::from_secs(90));
    }

    #[test]
    fn success_rate_needs_hosts_and_volume() {
        // One in 25 is 2 σ or more below the others; 100 requests each; up to 10 % may go.
        for (hosts, requests, want) in [(25, 100, true), (25, 99, false), (4, 100, false)] {
            let mut detector = detector(hosts, Outlier { max_ejection_percent: 50, ..Outlier::default() });
            for host in 0..hosts {
                for request in 0..requests {
                    detector.record(host, host > 0 || request % 2 == 0, at(1));
                }
            }
            assert_eq!(detector.interval(at(10)), want, "{hosts}, {requests}");
            assert_eq!(detector.is_ejected(0), want);
        }
    }

    #[test]
    fn a_success_resets_the_count() {
        let mut detector = detector(10, Outlier::default());
        let script = [false, false, false, false, true, false, false, false, false];
        assert!(script.into_iter().all(|success| !detector.record(1, success, at(1))));
        assert!(detector.record(1, false, at(1)));
        assert_eq!(detector.verdicts().len(), 1);
    }
}
