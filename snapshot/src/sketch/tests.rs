//! Error bounds, merging, and counts that are full.

use super::*;
use proptest::prelude::*;

fn off<const K: u32>(micros: u32) -> f64 {
    (middle::<K>(bucket::<K>(micros)) - f64::from(micros)).abs() / f64::from(micros)
}

fn fill<const K: u32>(values: &[u32]) -> LogLinear<K> {
    values.iter().fold(LogLinear::default(), |mut sketch, value| {
        sketch.add(*value);
        sketch
    })
}

fn compact(values: &[u32]) -> CompactSketch {
    values.iter().fold(CompactSketch::default(), |mut sketch, value| {
        sketch.add(*value);
        sketch
    })
}

fn coarse(parts: &[&CompactSketch]) -> CoarseSketch {
    parts.iter().fold(CoarseSketch::default(), |mut sketch, part| {
        sketch.merge_compact(part);
        sketch
    })
}

/// The value of rank ⌈q·n⌉.
fn exact(values: &[u32], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    f64::from(sorted[rank - 1])
}

proptest! {
    #[test]
    fn a_bucket_is_never_off_by_more_than_its_bound(micros in 1_u32..(1 << 26)) {
        prop_assert!(off::<4>(micros) <= 1.0 / 33.0);
        prop_assert!(off::<3>(micros) <= 1.0 / 17.0);
    }

    #[test]
    fn merging_equals_adding_everything(a in prop::collection::vec(any::<u32>(), 0..50),
                                        b in prop::collection::vec(any::<u32>(), 0..50)) {
        let both = [a.clone(), b.clone()].concat();
        let mut merged = fill::<4>(&a);
        merged.merge(&fill(&b));
        prop_assert_eq!(merged, fill(&both));
        let mut merged = compact(&a);
        merged.merge(&compact(&b));
        prop_assert_eq!(&merged, &compact(&both));
        prop_assert_eq!(coarse(&[&compact(&a), &compact(&b)]), fill::<3>(&both));
    }

    /// Percentiles are values that were counted, but for the buckets' errors.
    #[test]
    fn percentiles_keep_the_bounds(values in prop::collection::vec(1_u32..(1 << 26), 1..300), q in 0.0_f64..=1.0) {
        let want = exact(&values, q);
        let error = |got: Option<f64>| (got.unwrap() - want).abs() / want;
        prop_assert!(error(fill::<4>(&values).quantile(q)) <= 1.0 / 33.0);
        prop_assert!(error(coarse(&[&compact(&values)]).quantile(q)) <= 1.0 / 17.0);
    }
}

#[test]
fn the_edges_of_every_octave_keep_the_bound_and_come_close_to_it() {
    let mut worst = (0.0_f64, 0.0_f64);
    for exponent in 0..26 {
        for sixteenth in 16..32_u32 {
            let low = if exponent < 4 { sixteenth >> (4 - exponent) } else { sixteenth << (exponent - 4) };
            for micros in [low, low - 1].into_iter().filter(|micros| *micros > 0) {
                worst = (worst.0.max(off::<4>(micros)), worst.1.max(off::<3>(micros)));
            }
        }
    }
    assert!(worst.0 <= 1.0 / 33.0 && worst.0 > 0.999 / 33.0, "{worst:?}");
    assert!(worst.1 <= 1.0 / 17.0 && worst.1 > 0.999 / 17.0, "{worst:?}");
}

#[test]
fn buckets_are_in_order_and_the_last_one_takes_the_rest() {
    assert_eq!((buckets::<4>(), buckets::<3>()), (368, 192));
    assert_eq!([0, 1, 15, 16, (1 << 26) - 1, u32::MAX].map(bucket::<4>), [0, 1, 15, 16, 367, 367]);
    assert_eq!([0, 1, 7, 8, 16, (1 << 26) - 1, u32::MAX].map(bucket::<3>), [0, 1, 7, 8, 16, 191, 191]);
    let ascend = |bucket: fn(u32) -> usize| (0..1 << 16).all(|micros| bucket(micros + 1) - bucket(micros) <= 1);
    assert!(ascend(bucket::<4>) && ascend(bucket::<3>));
}

#[test]
fn percentiles_of_one_to_a_thousand() {
    let latency = fill::<4>(&(1..=1000).map(|value| value * 1000).collect::<Vec<_>>()).latency_ms().unwrap();
    for (got, want) in [(latency.p50, 500.0), (latency.p90, 900.0), (latency.p99, 990.0)] {
        assert!((got - want).abs() / want <= 1.0 / 33.0, "{got} for {want}");
    }
    assert_eq!(Sketch::default().quantile(0.5), None);
}

#[test]
fn a_full_count_stays_full_and_tells_what_it_did_not_take() {
    let mut small = CompactSketch::default();
    (0..70_000).for_each(|_| small.add(1000));
    small.add(5000);
    assert_eq!(small.clipped(), 70_000 - 65_535);
    let mut twice = small.clone();
    twice.merge(&small);
    assert_eq!(twice.clipped(), 65_535 + 2 * (70_000 - 65_535));
    let sum = coarse(&[&small, &small]);
    assert_eq!((sum.total(), sum.clipped()), (2 * 65_536, 2 * (70_000 - 65_535)));

    let mut pool = Sketch::default();
    pool.add_many(bucket::<4>(1000), u32::MAX);
    pool.add(1000);
    assert_eq!((pool.total(), pool.clipped()), (u64::from(u32::MAX), 1));
    assert!((pool.quantile(1.0).unwrap() - 1000.0).abs() < 31.0, "a percentile is found all the same");
}
