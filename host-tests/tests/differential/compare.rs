//! Runs a scene on both sides and compares.

use crate::case::Scene;
use crate::envoy::{self, Endpoints};
use crate::host;

/// Runs a scene in Envoy and in the host; panics with a diff where they differ.
pub(crate) fn compare(scene: &Scene) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (truth, ours) = runtime.block_on(async {
        let endpoints = Endpoints::start().await;
        let truth = envoy::run(scene, &endpoints).await;
        let ours = if std::env::var_os("TRUTH_ONLY").is_some() { truth.clone() } else { host::run(scene, &endpoints.names) };
        (truth, ours)
    });
    let mut differences = Vec::new();
    let names = std::iter::once("start").chain(scene.cases.iter().map(|case| case.name));
    for ((name, truth), ours) in names.zip(&truth).zip(&ours) {
        let (truth, ours) = (truth.text(), ours.text());
        if std::env::var_os("SHOW_TRACES").is_some() {
            println!("=== {}: {name}\n{}\n", scene.name, truth.join("\n"));
        }
        if let Some(line) = truth.iter().find(|line| line.contains("makes no sense")) {
            panic!("{}: {name}: {line}", scene.name);
        }
        if truth != ours {
            differences.push(format!("--- {}: {name} (- Envoy, + the host)\n{}", scene.name, diff(&truth, &ours)));
        }
    }
    assert!(differences.is_empty(), "{} of {} cases differ\n{}", differences.len(), scene.cases.len() + 1, differences.join("\n"));
}

/// The lines of both sides, those in common once.
fn diff(truth: &[String], ours: &[String]) -> String {
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
