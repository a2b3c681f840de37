//! What all VMs of one proxy share besides time: shared data, queues and metrics.
//!
//! Shared data is one map per `vm_id` (in nginx one for all), without listing. How compare-and-swap treats 0 and missing
//! keys, and whether keys vanish when memory runs short, differs between hosts and is set by the [`Profile`]: a guest
//! has to be right under all.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::metrics::Metrics;
use super::{Profile, Status};

/// How `proxy_set_shared_data` treats its compare-and-swap number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cas {
    /// 0 writes unconditionally; a non-zero number on a missing key inserts. Numbers are common to all keys.
    #[default]
    Envoy,
    /// As in ngx_wasm_module: 0 writes only where there is no key, another number only where it matches one. Each key
    /// counts its own writes, from 1.
    Strict,
}

/// How much shared data a host holds. Beyond it, what was used least recently goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// Bytes of all keys and values.
    pub bytes: usize,
    /// How many keys.
    pub keys: usize,
}

/// Who is told that a queue has something: the last that registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOwner {
    /// Name of the VM.
    pub vm: String,
    /// Its root context.
    pub root: u32,
    /// The queue.
    pub queue: u32,
}

#[derive(Debug)]
struct Queue {
    owner: QueueOwner,
    items: VecDeque<Vec<u8>>,
}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    cas: u32,
    /// When it was used last, counted in uses of the store.
    used: u64,
}

/// Shared data, queues and metrics of one proxy.
#[derive(Debug)]
pub struct SharedStore {
    profile: Profile,
    next_cas: u32,
    data: HashMap<String, BTreeMap<Vec<u8>, Entry>>,
    /// By time of last use, if keys can be evicted.
    oldest: BTreeMap<u64, (String, Vec<u8>)>,
    uses: u64,
    bytes: usize,
    evicted: u64,
    queue_ids: HashMap<String, HashMap<Vec<u8>, u32>>,
    queues: Vec<Queue>,
    ready: Vec<QueueOwner>,
    /// Counters and gauges, common to all VMs.
    pub metrics: Metrics,
}

impl SharedStore {
    /// An empty store of a host.
    pub fn new(profile: impl Into<Profile>) -> Self {
        Self {
            profile: profile.into(),
            next_cas: 1,
            data: HashMap::new(),
            oldest: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            evicted: 0,
            queue_ids: HashMap::new(),
            queues: Vec::new(),
            ready: Vec::new(),
            metrics: Metrics::default(),
        }
    }

