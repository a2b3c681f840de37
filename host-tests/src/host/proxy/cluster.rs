//! The cluster behind the router: its endpoints, what they do, and the `override_host` policy.
//!
//! The list in the header is frozen at the first pick and one entry is used up per attempt. Entries that are not in
//! the cluster are skipped; a list that is used up, or garbage, leaves the choice to the fallback, which is random.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::model::{Behaviour, Script};
use crate::host::Rng;

/// The cluster.
pub(super) struct Cluster {
    pub(super) name: String,
    endpoints: Vec<String>,
    scripts: Vec<Script>,
}

impl Cluster {
    pub(super) fn new(name: &str, endpoints: &[String]) -> Self {
        let healthy = |_: &String| -> Script { Box::new(|_, _| Behaviour::ok(1).into()) };
        Self { name: name.to_owned(), endpoints: endpoints.to_vec(), scripts: endpoints.iter().map(healthy).collect() }
    }

    /// Replaces the members; those that stay keep their script.
    pub(super) fn set_endpoints(&mut self, endpoints: &[String]) {
        let mut old = std::mem::replace(self, Self::new(&self.name, endpoints));
        for (at, endpoint) in endpoints.iter().enumerate() {
            if let Some(was) = old.endpoints.iter().position(|name| name == endpoint) {
                std::mem::swap(&mut self.scripts[at], &mut old.scripts[was]);
            }
        }
    }

    pub(super) fn position(&self, endpoint: &str) -> Option<usize> {
        self.endpoints.iter().position(|name| name == endpoint)
    }

    pub(super) fn endpoint(&self, at: usize) -> &str {
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
        while let Some(address) = steering.0.pop_front() {
            if let Some(at) = self.position(&address) {
                return Some((at, true));
            }
        }
        (!self.endpoints.is_empty()).then(|| (rng.index(self.endpoints.len()), false))
    }
}

/// What is left of a request's list of endpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Steering(VecDeque<String>);

impl Steering {
    /// Reads the header's value. One entry that is no address makes the whole list garbage.
    pub(super) fn parse(value: Option<&[u8]>) -> Self {
        let text = value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        let entries: Option<VecDeque<String>> = text
            .split(',')
            .map(|entry| entry.trim().parse::<SocketAddr>().ok().map(|address| address.to_string()))
            .collect();
        Self(entries.unwrap_or_default())
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
        assert_eq!(Cluster::new("c", &[]).pick(&mut Steering::default(), &mut rng), None);
    }
}
