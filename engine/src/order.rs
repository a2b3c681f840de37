//! Sorting and ranks in little code. The standard library's sorts are faster, but each type that they are used for adds
//! 4 to 7 KB to the filter's `.wasm`, and nothing here is sorted per request.

use alloc::vec::Vec;

/// Sorts by heap sort: O(n log n), in place, not stable.
pub fn sort_by<T>(list: &mut [T], before: impl Fn(&T, &T) -> bool) {
    let length = list.len();
    // First half: makes a heap, from the last parent to the root. Second half: takes the greatest off, one by one.
    for step in (0..length.saturating_add(length / 2)).rev() {
        let (mut node, end) = match step.checked_sub(length) {
            Some(parent) => (parent, length),
            None => {
                list.swap(0, step);
                (0, step)
            }
        };
        loop {
            let left = node.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let less = |a: usize, b: usize| list.get(a).zip(list.get(b)).is_some_and(|(a, b)| before(a, b));
            let child = if right < end && less(left, right) { right } else { left };
            if child >= end || !less(node, child) {
                break;
            }
            list.swap(node, child);
            node = child;
        }
    }
}

/// The value at this rank, 0 the lowest, in the order of [`f64::total_cmp`]: bit by bit from the highest, 64 looks at each
/// value.
pub(crate) fn nth(values: &[f64], rank: usize) -> Option<f64> {
    if rank >= values.len() {
        return None;
    }
    let keys: Vec<u64> = values.iter().map(|value| key(*value)).collect();
    let mut rank = rank;
    let mut found = 0_u64;
    for bit in (0..u64::BITS).rev() {
        let zero = keys.iter().filter(|key| (**key ^ found) >> bit == 0).count();
        if rank >= zero {
            rank = rank.saturating_sub(zero);
            found |= 1 << bit;
        }
    }
    keys.iter().zip(values).find(|(key, _)| **key == found).map(|(_, value)| *value)
}

/// A number in the order of [`f64::total_cmp`].
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn sorts_as_the_standard_library_does() {
        let mut rng = Rng::new(1);
        for length in 0..200 {
            let mut list: Vec<u64> = (0..length).map(|_| rng.next_u64() % 50).collect();
            let mut want = list.clone();
            want.sort_unstable();
            sort_by(&mut list, |a, b| a < b);
            assert_eq!(list, want);
        }
    }

    #[test]
    fn a_rank_is_that_of_the_sorted_list() {
        let mut rng = Rng::new(2);
        for length in 1..100_usize {
            let values: Vec<f64> =
                (0..length).map(|_| (rng.unit() * 8.0 - 4.0) * f64::from(rng.below(3)) - 0.0).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            for (rank, want) in sorted.iter().enumerate() {
                assert_eq!(nth(&values, rank).map(f64::to_bits), Some(want.to_bits()), "{values:?} at {rank}");
            }
            assert_eq!(nth(&values, length), None);
        }
    }
}
