//! Which workers there are. Shared data cannot be listed, so the workers keep a list of their own under one key,
//! changed by compare-and-swap only, when a worker comes or a dead one is swept out.

use crate::codec::{Malformed, Reader, Writer};
use alloc::vec::Vec;

const REGISTRY_VERSION: u8 = 1;

/// A worker's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Number of the worker, part of its cells' keys. Numbers of dead workers are used again, so that the number of
    /// keys stays bounded in a store that cannot delete.
    pub worker: u32,
    /// Tells it from an earlier worker under the same number.
    pub nonce: u64,
}

/// The list of workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// By number, ascending.
    pub members: Vec<Member>,
}

impl Registry {
    /// The binary form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(REGISTRY_VERSION);
        writer.varint(self.members.len() as u64);
        for member in &self.members {
            writer.varint(u64::from(member.worker));
            writer.key(member.nonce);
        }
        writer.finish()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not such a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, REGISTRY_VERSION)?;
        let members = reader.list(|r| Ok(Member { worker: r.small()?, nonce: r.key()? }))?;
        reader.end()?;
        Ok(Self { members })
    }

    /// The number under which `nonce` is registered.
    #[must_use]
    pub fn number_of(&self, nonce: u64) -> Option<u32> {
        self.members.iter().find(|member| member.nonce == nonce).map(|member| member.worker)
    }

    /// Adds a worker under the lowest free number, unless it is there already; says which number it has.
    pub fn join(&mut self, nonce: u64) -> u32 {
        if let Some(number) = self.number_of(nonce) {
            return number;
        }
        let mut number = 0_u32;
        while self.members.iter().any(|member| member.worker == number) {
            number = number.saturating_add(1);
        }
        let place = self.members.partition_point(|member| member.worker < number);
        self.members.insert(place, Member { worker: number, nonce });
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_get_the_lowest_free_number_and_keep_it() {
        let mut registry = Registry::default();
        assert_eq!((registry.join(10), registry.join(11), registry.join(12), registry.join(11)), (0, 1, 2, 1));
        registry.members.retain(|member| member.nonce != 11);
        assert_eq!(registry.join(13), 1);
        assert_eq!(registry.number_of(12), Some(2));
        assert_eq!(Registry::decode(&registry.encode()), Ok(registry));
    }
}
