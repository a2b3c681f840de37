//! From runs to the table, our place in each row, and whether the targets were met.

use crate::measure::Run;
use crate::rows::{ENDPOINTS, Row};
use crate::subjects::Subject;
use plimsoll_benches::paired::median;
use serde_json::{Value, json};

/// Two figures that differ by less are the same: what is left of chance with the same arrivals and the same work in
/// some rounds of twelve seconds. Fractions of p99 and p99.9.
const SAME_P99: f64 = 0.02;
const SAME_P999: f64 = 0.05;

/// All rounds of one row.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) runs: Vec<(Subject, Vec<Run>)>,
}

/// The figures of one subject: medians of its rounds. Disturbed rounds count only if there are no others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) requests: usize,
    pub(crate) failed: usize,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) late: f64,
    pub(crate) cpu: f64,
    pub(crate) disturbed: bool,
}

impl Figures {
    pub(crate) fn of(runs: &[Run]) -> Self {
        let quiet: Vec<&Run> = runs.iter().filter(|run| !run.is_disturbed()).collect();
        let disturbed = quiet.is_empty();
        let used = if disturbed { runs.iter().collect() } else { quiet };
        let middle =
            |value: fn(&Run) -> f64| median(&used.iter().map(|run| value(run)).collect::<Vec<_>>()).unwrap_or(f64::NAN);
        Self {
            requests: used.iter().map(|run| run.requests).sum(),
            failed: used.iter().map(|run| run.failed).sum(),
            p50: middle(|run| run.p50),
            p99: middle(|run| run.p99),
            p999: middle(|run| run.p999),
            late: middle(|run| run.late),
            cpu: middle(|run| run.cpu),
            disturbed,
        }
    }

    fn ok_percent(&self) -> f64 {
        100.0 * (self.requests - self.failed) as f64 / self.requests.max(1) as f64
    }
}

impl Measured {
    pub(crate) fn figures(&self) -> Vec<(Subject, Figures)> {
        self.runs.iter().map(|(subject, runs)| (*subject, Figures::of(runs))).collect()
    }

    pub(crate) fn ours(&self) -> Option<Figures> {
        self.figures().into_iter().find(|(subject, _)| *subject == Subject::Plimsoll).map(|(_, figures)| figures)
    }

    pub(crate) fn print(&self, details: bool) {
        println!("\n{}", self.row.title);
        let cells = ["ok %", "p50", "p99", "p99.9", "µs CPU", "late"];
        println!(
            "  {:22}{:>9}{:>8}{:>8}{:>8}{:>8}{:>7}",
            "", cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]
        );
        for (subject, figures) in self.figures() {
            let Figures { p50, p99, p999, cpu, late, disturbed, .. } = figures;
            let mark = if disturbed { "  disturbed" } else { "" };
            // Rounded down: 100 means that no request failed.
            let ok = (figures.ok_percent() * 1000.0).floor() / 1000.0;
            println!("  {:22}{ok:>9.3}{p50:>8.1}{p99:>8.1}{p999:>8.1}{cpu:>8.0}{late:>7.1}{mark}", subject.name());
        }
        println!("  {}", self.place());
        if details {
            self.print_details();
        }
    }

    /// Our place by each figure: one more than the number of peers that are better by more than chance.
    pub(crate) fn place(&self) -> String {
        let Some(ours) = self.ours() else { return String::from("Plimsoll was left out") };
        let peers: Vec<_> = self.figures().into_iter().filter(|(subject, _)| *subject != Subject::Plimsoll).collect();
        let place = |name: &str, better: &dyn Fn(&Figures) -> bool| {
            let ahead: Vec<_> = peers.iter().filter(|(_, peer)| better(peer)).map(|(peer, _)| peer.name()).collect();
            let behind = if ahead.is_empty() { String::new() } else { format!(" (behind {})", ahead.join(", ")) };
            format!("{name} {}{behind}", ahead.len() + 1)
        };
        let places = [
            place("ok", &|peer| peer.failed * ours.requests < ours.failed * peer.requests),
            place("p99", &|peer| peer.p99 < ours.p99 * (1.0 - SAME_P99)),
            place("p99.9", &|peer| peer.p999 < ours.p999 * (1.0 - SAME_P999)),
        ];
        format!("Plimsoll's place of {}: {}", peers.len() + 1, places.join(", "))
    }

    /// Nobody is better by more than chance.
    fn is_first(&self) -> bool {
        !self.place().contains("behind")
    }

    fn print_details(&self) {
        for (subject, runs) in &self.runs {
            for run in runs {
                let by_endpoint = |at: usize| run.attempts.get(at).map_or(&[][..], Vec::as_slice);
                println!("  {}: attempts per second at endpoints 1 and {ENDPOINTS}", subject.name());
                println!("    {:?}\n    {:?}", by_endpoint(0), by_endpoint(ENDPOINTS - 1));
                if let Some(ejections) = run.told.ejections {
                    println!("    ejections: {ejections}");
                }
                for event in &run.told.events {
                    let at = event.transition.at_ms as f64 / 1e3 - run.zero_ms as f64 / 1e3;
                    let transition = &event.transition;
                    println!(
                        "    {at:7.3} s {}: {:?} -> {:?}, {:?}",
                        event.endpoint, transition.from, transition.to, transition.reason.signal
                    );
                }
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        let subjects: serde_json::Map<String, Value> = self
            .runs
            .iter()
            .map(|(subject, runs)| {
                let figures = Figures::of(runs);
                let rounds: Vec<Value> = runs.iter().map(round).collect();
                let value = json!({
                    "ok_percent": figures.ok_percent(), "requests": figures.requests, "failed": figures.failed,
                    "p50_ms": figures.p50, "p99_ms": figures.p99, "p999_ms": figures.p999,
                    "cpu_us_per_request": figures.cpu, "late_p99_ms": figures.late, "disturbed": figures.disturbed,
                    "rounds": rounds,
                });
                (subject.name().to_owned(), value)
            })
            .collect();
        json!({"row": self.row.key, "title": self.row.title, "rate": self.row.rate, "place": self.place(),
               "subjects": subjects})
    }
}

fn round(run: &Run) -> Value {
    json!({
        "ok_percent": run.ok_percent(), "p50_ms": run.p50, "p99_ms": run.p99, "p999_ms": run.p999,
        "cpu_us_per_request": run.cpu, "late_p99_ms": run.late, "disturbed": run.is_disturbed(),
        "ejections": run.told.ejections, "attempts_per_second": run.attempts,
    })
}

/// One thing that was to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reached: bool,
    pub(crate) text: String,
}

