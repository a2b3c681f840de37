//! What the engine costs per request, without proxy and without wasm: a pick, and a whole attempt from its start to
//! its settlement, for every strategy at four sizes of pool.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use plimsoll_engine::{Ending, EndpointConfig, Outcome, Pool, PoolConfig, Rng, Strategy, Time};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [10, 100, 1000, 10_000];

/// A pool in service: every endpoint has answered and has something under way, as far as the picks reach.
struct Bed {
    pool: Pool,
    rng: Rng,
    now: Time,
}

impl Bed {
    fn new(strategy: Strategy, size: usize) -> Self {
        let endpoint = |index: usize| EndpointConfig {
            address: format!("10.0.{}.{}:8000", index / 250, index % 250),
            id: index.to_string(),
            weight: 1 + index as u32 % 3,
            ..EndpointConfig::default()
        };
        let endpoints = (0..size).map(endpoint).collect();
        let pool = Pool::new(PoolConfig { strategy, endpoints, ..PoolConfig::default() });
        let mut bed = Self { pool, rng: Rng::new(1), now: Time::from_millis(1_700_000_000_000) };
        bed.pool.tick(bed.now, &mut bed.rng);
        for position in 0..size as u32 {
            bed.attempt(position);
        }
        bed
    }

    /// 100 µs between requests: 10,000 a second.
    fn pick(&mut self) -> u32 {
        self.now = self.now.after(Duration::from_micros(100));
        let picked = self.pool.pick(self.now, &mut self.rng);
        picked.ok().and_then(|picked| picked.as_slice().first().copied()).unwrap_or_default()
    }

    fn attempt(&mut self, position: u32) {
        let latency = Duration::from_micros(5000 + u64::from(self.rng.below(5000)));
        if let Some(mut attempt) = self.pool.start(position, self.now) {
            let end = self.now.after(latency);
            self.pool.answer(&mut attempt, end, Outcome::Success);
            self.pool.finish(attempt, end, Ending::Complete);
        }
    }
}

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
