//! What two configurations made of the same traffic, seed by seed: figures that clients feel, each with how sure it is.

use plimsoll_sim::{Change, Fault, Report, Scenario, Targets};

/// What is told of a run, in the order of a table.
pub const FIGURES: [Figure; 7] = [
    Figure { name: "p50_ms", label: "median", unit: "ms", less_is_better: true },
    Figure { name: "p99_ms", label: "99th percentile", unit: "ms", less_is_better: true },
    Figure { name: "ok_percent", label: "good answers", unit: "%", less_is_better: false },
    Figure { name: "retries_percent", label: "retries", unit: "%", less_is_better: true },
    Figure { name: "ejections", label: "ejections", unit: "", less_is_better: true },
    Figure { name: "false_ejections", label: "ejections of healthy endpoints", unit: "", less_is_better: true },
    Figure { name: "eject_s", label: "time until a sick endpoint is ejected", unit: "s", less_is_better: true },
];

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// In JSON.
    pub name: &'static str,
    /// For people.
    pub label: &'static str,
    /// Empty for a count.
    pub unit: &'static str,
    /// Less of it is better. Of ejections neither is: it is told and not judged.
    pub less_is_better: bool,
}

/// A mean over seeds, and half of the interval that holds the true one with a probability of 95 %; none from one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the interval's width.
    pub half: Option<f64>,
    /// Seeds that had the figure.
    pub count: usize,
}

/// One figure of both.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub figure: Figure,
    /// With the present settings.
    pub present: Option<Estimate>,
    /// With the changed ones.
    pub changed: Option<Estimate>,
    /// Changed minus present, seed by seed: they met the same traffic, so most of the noise is not in it.
    pub difference: Option<Estimate>,
}

/// All figures of both, over the seeds that both have played.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// How many seeds that is.
    pub seeds: usize,
    /// In the order of [`FIGURES`].
    pub rows: Vec<Row>,
}

/// The figures of a run; `None` for one that it does not have.
pub type Figures = [Option<f64>; FIGURES.len()];

impl Estimate {
    /// The interval does not hold 0.
    pub fn is_sure(&self) -> bool {
        self.half.is_some_and(|half| self.mean.abs() > half)
    }

    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let half = T.get(count.wrapping_sub(2)).map(|t| t * libm::sqrt(squares / (count - 1) as f64 / count as f64));
        (count > 0).then_some(Self { mean, half, count })
    }
}

/// Student's t at 97.5 %, from one degree of freedom on: its quantiles by formula take 5 KiB of the page, and there are at
/// most [`super::setup::MAX_SEEDS`] seeds.
pub(super) const T: [f64; 19] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004, 2.262_157, 2.228_139,
    2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905, 2.109_816, 2.100_922, 2.093_024,
];

/// The figures of a run of this scenario.
pub(super) fn figures(report: &Report, scenario: &Scenario) -> Figures {
    let total = report.outcomes.total().max(1) as f64;
    let ms = |q: f64| (!report.latencies.is_empty()).then(|| report.quantile(q).as_nanos() as f64 / 1e6);
    let ejections = report.verdicts.iter().filter(|verdict| verdict.change == Change::Ejected).count();
    [
        ms(0.5),
        ms(0.99),
        Some(report.outcomes.ok as f64 * 100.0 / total),
        Some(report.retries as f64 * 100.0 / total),
        Some(ejections as f64),
        Some(report.false_ejections() as f64),
        until_all_are_out(report, scenario),
    ]
}

/// The longest time that a fault of some endpoints took until one of them was ejected; none if one never was.
fn until_all_are_out(report: &Report, scenario: &Scenario) -> Option<f64> {
    let hits_some = |fault: &&Fault| matches!(fault.targets, Targets::Some(_));
    let times = scenario.faults.iter().filter(hits_some).map(|fault| seconds_to_eject(report, fault));
    times.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)
}

/// From the begin of a fault that hits some to the first ejection of one that it hits.
fn seconds_to_eject(report: &Report, fault: &Fault) -> Option<f64> {
    let Targets::Some(hit) = &fault.targets else { return None };
    let meant = |verdict: &&plimsoll_sim::VerdictReport| {
        verdict.change == Change::Ejected && verdict.at >= fault.from && hit.contains(&verdict.endpoint)
    };
    let first = report.verdicts.iter().find(meant)?;
    Some((first.at - fault.from).as_nanos() as f64 / 1e9)
}

impl Comparison {
    /// Of the figures of both sides, seed by seed; those that only one side has yet are left out.
    pub(super) fn of(sides: &[Vec<Figures>; 2]) -> Self {
        let seeds = sides[0].len().min(sides[1].len());
        let values = |side: usize, figure: usize| -> Vec<Option<f64>> {
            sides[side].iter().take(seeds).map(|figures| figures[figure]).collect()
        };
        let estimate =
            |values: &[Option<f64>]| Estimate::of(&values.iter().filter_map(|value| *value).collect::<Vec<_>>());
        let row = |figure: usize| {
            let (present, changed) = (values(0, figure), values(1, figure));
            let minus = |(ours, theirs): (&Option<f64>, &Option<f64>)| Some((*ours)? - (*theirs)?);
            let differences: Vec<Option<f64>> = changed.iter().zip(&present).map(minus).collect();
            Row {
                figure: FIGURES[figure],
                present: estimate(&present),
                changed: estimate(&changed),
                difference: estimate(&differences),
            }
        };
        Self { seeds, rows: (0..FIGURES.len()).map(row).collect() }
    }
}
