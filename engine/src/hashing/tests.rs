//! Properties of the tables, and the figures that independent computations of the same algorithms gave.

use super::*;
use crate::address_key;
// By name, because proptest's prelude has a trait of the same name.
use crate::rng::Rng;
use proptest::prelude::*;
use std::{format, vec};

const KINDS: [Kind; 2] = [Kind::Maglev, Kind::Ring];

/// Members at addresses that differ from seed to seed.
fn members(seed: u64, count: usize) -> Vec<Member> {
    let key = |index| address_key(format!("10.{seed}.{}.{}:8080", index / 250, index % 250).as_bytes());
    (0..count).map(|index| Member { key: key(index), weight: 1 }).collect()
}

fn weighted(seed: u64, weights: &[u32]) -> Vec<Member> {
    members(seed, weights.len()).into_iter().zip(weights).map(|(m, weight)| Member { weight: *weight, ..m }).collect()
}

fn sized(table_size: u32) -> HashingConfig {
    HashingConfig { table_size: Some(table_size), ..HashingConfig::default() }
}

fn pointed(points: u32) -> HashingConfig {
    HashingConfig { points, ..HashingConfig::default() }
}

/// Small tables, for what does not depend on the size.
fn small() -> HashingConfig {
    HashingConfig { table_size: Some(4099), points: 40, bound: None }
}

/// Hashes at equal distances over all 64 bits: on a Maglev table of that size, one for each slot.
fn sweep(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |index| ((index << 32) / count + 1) << 32)
}

fn owner(table: &Table, hash: u64) -> Option<u64> {
    table.lookup(hash, 0).map(|member| table.members()[member as usize])
}

/// Share of the hashes, in percent, that two tables send to different members.
fn changed(a: &Table, b: &Table, hashes: u64) -> f64 {
    let moved = sweep(hashes).filter(|hash| owner(a, *hash) != owner(b, *hash)).count();
    moved as f64 / hashes as f64 * 100.0
}

/// Hashes that each member gets, in the order of [`Table::members`].
fn shares(table: &Table, hashes: u64) -> Vec<u64> {
    let mut shares = vec![0; table.members().len()];
    sweep(hashes).for_each(|hash| shares[table.lookup(hash, 0).unwrap() as usize] += 1);
    shares
}

/// The largest share over the mean.
fn largest(table: &Table, hashes: u64) -> f64 {
    let shares = shares(table, hashes);
    shares.iter().copied().max().unwrap() as f64 * shares.len() as f64 / hashes as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn near(what: &str, got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "{what}: {got} for {want} ± {tolerance}");
}

fn winner(hash: u64, members: Vec<Candidate>) -> Option<u32> {
    rendezvous(hash, members, 1).next()
}

fn shuffled(mut members: Vec<Member>, seed: u64) -> Vec<Member> {
    let mut rng = Rng::new(seed);
    for last in (1..members.len()).rev() {
        members.swap(last, rng.below(last as u32 + 1) as usize);
    }
    members
}

/// Changed keys in percent when the `removed` first of `count` members leave a Maglev table, the mean over `sets`.
fn maglev_change(count: usize, size: u32, removed: usize, sets: u64) -> f64 {
    let one = |set| {
        let all = members(set, count);
        let whole = Table::build(Kind::Maglev, all.clone(), &sized(size));
        changed(&whole, &Table::build(Kind::Maglev, all[removed..].to_vec(), &sized(size)), u64::from(size))
    };
    mean(&(0..sets).map(one).collect::<Vec<_>>())
}

/// The standard deviation between address sets is .026, .048, .007, .008, .027 and .037 percent points; tolerances are
/// three times that over the root of the sets, and as much again for the figures, which come from samples too.
#[test]
fn maglev_moves_as_many_keys_as_its_figures_say() {
    for (count, size, removed, sets, want, tolerance) in [
        (1000, 65_537, 1, 6, 0.672, 0.033),
        (1000, 65_537, 10, 6, 3.34, 0.07),
        (1000, 655_373, 1, 2, 0.435, 0.018),
        (1000, 655_373, 10, 2, 1.58, 0.022),
        (100, 65_537, 1, 6, 1.57, 0.04),
        (100, 65_537, 10, 6, 11.06, 0.09),
    ] {
        let got = maglev_change(count, size, removed, sets);
        near(&format!("{removed} of {count} at {size} slots"), got, want, tolerance);
    }
}