/// Judges every row. The p99 is compared with the own one without faults, if that was measured.
pub(crate) fn judge(table: &[Measured]) -> Vec<Verdict> {
    let fault_free = table.iter().find(|measured| measured.row.key == "none").and_then(Measured::ours);
    let mut verdicts = Vec::new();
    for measured in table {
        let Some(ours) = measured.ours() else { continue };
        let title = measured.row.title;
        let mut add = |reached, text: String| verdicts.push(Verdict { reached, text: format!("{title}: {text}") });
        add(ours.failed == 0, format!("{} of {} requests failed", ours.failed, ours.requests));
        if let (Some(most), Some(fault_free)) = (measured.row.target.p99, fault_free) {
            let ratio = ours.p99 / fault_free.p99;
            add(ratio <= most, format!("p99 {ratio:.2} times that without faults, at most {most}"));
        }
        if measured.row.target.no_ejection {
            let runs = measured.runs.iter().find(|(subject, _)| *subject == Subject::Plimsoll).map(|(_, runs)| runs);
            let ejections: u64 = runs.into_iter().flatten().filter_map(|run| run.told.ejections).sum();
            add(ejections == 0, format!("{ejections} ejections, none wanted"));
        }
        if measured.runs.len() > 1 {
            add(measured.is_first(), measured.place());
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    fn run(failed: usize, p99: f64, late: f64) -> Run {
        Run {
            requests: 1000,
            failed,
            p50: p99 / 6.0,
            p99,
            p999: p99 * 1.5,
            late,
            cpu: 50.0,
            attempts: Vec::new(),
            told: Default::default(),
            zero_ms: 0,
        }
    }

    fn measured(key: &str, ours: Vec<Run>, peer: Vec<Run>) -> Measured {
        let row = rows::all().into_iter().find(|row| row.key == key).unwrap();
        Measured { row, runs: vec![(Subject::Plimsoll, ours), (Subject::Nginx, peer)] }
    }

    #[test]
    fn a_disturbed_round_does_not_count_and_a_failed_request_does() {
        let row = measured("503", vec![run(0, 90.0, 1.0), run(0, 400.0, 50.0)], vec![run(1, 50.0, 1.0)]);
        let ours = row.ours().unwrap();
        assert_eq!((ours.p99, ours.requests), (90.0, 1000));
        assert!(row.place().starts_with("Plimsoll's place of 2: ok 1, p99 2 (behind nginx least_conn)"));
    }

    #[test]
    fn what_differs_by_chance_only_is_the_same() {
        let row = measured("none", vec![run(0, 100.0, 1.0)], vec![run(0, 98.5, 1.0)]);
        assert!(row.is_first(), "{}", row.place());
    }

    #[test]
    fn the_p99_is_judged_by_the_own_one_without_faults() {
        let none = measured("none", vec![run(0, 100.0, 1.0)], vec![run(0, 100.0, 1.0)]);
        let slow = measured("slow", vec![run(0, 120.0, 1.0)], vec![run(0, 200.0, 1.0)]);
        let missed: Vec<_> = judge(&[none, slow]).into_iter().filter(|verdict| !verdict.reached).collect();
        assert_eq!(missed.len(), 1);
        assert!(missed[0].text.contains("10x slow: p99 1.20 times"), "{missed:?}");
    }
}
