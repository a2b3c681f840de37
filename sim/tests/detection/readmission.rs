//! The way back. Who is well again has its full share at the end of the ramp (10 s after its circuit closed); who is not
//! costs at most as many failed attempts for each opening as there are permits, over all workers together.
//!
//! The share is what it served in the ten seconds after the ramp, relative to the others' mean. Under `peak_ewma` that has
//! a standard deviation of some tenth where nothing is wrong (a row tells how much), so it is the mean over the seeds that
//! has to be near 1. Of a slow endpoint, probes succeed: what it costs is told.

use crate::Section;
use crate::bed::{self, errors, fault, onset, play, plimsoll, pool, seconds, slow};
use crate::claim::Claim;
use crate::common::Effort;
use plimsoll_engine::PoolConfig;
use plimsoll_sim::statistics::{deviation, mean};
use plimsoll_sim::trial::Watched;
use plimsoll_sim::{Change, FaultKind, Scenario, Shape};
use std::time::Duration;

pub(crate) const SECTIONS: [Section; 3] = [
    Section { name: "readmission, share", claims: shares },
    Section { name: "readmission, never well", claims: never_well },
    Section { name: "readmission, relapse", claims: relapses },
];

const WIDTH: Duration = Duration::from_secs(1);
/// How far the share may be off, see above.
const OFF: f64 = 0.15;

