//! What the overview says of a pool, and of all pools together.

use plimsoll_snapshot::{Pool, Snapshot};

use crate::alerts::{self, Alert};
use crate::format::{self, Quantity};
use crate::history::{History, PoolHistory};
use crate::palette::Theme;
use crate::route::Route;
use crate::rows::figure_class;
use crate::sheet::Line;
use crate::state::{self, State};
use crate::strip::{self, Strip};

/// A pool's row, for [`PoolRow::line`]; for the roles see [`crate::rows::FORM`].
pub fn form() -> String {
    [BEGIN, strip::FORM, END].concat()
}

const BEGIN: &str = concat!(
    r#"<tr role="row" data-testid="pool-row" data-s="data-pool data-alerts">"#,
    r#"<th class="pool-name" role="rowheader" scope="row"><a data-row data-s="href">"#,
    r#"<span class="id" data-s=".">-</span><span class="address" data-s=".">-</span></a></th>"#,
    r#"<td class="strip" role="cell" data-testid="strip" data-label="Endpoints">"#,
    r#"<span class="marks" aria-hidden="true">"#,
);
const END: &str = concat!(
    r#"</span><span class="address" data-s=".">-</span></td>"#,
    r#"<td class="num" role="cell" data-testid="score" data-label="Score" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="rate" data-label="Requests" data-s=".">-</td>"#,
    r#"<td role="cell" data-testid="failure" data-label="Failed" data-s="class .">-</td>"#,
    r#"<td class="num" role="cell" data-testid="p50" data-label="p50" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="p90" data-label="p90" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="p99" data-label="p99" data-s=".">-</td>"#,
    r#"<td class="num" role="cell" data-testid="in-flight" data-label="In flight" data-s=".">-</td>"#,
    r#"<td role="cell" data-testid="spare" data-label="Spare" data-s="class .">-</td></tr>"#,
);

/// One pool's cells.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolRow {
    /// How the pool is steered.
    pub steering: String,
    /// How each endpoint stands.
    pub strip: Vec<State>,
    /// The same in words.
    pub states: String,
    /// What stands under the marks where one stands for several.
    pub shared: String,
    /// 0 to 1.
    pub score: String,
    /// Requests steered per second.
    pub rate: Quantity,
    /// Failed part of the recent attempts.
    pub failure: Quantity,
    /// Some of them failed.
    pub failing: bool,
    /// Median.
    pub p50: Quantity,
    /// 90th percentile.
    pub p90: Quantity,
    /// 99th percentile.
    pub p99: Quantity,
    /// Attempts now under way.
    pub in_flight: String,
    /// How many endpoints may still fail before ejections are ignored.
    pub spare: String,
    /// None may.
    pub spare_gone: bool,
    /// What is wrong.
    pub alerts: Vec<Alert>,
}

impl PoolRow {
    /// Of a pool.
    pub fn of(pool: &Pool, past: Option<&PoolHistory>) -> PoolRow {
        let states = states(pool);
        let attempts = past.and_then(|past| past.attempts.recent());
        let steered = past.and_then(|past| past.steered.recent());
        let latency =
            |pick: fn(&plimsoll_snapshot::LatencyMs) -> f64| format::latency(pool.latency_ms.as_ref().map(pick));
        let (_, each) = strip::marks(&states);
        PoolRow {
            steering: steering(pool),
            states: state::in_words(&states),
            shared: if each > 1 { format!("each mark is {each} endpoints") } else { String::new() },
            score: format::score(pool.score),
            rate: format::rate(steered.map(|delta| delta.rate())),
            failure: format::percent(attempts.and_then(|delta| delta.failed())),
            failing: attempts.is_some_and(|delta| delta.failures > 0),
            p50: latency(|l| l.p50),
            p90: latency(|l| l.p90),
            p99: latency(|l| l.p99),
            in_flight: format::grouped(pool.in_flight),
            spare: spare(pool),
            spare_gone: pool.panic || pool.panic_below > 0 && pool.eligible <= pool.panic_below,
            alerts: alerts::firing(pool, past),
            strip: states,
        }
    }
}

