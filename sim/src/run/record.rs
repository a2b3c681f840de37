//! What of a run goes into the report, and when it is over.

use super::Progress;
use super::requests::State;
use crate::balancer::{Ending, Verdict};
use crate::report::{Bucket, EndpointReport, Outcomes, Report, Samples, VerdictReport};
use crate::scenario::{Extent, Scenario};
use crate::world::jobs::Job;
use plimsoll_snapshot::FailureKind;
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Ok,
    Failed(FailureKind),
    Refused,
    Throttled,
}

/// Collects the report.
#[derive(Debug)]
pub(super) struct Recorder {
    warm_up: Extent,
    extent: Extent,
    /// Number and time of the first measured request.
    first: Option<(u64, u64)>,
    arrived: u64,
    measured: u64,
    ended: u64,
    traffic_ended: bool,
    bucket_ns: u64,
    latencies: Vec<u64>,
    failed_latencies: Vec<u64>,
    report: Report,
}

impl Recorder {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            warm_up: scenario.warm_up,
            extent: scenario.measured,
            first: None,
            arrived: 0,
            measured: 0,
            ended: 0,
            traffic_ended: false,
            bucket_ns: scenario.timeline.as_nanos() as u64,
            latencies: Vec::new(),
            failed_latencies: Vec::new(),
            report: Report {
                endpoints: vec![EndpointReport::default(); scenario.endpoints.len()],
                ..Report::default()
            },
        }
    }

    /// Every measured request has ended, and none will come.
    pub(super) fn is_done(&self) -> bool {
        self.traffic_ended && self.ended >= self.measured
    }

    pub(super) fn traffic_ended(&self) -> bool {
        self.traffic_ended
    }

    pub(super) fn end_traffic(&mut self) {
        self.traffic_ended = true;
    }

    /// A request comes: its number, unless traffic is over.
    pub(super) fn arrival(&mut self, now: u64) -> Option<u64> {
        let number = self.arrived;
        if self.first.is_none() {
            let warm = match self.warm_up {
                Extent::Requests(count) => number >= count,
                Extent::Time(time) => now >= time.as_nanos() as u64,
            };
            if warm {
                let begins = if let Extent::Time(time) = self.warm_up { time.as_nanos() as u64 } else { now };
                self.first = Some((number, begins));
            }
        }
        if let Some((first, begins)) = self.first {
            let over = match self.extent {
                Extent::Requests(count) => number - first >= count,
                Extent::Time(time) => now - begins >= time.as_nanos() as u64,
            };
            self.traffic_ended |= over;
        }
        if self.traffic_ended {
            return None;
        }
        self.arrived += 1;
        self.measured += u64::from(self.first.is_some());
        // The last one: no further arrival has to be waited for.
        if let (Some((first, _)), Extent::Requests(count)) = (self.first, self.extent) {
            self.traffic_ended = self.arrived - first >= count;
        }
        Some(number)
    }

    /// A request with this number is measured.
    pub(super) fn counts(&self, number: u64) -> bool {
        self.first.is_some_and(|(first, _)| number >= first)
    }

    pub(super) fn attempt(&mut self, state: &State) {
        self.mark(u64::from(state.endpoint) + 1);
        if let Some(bucket) = self.bucket(state.intended) {
            bucket.attempts += 1;
        }
        if self.counts(state.number) {
            self.report.attempts += 1;
            self.report.retries += u64::from(state.attempts > 1);
            self.report.endpoints[state.endpoint as usize].attempts += 1;
        }
    }

    pub(super) fn attempt_ended(&mut self, state: &State, ending: Ending) {
        if self.counts(state.number) {
            let endpoint = &mut self.report.endpoints[state.endpoint as usize];
            match ending {
                Ending::Success => endpoint.ok += 1,
                Ending::Failure(_) => endpoint.failed += 1,
            }
        }
    }

    pub(super) fn over_budget(&mut self, state: &State) {
        self.report.over_budget += u64::from(self.counts(state.number));
    }

    pub(super) fn overflow(&mut self, job: &Job) {
        self.report.endpoints[job.endpoint as usize].overflowed += u64::from(job.measured);
    }

    pub(super) fn busy(&mut self, job: &Job, nanos: u64) {
        if job.measured {
            self.report.endpoints[job.endpoint as usize].busy += Duration::from_nanos(nanos);
        }
    }

    /// A service was broken off.
    pub(super) fn spared(&mut self, job: &Job, now: u64) {
        if job.measured {
            self.report.endpoints[job.endpoint as usize].busy -= Duration::from_nanos(job.until - now);
        }
    }

    pub(super) fn end(&mut self, now: u64, state: &State, outcome: Outcome) {
        let latency = now - state.intended;
        self.mark(state.number.wrapping_mul(8) ^ code(outcome));
        self.mark(latency);
        if let Some(bucket) = self.bucket(state.intended) {
            count(&mut bucket.outcomes, outcome);
            if matches!(outcome, Outcome::Ok) {
                bucket.latencies.add(u32::try_from(latency / 1000).unwrap_or(u32::MAX));
                bucket.served[state.endpoint as usize] += 1;
            }
        }
        if !self.counts(state.number) {
            return;
        }
        self.ended += 1;
        count(&mut self.report.outcomes, outcome);
        match outcome {
            Outcome::Ok => self.latencies.push(latency),
            Outcome::Failed(_) => self.failed_latencies.push(latency),
            Outcome::Refused | Outcome::Throttled => {}
        }
    }

    pub(super) fn verdict(&mut self, now: u64, verdict: Verdict, troubled: bool) {
        self.mark(u64::from(verdict.endpoint) << 8 | verdict.change as u64);
        self.report.verdicts.push(VerdictReport {
            at: Duration::from_nanos(now),
            endpoint: verdict.endpoint,
            change: verdict.change,
            why: verdict.why,
            troubled,
        });
    }

    pub(super) fn count_event(&mut self) {
        self.report.events += 1;
    }

    pub(super) fn progress(&self, now: u64, done: bool) -> Progress {
        Progress {
            done,
            events: self.report.events,
            now: Duration::from_nanos(now),
            requests: self.arrived,
            ended: self.ended,
        }
    }

    pub(super) fn finish(mut self, now: u64) -> Report {
        self.report.latencies = Samples::new(self.latencies);
        self.report.failed_latencies = Samples::new(self.failed_latencies);
        self.report.outcomes.unanswered = self.measured - self.ended;
        self.report.ended = Duration::from_nanos(now);
        self.report
    }

    /// FNV-1a, a word at a time, with a rotation so that high bits reach low ones.
    fn mark(&mut self, word: u64) {
        let mixed = (self.report.fingerprint ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.report.fingerprint = mixed.rotate_left(29);
    }

    fn bucket(&mut self, intended: u64) -> Option<&mut Bucket> {
        let number = usize::try_from(intended.checked_div(self.bucket_ns)?).ok()?;
        let timeline = &mut self.report.timeline;
        if timeline.len() <= number {
            let served = vec![0; self.report.endpoints.len()];
            timeline.resize(number + 1, Bucket { served, ..Bucket::default() });
        }
        timeline.get_mut(number)
    }
}

