//! The engine beside tower, pingora, a maglev crate and an HDR histogram: same addresses, same keys, same run.
//!
//! `plimsoll_1` lists one candidate, as the others do; `plimsoll_3` two more for the retries, which is the default.
//! Strategies that look at what is under way are measured by whole attempts, because tower has no pick without one; ours
//! then reads the clock twice, as a program has to and as tower's peak EWMA does seven times.

use criterion::{BenchmarkId, Criterion};
use hdrhistogram::Histogram;
use pingora_load_balancing::LoadBalancer;
use pingora_load_balancing::selection::{BackendIter, BackendSelection, Consistent, Random, RoundRobin};
use plimsoll_benches_crates::bed::{Bed, address};
use plimsoll_benches_crates::{table, towers};
use plimsoll_engine::{PoolConfig, Request, Strategy};
use plimsoll_snapshot::sketch::Sketch;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const SIZES: [usize; 4] = [10, 100, 1000, 10_000];
const GROUPS: [&str; 8] =
    ["round_robin", "random", "least_request", "peak_ewma", "maglev", "ring_hash", "sketch_add", "sketch_p99"];
/// Keys of requests, used in turn.
const KEYS: usize = 1024;
/// The maglev crate builds from a table of endpoints × slots × 8 bytes: 0.8 GB for 1,000 endpoints, 80 GB for 10,000.
const LARGEST_MAGLEV_CRATE: usize = 100;

fn main() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/crates/criterion");
    let criterion = Criterion::default().output_directory(&results);
    let mut criterion = criterion.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    criterion = criterion.configure_from_args();
    for size in SIZES {
        plain(&mut criterion, size);
        by_load(&mut criterion, size);
        by_key(&mut criterion, size);
        sketch(&mut criterion, size);
    }
    criterion.final_summary();
    table::print(&results, &GROUPS, &SIZES);
}

/// A pool as the other crates have it: equal weights, `candidates` in the list.
fn bed(strategy: Strategy, candidates: usize, size: usize) -> Bed {
    Bed::with(PoolConfig { strategy, candidates, ..PoolConfig::default() }, size, |_| 1)
}

fn plain(criterion: &mut Criterion, size: usize) {
    for (strategy, group) in [(Strategy::RoundRobin, "round_robin"), (Strategy::Random, "random")] {
        let mut group = criterion.benchmark_group(group);
        for candidates in [1, 3] {
            let mut bed = bed(strategy, candidates, size);
            let id = BenchmarkId::new(format!("plimsoll_{candidates}"), size);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(bed.pick())));
        }
        let id = BenchmarkId::new("pingora", size);
        if strategy == Strategy::Random {
            let balancer = pingora::<Random>(size);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(balancer.select(b"", 256))));
        } else {
            let balancer = pingora::<RoundRobin>(size);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(balancer.select(b"", 256))));
        }
    }
}

fn by_load(criterion: &mut Criterion, size: usize) {
    for (strategy, group) in [(Strategy::LeastRequest, "least_request"), (Strategy::PeakEwma, "peak_ewma")] {
        let mut group = criterion.benchmark_group(group);
        for candidates in [1, 3] {
            let mut bed = bed(strategy, candidates, size);
            let id = BenchmarkId::new(format!("plimsoll_{candidates}"), size);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let began = Instant::now();
                    let position = bed.pick();
                    bed.attempt(position);
                    black_box(began.elapsed())
                });
            });
        }
        let id = BenchmarkId::new("tower", size);
        if strategy == Strategy::PeakEwma {
            let mut balance = towers::peak_ewma(size);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(balance.attempt())));
        } else {
            let mut balance = towers::pending(size);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(balance.attempt())));
        }
    }
}

fn by_key(criterion: &mut Criterion, size: usize) {
    let keys: Vec<String> = (0..KEYS).map(|number| format!("customer-{number:05}")).collect();
    for (strategy, group) in [(Strategy::Maglev, "maglev"), (Strategy::RingHash, "ring_hash")] {
        let mut group = criterion.benchmark_group(group);
        for candidates in [1, 3] {
            let mut bed = bed(strategy, candidates, size).built();
            let mut turn = 0;
            let id = BenchmarkId::new(format!("plimsoll_{candidates}"), size);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    turn = (turn + 1) % KEYS;
                    black_box(bed.pick_for(&Request { key: Some(keys[turn].as_bytes()), ..Request::default() }))
                });
            });
        }
        let mut turn = 0;
        let mut key = || {
            turn = (turn + 1) % KEYS;
            keys[turn].as_str()
        };
        if strategy == Strategy::RingHash {
            let balancer = pingora::<Consistent>(size);
            group.bench_function(BenchmarkId::new("pingora", size), |bencher| {
                bencher.iter(|| black_box(balancer.select(key().as_bytes(), 256)));
            });
            let socket = |index| address(index).parse().expect("an address with a port");
            let buckets: Vec<_> = (0..size).map(|index| pingora_ketama::Bucket::new(socket(index), 1)).collect();
            let ring = pingora_ketama::Continuum::new(&buckets);
            group.bench_function(BenchmarkId::new("pingora_ketama", size), |bencher| {
                bencher.iter(|| black_box(ring.node(key().as_bytes())));
            });
        } else if size <= LARGEST_MAGLEV_CRATE {
            let nodes: Vec<String> = (0..size).map(address).collect();
            let table = maglev::Maglev::new(nodes);
            group.bench_function(BenchmarkId::new("maglev_crate", size), |bencher| {
                bencher.iter(|| black_box(maglev::ConsistentHasher::get(&table, key())));
            });
        }
    }
}

fn pingora<S>(size: usize) -> LoadBalancer<S>
where
    S: BackendSelection + 'static,
    S::Iter: BackendIter,
    S::Config: Send + Sync,
{
    LoadBalancer::try_from_iter((0..size).map(address)).expect("addresses need no look-up")
}

/// Latencies from 1 µs to 1 s; `size` is how many distinct ones.
fn sketch(criterion: &mut Criterion, size: usize) {
    let values: Vec<u32> = (0..size as u64).map(|n| 1 + (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as u32).collect();
    let mut ours = Sketch::default();
    // Two digits: an error of at most 1 %; ours has 3.03 % in a tenth of the memory.
    let mut theirs = Histogram::<u32>::new_with_bounds(1, 60_000_000, 2).expect("sensible bounds");
    let mut group = criterion.benchmark_group("sketch_add");
    let mut turn = 0;
    let mut next = move || {
        turn = (turn + 1) % size;
        values[turn]
    };
    group.bench_function(BenchmarkId::new("plimsoll", size), |bencher| bencher.iter(|| ours.add(next())));
    group.bench_function(BenchmarkId::new("hdrhistogram", size), |bencher| {
        bencher.iter(|| theirs.saturating_record(u64::from(next())));
    });
    group.finish();
    let mut group = criterion.benchmark_group("sketch_p99");
    group.bench_function(BenchmarkId::new("plimsoll", size), |bencher| bencher.iter(|| black_box(ours.quantile(0.99))));
    group.bench_function(BenchmarkId::new("hdrhistogram", size), |bencher| {
        bencher.iter(|| black_box(theirs.value_at_quantile(0.99)));
    });
}