impl PoolRow {
    /// The values for [`form`]; for theme and density see [`Strip`], without a density none is drawn.
    pub fn line(&self, name: &str, theme: Theme, density: Option<f64>) -> Line {
        let mut line = Line::new(name);
        line.put(name).put(&self.alerts.len().to_string()).put(&Route::pool(name).link()).put(name).put(&self.steering);
        line.put(&density.map(|density| Strip::text(&self.strip, theme, density)).unwrap_or_default());
        line.put(&format!("{} {}", self.states, self.shared))
            .put(&self.score)
            .figure(&self.rate)
            .put(figure_class(self.failing))
            .figure(&self.failure)
            .figure(&self.p50)
            .figure(&self.p90)
            .figure(&self.p99)
            .put(&self.in_flight)
            .put(figure_class(self.spare_gone))
            .put(&self.spare);
        line
    }
}

/// `peak_ewma`, and the cluster where it has another name than the pool.
pub fn steering(pool: &Pool) -> String {
    if pool.cluster == pool.name {
        pool.strategy.clone()
    } else {
        format!("{} on cluster {}", pool.strategy, pool.cluster)
    }
}

/// How a pool's endpoints stand, whether they are listed or not.
pub fn states(pool: &Pool) -> Vec<State> {
    if pool.strip.is_empty() { state::of_pool(pool) } else { pool.strip.bytes().map(State::of_letter).collect() }
}

/// Capacity left before panic.
fn spare(pool: &Pool) -> String {
    match (pool.panic, pool.panic_below) {
        (true, _) => "panic".into(),
        // Without a threshold every endpoint may go.
        (false, below) => pool.eligible.saturating_sub(below).to_string(),
    }
}

/// What the overview shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// All pools together.
    pub system: System,
    /// Each pool by its name, in the order of the configuration.
    pub pools: Vec<(String, PoolRow)>,
}

impl Summary {
    /// Of everything that is known now.
    pub fn of(snapshot: &Snapshot, history: &History) -> Summary {
        let row = |pool: &Pool| (pool.name.clone(), PoolRow::of(pool, history.pool(&pool.name)));
        let pools: Vec<_> = snapshot.pools.iter().map(row).collect();
        Summary { system: System::of(snapshot, history, &pools), pools }
    }

    /// What is wrong, critical first, each with the name of its pool.
    pub fn alerts(&self) -> Vec<(&str, &Alert)> {
        let all = self.pools.iter().flat_map(|(name, row)| row.alerts.iter().map(|alert| (name.as_str(), alert)));
        alerts::critical_first(all.collect(), |(_, alert)| alert.critical)
    }
}

/// What stands above the pools.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// Mean of the pools' scores by what they carry, 0 to 1.
    pub score: String,
    /// Requests steered per second.
    pub rate: Quantity,
    /// Failed part of the recent attempts.
    pub failure: Quantity,
    /// Endpoints, and how many of them are in no trouble.
    pub endpoints: String,
    /// How many alerts fire.
    pub alerts: usize,
    /// Some of them are critical.
    pub critical: bool,
}

