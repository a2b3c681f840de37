//! The metrics registry: values by name, common to all VMs, and the ids each VM holds on them.
//!
//! As in Envoy, each define returns a new id for the same metric, the kind stands in an id's two lowest bits and ids
//! step by 4. Gauges wrap below zero. Adding 0 or less to a counter is an error. Under ngx_wasm_module a name has one id,
//! only counters are incremented, by any number, and only gauges and histograms are recorded.

use std::collections::HashMap;

use super::Status;

/// What a metric can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetricKind {
    /// Only grows.
    Counter = 0,
    /// Is set, grows and shrinks.
    Gauge = 1,
    /// Takes single values.
    Histogram = 2,
}

impl MetricKind {
    fn from_id(id: u32) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Histogram].get((id & 3) as usize).copied()
    }
}

#[derive(Clone, Debug)]
struct Metric {
    name: String,
    value: u64,
    samples: Vec<u64>,
}

/// Values by name.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    slots: Vec<Metric>,
    by_name: [HashMap<String, usize>; 3],
}

impl Metrics {
    /// A counter's value.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.find(MetricKind::Counter, name).map(|metric| metric.value)
    }

    /// A gauge's value.
    pub fn gauge(&self, name: &str) -> Option<u64> {
        self.find(MetricKind::Gauge, name).map(|metric| metric.value)
    }

    /// What a histogram was given, in order.
    pub fn histogram(&self, name: &str) -> Option<&[u64]> {
        self.find(MetricKind::Histogram, name).map(|metric| metric.samples.as_slice())
    }

    /// Names of all metrics, in the order of their definition.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|metric| metric.name.as_str())
    }

    fn find(&self, kind: MetricKind, name: &str) -> Option<&Metric> {
        self.slots.get(*self.by_name[kind as usize].get(name)?)
    }

    fn define(&mut self, kind: MetricKind, name: &str) -> usize {
        if let Some(slot) = self.by_name[kind as usize].get(name) {
            return *slot;
        }
        self.slots.push(Metric { name: name.to_owned(), value: 0, samples: Vec::new() });
        self.by_name[kind as usize].insert(name.to_owned(), self.slots.len() - 1);
        self.slots.len() - 1
    }
}

/// The ids of one VM.
#[derive(Clone, Debug, Default)]
pub struct MetricIds {
    /// By kind; the place of an id is its number of defines of that kind, the content a metric's slot.
    slots: [Vec<usize>; 3],
}

impl MetricIds {
    /// A new id for a metric, which is made if it does not exist.
    pub fn define(&mut self, metrics: &mut Metrics, kind: u32, name: &str) -> Result<u32, Status> {
        let kind = (kind <= 2).then(|| MetricKind::from_id(kind)).flatten().ok_or(Status::BadArgument)?;
        let slot = metrics.define(kind, name);
        self.slots[kind as usize].push(slot);
        Ok(self.slots[kind as usize].len() as u32 * 4 + kind as u32)
    }

    /// As [`MetricIds::define`], but a name that was defined before keeps its id.
    pub fn define_once(&mut self, metrics: &mut Metrics, kind: u32, name: &str) -> Result<u32, Status> {
        let known = (kind <= 2).then(|| MetricKind::from_id(kind)).flatten().and_then(|kind| {
            let slot = *metrics.by_name[kind as usize].get(name)?;
            let at = self.slots[kind as usize].iter().position(|known| *known == slot)?;
            Some((at as u32 + 1) * 4 + kind as u32)
        });
        known.map_or_else(|| self.define(metrics, kind, name), Ok)
    }

    /// Adds to a counter or gauge.
    pub fn increment(&self, metrics: &mut Metrics, id: u32, offset: i64) -> Result<(), Status> {
        if !matches!(MetricKind::from_id(id), Some(MetricKind::Counter | MetricKind::Gauge)) {
            return Err(Status::BadArgument);
        }
        let (kind, metric) = self.find(metrics, id)?;
        if kind == MetricKind::Counter && offset <= 0 {
            return Err(Status::BadArgument);
        }
        metric.value = metric.value.wrapping_add_signed(offset);
        Ok(())
    }

