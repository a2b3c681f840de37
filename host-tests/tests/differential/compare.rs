//! Runs a scene on both sides and compares.

use std::path::Path;

use crate::case::{Difference, Scene};
use crate::envoy::{self, Endpoints};
use crate::host;

/// A folder in which Envoy's traces are kept from run to run, for work on the host alone.
const KEPT: &str = "DIFFERENTIAL_KEPT";
/// Between the traces in it.
const BETWEEN: &str = "\n\u{c}\n";
/// If set, Envoy's traces are printed.
const SHOWN: &str = "DIFFERENTIAL_SHOW";

/// Runs a scene in Envoy and in the host; panics with a diff where they differ.
pub(crate) fn compare(scene: &Scene) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let endpoints = runtime.block_on(Endpoints::start());
    let names: Vec<&str> = std::iter::once("start").chain(scene.cases.iter().map(|case| case.name)).collect();
    let kept = std::env::var_os(KEPT).map(|folder| Path::new(&folder).join(format!("{}.txt", scene.name)));
    let started = std::time::Instant::now();
    let known = kept.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    let truth = known.map(|text| text.split(BETWEEN).map(str::to_owned).collect()).unwrap_or_else(|| {
        let traces = runtime.block_on(envoy::run(scene, &endpoints));
        let texts: Vec<String> = traces.iter().map(|trace| trace.text().join("\n")).collect();
        if let Some(file) = &kept {
            std::fs::write(file, texts.join(BETWEEN)).expect("the folder can be written");
        }
        texts
    });
    for (name, truth) in names.iter().zip(&truth) {
        if std::env::var_os(SHOWN).is_some() {
            println!("=== {}: {name}\n{truth}\n", scene.name);
        }
        assert!(!truth.contains("makes no sense"), "{}: {name}\n{truth}", scene.name);
    }
    println!("{}: Envoy took {:?}", scene.name, started.elapsed());
    let ours: Vec<String> = host::run(scene, &endpoints.names).iter().map(|trace| trace.text().join("\n")).collect();
    assert_eq!((truth.len(), ours.len()), (names.len(), names.len()), "a trace for each case of {}", scene.name);
    let mut differences = Vec::new();
    let listed = std::iter::once(None).chain(scene.cases.iter().map(|case| case.differs));
    for (((name, truth), ours), listed) in names.iter().zip(&truth).zip(&ours).zip(listed) {
        let diff = || diff(&truth.lines().collect::<Vec<_>>(), &ours.lines().collect::<Vec<_>>());
        if let Some(Difference { reason, lines }) = listed {
            assert_ne!(truth, ours, "{}: {name} does not differ any more, though it is listed: {reason}", scene.name);
            // This and nothing else.
            insta::with_settings!({ description => reason, omit_expression => true, prepend_module_to_snapshot => false }, {
                let settled: Vec<String> = diff().lines().take(lines).map(str::to_owned).collect();
                insta::assert_snapshot!(format!("{} {name}", scene.name).replace(' ', "_"), settled.join("\n"));
            });
        } else if truth != ours {
            let diff = diff();
            differences.push(format!("--- {}: {name} (- Envoy, + the host)\n{diff}", scene.name));
        }
    }
    let (count, differ) = (names.len(), differences.len());
    assert!(differences.is_empty(), "{differ} of {count} cases of {} differ\n{}", scene.name, differences.join("\n"));
}

/// The lines of both sides, those in common once.
fn diff(truth: &[&str], ours: &[&str]) -> String {
    // Longest common subsequence, by its table of lengths.
    let (rows, columns) = (truth.len(), ours.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if truth[row] == ours[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut text) = (0, 0, Vec::new());
    while row < rows || column < columns {
        if row < rows && column < columns && truth[row] == ours[column] {
            text.push(format!("  {}", truth[row]));
            (row, column) = (row + 1, column + 1);
        } else if column == columns || (row < rows && common[row + 1][column] >= common[row][column + 1]) {
            text.push(format!("- {}", truth[row]));
            row += 1;
        } else {
            text.push(format!("+ {}", ours[column]));
            column += 1;
        }
    }
    text.join("\n")
}