#[test]
fn maglev_shares_are_as_even_as_its_figures_say() {
    for (size, want) in [(65_537, 1.007), (655_373, 1.001)] {
        let table = Table::build(Kind::Maglev, members(3, 1000), &sized(size));
        near("largest share", largest(&table, u64::from(size)), want, 0.0005);
    }
}

/// Between address sets the largest share has a standard deviation of .037, .036 and .017.
#[test]
fn ring_shares_are_as_uneven_as_its_figures_say() {
    for (points, sets, want, tolerance) in [(100, 40, 1.25, 0.02), (160, 40, 1.21, 0.02), (1000, 8, 1.08, 0.018)] {
        let hashes = u64::from(points) * 200;
        let one = |set| largest(&Table::build(Kind::Ring, members(set, 100), &pointed(points)), hashes);
        let got = mean(&(0..sets).map(one).collect::<Vec<_>>());
        near(&format!("{points} points"), got, want, tolerance);
    }
}

/// A hundred thousand keys on a thousand members with a hundred points each. Between address sets the displaced share has
/// a standard deviation of .02.
#[test]
fn bounded_load_displaces_as_many_keys_as_its_figure_says() {
    let one = |set| {
        let table = Table::build(Kind::Ring, members(set, 1000), &pointed(100));
        let mut rng = Rng::new(set);
        let mut load = [0_u32; 1000];
        let mut displaced = 0;
        for _ in 0..100_000 {
            let hash = rng.next_u64();
            let below = |member: &u32| load[*member as usize] < 125;
            let first = table.lookup(hash, 0).filter(below);
            let taken = first.or_else(|| table.choices(hash, 32).find(below)).unwrap();
            load[taken as usize] += 1;
            displaced += u32::from(first.is_none());
        }
        f64::from(displaced) / 1000.0
    };
    near("displaced", mean(&(0..6).map(one).collect::<Vec<_>>()), 0.27, 0.03);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn order_and_slices_make_no_difference(weights in prop::collection::vec(1_u32..20, 0..60), seed: u64,
                                           budget in 1_u32..5000) {
        let all = weighted(1, &weights);
        for kind in KINDS {
            let at_once = Table::build(kind, all.clone(), &small());
            let mut builder = Builder::new(kind, shuffled(all.clone(), seed), &small());
            let sliced = core::iter::repeat_with(|| builder.step(budget)).flatten().next();
            prop_assert_eq!(&sliced, &Some(at_once));
            prop_assert_eq!(builder.step(budget), None);
        }
    }

    /// By the method of Webster, slots are within half a turn at some total of turns, which is within n/2 of the slots.
    #[test]
    fn maglev_shares_follow_the_weights(weights in prop::collection::vec(1_u32..1001, 1..80)) {
        let mut all = weighted(2, &weights);
        let table = Table::build(Kind::Maglev, all.clone(), &sized(8209));
        all.sort();
        let total = f64::from(weights.iter().sum::<u32>());
        for (member, slots) in all.iter().zip(shares(&table, 8209)) {
            let share = f64::from(member.weight) / total;
            let bound = 0.5 + share * weights.len() as f64 / 2.0;
            prop_assert!((slots as f64 - 8209.0 * share).abs() <= bound + 1e-9, "{slots} for {}", 8209.0 * share);
        }
    }

    /// A share of s with p points has a standard deviation below s/√p, and a hundred points make that nearly normal.
    #[test]
    fn ring_shares_follow_the_weights(weights in prop::collection::vec(1_u32..20, 2..20)) {
        let mut all = weighted(2, &weights);
        let table = Table::build(Kind::Ring, all.clone(), &pointed(100));
        all.sort();
        let total = f64::from(weights.iter().sum::<u32>());
        for (member, hashes) in all.iter().zip(shares(&table, 1 << 14)) {
            let share = f64::from(member.weight) / total;
            let bound = 6.0 * share / libm::sqrt(100.0 * f64::from(member.weight));
            let got = hashes as f64 / f64::from(1 << 14);
            prop_assert!((got - share).abs() <= bound + 0.001, "{got} for {share} ± {bound}");
        }
    }

    #[test]
    fn on_a_ring_only_the_keys_of_those_who_left_move(weights in prop::collection::vec(1_u32..20, 2..40),
                                                      gone in 1_usize..10) {
        let all = weighted(3, &weights);
        let rest = all[gone.min(all.len() - 1)..].to_vec();
        let (before, after) = (Table::build(Kind::Ring, all, &small()), Table::build(Kind::Ring, rest.clone(), &small()));
        for hash in sweep(4096) {
            let owner_before = owner(&before, hash).unwrap();
            let stays = rest.iter().any(|member| member.key == owner_before);
            prop_assert!(!stays || owner(&after, hash) == Some(owner_before));
        }
    }

    #[test]
    fn a_member_without_a_table_moves_no_key_but_its_own(weights in prop::collection::vec(1_u32..20, 2..40), order: u64) {
        let candidates = |members: &[Member]| -> Vec<Candidate> {
            let candidate = |m: &Member| Candidate { key: m.key, weight: f64::from(m.weight), late: false, position: m.key as u32 };
            members.iter().map(candidate).collect()
        };
        let all = weighted(4, &weights);
        let rest = shuffled(all[1..].to_vec(), order);
        for hash in sweep(500) {
            let before = winner(hash, candidates(&all));
            prop_assert!(before == Some(all[0].key as u32) || before == winner(hash, candidates(&rest)));
        }
    }
}

