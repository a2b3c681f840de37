//! One figure to reproduce, and the table of all.

use plimsoll_sim::statistics::{Align, Interval, Table};

/// A figure, what came out, and how far apart they may lie.
pub(crate) struct Claim {
    pub(crate) name: String,
    /// Where the expectation is from: the stated figure, or the formula that gives it.
    pub(crate) expected: f64,
    pub(crate) got: Interval,
    /// In the unit of the figure.
    pub(crate) tolerance: f64,
    /// How the tolerance was derived.
    pub(crate) because: &'static str,
}

impl Claim {
    /// A figure measured once per seed; `share` of the expectation is tolerated.
    pub(crate) fn measured(
        name: impl Into<String>,
        expected: f64,
        values: &[f64],
        share: f64,
        because: &'static str,
    ) -> Self {
        let got = Interval::of(values).expect("at least one seed");
        Self { name: name.into(), expected, got, tolerance: expected.abs() * share, because }
    }

    /// A figure without chance in it; `tolerance` is its rounding.
    pub(crate) fn exact(
        name: impl Into<String>,
        expected: f64,
        got: f64,
        tolerance: f64,
        because: &'static str,
    ) -> Self {
        let got = Interval { mean: got, half: None, count: 1 };
        Self { name: name.into(), expected, got, tolerance, because }
    }

    /// A figure measured once per seed that may be lower than the limit, but not higher.
    pub(crate) fn at_most(name: impl Into<String>, limit: f64, values: &[f64]) -> Self {
        let got = Interval::of(values).expect("at least one seed");
        // Below the limit by any amount is as good as on it.
        let below = (limit - got.mean).max(0.0);
        Self { name: name.into(), expected: limit, got, tolerance: below, because: "a limit: it may be lower" }
    }

    /// It holds, and the runs are long enough to say so: an interval wider than the tolerance proves nothing.
    pub(crate) fn holds(&self) -> bool {
        let near = (self.got.mean - self.expected).abs() <= self.tolerance;
        near && self.got.half.is_none_or(|half| half <= self.tolerance)
    }
}

/// All claims, one a row.
pub(crate) fn table(claims: &[Claim]) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("figure", Left),
        ("expected", Right),
        ("got", Right),
        ("95 % ±", Right),
        ("tolerance", Right),
        ("seeds", Right),
        ("verdict", Left),
        ("tolerance is", Left),
    ]);
    for claim in claims {
        table.push([
            claim.name.clone(),
            digits(claim.expected),
            digits(claim.got.mean),
            claim.got.half.map(digits).unwrap_or_default(),
            digits(claim.tolerance),
            claim.got.half.map(|_| claim.got.count.to_string()).unwrap_or_default(),
            if claim.holds() { "ok" } else { "WRONG" }.to_owned(),
            claim.because.to_owned(),
        ]);
    }
    table.plain()
}

/// As many decimals as the figure needs to be told from its neighbours.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 10_000.0 => 0,
        v if v >= 100.0 => 2,
        v if v >= 10.0 => 3,
        v if v >= 0.001 || v == 0.0 => 4,
        _ => 7,
    };
    format!("{value:.decimals$}")
}
