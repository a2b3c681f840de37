//! Figures that need no simulation: the stated ones against their formulas.

use crate::Section;
use crate::claim::Claim;
use crate::common::Effort;
use crate::formulas::{
    choices_mean, choices_tail, envoy_blind_share, erlang_c, in_turn_mean, m_m_1_quantile, m_m_n_mean,
};

pub(crate) const SECTIONS: [Section; 1] = [Section { name: "formulas", claims: formulas }];

const ROUNDING: &str = "rounding of the stated figure";

/// Mean time in the system by number of choices and load.
pub(crate) const CHOICES: [(u32, [(f64, f64); 6]); 3] = [
    (2, [(0.5, 1.2657), (0.7, 1.6145), (0.8, 1.9474), (0.9, 2.6141), (0.95, 3.3830), (0.99, 5.4320)]),
    (3, [(0.5, 1.1252), (0.7, 1.3568), (0.8, 1.5809), (0.9, 2.0279), (0.95, 2.5351), (0.99, 3.8578)]),
    (5, [(0.5, 1.0313), (0.7, 1.1681), (0.8, 1.3289), (0.9, 1.6329), (0.95, 1.9888), (0.99, 2.9017)]),
];

/// Share of queues with at least 1, 2, … requests at .9 with two choices.
pub(crate) const TAIL: [f64; 5] = [0.9, 0.729, 0.4783, 0.2059, 0.0382];

fn formulas(_: Effort) -> Vec<Claim> {
    let exact = |name: String, stated: f64, computed: f64, half_unit: f64| {
        Claim::exact(format!("formula: {name}"), stated, computed, half_unit, ROUNDING)
    };
    let mut claims = vec![
        exact("M/M/1 at .9, p99".into(), 46.05, m_m_1_quantile(0.9, 0.99), 0.005_2),
        exact("Erlang C, n = 10 at .9".into(), 0.668_732, erlang_c(10, 0.9), 6e-7),
        exact("Erlang C, n = 100 at .9".into(), 0.216_940, erlang_c(100, 0.9), 6e-7),
    ];
    for (n, stated) in [(2, 5.263_158), (10, 1.668_732), (100, 1.021_694)] {
        claims.push(exact(format!("M/M/{n} at .9, mean"), stated, m_m_n_mean(n, 0.9), 6e-7));
    }
    for (n, stated) in [(2, 7.588_28), (10, 5.660_28), (100, 5.226_81)] {
        claims.push(exact(format!("E{n}/M/1 at .9, mean"), stated, in_turn_mean(n, 0.9), 6e-6));
    }
    for (d, row) in CHOICES {
        for (load, stated) in row {
            claims.push(exact(format!("{d} choices at {load}, mean"), stated, choices_mean(d, load), 6e-5));
        }
    }
    for (index, stated) in TAIL.into_iter().enumerate() {
        let at_least = index as u32 + 1;
        let computed = choices_tail(2, 0.9, at_least);
        claims.push(exact(format!("2 choices at .9, share with ≥ {at_least}"), stated, computed, 6e-5));
    }
    claims.push(exact("Envoy's rule: blind above this share".into(), 0.217, envoy_blind_share(1.9), 5e-4));
    claims
}