fn code(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Ok => 0,
        Outcome::Refused => 1,
        Outcome::Throttled => 2,
        Outcome::Failed(FailureKind::Status) => 3,
        Outcome::Failed(FailureKind::Connect) => 4,
        Outcome::Failed(FailureKind::Reset) => 5,
        Outcome::Failed(FailureKind::Timeout) => 6,
        Outcome::Failed(FailureKind::Truncated) => 7,
        // Kinds that no scenario has.
        Outcome::Failed(FailureKind::ConnectTimeout | FailureKind::Protocol | FailureKind::Grpc) => 8,
    }
}

fn count(outcomes: &mut Outcomes, outcome: Outcome) {
    let slot = match outcome {
        Outcome::Ok => &mut outcomes.ok,
        Outcome::Refused => &mut outcomes.refused,
        Outcome::Throttled => &mut outcomes.throttled,
        Outcome::Failed(FailureKind::Status | FailureKind::Truncated | FailureKind::Protocol | FailureKind::Grpc) => {
            &mut outcomes.status
        }
        Outcome::Failed(FailureKind::Connect | FailureKind::ConnectTimeout | FailureKind::Reset) => {
            &mut outcomes.connect
        }
        Outcome::Failed(FailureKind::Timeout) => &mut outcomes.timeout,
    };
    *slot += 1;
}
