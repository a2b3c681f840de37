//! Decisions on old counts: the bulletin board, and workers that share what they know from time to time. One hundred
//! endpoints at .9; the expectations are means of independent simulations.

use crate::Section;
use crate::bed::{SERVICE, Size, choices, engine, mean_of};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::Strategy;
use plimsoll_sim::{Counts, Scenario, Subject};

pub(crate) const SECTIONS: [Section; 3] = [
    Section { name: "board", claims: board },
    Section { name: "workers", claims: workers },
    Section { name: "our workers", claims: ours },
];

const EXACT: &str = "3 %: both sides are simulations";
const STATED: &str = "4 %: both sides are simulations, three standard errors each";

const SWINGS: &str = "8 %: the whole herd swings between endpoints, chance is greater";

fn size(effort: Effort) -> Size {
    Size::new(effort.pick(5, 12), effort.pick(150_000, 1_000_000))
}

fn board(effort: Effort) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (age, row) in [(1, [2.97, 2.60, 3.99]), (10, [5.10, 6.26, 23.2])] {
        for (d, want) in [Some(2), Some(3), None].into_iter().zip(row) {
            let subject = choices(d, Counts::Board { every: SERVICE * age }, 1);
            let size = Size { seeds: effort.pick(8, 16), ..size(effort) };
            let values = mean_of(&Scenario::equals(100, 0.9, SERVICE), &subject, size);
            let d = d.map_or("all".to_owned(), |d| d.to_string());
            let name = format!("board every {age} S, best of {d}, mean");
            let (share, because) = if d == "all" { (0.08, SWINGS) } else { (0.04, STATED) };
            claims.push(Claim::measured(name, want, &values, share, because));
        }
    }
    claims
}

fn workers(effort: Effort) -> Vec<Claim> {
    let scenario = Scenario::equals(100, 0.9, SERVICE);
    let mean = |subject: Subject| mean_of(&scenario, &subject, size(effort));
    let random = Size::new(size(effort).seeds, 4 * size(effort).requests);
    let mut claims = vec![
        Claim::measured(
            "8 workers, by chance",
            10.0,
            &mean_of(&scenario, &Subject::Random, random),
            0.06,
            STATED_RANDOM,
        ),
        Claim::measured("8 workers, best of 2, exact", 2.68, &mean(choices(Some(2), Counts::Exact, 8)), 0.03, EXACT),
        Claim::measured("8 workers, best of 2, own only", 4.0, &mean(choices(Some(2), Counts::Local, 8)), 0.03, EXACT),
    ];
    let rows: [(f64, [f64; 3]); 4] =
        [(0.1, [2.68, 2.69, 1.45]), (1.0, [2.94, 2.91, 3.15]), (5.0, [3.81, 3.45, 7.23]), (20.0, [6.56, 3.88, 24.2])];
    for (t, [snapshot, decayed, scan]) in rows {
        let every = SERVICE.mul_f64(t);
        let own = Counts::BoardAndOwn { every };
        let fading = Counts::DecayedAndOwn { every, mean: SERVICE };
        let name = |what: &str| format!("8 workers, shared every {t} S, {what}");
        let mut push = |what: &str, want: f64, subject: Subject, share: f64, because: &'static str| {
            claims.push(Claim::measured(name(what), want, &mean(subject), share, because));
        };
        push("best of 2, snapshot + own", snapshot, choices(Some(2), own, 8), 0.04, STATED);
        push("best of 2, own + fading peers", decayed, choices(Some(2), fading, 8), 0.04, STATED);
        push("best of all, snapshot + own", scan, choices(None, own, 8), 0.05, "5 %: as above, a scan herds harder");
    }
    claims
}

const STATED_RANDOM: &str = "6 %: three standard errors of 100 queues M/M/1";
/// Our least_request compares its own requests under way only.
fn ours(effort: Effort) -> Vec<Claim> {
    let scenario = Scenario::equals(100, 0.9, SERVICE);
    let values = mean_of(&scenario, &engine(Strategy::LeastRequest, 8, SERVICE * 10), size(effort));
    vec![Claim::measured("8 workers, our least_request, own only", 4.0, &values, 0.03, EXACT)]
}
