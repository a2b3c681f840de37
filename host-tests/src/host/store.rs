//! What all VMs of one proxy share besides time: shared data, queues and metrics.
//!
//! Shared data is one map per `vm_id`, without delete or listing. How compare-and-swap treats 0 and missing keys
//! differs between hosts, so it is switchable: a guest has to be right under both.

use std::collections::{BTreeMap, VecDeque};

use super::Status;
use super::metrics::Metrics;

/// How `proxy_set_shared_data` treats its compare-and-swap number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cas {
    /// 0 writes unconditionally; a non-zero number on a missing key inserts.
    #[default]
    Envoy,
    /// As in ngx_wasm_module: 0 writes only where there is no key, another number only where it matches one.
    Strict,
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
    name: (String, Vec<u8>),
    owner: QueueOwner,
    items: VecDeque<Vec<u8>>,
}

/// Shared data, queues and metrics of one proxy.
#[derive(Debug)]
pub struct SharedStore {
    cas: Cas,
    next_cas: u32,
    data: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    queues: Vec<Queue>,
    ready: Vec<QueueOwner>,
    /// Counters and gauges, common to all VMs.
    pub metrics: Metrics,
}

impl SharedStore {
    /// An empty store.
    pub fn new(cas: Cas) -> Self {
        let (data, queues, ready) = Default::default();
        Self { cas, next_cas: 1, data, queues, ready, metrics: Metrics::default() }
    }

    /// Value and compare-and-swap number of a key.
    pub fn get(&self, vm_id: &str, key: &[u8]) -> Option<(&[u8], u32)> {
        let (value, cas) = self.data.get(&(vm_id.to_owned(), key.to_vec()))?;
        Some((value, *cas))
    }

    /// Writes a key under the rules of [`Cas`].
    pub fn set(&mut self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let slot = (vm_id.to_owned(), key.to_vec());
        let found = self.data.get(&slot).map(|(_, cas)| *cas);
        let allowed = match (self.cas, found) {
            (Cas::Envoy, None) => true,
            (Cas::Envoy, Some(current)) => cas == 0 || cas == current,
            (Cas::Strict, None) => cas == 0,
            (Cas::Strict, Some(current)) => cas != 0 && cas == current,
        };
        if !allowed {
            return Err(Status::CasMismatch);
        }
        self.data.insert(slot, (value.to_vec(), self.next_cas));
        self.next_cas = self.next_cas.checked_add(1).unwrap_or(1);
        Ok(())
    }

    /// Every key of `vm_id` with its value, for assertions.
    pub fn keys<'a>(&'a self, vm_id: &'a str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let of_vm = self.data.iter().filter(move |((id, _), _)| id == vm_id);
        of_vm.map(|((_, key), (value, _))| (key.as_slice(), value.as_slice()))
    }

    /// Registers a queue, or takes over the notifications of one that exists.
    pub fn register_queue(&mut self, vm_id: &str, name: &[u8], vm: &str, root: u32) -> u32 {
        let id = self.resolve_queue(vm_id, name).unwrap_or(self.queues.len() as u32 + 1);
        let owner = QueueOwner { vm: vm.to_owned(), root, queue: id };
        match self.queues.get_mut(id as usize - 1) {
            Some(queue) => queue.owner = owner,
            None => self.queues.push(Queue { name: (vm_id.to_owned(), name.to_vec()), owner, items: VecDeque::new() }),
        }
        id
    }

    /// Finds a queue by name.
    pub fn resolve_queue(&self, vm_id: &str, name: &[u8]) -> Option<u32> {
        let at = self.queues.iter().position(|queue| queue.name.0 == vm_id && queue.name.1 == name)?;
        Some(at as u32 + 1)
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