#[test]
fn rendezvous_follows_the_weights() {
    let weights = [1, 2, 3, 10, 100];
    let candidate =
        |(m, position): (Member, u32)| Candidate { key: m.key, weight: f64::from(m.weight), late: false, position };
    let all: Vec<Candidate> = weighted(1, &weights).into_iter().zip(0..).map(candidate).collect();
    let (mut rng, mut seen) = (Rng::new(5), [0_u32; 5]);
    for _ in 0..100_000 {
        seen[winner(rng.next_u64(), all.clone()).unwrap() as usize] += 1;
    }
    for (weight, seen) in weights.into_iter().zip(seen) {
        let p = f64::from(weight) / 116.0;
        // Six standard deviations of the binomial.
        near("wins", f64::from(seen), 100_000.0 * p, 6.0 * libm::sqrt(100_000.0 * p * (1.0 - p)));
    }
    assert_eq!(winner(1, vec![]), None);
}

#[test]
fn the_next_winner_is_the_winner_without_the_first_and_the_late_come_last() {
    let candidate = |(m, position): (Member, u32)| Candidate { key: m.key, weight: 1.0, late: position < 3, position };
    let all: Vec<Candidate> = members(1, 9).into_iter().zip(0..).map(candidate).collect();
    for hash in sweep(200).map(mix) {
        let mut rest = all.clone();
        let ranked: Vec<u32> = rendezvous(hash, all.clone(), 20).collect();
        for position in &ranked {
            assert_eq!(winner(hash, rest.clone()), Some(*position));
            rest.retain(|candidate| candidate.position != *position);
        }
        assert!(rest.is_empty() && ranked.iter().skip(6).all(|position| *position < 3), "{ranked:?}");
    }
}

#[test]
fn further_choices_on_a_ring_are_different_members_and_the_owners_without_the_first() {
    let all = members(1, 12);
    let ring = Table::build(Kind::Ring, all.clone(), &small());
    for hash in sweep(500) {
        let choices: Vec<u32> = ring.choices(hash, 12).collect();
        assert_eq!((0..12).filter_map(|attempt| ring.lookup(hash, attempt)).collect::<Vec<_>>(), choices);
        let first = ring.members()[choices[0] as usize];
        let rest: Vec<Member> = all.iter().copied().filter(|member| member.key != first).collect();
        let second = ring.members()[choices[1] as usize];
        assert_eq!(owner(&Table::build(Kind::Ring, rest, &small()), hash), Some(second));
        let mut different = choices.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 12, "{choices:?}");
        assert_eq!(ring.lookup(hash, 12), None);
    }
}