impl System {
    fn of(snapshot: &Snapshot, history: &History, pools: &[(String, PoolRow)]) -> System {
        let (mut weights, mut sum) = (0.0, 0.0);
        let (mut rate, mut attempts, mut failed) = (0.0, 0.0, 0.0);
        let (mut all, mut well) = (0, 0);
        let alerts = || pools.iter().flat_map(|(_, row)| &row.alerts);
        for pool in &snapshot.pools {
            let past = history.pool(&pool.name);
            let carried = past.and_then(|past| past.steered.recent()).map_or(0.0, |delta| delta.rate());
            // A pool that nobody calls counts as one that is called once a second.
            let weight = carried.max(1.0);
            if let Some(score) = pool.score {
                weights += weight;
                sum += weight * score;
            }
            rate += carried;
            let recent = past.and_then(|past| past.attempts.recent()).unwrap_or_default();
            attempts += recent.rate();
            failed += recent.failure_rate();
            let states = states(pool);
            all += states.len();
            well += states.iter().filter(|state| **state == State::Healthy).count();
        }
        System {
            score: format::score((weights > 0.0).then(|| sum / weights)),
            rate: format::rate(history.is_followed().then_some(rate)),
            failure: format::percent((attempts > 0.0).then(|| failed / attempts)),
            endpoints: format!("{} of {} healthy", format::grouped(well as u64), format::grouped(all as u64)),
            alerts: alerts().count(),
            critical: alerts().any(|alert| alert.critical),
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_snapshot::{Endpoint, LatencyMs, Status};

    use super::*;

    fn pool(name: &str, score: f64, picks: u64) -> Pool {
        Pool {
            name: name.into(),
            cluster: name.into(),
            strategy: "peak_ewma".into(),
            score: Some(score),
            strip: "hhhe".into(),
            eligible: 3,
            panic_below: 2,
            max_ejected: 2,
            ejected: 1,
            picks,
            requests: picks,
            latency_ms: Some(LatencyMs { p50: 4.12, p90: 9.0, p99: 21.7 }),
            ..Pool::default()
        }
    }

    fn history(before: &[Pool], after: &[Pool]) -> History {
        let mut history = History::default();
        for (at_ms, pools) in [(1000, before), (2000, after)] {
            history.observe(&Snapshot { at_ms, pools: pools.to_vec(), ..Snapshot::default() });
        }
        history
    }

    #[test]
    fn a_pool_is_told_in_a_row() {
        let after = pool("orders", 0.91, 50);
        let history = history(&[pool("orders", 0.91, 0)], std::slice::from_ref(&after));
        let row = PoolRow::of(&after, history.pool("orders"));
        let cells = [&row.rate, &row.failure, &row.p50, &row.p99].map(ToString::to_string);
        assert_eq!(cells, ["50 /s", "0 %", "4.1 ms", "22 ms"]);
        assert_eq!((row.score.as_str(), row.states.as_str()), ("0.91", "1 ejected, 3 healthy"));
        assert_eq!((row.spare.as_str(), row.spare_gone, row.failing), ("1", false, false));
        assert_eq!(row.line("orders", Theme { dark: false }, Some(1.0)).values.len(), crate::sheet::places(&form()));
    }

    #[test]
    fn without_spare_endpoints_the_next_ejection_is_ignored() {
        let full = Pool { eligible: 2, ..pool("orders", 0.5, 0) };
        assert!(PoolRow::of(&full, None).spare_gone);
        let panic = Pool { panic: true, eligible: 1, ..full };
        assert_eq!(PoolRow::of(&panic, None).spare, "panic");
    }

    #[test]
    fn listed_endpoints_stand_in_where_there_is_no_strip() {
        let endpoint = Endpoint { status: Status::Warming, ..Endpoint::default() };
        let old = Pool { strip: String::new(), endpoints: vec![endpoint], ..pool("orders", 1.0, 0) };
        assert_eq!(states(&old), [State::Warming]);
    }

    #[test]
    fn the_systems_score_follows_what_the_pools_carry() {
        let before = [pool("a", 1.0, 0), pool("b", 0.5, 0)];
        let after = [pool("a", 1.0, 99), pool("b", 0.5, 1)];
        let snapshot = Snapshot { pools: after.to_vec(), ..Snapshot::default() };
        let system = Summary::of(&snapshot, &history(&before, &after)).system;
        assert_eq!((system.score.as_str(), system.rate.to_string().as_str()), ("0.99", "100 /s"));
        assert_eq!(system.endpoints, "6 of 8 healthy");
    }

    #[test]
    fn before_the_second_poll_nothing_is_known_of_rates() {
        let snapshot = Snapshot { at_ms: 1, pools: vec![pool("a", 1.0, 9)], ..Snapshot::default() };
        let mut history = History::default();
        history.observe(&snapshot);
        let system = Summary::of(&snapshot, &history).system;
        assert_eq!((system.rate.to_string().as_str(), system.failure.to_string().as_str()), ("–", "–"));
    }
}
