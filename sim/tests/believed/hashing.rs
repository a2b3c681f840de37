//! Tables of consistent hashing, by the engine's public interface. Maglev's slots are looked at one by one; arcs of a ring
//! by four million evenly spaced hashes. A seed is another set of addresses.
//!
//! Tolerances: one removal's share of changed keys varies from set to set by about a tenth, and so does the largest of a
//! hundred shares' distance from the mean.

use crate::Section;
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::hashing::{Kind, Member, Table};
use plimsoll_engine::{HashingConfig, address_key};

pub(crate) const SECTIONS: [Section; 2] =
    [Section { name: "maglev", claims: maglev }, Section { name: "ring", claims: ring }];

fn members(count: u64, seed: u64) -> Vec<Member> {
    let key = |n: u64| address_key(format!("10.{}.{}.{}:80", seed, n / 256, n % 256).as_bytes());
    (0..count).map(|n| Member { key: key(n), weight: 1 }).collect()
}

/// Evenly spaced hashes, one in the middle of each of `count` parts.
fn spaced(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| (((u128::from(n) << 64) + (1 << 63)) / u128::from(count)) as u64)
}

/// The share of keys that change their endpoint when the first `gone` of these are removed.
fn changed(size: u32, all: &[Member], gone: usize) -> f64 {
    let config = HashingConfig { table_size: Some(size), ..HashingConfig::default() };
    let before = Table::build(Kind::Maglev, all.to_vec(), &config);
    let after = Table::build(Kind::Maglev, all[gone..].to_vec(), &config);
    let who = |table: &Table, hash| table.lookup(hash, 0).map(|index| table.members()[index as usize]);
    let moved = spaced(u64::from(size)).filter(|hash| who(&before, *hash) != who(&after, *hash)).count();
    moved as f64 / f64::from(size)
}

/// The largest share of all keys relative to the mean.
fn largest(kind: Kind, config: &HashingConfig, all: &[Member], looks: u64) -> f64 {
    let table = Table::build(kind, all.to_vec(), config);
    let mut counts = vec![0_u64; all.len()];
    for index in spaced(looks).filter_map(|hash| table.lookup(hash, 0)) {
        counts[index as usize] += 1;
    }
    counts.iter().max().copied().unwrap_or(0) as f64 * all.len() as f64 / looks as f64
}

fn maglev(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(6, 20);
    let by_seed = |of: &dyn Fn(u64) -> f64| (1..=seeds).map(of).collect::<Vec<f64>>();
    let mut claims = Vec::new();
    for (n, size, gone, percent) in [
        (1000, 65_537, 1, 0.672),
        (1000, 65_537, 10, 3.34),
        (1000, 655_373, 1, 0.435),
        (1000, 655_373, 10, 1.58),
        (100, 65_537, 1, 1.57),
        (100, 65_537, 10, 11.06),
    ] {
        let values = by_seed(&|seed| 100.0 * changed(size, &members(n, seed), gone));
        let name = format!("maglev, n = {n}, M = {size}, without {gone}: % of keys moved");
        let share = if gone == 1 { 0.2 } else { 0.06 };
        claims.push(Claim::measured(name, percent, &values, share, "20 % for one, 6 % for several: the sets vary"));
    }
    for (size, stated) in [(65_537, 1.007), (655_373, 1.001)] {
        let config = HashingConfig { table_size: Some(size), ..HashingConfig::default() };
        let values = by_seed(&|seed| largest(Kind::Maglev, &config, &members(1000, seed), u64::from(size)));
        let name = format!("maglev, n = 1000, M = {size}, largest share");
        claims.push(Claim::measured(name, stated, &values, 0.001, "one part in a thousand: whole slots"));
    }
    claims
}

fn ring(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(8, 30);
    let mut claims = Vec::new();
    for (points, stated) in [(100, 1.25), (160, 1.21), (1000, 1.08)] {
        let config = HashingConfig { points, ..HashingConfig::default() };
        let one = |seed| largest(Kind::Ring, &config, &members(100, seed), 1_000_000);
        let values: Vec<f64> = (1..=seeds).map(one).collect();
        let name = format!("ring, n = 100, {points} points, largest share");
        claims.push(Claim::measured(
            name,
            stated,
            &values,
            0.04,
            "4 %: the stated one is of one set, they vary as much",
        ));
    }
    let displaced: Vec<f64> = (1..=effort.pick(4, 12)).map(|seed| bounded(seed).0).collect();
    let fullest: Vec<f64> = (1..=effort.pick(4, 12)).map(|seed| bounded(seed).1).collect();
    let because = "40 %: the stated ring's points are not told; 100 of them here";
    claims.push(Claim::measured("bound 1.25, n = 1000, m = 1e5: % displaced", 0.27, &displaced, 0.4, because));
    let most = fullest.iter().copied().fold(0.0, f64::max);
    claims.push(Claim::exact("bound 1.25, n = 1000, m = 1e5: fullest", 125.0, most, 0.0, "the cap, never exceeded"));
    claims
}

/// A hundred thousand keys on a thousand endpoints of which none may have more than 125: how many per cent are not where
/// they would be without that bound, and how many the fullest has.
fn bounded(seed: u64) -> (f64, f64) {
    let config = HashingConfig { points: 100, ..HashingConfig::default() };
    let table = Table::build(Kind::Ring, members(1000, seed), &config);
    let mut rng = plimsoll_engine::Rng::new(seed);
    let mut loads = vec![0_u32; 1000];
    let mut displaced = 0_u32;
    for _ in 0..100_000 {
        let mut choices = table.choices(rng.next_u64(), 64).enumerate();
        if let Some((attempt, index)) = choices.find(|(_, index)| loads[*index as usize] < 125) {
            loads[index as usize] += 1;
            displaced += u32::from(attempt > 0);
        }
    }
    (f64::from(displaced) / 1000.0, f64::from(loads.iter().max().copied().unwrap_or(0)))
}