    /// Sets a gauge, adds to a counter, gives a histogram a value.
    pub fn record(&self, metrics: &mut Metrics, id: u32, value: u64) -> Result<(), Status> {
        match self.find(metrics, id)? {
            (MetricKind::Histogram, metric) => metric.samples.push(value),
            (MetricKind::Gauge, metric) => metric.value = value,
            (MetricKind::Counter, metric) => metric.value = metric.value.wrapping_add(value),
        }
        Ok(())
    }

    /// Reads a counter or gauge.
    pub fn get(&self, metrics: &mut Metrics, id: u32) -> Result<u64, Status> {
        if !matches!(MetricKind::from_id(id), Some(MetricKind::Counter | MetricKind::Gauge)) {
            return Err(Status::BadArgument);
        }
        self.find(metrics, id).map(|(_, metric)| metric.value)
    }

    /// As ngx_wasm_module does it: counters only, by any number.
    pub(crate) fn increment_ngx(&self, metrics: &mut Metrics, id: u32, offset: i64) -> Result<(), &'static str> {
        match self.find(metrics, id) {
            Ok((MetricKind::Counter, metric)) => metric.value = metric.value.wrapping_add_signed(offset),
            Ok(_) => return Err("metric not a counter"),
            Err(_) => return Err("metric not found"),
        }
        Ok(())
    }

    /// As ngx_wasm_module does it: gauges and histograms only.
    pub(crate) fn record_ngx(&self, metrics: &mut Metrics, id: u32, value: u64) -> Result<(), &'static str> {
        match self.find(metrics, id) {
            Ok((MetricKind::Counter, _)) => Err("metric is a counter"),
            Ok(_) => self.record(metrics, id, value).map_err(|_| "metric not found"),
            Err(_) => Err("metric not found"),
        }
    }

    fn find<'a>(&self, metrics: &'a mut Metrics, id: u32) -> Result<(MetricKind, &'a mut Metric), Status> {
        let kind = MetricKind::from_id(id).ok_or(Status::NotFound)?;
        let at = (id as usize / 4).checked_sub(1).ok_or(Status::NotFound)?;
        let slot = self.slots[kind as usize].get(at).ok_or(Status::NotFound)?;
        Ok((kind, metrics.slots.get_mut(*slot).ok_or(Status::NotFound)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_define_returns_a_new_id_for_the_same_metric() {
        let (mut metrics, mut worker, mut other) = (Metrics::default(), MetricIds::default(), MetricIds::default());
        assert_eq!(worker.define(&mut metrics, 0, "a"), Ok(4));
        assert_eq!(worker.define(&mut metrics, 0, "a"), Ok(8));
        assert_eq!(worker.define(&mut metrics, 1, "g"), Ok(5));
        assert_eq!(other.define(&mut metrics, 0, "a"), Ok(4));
        worker.increment(&mut metrics, 8, 2).expect("a counter");
        other.increment(&mut metrics, 4, 3).expect("the same counter");
        assert_eq!(metrics.counter("a"), Some(5));
        assert_eq!(worker.define(&mut metrics, 3, "x"), Err(Status::BadArgument));
    }

    #[test]
    fn adding_zero_to_a_counter_is_an_error_and_a_gauge_wraps() {
        let (mut metrics, mut ids) = (Metrics::default(), MetricIds::default());
        let counter = ids.define(&mut metrics, 0, "c").expect("defined");
        let gauge = ids.define(&mut metrics, 1, "g").expect("defined");
        assert_eq!(ids.increment(&mut metrics, counter, 0), Err(Status::BadArgument));
        assert_eq!(ids.increment(&mut metrics, gauge, -1), Ok(()));
        assert_eq!(metrics.gauge("g"), Some(u64::MAX));
        assert_eq!(ids.record(&mut metrics, gauge, 7), Ok(()));
        assert_eq!(ids.get(&mut metrics, gauge), Ok(7));
        assert_eq!(ids.increment(&mut metrics, 40, 1), Err(Status::NotFound));
        assert_eq!(ids.increment(&mut metrics, 42, 1), Err(Status::BadArgument), "a histogram");
        assert_eq!(ids.record(&mut metrics, 43, 1), Err(Status::NotFound), "no kind");
        assert_eq!(ids.get(&mut metrics, 43), Err(Status::BadArgument));
    }
}
