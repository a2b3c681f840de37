//! The cluster behind the router: its endpoints, what they do, and the `override_host` policy.
//!
//! The list in the header is frozen at the first pick and one entry is used up per attempt. Entries that are not in
//! the cluster are skipped; a list that is used up, or garbage, leaves the choice to the fallback, which is random.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use super::model::{Behaviour, Script};
use crate::host::Rng;

/// A cluster.
pub(super) struct Cluster {
    pub(super) name: Rc<str>,
    endpoints: Vec<Rc<str>>,
    by_address: HashMap<SocketAddr, usize>,
    scripts: Vec<Script>,
}

impl Cluster {
    pub(super) fn new(name: &str, endpoints: &[String]) -> Self {
        let healthy = |_: &String| -> Script { Box::new(|_, _| Behaviour::ok(1).into()) };
        let scripts = endpoints.iter().map(healthy).collect();
        let addresses = endpoints.iter().enumerate();
        let by_address = addresses.filter_map(|(at, endpoint)| Some((endpoint.parse().ok()?, at))).collect();
        let endpoints = endpoints.iter().map(|endpoint| endpoint.as_str().into()).collect();
        Self { name: name.into(), endpoints, by_address, scripts }
    }

    /// Replaces the members; those that stay keep their script.
    pub(super) fn set_endpoints(&mut self, endpoints: &[String]) {
        let name = Rc::clone(&self.name);
        let mut old = std::mem::replace(self, Self::new(&name, endpoints));
        for (at, endpoint) in endpoints.iter().enumerate() {
            if let Some(was) = old.position(endpoint) {
                std::mem::swap(&mut self.scripts[at], &mut old.scripts[was]);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn position(&self, endpoint: &str) -> Option<usize> {
        self.endpoints.iter().position(|name| **name == *endpoint)
    }

    pub(super) fn endpoint(&self, at: usize) -> &Rc<str> {
        &self.endpoints[at]
    }

    pub(super) fn script(&mut self, at: usize) -> &mut Script {
        &mut self.scripts[at]
    }

    pub(super) fn set_script(&mut self, at: usize, script: Script) {
        self.scripts[at] = script;
    }

    /// The next endpoint of a request, and whether the header named it; `None` for an empty cluster.
    pub(super) fn pick(&self, steering: &mut Steering, rng: &mut Rng) -> Option<(usize, bool)> {
        while let Some(address) = steering.next() {
            if let Some(at) = self.by_address.get(&address) {
                return Some((*at, true));
            }
        }
        (!self.endpoints.is_empty()).then(|| (rng.index(self.endpoints.len()), false))
    }
}

/// A request's list of endpoints, and how many of them are used up.
#[derive(Clone, Debug, Default)]
pub(super) struct Steering {
    list: Vec<SocketAddr>,
    used: usize,
}

impl Steering {
    /// Reads the header's value. One entry that is no address makes the whole list garbage.
    pub(super) fn parse(value: Option<&[u8]>) -> Self {
        let text = value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        let entries: Option<Vec<SocketAddr>> = text.split(',').map(|entry| entry.trim().parse().ok()).collect();
        Self { list: entries.unwrap_or_default(), used: 0 }
    }

    fn next(&mut self) -> Option<SocketAddr> {
        let next = self.list.get(self.used).copied();
        self.used += 1;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pick_uses_up_one_entry_then_the_fallback_chooses() {
        let names = ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
        let (cluster, mut rng) = (Cluster::new("c", &names), Rng::new(1));
        let mut steering = Steering::parse(Some(b"127.0.0.1:2, 127.0.0.1:9,127.0.0.1:1"));
        assert_eq!(cluster.pick(&mut steering, &mut rng), Some((1, true)));
        assert_eq!(cluster.pick(&mut steering, &mut rng), Some((0, true)));
        assert!(matches!(cluster.pick(&mut steering, &mut rng), Some((_, false))));
    }

    #[test]
    fn garbage_leaves_the_choice_to_the_fallback() {
        let (cluster, mut rng) = (Cluster::new("c", &["127.0.0.1:1".to_owned()]), Rng::new(1));
        for garbage in [&b"order-1"[..], b"", b"\xff", b"127.0.0.1:1,x"] {
            let mut steering = Steering::parse(Some(garbage));
            assert_eq!(cluster.pick(&mut steering, &mut rng), Some((0, false)));
        }
        let empty = Cluster::new("c", &[]);
        assert_eq!(empty.pick(&mut Steering::default(), &mut rng), None);
    }

    #[test]
    fn an_endpoint_that_stays_keeps_its_script() {
        let mut cluster = Cluster::new("c", &["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()]);
        cluster.set_script(1, Box::new(|_, _| Behaviour::Refuse.into()));
        cluster.set_endpoints(&["127.0.0.1:2".to_owned(), "127.0.0.1:3".to_owned()]);
        assert_eq!((cluster.position("127.0.0.1:1"), cluster.position("127.0.0.1:2")), (None, Some(0)));
    }
}
