//! The history of the pools, in shared data. What is in it and how it is made is told by
//! [`plimsoll_snapshot::history::record`]; here is what this worker knows of its pools, and the host.

use crate::host;
use crate::shared;
use crate::tick::STALE_TICKS;
use core::time::Duration;
use plimsoll_engine::{Pool, Sample, Time, middle_us, score};
use plimsoll_snapshot::history::draft::{Draft, Level};
use plimsoll_snapshot::history::record::{Store, Subject};
use plimsoll_snapshot::history::{Identity, Point};
use plimsoll_snapshot::merge::MergedPool;
use plimsoll_snapshot::registry::Member;

/// Endpoints of a pool that have a history of their own, as many as have metrics.
const MAX_ENDPOINTS: usize = 50;
/// Endpoints of all pools that have one: at up to 14 KB for each in shared data.
const MAX_ENDPOINTS_OF_ALL: usize = 1000;

/// The host's shared data.
pub(crate) struct SharedData;

impl Store for SharedData {
    fn read(&self, key: &str) -> Option<Vec<u8>> {
        host::shared_data(key, <[u8]>::to_vec).ok().map(|(bytes, _)| bytes)
    }

    fn write(&self, key: &str, record: &[u8]) {
        shared::overwrite(key, record);
    }
}

/// Makes the point of the second that has passed, unless it is there. `recorded` spares the question on other ticks.
pub(crate) fn record(pool: &Pool, recorded: &mut Option<u64>, members: &[Member], now: Time, pace: Duration) {
    let now_ms = now.as_millis();
    let index = Subject::index(now_ms);
    if *recorded == index {
        return;
    }
    *recorded = index;
    let pools = crate::vm::with(|vm| vm.slots.len()).unwrap_or(1);
    let subject = Subject {
        pool: &pool.config().name,
        keys: &pool.keys().collect::<Vec<_>>(),
        apart: MAX_ENDPOINTS_OF_ALL.checked_div(pools).unwrap_or(MAX_ENDPOINTS).clamp(1, MAX_ENDPOINTS),
        members,
        now_ms,
        stale_ms: (pace.as_millis() as u64).saturating_mul(STALE_TICKS),
    };
    subject.record(&SharedData, &mut |draft, merged| complete(pool, draft, merged));
}

fn complete<'a>(pool: &'a Pool, mut draft: Draft<'a>, merged: &MergedPool) -> Point<'a> {
    let samples: Vec<Sample> = merged.endpoints.iter().map(|merged| Sample::from(&merged.counts)).collect();
    let middle = middle_us(&samples);
    for ((view, sample), merged) in pool.view().zip(&samples).zip(&merged.endpoints) {
        let score = score(sample, middle, pool.config().minimum_samples);
        let level = Level {
            identity: Identity { id: &view.config.id, address: &view.config.address },
            weight: view.config.weight,
            score,
            status: view.stage.status(view.circuit, score),
            circuit: view.circuit,
        };
        draft.endpoint(&level, merged);
    }
    draft.finish(merged.sketch.as_ref(), pool.eligible(), pool.panics())
}
