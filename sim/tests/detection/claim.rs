//! One thing that has to hold, and the table of all.

use plimsoll_sim::statistics::{Align, Table, quantile};
use plimsoll_sim::trial::Found;
use std::collections::BTreeMap;
use std::time::Duration;

/// Something that has to hold, or that is only told.
pub(crate) struct Claim {
    pub(crate) name: String,
    /// Empty: nothing in particular.
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) seeds: u64,
    /// `None`: it is only told.
    pub(crate) holds: Option<bool>,
    /// Why the expectation is what it is; of a failure, the seed to play it again.
    pub(crate) note: String,
}

impl Claim {
    /// A figure that is told and not judged.
    pub(crate) fn told(name: impl Into<String>, got: impl Into<String>, seeds: u64) -> Self {
        let (name, got) = (name.into(), got.into());
        Self { name, expected: String::new(), got, seeds, holds: None, note: String::new() }
    }

    /// How often something happened that should happen at most this often under each seed.
    pub(crate) fn counted(name: impl Into<String>, most: usize, counts: &[(u64, usize)], note: &str) -> Self {
        let sum: usize = counts.iter().map(|(_, count)| count).sum();
        let worst = counts.iter().max_by_key(|(_, count)| *count).copied().unwrap_or_default();
        let holds = worst.1 <= most;
        let expected = if most == 0 { "none".to_owned() } else { format!("≤ {most}") };
        let got = if most == 0 { sum.to_string() } else { format!("≤ {}", worst.1) };
        let note = if holds { note.to_owned() } else { format!("{} with seed {}", worst.1, worst.0) };
        Self { name: name.into(), expected, got, seeds: counts.len() as u64, holds: Some(holds), note }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.holds == Some(false)
    }
}

/// What was found by seed, the soonest first, never last.
pub(crate) struct Times(Vec<Found>);

impl Times {
    pub(crate) fn new(mut times: Vec<Found>) -> Self {
        times.sort_by_key(|found| (found.after.is_none(), found.after, found.seed));
        Self(times)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The nearest rank in seconds; infinite for never.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let times: Vec<Option<Duration>> = self.0.iter().map(|found| found.after).collect();
        quantile(&times, q).flatten().map_or(f64::INFINITY, |time| time.as_secs_f64())
    }

    /// The same from the first attempt that met the fault: nobody can know before.
    pub(crate) fn quantile_since_met(&self, q: f64) -> f64 {
        let time = |found: &Found| found.after.map_or(f64::INFINITY, |after| (after - found.met).as_secs_f64());
        let mut times: Vec<f64> = self.0.iter().map(time).collect();
        times.sort_by(f64::total_cmp);
        quantile(&times, q).unwrap_or(f64::INFINITY)
    }

    /// Half of the interval that holds the true median with a probability of 95 %: by ranks, whatever the distribution,
    /// n / 2 ± .98 √n.
    pub(crate) fn median_error(&self) -> f64 {
        let half = 0.98 / (self.0.len() as f64).sqrt();
        (self.quantile(0.5 + half) - self.quantile(0.5 - half)) / 2.0
    }

    pub(crate) fn slowest(&self) -> u64 {
        self.0.last().map_or(0, |found| found.seed)
    }

    /// By seed: ejections of others, or before the fault.
    pub(crate) fn wrong(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        self.0.iter().map(|found| (found.seed, found.wrong))
    }

    /// Which signals ejected it, and how often.
    pub(crate) fn signals(&self) -> String {
        let mut counts = BTreeMap::new();
        for found in &self.0 {
            *counts.entry(found.signal.as_str()).or_insert(0) += 1;
        }
        let parts: Vec<String> = counts.iter().map(|(signal, count)| format!("{signal} {count}")).collect();
        parts.join(", ")
    }
}

/// Seconds, or never.
pub(crate) fn seconds(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "never".to_owned() }
}

/// All claims, one a row.
pub(crate) fn table(claims: &[Claim]) -> String {
    use Align::{Left, Right};
    let columns =
        [("what", Left), ("expected", Left), ("got", Left), ("seeds", Right), ("verdict", Left), ("note", Left)];
    let mut table = Table::new(&columns);
    for claim in claims {
        let verdict = match claim.holds {
            Some(true) => "ok",
            Some(false) => "WRONG",
            None => "",
        };
        table.push([
            claim.name.clone(),
            claim.expected.clone(),
            claim.got.clone(),
            claim.seeds.to_string(),
            verdict.to_owned(),
            claim.note.clone(),
        ]);
    }
    table.plain()
}
