//! Exact costs: host calls by name and wasm fuel, per callback and per stream.
//!
//! Fuel counts executed wasm instructions, so it is the same on every machine and in every build of the host.

use std::collections::BTreeMap;
use std::fmt;

use super::abi::HostCall;
use super::callbacks::CallbackKind;

/// How often each host call was made.
#[derive(Clone, PartialEq, Eq)]
pub struct CallCounts([u64; HostCall::COUNT]);

impl Default for CallCounts {
    fn default() -> Self {
        Self([0; HostCall::COUNT])
    }
}

impl CallCounts {
    pub(crate) fn add(&mut self, calls: &CallLog) {
        for call in &calls.made {
            self.0[*call as usize] += calls.counts[*call as usize];
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// How often one host call was made.
    pub fn get(&self, call: HostCall) -> u64 {
        self.0[call as usize]
    }

    /// How many host calls in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that were made at all.
    pub fn iter(&self) -> impl Iterator<Item = (HostCall, u64)> {
        HostCall::ALL.iter().map(|call| (*call, self.get(*call))).filter(|(_, count)| *count > 0)
    }
}

/// The host calls of the callback under way. Adding them up costs as much as there were kinds of them.
#[derive(Debug)]
pub(crate) struct CallLog {
    counts: [u64; HostCall::COUNT],
    made: Vec<HostCall>,
}

impl Default for CallLog {
    fn default() -> Self {
        Self { counts: [0; HostCall::COUNT], made: Vec::new() }
    }
}

impl CallLog {
    pub(crate) fn count(&mut self, call: HostCall) {
        let count = &mut self.counts[call as usize];
        if *count == 0 {
            self.made.push(call);
        }
        *count += 1;
    }

    pub(crate) fn clear(&mut self) {
        for call in self.made.drain(..) {
            self.counts[call as usize] = 0;
        }
    }
}

impl fmt::Debug for CallCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(call, count)| (call.name(), count))).finish()
    }
}

/// What one kind of callback has cost so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackCost {
    /// How often it ran.
    pub calls: u64,
    /// Fuel in all.
    pub fuel: u64,
    /// Host calls made while it ran.
    pub host_calls: CallCounts,
}

/// What one stream has cost, over all its callbacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamCost {
    /// Fuel in all.
    pub fuel: u64,
    /// Host calls.
    pub host_calls: CallCounts,
}

/// What the ended streams of one plugin have cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamCosts {
    /// How many streams have ended.
    pub streams: u64,
    /// Fuel of all.
    pub fuel: u64,
    /// Fuel of the dearest.
    pub max_fuel: u64,
    /// Host calls of all.
    pub host_calls: CallCounts,
    /// Host calls of the stream that made the most.
    pub max_host_calls: u64,
}

/// What a VM, or several, have cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    callbacks: BTreeMap<CallbackKind, CallbackCost>,
    streams: BTreeMap<String, StreamCosts>,
}

impl Costs {
    pub(crate) fn add_callback(&mut self, kind: CallbackKind, fuel: u64, host_calls: &CallLog) {
        let cost = self.callbacks.entry(kind).or_default();
        cost.calls += 1;
        cost.fuel += fuel;
        cost.host_calls.add(host_calls);
    }

    pub(crate) fn add_stream(&mut self, root_id: &str, cost: &StreamCost) {
        if !self.streams.contains_key(root_id) {
            self.streams.insert(root_id.to_owned(), StreamCosts::default());
        }
        let Some(sum) = self.streams.get_mut(root_id) else { return };
        sum.streams += 1;
        sum.fuel += cost.fuel;
        sum.max_fuel = sum.max_fuel.max(cost.fuel);
        sum.host_calls.merge(&cost.host_calls);
        sum.max_host_calls = sum.max_host_calls.max(cost.host_calls.total());
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (kind, theirs) in &other.callbacks {
            let mine = self.callbacks.entry(*kind).or_default();
            mine.calls += theirs.calls;
            mine.fuel += theirs.fuel;
            mine.host_calls.merge(&theirs.host_calls);
        }
        for (root_id, theirs) in &other.streams {
            let mine = self.streams.entry(root_id.clone()).or_default();
            mine.streams += theirs.streams;
            mine.fuel += theirs.fuel;
            mine.max_fuel = mine.max_fuel.max(theirs.max_fuel);
            mine.host_calls.merge(&theirs.host_calls);
            mine.max_host_calls = mine.max_host_calls.max(theirs.max_host_calls);
        }
    }

    /// What one kind of callback has cost.
    pub fn callback(&self, kind: CallbackKind) -> CallbackCost {
        self.callbacks.get(&kind).cloned().unwrap_or_default()
    }

    /// What the ended streams of a plugin have cost.
    pub fn streams(&self, root_id: &str) -> StreamCosts {
        self.streams.get(root_id).cloned().unwrap_or_default()
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<34}{:>9}{:>14}  host calls", "callback", "calls", "fuel/call")?;
        for (kind, cost) in &self.callbacks {
            let each = cost.fuel as f64 / cost.calls.max(1) as f64;
            writeln!(f, "{:<34}{:>9}{each:>14.1}  {:?}", kind.name(), cost.calls, cost.host_calls)?;
        }
        for (root_id, cost) in &self.streams {
            let (fuel, calls) =
                (cost.fuel as f64 / cost.streams as f64, cost.host_calls.total() as f64 / cost.streams as f64);
            let (streams, most, dearest) = (cost.streams, cost.max_host_calls, cost.max_fuel);
            writeln!(
                f,
                "{root_id}: {streams} streams, host calls {calls:.2} each, at most {most}; fuel {fuel:.1}, at most {dearest}"
            )?;
        }
        Ok(())
    }
}
