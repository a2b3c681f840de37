//! Answers of `GET history` for tests: a pool under even load, of which one endpoint fails for a while, goes half-open
//! and comes back.

use serde_json::{Value, json};

/// A round minute: 2026-01-01, 14:00 UTC.
pub(crate) const START_MS: u64 = 1_767_276_000_000;

/// What an answer is to hold.
#[derive(Clone)]
pub(crate) struct Recorded {
    /// Milliseconds from point to point.
    pub(crate) resolution_ms: u64,
    /// Begin of the first point, in resolutions after [`START_MS`].
    pub(crate) first: u64,
    /// One past the last.
    pub(crate) end: u64,
    /// When it was put together, in seconds after the start; `None`: a second after the end of the last point.
    pub(crate) told: Option<u64>,
    /// Points that nobody made.
    pub(crate) missing: std::ops::Range<u64>,
    /// How many endpoints, if they were asked for.
    pub(crate) endpoints: Option<usize>,
    /// The endpoint that fails, and from which second to which.
    pub(crate) fault: (usize, std::ops::Range<u64>),
    /// Whether the proxy tells kinds of failures.
    pub(crate) kinds: bool,
}

impl Recorded {
    /// Seconds of a pool of 4, of which the second fails from the 20th to the 35th.
    pub(crate) fn seconds(end: u64) -> Recorded {
        Recorded {
            resolution_ms: 1_000,
            first: 0,
            end,
            told: None,
            missing: 0..0,
            endpoints: Some(4),
            fault: (1, 20..35),
            kinds: false,
        }
    }

    fn at(&self) -> Vec<u64> {
        (self.first..self.end).filter(|point| !self.missing.contains(point)).collect()
    }

    /// Begin of each point, in seconds after the start.
    fn second(&self, point: u64) -> u64 {
        point * self.resolution_ms / 1_000
    }

    fn column(&self, value: impl Fn(u64) -> Value) -> Vec<Value> {
        self.at().into_iter().map(|point| value(self.second(point))).collect()
    }

    fn changes(&self, value: impl Fn(u64) -> Value) -> Vec<Value> {
        let mut changes: Vec<(usize, Value)> = Vec::new();
        for (index, own) in self.column(value).into_iter().enumerate() {
            if changes.last().is_none_or(|(_, last)| *last != own) {
                changes.push((index, own));
            }
        }
        changes.into_iter().map(|(index, value)| json!([index, value])).collect()
    }

    /// 0: works, 1: fails, not noticed yet, 2: open, 3: half-open, 4: warming up.
    fn phase(&self, endpoint: usize, second: u64) -> u8 {
        let (failing, fault) = &self.fault;
        match second {
            _ if endpoint != *failing => 0,
            s if (fault.start..fault.start + 2).contains(&s) => 1,
            s if (fault.start + 2..fault.end).contains(&s) => 2,
            s if (fault.end..fault.end + 4).contains(&s) => 3,
            s if (fault.end + 4..fault.end + 10).contains(&s) => 4,
            _ => 0,
        }
    }

    fn requests(&self, endpoint: usize, second: u64) -> u64 {
        let share = 40 + 7 * (endpoint as u64 % 3) + (second * 31 + endpoint as u64 * 17) % 9;
        let share = share * self.resolution_ms / 1_000;
        match self.phase(endpoint, second) {
            2 => 0,
            3 => 2,
            4 => share / 2,
            _ => share,
        }
    }

    fn p99(&self, endpoint: usize, second: u64) -> Value {
        let usual = 18.0 + 3.0 * (endpoint % 5) as f64 + ((second * 7 + endpoint as u64 * 13) % 11) as f64;
        match self.phase(endpoint, second) {
            2 => Value::Null,
            1 | 3 => json!(usual * 9.0),
            _ => json!(usual),
        }
    }

    fn failures(&self, endpoint: usize, second: u64) -> u64 {
        if self.phase(endpoint, second) == 1 { self.requests(endpoint, second) / 2 } else { 0 }
    }

    fn endpoint(&self, n: usize) -> Value {
        let scaled = |value: Value, by: f64| value.as_f64().map_or(Value::Null, |value| json!(value * by));
        json!({
            "id": format!("order-{}", n + 1), "address": format!("127.0.0.1:{}", 8001 + n), "comes later": [n],
            "requests": self.column(|s| json!(self.requests(n, s))),
            "failures": self.column(|s| json!(self.failures(n, s))),
            "slow": self.column(|s| json!(u64::from(self.phase(n, s) == 1))),
            "in_flight": self.column(|_| json!(1)),
            "p50_ms": self.column(|s| scaled(self.p99(n, s), 0.25)),
            "p99_ms": self.column(|s| self.p99(n, s)),
            "score": self.column(|s| json!([1.0, 0.6, 0.1, 0.2, 0.8][usize::from(self.phase(n, s))])),
            "status": self.changes(|s| {
                json!(["healthy", "degraded", "unhealthy", "unhealthy", "warming"][usize::from(self.phase(n, s))])
            }),
            "circuit": self.changes(|s| json!(["closed", "closed", "open", "half_open", "closed"][usize::from(self.phase(n, s))])),
        })
    }

    /// The answer's body.
    pub(crate) fn answer(&self) -> String {
        let count = self.endpoints.unwrap_or(4);
        let sum =
            |value: &dyn Fn(usize, u64) -> u64| self.column(|s| json!((0..count).map(|n| value(n, s)).sum::<u64>()));
        let requests = sum(&|n, s| self.requests(n, s));
        let worst = |by: f64| {
            self.column(|s| json!(by * (0..count).filter_map(|n| self.p99(n, s).as_f64()).fold(0.0, f64::max)))
        };
        let failing = self.fault.0;
        let mut pool = json!({
            "name": "orders", "at": self.at().iter().map(|point| point - self.first).collect::<Vec<u64>>(),
            "span_ms": vec![self.resolution_ms; self.at().len()],
            "picks": requests, "requests": requests, "refused": sum(&|_, _| 0), "in_flight": sum(&|_, _| 1),
            "failures": sum(&|n, s| self.failures(n, s)),
            "slow": sum(&|n, s| u64::from(self.phase(n, s) == 1)),
            "p50_ms": worst(0.25), "p90_ms": worst(0.6), "p99_ms": worst(1.0),
            "score": self.column(|s| json!([1.0, 0.9, 0.75, 0.8, 0.95][usize::from(self.phase(failing, s))])),
            "eligible": sum(&|n, s| u64::from(self.phase(n, s) < 2)),
            "ejected": sum(&|n, s| u64::from(matches!(self.phase(n, s), 2 | 3))),
            "panic": [[0, false]],
        });
        if self.kinds {
            let part = |of: u64, from: u64| self.column(move |s| json!((self.failures(failing, s) + from) / of));
            pool["failures_by"] = json!({"status": part(2, 0), "timeout": part(2, 1), "later kind": part(1000, 0)});
        }
        if self.endpoints.is_some() {
            pool["endpoints"] = (0..count).map(|n| self.endpoint(n)).collect();
        }
        json!({
            "version": 1, "at_ms": self.told.map_or(self.end_ms() + 1_000, |second| START_MS + second * 1_000), "resolution_ms": self.resolution_ms,
            "from_ms": START_MS + self.first * self.resolution_ms, "pools": [pool],
        })
        .to_string()
    }

    /// End of the last point.
    pub(crate) fn end_ms(&self) -> u64 {
        START_MS + self.end * self.resolution_ms
    }
}
