//! Shared data: the keys, and writing under hosts that disagree about compare-and-swap.
//!
//! On Envoy, 0 means "write whatever is there", and a number for a missing key inserts; on stricter hosts, 0 means "only
//! if there is nothing", and a number for a missing key fails. So a key is created with 0 when a read did not find it,
//! changed only with the number of a read, and overwritten without regard ([`overwrite`]) only by its one writer.
//! Should two VMs create the same record at once, the later one wins; the other one's change is not in it, and whoever
//! wanted it asks for it again on the next tick.

use crate::broken;
use crate::host::{self, Failure};
use plimsoll_engine::Rng;
use plimsoll_snapshot::Malformed;
use plimsoll_snapshot::cell::Cell;
use plimsoll_snapshot::circuits::Circuits;
use plimsoll_snapshot::events::EventLog;
use plimsoll_snapshot::registry::{Member, Registry};

pub use plimsoll_snapshot::keys::{cell_key, circuits_key, sketch_key};

/// The list of workers.
pub const WORKERS: &str = "plimsoll/1/workers";
/// The log of transitions.
pub const EVENTS: &str = "plimsoll/1/events";
const COUNTER: &str = "plimsoll/1/counter";

/// How often a change is tried again when others are faster. With 16 workers that all want one at once, the last
/// succeeds at the 16th; who fails waits for the next tick.
const TRIES: usize = 16;
/// A worker that has not published for this long is dead: its number is free.
const DEAD_AFTER_MS: u64 = 60_000;

/// This VM among the workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worker {
    /// Tells this VM from all others of this proxy; 0 until it is drawn.
    pub nonce: u64,
    /// Number in the registry, once registered.
    pub number: Option<u32>,
}

/// Reads a record; `None` if there is none, or none that this version can read.
pub fn read<T>(key: &str, decode: impl FnOnce(&[u8]) -> Result<T, Malformed>) -> Option<T> {
    host::shared_data(key, decode).ok().and_then(|(record, _)| record.ok())
}

/// Writes a record of which this VM is the only writer.
pub fn overwrite(key: &str, bytes: &[u8]) {
    if host::set_shared_data(key, bytes, 0) == Err(Failure::CasMismatch)
        && !broken::CAS
        && let Ok(((), cas)) = host::shared_data(key, |_| ())
    {
        let _ = host::set_shared_data(key, bytes, cas);
    }
}

/// Changes a record that others change too. `change` gets what is there and returns what should be; `None`: leave it.
/// Returns what is there afterwards; an error if others were faster every time, or the host refused.
///
/// # Errors
/// The host's failure; [`Failure::CasMismatch`] if others were faster every time.
pub fn update<T: Default>(
    key: &str,
    decode: impl Fn(&[u8]) -> Result<T, Malformed>,
    encode: impl Fn(&T) -> Vec<u8>,
    mut change: impl FnMut(&T) -> Option<T>,
) -> Result<T, Failure> {
    let mut record = None;
    let mut of_bytes = |bytes: &[u8]| {
        let before = decode(bytes).unwrap_or_default();
        let changed = change(&before);
        let written = changed.as_ref().map(&encode);
        record = Some(changed.unwrap_or(before));
        written
    };
    update_bytes(key, &|| encode(&T::default()), &mut of_bytes)?;
    Ok(record.unwrap_or_default())
}

/// Apart, so that there is one copy of it.
fn update_bytes(
    key: &str,
    empty: &dyn Fn() -> Vec<u8>,
    change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let (before, cas) = match host::shared_data(key, <[u8]>::to_vec) {
            Ok(read) => read,
            Err(Failure::NotFound) => match host::set_shared_data(key, &empty(), 0) {
                Ok(()) | Err(Failure::CasMismatch) => continue,
                Err(failure) => return Err(failure),
            },
            Err(failure) => return Err(failure),
        };
        let Some(changed) = change(&before) else { return Ok(()) };
        match host::set_shared_data(key, &changed, broken::cas(key, cas)) {
            Ok(()) => return Ok(()),
            Err(Failure::CasMismatch | Failure::NotFound) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::CasMismatch)
}

/// Creates the shared records before there is traffic: the main thread configures first, so that workers find them and
/// need not create them at the same time. Draws this VM's nonce and seeds its dice.
pub fn prepare(pools: &[String]) {
    ensure(WORKERS, &Registry::default().encode());
    ensure(EVENTS, &EventLog::default().encode());
    for pool in pools {
        ensure(&circuits_key(pool), &Circuits::default().encode());
    }
    if crate::vm::with(|vm| vm.worker.nonce != 0) == Some(false) {
        // The count makes it unique within this proxy, the time unique among proxies and restarts.
        let drawn = update(
            COUNTER,
            decode_counter,
            |count| count.0.to_le_bytes().to_vec(),
            |count| Some(Counter(count.0.wrapping_add(1))),
        );
        let mut rng = Rng::new(host::now() ^ drawn.unwrap_or_default().0.rotate_left(40));
        crate::vm::with(|vm| {
            vm.worker.nonce = rng.next_u64().max(1);
            vm.rng = rng;
        });
    }
}

#[derive(Clone, Copy, Default)]
struct Counter(u64);

fn decode_counter(bytes: &[u8]) -> Result<Counter, Malformed> {
    bytes.try_into().map(|bytes| Counter(u64::from_le_bytes(bytes))).map_err(|_| Malformed)
}

fn ensure(key: &str, empty: &[u8]) {
    if host::shared_data(key, |_| ()) == Err(Failure::NotFound) {
        let _ = host::set_shared_data(key, empty, 0);
    }
}

/// The registry with this worker in it, joining where needed, and with `sweep` without those that are dead; `None` if
/// the host has no working shared data.
#[must_use]
pub fn register(nonce: u64, pools: &[String], now_ms: u64, sweep: bool) -> Option<(Registry, u32)> {
    let registry = update(WORKERS, Registry::decode, Registry::encode, |registry| {
        if registry.number_of(nonce).is_some() && !sweep {
            return None;
        }
        let mut joined = registry.clone();
        let alive = |member: &Member| member.nonce == nonce || is_alive(member.worker, member.nonce, pools, now_ms);
        joined.members.retain(alive);
        joined.join(nonce);
        (joined != *registry).then_some(joined)
    });
    let registry = registry.ok()?;
    let number = registry.number_of(nonce)?;
    Some((registry, number))
}

/// Whether a registered worker has published lately. One that has not published at all may just have joined: its
/// number is not taken from it.
fn is_alive(worker: u32, nonce: u64, pools: &[String], now_ms: u64) -> bool {
    let mut cells = pools.iter().filter_map(|pool| read(&cell_key(worker, pool), Cell::decode)).peekable();
    cells.peek().is_none() || cells.any(|cell| cell.nonce != nonce || now_ms.saturating_sub(cell.at_ms) < DEAD_AFTER_MS)
}