fn kinds() -> [(&'static str, FaultKind); 5] {
    [
        ("errors 100 %", FaultKind::Errors { share: 1.0, after: Some(Duration::from_millis(1)), of_requests: false }),
        ("errors 50 %", errors(0.5)),
        ("refusals", FaultKind::Refuse),
        ("hangs", FaultKind::Hang),
        ("10 × slow", slow(10.0)),
    ]
}

/// When the circuit of the first endpoint changed to this for the last time.
fn last(watched: &Watched, change: Change) -> Option<Duration> {
    let verdicts = watched.report.verdicts.iter().rev();
    verdicts.filter(|verdict| verdict.endpoint == 0).find(|verdict| verdict.change == change).map(|verdict| verdict.at)
}

/// Served in ten seconds from `since`, the first endpoint's over the others' mean.
fn share(watched: &Watched, since: Duration) -> Option<f64> {
    let first = since.as_secs() as usize + 1;
    let buckets = watched.report.timeline.get(first..first + 10)?;
    let own: u32 = buckets.iter().map(|bucket| bucket.served[0]).sum();
    let others: u32 = buckets.iter().flat_map(|bucket| &bucket.served[1..]).sum();
    Some(f64::from(own) / (f64::from(others) / (watched.report.endpoints.len() - 1) as f64))
}

fn shares(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(6, 60);
    let calm = share_claim("share without a fault".to_owned(), seeds, |seed| share_after(None, seed));
    let one = |(name, kind): (&str, FaultKind)| {
        share_claim(format!("share after {name}"), seeds, |seed| share_after(Some(kind), seed))
    };
    std::iter::once(calm).chain(kinds().into_iter().map(one)).collect()
}

/// The share of the first endpoint in the ten seconds after its last ramp; `None` if that never came. Each seed has another
/// number of workers.
fn share_after(kind: Option<FaultKind>, seed: u64) -> Option<f64> {
    let from = onset(seed);
    // Well again before it is probed, or after a probe or two have failed.
    let (lasts, rest) = [(4.0, 35.0), (12.0, 65.0)][(seed as usize / 3) % 2];
    let to = from + seconds(lasts);
    let scenario = Scenario {
        faults: kind.map(|kind| fault(kind, from, Some(to))).into_iter().collect(),
        timeline: WIDTH,
        ..pool(10, &Shape::Exponential, to + seconds(rest), seed)
    };
    let watched = play(&scenario, &plimsoll(bed::WORKERS[seed as usize % 3]));
    let closed = last(&watched, Change::Returned);
    if closed.is_none() && last(&watched, Change::Ejected).is_some() {
        return None;
    }
    // Never ejected: it has the same time from the end of the fault.
    share(&watched, closed.unwrap_or(to) + PoolConfig::default().ramp)
}

fn share_claim(name: String, seeds: u64, share: impl Fn(u64) -> Option<f64>) -> Claim {
    let got: Vec<(u64, Option<f64>)> = (1..=seeds).map(|seed| (seed, share(seed))).collect();
    // Without a return there is no share at all.
    let off = |share: Option<f64>| share.map_or(f64::INFINITY, |share| (share - 1.0).abs());
    let (seed, worst) = got.iter().max_by(|a, b| off(a.1).total_cmp(&off(b.1))).copied().unwrap_or_default();
    let known: Vec<f64> = got.iter().filter_map(|(_, share)| *share).collect();
    let mean = mean(&known).unwrap_or_default();
    // Of a well endpoint's three probes two are slow by chance in 2 % of all openings, and it waits for another one.
    let mostly_back = (got.len() - known.len()) * 20 <= got.len();
    let holds = mostly_back && (mean - 1.0).abs() <= OFF;
    let deviation = deviation(&known).unwrap_or_default();
    let text = match worst {
        Some(worst) => format!("mean {mean:.3}, σ {deviation:.3}, worst {worst:.3}"),
        None => format!("mean {mean:.3}, {} never back", got.len() - known.len()),
    };
    Claim {
        expected: format!("mean 1 ± {OFF}"),
        holds: Some(holds),
        note: if holds { "of the others' mean".to_owned() } else { format!("worst with seed {seed}") },
        ..Claim::told(name, text, seeds)
    }
}

/// By opening: attempts that came from the first probe to the next ejection, and those of them that failed.
fn costs(watched: &Watched) -> Vec<(usize, usize)> {
    let mut costs = Vec::new();
    let mut probed = None;
    for verdict in watched.report.verdicts.iter().filter(|verdict| verdict.endpoint == 0) {
        match (verdict.change, probed) {
            // Half-open again because permits were not used: the same opening.
            (Change::Probed, None) => probed = Some(verdict.at),
            (Change::Probed, Some(_)) => {}
            (Change::Ejected, Some(since)) => {
                let of = watched.attempts.iter().filter(|seen| (since..=verdict.at).contains(&seen.began));
                costs.push((of.clone().count(), of.filter(|seen| seen.failed != Some(false)).count()));
                probed = None;
            }
            (Change::Ejected | Change::Returned, _) => probed = None,
        }
    }
    costs
}

fn never_well(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(2, 20);
    let permits = PoolConfig::default().circuit.half_open_permits as usize;
    let mut claims = Vec::new();
    for (name, kind) in kinds() {
        for workers in bed::WORKERS {
            let mut most = Vec::new();
            let (mut openings, mut attempts, mut closed) = (0, 0, 0);
            for seed in 1..=seeds {
                let from = onset(seed);
                let faults = vec![fault(kind, from, None)];
                let scenario = Scenario { faults, ..pool(10, &Shape::Exponential, from + seconds(80.0), seed) };
                let watched = play(&scenario, &plimsoll(workers));
                let costs = costs(&watched);
                most.push((seed, costs.iter().map(|(_, failed)| *failed).max().unwrap_or(0)));
                openings += costs.len();
                attempts += costs.iter().map(|(attempts, _)| attempts).sum::<usize>();
                let of = |verdict: &&plimsoll_sim::VerdictReport| {
                    verdict.endpoint == 0 && verdict.change == Change::Returned && verdict.at > from
                };
                closed += watched.report.verdicts.iter().filter(of).count();
            }
            let note = format!("{attempts} attempts in {openings} openings that failed; closed {closed} times");
            let name = format!("never well, {name}, {workers} w, failed per opening");
            claims.push(Claim { note: note.clone(), ..Claim::counted(name, permits, &most, &note) });
        }
    }
    claims
}

/// Well for long enough to be closed, and broken again at once: what the way from closed to open costs while its share
/// is a tenth.
fn relapses(effort: Effort) -> Vec<Claim> {
    let seeds = effort.pick(2, 20);
    let mut claims = Vec::new();
    for (name, kind) in kinds() {
        for workers in bed::WORKERS {
            let one = |seed| relapse(kind, workers, seed);
            let got: Vec<(u64, Option<(usize, Duration)>)> = (1..=seeds).map(one).collect();
            let failed = got.iter().filter_map(|(_, cost)| cost.map(|(failed, _)| failed)).max();
            let took = got.iter().filter_map(|(_, cost)| cost.map(|(_, took)| took)).max();
            let missed = got.iter().filter(|(_, cost)| cost.is_none()).count();
            let text = format!(
                "≤ {} failed, ≤ {} s until out again, {missed} never",
                failed.unwrap_or(0),
                took.map_or("–".to_owned(), |took| format!("{:.3}", took.as_secs_f64())),
            );
            claims.push(Claim::told(format!("relapse in the ramp, {name}, {workers} w"), text, seeds));
        }
    }
    claims
}

/// Failed attempts on the first endpoint from its relapse to its ejection, and how long that took; the relapse is a second
/// after its circuit closed.
fn relapse(kind: FaultKind, workers: u32, seed: u64) -> (u64, Option<(usize, Duration)>) {
    let from = onset(seed);
    // The first fault is refusals, which every version of the detectors finds; it ends before the first probe.
    let first = fault(FaultKind::Refuse, from, Some(from + seconds(5.0)));
    let scenario = |faults, length| Scenario { faults, ..pool(10, &Shape::Exponential, length, seed) };
    let rehearsal = play(&scenario(vec![first.clone()], from + seconds(16.0)), &plimsoll(workers));
    let Some(closed) = last(&rehearsal, Change::Returned) else { return (seed, None) };
    // The same seed plays the same until then.
    let again = closed + seconds(1.0);
    let watched = play(&scenario(vec![first, fault(kind, again, None)], again + seconds(10.0)), &plimsoll(workers));
    let verdicts = watched.report.verdicts.iter();
    let out =
        verdicts.filter(|verdict| verdict.change == Change::Ejected && verdict.endpoint == 0 && verdict.at > again);
    let cost = out.map(|verdict| verdict.at).next().map(|out| {
        let during = watched.attempts.iter().filter(|seen| (again..=out).contains(&seen.began));
        (during.filter(|seen| seen.failed == Some(true)).count(), out - again)
    });
    (seed, cost)
}
