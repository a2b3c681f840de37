//! What the engine costs per request, without proxy and without wasm: a pick, and a whole attempt from its start to
//! its settlement, for every strategy at four sizes of pool. Other crates beside it: `benches/crates`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use plimsoll_benches::bed::Bed;
use plimsoll_engine::Strategy;
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [10, 100, 1000, 10_000];

fn pick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick");
    for strategy in Strategy::ALL {
        for size in SIZES {
            let mut bed = Bed::new(strategy, size);
            let id = BenchmarkId::new(strategy.name(), size);
            group.bench_function(id, |bencher| bencher.iter(|| black_box(bed.pick())));
        }
    }
}

fn pick_and_settle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick_and_settle");
    for strategy in Strategy::ALL {
        for size in SIZES {
            let mut bed = Bed::new(strategy, size);
            let id = BenchmarkId::new(strategy.name(), size);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let position = bed.pick();
                    bed.attempt(position);
                });
            });
        }
    }
}

/// What the tick costs, which no request waits for: O(endpoints).
fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick");
    for size in SIZES {
        let mut bed = Bed::new(Strategy::PeakEwma, size);
        group.bench_function(BenchmarkId::new("peak_ewma", size), |bencher| {
            bencher.iter(|| {
                bed.now = bed.now.after(Duration::from_millis(100));
                bed.pool.tick(bed.now, &mut bed.rng);
                black_box(bed.pool.counts())
            });
        });
    }
}

criterion_group!(benches, pick, pick_and_settle, tick);
criterion_main!(benches);
