//! The metrics registry: values by name, common to all VMs, and the ids each VM holds on them.
//!
//! As in Envoy, each define returns a new id for the same metric, the kind stands in an id's two lowest bits and ids
//! step by 4. Gauges wrap below zero. Adding 0 or less to a counter is an error.

use std::collections::BTreeMap;

use super::Status;

/// What a metric can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// Values by name.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    values: BTreeMap<(MetricKind, String), u64>,
    samples: BTreeMap<String, Vec<u64>>,
}

impl Metrics {
    /// A counter's value.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.values.get(&(MetricKind::Counter, name.to_owned())).copied()
    }

    /// A gauge's value.
    pub fn gauge(&self, name: &str) -> Option<u64> {
        self.values.get(&(MetricKind::Gauge, name.to_owned())).copied()
    }

    /// What a histogram was given, in order.
    pub fn histogram(&self, name: &str) -> Option<&[u64]> {
        self.samples.get(name).map(Vec::as_slice)
    }

    /// Names of all metrics.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(|(_, name)| name.as_str()).chain(self.samples.keys().map(String::as_str))
    }
}

/// The ids of one VM.
#[derive(Clone, Debug, Default)]
pub struct MetricIds {
    names: BTreeMap<u32, String>,
    defined: [u32; 3],
}

impl MetricIds {
    /// A new id for a metric, which is made if it does not exist.
    pub fn define(&mut self, metrics: &mut Metrics, kind: u32, name: &str) -> Result<u32, Status> {
        let kind = (kind <= 2).then(|| MetricKind::from_id(kind)).flatten().ok_or(Status::BadArgument)?;
        match kind {
            MetricKind::Histogram => drop(metrics.samples.entry(name.to_owned()).or_default()),
            _ => drop(metrics.values.entry((kind, name.to_owned())).or_insert(0)),
        }
        let step = &mut self.defined[kind as usize];
        *step += 1;
        let id = *step * 4 + kind as u32;
        self.names.insert(id, name.to_owned());
        Ok(id)
    }

    /// Adds to a counter or gauge.
    pub fn increment(&self, metrics: &mut Metrics, id: u32, offset: i64) -> Result<(), Status> {
        match self.find(id)? {
            (MetricKind::Counter, _) if offset <= 0 => Err(Status::BadArgument),
            (MetricKind::Histogram, _) => Err(Status::BadArgument),
            (kind, name) => {
                let value = metrics.values.entry((kind, name.to_owned())).or_insert(0);
                *value = value.wrapping_add_signed(offset);
                Ok(())
            }
        }
    }

    /// Sets a gauge, adds to a counter, gives a histogram a value.
    pub fn record(&self, metrics: &mut Metrics, id: u32, value: u64) -> Result<(), Status> {
        let (kind, name) = self.find(id)?;
        match kind {
            MetricKind::Histogram => metrics.samples.entry(name.to_owned()).or_default().push(value),
            MetricKind::Gauge => drop(metrics.values.insert((kind, name.to_owned()), value)),
            MetricKind::Counter => {
                let counter = metrics.values.entry((kind, name.to_owned())).or_insert(0);
                *counter = counter.wrapping_add(value);
            }
        }
        Ok(())
    }

    /// Reads a counter or gauge.
    pub fn get(&self, metrics: &Metrics, id: u32) -> Result<u64, Status> {
        match self.find(id)? {
            (MetricKind::Histogram, _) => Err(Status::BadArgument),
            (kind, name) => metrics.values.get(&(kind, name.to_owned())).copied().ok_or(Status::NotFound),
        }
    }

    fn find(&self, id: u32) -> Result<(MetricKind, &str), Status> {
        let kind = MetricKind::from_id(id).ok_or(Status::BadArgument)?;
        let name = self.names.get(&id).ok_or(Status::NotFound)?;
        Ok((kind, name))
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
        assert_eq!(ids.get(&metrics, gauge), Ok(7));
        assert_eq!(ids.increment(&mut metrics, 40, 1), Err(Status::NotFound));
    }
}