    /// ngx_wasm_module's zones are chosen by a prefix of the key, whatever the VM.
    fn scope<'a>(&self, vm_id: &'a str) -> &'a str {
        if self.profile.is_ngx() { "" } else { vm_id }
    }

    /// Value and compare-and-swap number of a key, for assertions: it does not count as a use.
    pub fn get(&self, vm_id: &str, key: &[u8]) -> Option<(&[u8], u32)> {
        let entry = self.data.get(self.scope(vm_id))?.get(key)?;
        Some((&entry.value, entry.cas))
    }

    /// As [`SharedStore::get`], as a guest does it: the key is young again.
    pub fn read(&mut self, vm_id: &str, key: &[u8]) -> Option<(&[u8], u32)> {
        let scope = self.scope(vm_id);
        let entry = self.data.get_mut(scope)?.get_mut(key)?;
        if self.profile.eviction.is_some() {
            self.uses += 1;
            if let Some(slot) = self.oldest.remove(&entry.used) {
                self.oldest.insert(self.uses, slot);
            }
            entry.used = self.uses;
        }
        Some((&entry.value, entry.cas))
    }

    /// Writes a key under the rules of [`Cas`]. What no longer fits makes room; a value that does not fit at all is an
    /// internal failure.
    pub fn set(&mut self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let scope = self.scope(vm_id);
        let found = self.data.get(scope).and_then(|data| data.get(key)).map(|entry| entry.cas);
        if !self.allows(found, cas) {
            return Err(Status::CasMismatch);
        }
        if let Some(eviction) = self.profile.eviction {
            self.forget(scope, key);
            let size = key.len().saturating_add(value.len());
            if size > eviction.bytes || eviction.keys == 0 {
                return Err(Status::InternalFailure);
            }
            while self.bytes + size > eviction.bytes || self.oldest.len() >= eviction.keys {
                self.evict_oldest();
            }
            self.bytes += size;
            self.uses += 1;
            self.oldest.insert(self.uses, (scope.to_owned(), key.to_vec()));
        }
        let number = match self.profile.cas {
            Cas::Envoy => self.next_cas,
            Cas::Strict => found.unwrap_or(0).wrapping_add(1),
        };
        self.next_cas = self.next_cas.checked_add(1).unwrap_or(1);
        let used = self.uses;
        let data = match self.data.get_mut(scope) {
            Some(data) => data,
            None => self.data.entry(scope.to_owned()).or_default(),
        };
        match data.get_mut(key) {
            Some(entry) => {
                entry.value.clear();
                entry.value.extend_from_slice(value);
                (entry.cas, entry.used) = (number, used);
            }
            None => drop(data.insert(key.to_vec(), Entry { value: value.to_vec(), cas: number, used })),
        }
        Ok(())
    }

    /// Takes a key away, as nginx does for a write without a value. Envoy has no host call for it.
    pub fn delete(&mut self, vm_id: &str, key: &[u8], cas: u32) -> Result<(), Status> {
        let found = self.get(vm_id, key).map(|(_, current)| current);
        if found != Some(cas) {
            return Err(Status::CasMismatch);
        }
        let scope = self.scope(vm_id);
        self.forget(scope, key);
        Ok(())
    }

    fn allows(&self, found: Option<u32>, cas: u32) -> bool {
        match (self.profile.cas, found) {
            (Cas::Envoy, None) => true,
            (Cas::Envoy, Some(current)) => cas == 0 || cas == current,
            (Cas::Strict, found) => cas == found.unwrap_or(0),
        }
    }

    fn forget(&mut self, scope: &str, key: &[u8]) {
        let gone = self.data.get_mut(scope).and_then(|data| data.remove(key));
        if let Some(entry) = gone
            && self.oldest.remove(&entry.used).is_some()
        {
            self.bytes -= key.len() + entry.value.len();
        }
    }

    fn evict_oldest(&mut self) {
        if let Some((_, (scope, key))) = self.oldest.first_key_value().map(|(used, slot)| (*used, slot.clone())) {
            self.evicted += 1;
            self.forget(&scope, &key);
        }
    }

    /// How many keys made room for others so far.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Every key of `vm_id` with its value, for assertions.
    pub fn keys<'a>(&'a self, vm_id: &str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let of_vm = self.data.get(self.scope(vm_id)).into_iter().flatten();
        of_vm.map(|(key, entry)| (key.as_slice(), entry.value.as_slice()))
    }

    /// Registers a queue, or takes over the notifications of one that exists.
    pub fn register_queue(&mut self, vm_id: &str, name: &[u8], vm: &str, root: u32) -> u32 {
        let id = self.resolve_queue(vm_id, name).unwrap_or(self.queues.len() as u32 + 1);
        let owner = QueueOwner { vm: vm.to_owned(), root, queue: id };
        match self.queues.get_mut(id as usize - 1) {
            Some(queue) => queue.owner = owner,
            None => {
                self.queue_ids.entry(vm_id.to_owned()).or_default().insert(name.to_vec(), id);
                self.queues.push(Queue { owner, items: VecDeque::new() });
            }
        }
        id
    }

    /// Finds a queue by name.
    pub fn resolve_queue(&self, vm_id: &str, name: &[u8]) -> Option<u32> {
        self.queue_ids.get(vm_id)?.get(name).copied()
    }

    /// Appends to a queue and notes that its owner is to be told.
    pub fn enqueue(&mut self, id: u32, item: &[u8]) -> Result<(), Status> {
        let queue = self.queue(id)?;
        queue.items.push_back(item.to_vec());
        let owner = queue.owner.clone();
        self.ready.push(owner);
        Ok(())
    }

    /// Takes the oldest item.
    pub fn dequeue(&mut self, id: u32) -> Result<Vec<u8>, Status> {
        self.queue(id)?.items.pop_front().ok_or(Status::Empty)
    }

    /// How many items wait in a queue.
    pub fn queue_len(&self, id: u32) -> usize {
        let queue = (id as usize).checked_sub(1).and_then(|at| self.queues.get(at));
        queue.map_or(0, |queue| queue.items.len())
    }

    /// Owners that wait for `proxy_on_queue_ready`.
    pub fn take_ready(&mut self) -> Vec<QueueOwner> {
        std::mem::take(&mut self.ready)
    }

    fn queue(&mut self, id: u32) -> Result<&mut Queue, Status> {
        let at = id.checked_sub(1).ok_or(Status::NotFound)?;
        self.queues.get_mut(at as usize).ok_or(Status::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoy_writes_with_zero_and_inserts_with_any_number() {
        let mut store = SharedStore::new(Cas::Envoy);
        assert_eq!(store.set("v", b"k", b"1", 77), Ok(()));
        assert_eq!(store.set("v", b"k", b"2", 0), Ok(()));
        let (value, cas) = store.get("v", b"k").expect("written");
        assert_eq!((value, cas), (&b"2"[..], 2));
        assert_eq!(store.set("v", b"k", b"3", 1), Err(Status::CasMismatch));
        assert_eq!(store.set("v", b"k", b"3", 2), Ok(()));
        assert!(store.get("other", b"k").is_none());
    }

    #[test]
    fn strict_inserts_with_zero_only_and_swaps_with_the_number_only() {
        let mut store = SharedStore::new(Cas::Strict);
        assert_eq!(store.set("v", b"k", b"1", 77), Err(Status::CasMismatch));
        assert_eq!(store.set("v", b"k", b"1", 0), Ok(()));
        assert_eq!(store.set("v", b"k", b"2", 0), Err(Status::CasMismatch));
        assert_eq!(store.set("v", b"k", b"2", 1), Ok(()));
        assert_eq!(store.get("v", b"k"), Some((&b"2"[..], 2)));
    }

    #[test]
    fn the_key_used_least_recently_makes_room() {
        let profile = Profile::envoy().evicting(Eviction { bytes: 100, keys: 2 });
        let mut store = SharedStore::new(profile);
        for key in [b"a", b"b"] {
            store.set("v", key, b"1", 0).expect("fits");
        }
        store.read("v", b"a").expect("there");
        store.get("v", b"b").expect("looking does not count");
        store.set("v", b"c", b"2", 0).expect("makes room");
        assert_eq!(store.keys("v").map(|(key, _)| key).collect::<Vec<_>>(), [b"a", b"c"]);
        store.set("v", b"d", &[7; 98], 0).expect("needs nearly all bytes");
        assert_eq!((store.keys("v").count(), store.evicted()), (1, 3));
        assert_eq!(store.set("v", b"d", &[7; 100], 0), Err(Status::InternalFailure));
        assert!(store.get("v", b"d").is_none(), "its own room was made first");
    }

    #[test]
    fn nginx_has_one_map_for_all_and_deletes() {
        let mut store = SharedStore::new(Profile::ngx_wasm());
        store.set("v", b"k", b"1", 0).expect("inserts");
        store.set("w", b"k", b"2", 1).expect("the same key");
        assert_eq!(store.get("v", b"k"), Some((&b"2"[..], 2)));
        assert_eq!(store.delete("v", b"k", 1), Err(Status::CasMismatch));
        assert_eq!(store.delete("v", b"k", 2), Ok(()));
        assert_eq!(store.delete("v", b"k", 2), Err(Status::CasMismatch));
        assert_eq!(store.set("v", b"k", b"3", 0), Ok(()));
        assert_eq!(store.get("v", b"k"), Some((&b"3"[..], 1)), "a new key counts from 1");
    }

    #[test]
    fn the_last_registrant_owns_a_queue() {
        let mut store = SharedStore::new(Cas::Envoy);
        let id = store.register_queue("v", b"q", "worker-0", 1);
        assert_eq!(store.register_queue("v", b"q", "worker-1", 2), id);
        assert_eq!(store.enqueue(id, b"x"), Ok(()));
        assert_eq!(store.take_ready(), [QueueOwner { vm: "worker-1".into(), root: 2, queue: id }]);
        assert_eq!(store.dequeue(id), Ok(b"x".to_vec()));
        assert_eq!(store.dequeue(id), Err(Status::Empty));
        assert_eq!(store.dequeue(0), Err(Status::NotFound));
    }
}