#[test]
fn further_choices_on_a_maglev_table_spread_the_keys_of_one_member_over_all_others() {
    let table = Table::build(Kind::Maglev, members(1, 20), &small());
    let mut second = [0_u32; 20];
    let keys = sweep(100_000).map(mix).filter(|hash| table.lookup(*hash, 0) == Some(0));
    keys.for_each(|hash| second[table.lookup(hash, 1).unwrap() as usize] += 1);
    // 250 each; six standard deviations are 92.
    assert!(second.iter().all(|count| count.abs_diff(250) < 92), "{second:?}");
}

#[test]
fn slices_do_no_more_than_their_budget() {
    for kind in KINDS {
        let slices = |budget| {
            let mut builder = Builder::new(kind, weighted(1, &[1, 2, 3, 4, 5, 6, 7, 8]), &small());
            core::iter::repeat_with(|| builder.step(budget)).take_while(Option::is_none).count() as u32 + 1
        };
        // At a budget of one, a slice is one step: a larger budget needs its part of the slices, or it did more.
        let steps = slices(1);
        assert!(steps > 3000, "{steps}");
        for budget in [10, 100, 1000] {
            assert!(slices(budget) >= steps / budget, "{kind:?}: {} slices of {budget}, {steps} steps", slices(budget));
        }
    }
}

#[test]
fn odd_members_and_sizes_do_no_harm() {
    for kind in KINDS {
        let nobody = Table::build(kind, vec![], &small());
        assert_eq!((nobody.lookup(7, 0), nobody.choices(7, 5).count(), nobody.members().len()), (None, 0, 0));
        let one = Table::build(kind, weighted(1, &[0]), &small());
        assert!(sweep(100).all(|hash| one.lookup(hash, 0) == Some(0)));
        let twice = [members(1, 3), members(1, 3)].concat();
        assert_eq!(Table::build(kind, twice, &small()), Table::build(kind, members(1, 3), &small()));
    }
    // Not primes, and too small for the members.
    for size in [0, 1, 2, 4, 100, 65_536] {
        let table = Table::build(Kind::Maglev, members(1, 200), &sized(size));
        assert!(shares(&table, 1 << 20).iter().all(|share| *share > 0), "{size}");
    }
    // Far too many points: all members keep their shares.
    let heavy = Table::build(Kind::Ring, weighted(1, &[1000, 500, 250, 1000]), &pointed(1000));
    let Choice::Ring(points) = &heavy.choice else { panic!() };
    assert!((RING_MAX_POINTS / 2..=RING_MAX_POINTS).contains(&points.len()), "{}", points.len());
}

#[test]
fn the_table_grows_with_the_members_up_to_its_largest_size() {
    let slots = |count, config: &HashingConfig| match Builder::new(Kind::Maglev, members(1, count), config).work {
        Some(Work::Maglev(filling)) => filling.finish().len(),
        _ => 0,
    };
    let default = HashingConfig::default();
    assert_eq!(
        [1, 655, 656, 6553, 6554, 20_000].map(|count| slots(count, &default)),
        [65_537, 65_537, 655_373, 655_373, 1_000_003, 1_000_003]
    );
    assert_eq!([65_537, 65_536, 90].map(|size| slots(100, &sized(size))), [65_537, 65_537, 101]);
    assert!([65_537, 655_373, 1_000_003, MAGLEV_MAX_SIZE].into_iter().all(is_prime));
    assert!(![0, 1, 4, 65_536, 65_535, 4_294_836_225].into_iter().any(is_prime), "the last is 65,535 squared");
    assert!(is_prime(2) && is_prime(4_294_967_291), "the largest below 2^32");
}
