//! When circuits open and close: of endpoints, and of a pool as a whole.

use super::node::{Node, Object};
use core::time::Duration;
use plimsoll_engine::detect::{Call, Counts, Limits, WindowKind};
use plimsoll_engine::{CircuitConfig, CircuitMode, Forced, PoolCircuitConfig, RateConfig, WhenOpen};

/// Keys of rates.
const RATES: [&str; 5] = ["failure_rate_percent", "slow_rate_percent", SLOW, "minimum_calls", "window"];
const SLOW: &str = "slow_call_duration";
/// Keys that every circuit has.
const TIMES: [&str; 6] = ["mode", "open_for", "open_for_max", "backoff", "half_open_permits", "half_open_max"];
pub(super) const MODES: [(&str, CircuitMode); 2] =
    [("enforce", CircuitMode::Enforce), ("metrics_only", CircuitMode::MetricsOnly)];
pub(super) const FORCED: [(&str, Forced); 3] =
    [("auto", Forced::Auto), ("forced_open", Forced::Open), ("disabled", Forced::Disabled)];
pub(super) const WHEN_OPEN: [(&str, WhenOpen); 2] = [("refuse", WhenOpen::Refuse), ("pass", WhenOpen::Pass)];
/// Of all endpoints of a pool together.
const MOST_WINDOWS_MIB: u64 = 64;
const LONGEST: Duration = Duration::from_secs(3600);

/// Sets of values that go together; single keys beside `preset` replace those of the set.
#[derive(Clone, Copy)]
enum Preset {
    /// The defaults.
    Adaptive,
    /// Half of the last 100 calls failed, or all took longer than 2 s, 10 at least; 10 s open, 3 probes.
    Rates,
    /// 5 failures in a row, 60 s open, 3 probes.
    Patient,
    /// 10 failures in a row, 30 s open, 3 probes.
    Tolerant,
}

const PRESETS: [(&str, Preset); 4] = [
    ("adaptive", Preset::Adaptive),
    ("rates", Preset::Rates),
    ("patient", Preset::Patient),
    ("tolerant", Preset::Tolerant),
];

impl Preset {
    fn values(self) -> CircuitConfig {
        let classic = |consecutive_failures, seconds| CircuitConfig {
            consecutive_failures,
            outliers: false,
            relative: false,
            backoff: 1.0,
            open_for: Duration::from_secs(seconds),
            ..CircuitConfig::default()
        };
        let slow_above = Some(Duration::from_secs(2));
        match self {
            Self::Adaptive => CircuitConfig::default(),
            Self::Rates => {
                CircuitConfig { rates: Some(RateConfig { slow_above, ..RateConfig::default() }), ..classic(0, 10) }
            }
            Self::Patient => classic(5, 60),
            Self::Tolerant => classic(10, 30),
        }
    }
}

/// The circuits of a pool's endpoints.
pub(super) fn of_endpoints(node: &Node) -> Result<CircuitConfig, String> {
    let keys = ["preset", "consecutive_failures", "outliers", "relative"];
    let circuit = node.object(&[&keys[..], &RATES, &TIMES].concat())?;
    let preset = circuit.or("preset", Preset::Adaptive, |node| node.choice(&PRESETS))?;
    let defaults = preset.values();
    let accepted = CircuitConfig {
        consecutive_failures: circuit.whole_or("consecutive_failures", defaults.consecutive_failures, 0..=1000)?,
        outliers: circuit.flag_or("outliers", defaults.outliers)?,
        relative: circuit.flag_or("relative", defaults.relative)?,
        ..defaults
    };
    times(&circuit, rates(&circuit, accepted)?)
}

