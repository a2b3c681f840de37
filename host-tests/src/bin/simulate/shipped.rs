//! The `.wasm` as it ships, in the test host, as the balancer that others are compared with.

use plimsoll_host_tests::filtered::Filtered;
use plimsoll_host_tests::host::Guest;
use plimsoll_sim::{Report, Scenario, run_with};
use serde_json::{Value, json};
use std::path::Path;

/// The filter and what it is configured with.
pub(crate) struct Shipped {
    guest: Guest,
    settings: Value,
    workers: u32,
}

impl Shipped {
    /// The filter that `cargo xtask build` has made, with these settings.
    pub(crate) fn new(settings: Option<Value>, workers: u32) -> Result<Self, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/plimsoll.wasm");
        let guest = Guest::from_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { guest, settings: settings.unwrap_or_else(|| json!({})), workers })
    }

    pub(crate) fn play(&self, scenario: &Scenario) -> Result<Report, String> {
        let mut filtered = Filtered::new(&self.guest, scenario, &self.settings, self.workers)?;
        let report = run_with(scenario, &mut filtered, &mut |_| ());
        filtered.failure().map_or(Ok(report), |failure| Err(format!("the filter failed: {failure}")))
    }
}
