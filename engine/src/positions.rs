//! Where the endpoint of a key stands: a sorted list. A B-tree would do the same, for 5 KiB of the filter's `.wasm` with
//! each kind of content, and is slower to search and to build.

use crate::order::sort_by;
use alloc::vec::Vec;

/// Numbers by key.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    /// Ascending, each key once.
    list: Vec<(u64, u32)>,
}

impl Positions {
    /// Each key has the number of its place; of a key that is there twice the last place counts.
    pub fn of(keys: impl Iterator<Item = u64>) -> Self {
        keys.zip(0..).collect()
    }

    /// Apart, so that there is one copy of it.
    #[inline(never)]
    fn sorted(mut list: Vec<(u64, u32)>) -> Self {
        sort_by(&mut list, |a, b| (a.0, b.1) < (b.0, a.1));
        list.dedup_by_key(|(key, _)| *key);
        Self { list }
    }

    /// The number of a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<u32> {
        let place = self.list.binary_search_by_key(&key, |(other, _)| *other).ok()?;
        self.list.get(place).map(|(_, number)| *number)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.get(key).is_some()
    }

    /// Keys with their numbers, ascending.
    #[must_use]
    pub fn list(&self) -> &[(u64, u32)] {
        &self.list
    }
}

impl FromIterator<(u64, u32)> for Positions {
    fn from_iter<I: IntoIterator<Item = (u64, u32)>>(numbers: I) -> Self {
        Self::sorted(numbers.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_last_place() {
        let positions = Positions::of([7, 3, u64::MAX, 3, 0].into_iter());
        assert_eq!([0, 3, 7, u64::MAX].map(|key| positions.get(key)), [Some(4), Some(3), Some(0), Some(2)]);
        assert_eq!([1, 4, 8].map(|key| positions.contains(key)), [false; 3]);
        assert_eq!(Positions::default().get(0), None);
    }
}
