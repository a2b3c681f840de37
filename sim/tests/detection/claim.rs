//! One thing that has to hold, and the table of all.

use plimsoll_sim::statistics::{Align, Table};
use plimsoll_sim::trial::Times;
use std::collections::BTreeMap;

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

/// Which signals ejected it, and how often.
pub(crate) fn signals(times: &Times) -> String {
    let mut counts = BTreeMap::new();
    for found in times.all() {
        *counts.entry(found.signal.as_str()).or_insert(0) += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(signal, count)| format!("{signal} {count}")).collect();
    parts.join(", ")
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