/// Whether the windows of so many endpoints fit into a worker's memory.
pub(super) fn fits(pool: &Object, circuit: &CircuitConfig, endpoints: usize) -> Result<(), String> {
    let each = match circuit.rates.map(|rates| rates.window) {
        None => return Ok(()),
        Some(WindowKind::Calls(calls)) => (size_of::<Call>() as u64).saturating_mul(u64::from(calls)),
        Some(WindowKind::Seconds(seconds)) => (size_of::<Counts>() as u64).saturating_mul(u64::from(seconds)),
    };
    let mebibytes = each.saturating_mul(endpoints as u64) >> 20;
    if mebibytes <= MOST_WINDOWS_MIB {
        return Ok(());
    }
    let at = pool.at("circuit.window");
    Err(format!("{at}: windows of {endpoints} endpoints take {mebibytes} MiB, allowed are {MOST_WINDOWS_MIB}"))
}

/// The circuit of a pool whose endpoints have these.
pub(super) fn of_pool(node: &Node, endpoints: &CircuitConfig) -> Result<Option<PoolCircuitConfig>, String> {
    let object = node.object(&[&["when_open"][..], &RATES, &TIMES].concat())?;
    let defaults = PoolCircuitConfig::default();
    let circuit = rates(&object, defaults.circuit)?;
    let limit = |circuit: &CircuitConfig| circuit.rates.and_then(|rates| rates.slow_above);
    if let (Some(own), Some(theirs)) = (limit(&circuit), limit(endpoints))
        && own != theirs
    {
        let why = "is not circuit.slow_call_duration, and a pool has one limit";
        return Err(object.get(SLOW).map_or_else(|| why.to_owned(), |node| node.error(why)));
    }
    Ok(Some(PoolCircuitConfig {
        when_open: object.or("when_open", defaults.when_open, |node| node.choice(&WHEN_OPEN))?,
        circuit: times(&object, circuit)?,
    }))
}

/// Rates, if any key of theirs is there or the preset has them.
fn rates(circuit: &Object, defaults: CircuitConfig) -> Result<CircuitConfig, String> {
    if defaults.rates.is_none() && !RATES.iter().any(|key| circuit.get(key).is_some()) {
        return Ok(defaults);
    }
    let usual = defaults.rates.unwrap_or_default();
    let percent = |key, default| circuit.whole_or(key, default, 1..=100);
    let rates = RateConfig {
        limits: Limits {
            failure_percent: percent("failure_rate_percent", usual.limits.failure_percent)?,
            slow_percent: percent("slow_rate_percent", usual.limits.slow_percent)?,
        },
        slow_above: circuit
            .or(SLOW, usual.slow_above, |node| node.duration(Duration::from_millis(1)..=LONGEST).map(Some))?,
        minimum_calls: circuit.whole_or("minimum_calls", usual.minimum_calls, 1..=1_000_000)?,
        window: circuit.or("window", usual.window, window)?,
    };
    Ok(CircuitConfig { rates: Some(rates), ..defaults })
}

/// A number of calls, or a time in whole seconds.
fn window(node: &Node) -> Result<WindowKind, String> {
    if !node.is_text() {
        return node.whole(1..=10_000).map(WindowKind::Calls);
    }
    let time = node.duration(Duration::from_secs(1)..=LONGEST)?;
    if time.subsec_nanos() > 0 {
        return Err(node.error("is not a whole number of seconds"));
    }
    Ok(WindowKind::Seconds(time.as_secs() as u32))
}

fn times(circuit: &Object, defaults: CircuitConfig) -> Result<CircuitConfig, String> {
    let time = Duration::from_millis(100)..=LONGEST;
    let open_for = circuit.duration_or("open_for", defaults.open_for, time.clone())?;
    let longer = open_for..=Duration::from_secs(86_400);
    Ok(CircuitConfig {
        mode: circuit.or("mode", defaults.mode, |node| node.choice(&MODES))?,
        open_for,
        open_for_max: circuit.duration_or("open_for_max", defaults.open_for_max.max(open_for), longer)?,
        backoff: circuit.or("backoff", defaults.backoff, |node| node.number(1.0..=10.0))?,
        half_open_permits: circuit.whole_or("half_open_permits", defaults.half_open_permits, 1..=100)?,
        half_open_max: circuit.duration_or("half_open_max", defaults.half_open_max, time)?,
        ..defaults
    })
}
