//! The setups that `bench-envoy` compares: the repository's `envoy/envoy.yaml` with parts taken out, so that what one
//! part costs is the difference of two that were measured side by side.

use anyhow::{Context, Result};
use plimsoll_host_tests::bed::EnvoyConfig;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const CLUSTER: &str = "/static_resources/clusters/0";
const OPTIONS: &str = "typed_extension_protocol_options";
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/// Highest ratios to LEAST_REQUEST that the project allows itself.
const REQUEST_TARGET: f64 = 1.13;
const ATTEMPT_TARGET: f64 = 1.22;

/// One setup.
pub struct Plan {
    /// What the table calls it.
    pub name: String,
    /// Highest ratio to the first one that the project allows itself.
    pub target: Option<f64>,
    /// The filter sees every request.
    pub filtered: bool,
    /// What Envoy is started with.
    pub config: EnvoyConfig,
}

/// A part of the file that can be left out.
#[derive(Clone, Copy)]
enum Part {
    /// The picker; the filter chain then has only the router.
    Picker,
    /// Strips a client's own steering header, before all filters.
    EarlyStrip,
    /// Strips the steering header on its way to the endpoint, in the cluster.
    LateStrip,
    /// The cluster's filters, all of them: then Envoy builds no chain per attempt.
    UpstreamFilters,
}

/// Envoy's own LEAST_REQUEST first, it is what the others are compared with; then both modes.
///
/// # Errors
/// When the repository's configuration is not as expected.
pub fn modes(endpoints: &[SocketAddr]) -> Result<Vec<Plan>> {
    Ok(vec![
        Plan::new("LEAST_REQUEST, no wasm", base(endpoints)?.without_wasm()).unfiltered(),
        Plan::new("observe: request", base(endpoints)?.observe_requests()).target(REQUEST_TARGET),
        Plan::new("observe: attempt", base(endpoints)?).target(ATTEMPT_TARGET),
    ])
}

/// Both modes with another build of the filter.
///
/// # Errors
/// When there is no such file.
pub fn build(endpoints: &[SocketAddr], wasm: &Path) -> Result<Vec<Plan>> {
    // Envoy runs in a folder of its own.
    let wasm = wasm.canonicalize().with_context(|| format!("no file {}", wasm.display()))?;
    let name = wasm.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(vec![
        Plan::new(&format!("request, {name}"), base(endpoints)?.observe_requests().wasm(&wasm)),
        Plan::new(&format!("attempt, {name}"), base(endpoints)?.wasm(&wasm)),
    ])
}

/// From a cluster that only can be steered to the whole of both modes, part by part.
///
/// # Errors
/// When the repository's configuration is not as expected.
pub fn parts(endpoints: &[SocketAddr]) -> Result<Vec<Plan>> {
    use Part::{EarlyStrip, LateStrip, Picker, UpstreamFilters};
    let request = |parts: &[Part]| without(base(endpoints)?.observe_requests(), parts);
    Ok(vec![
        Plan::new("override_host alone", request(&[Picker, EarlyStrip, UpstreamFilters])?).unfiltered(),
        Plan::new(".. + early strip", request(&[Picker, UpstreamFilters])?).unfiltered(),
        Plan::new(".. + late strip", request(&[Picker])?).unfiltered(),
        Plan::new("request, no strips", request(&[EarlyStrip, UpstreamFilters])?),
        Plan::new("attempt, no strips", without(base(endpoints)?, &[EarlyStrip, LateStrip])?),
    ])
}

/// With ports of its own: each variant's Envoy needs its own, two on one port would silently share the connections.
fn base(endpoints: &[SocketAddr]) -> Result<EnvoyConfig> {
    Ok(EnvoyConfig::from_repo()?.endpoints(endpoints).dashboard_files(None).log_level("warn"))
}

fn without(config: EnvoyConfig, parts: &[Part]) -> Result<EnvoyConfig> {
    let mut done = Some(());
    let config = config.edit(|file| {
        done = parts.iter().try_for_each(|part| take_out(file, *part));
    });
    done.context("envoy/envoy.yaml lacks a part that the bench knows")?;
    Ok(config)
}

fn take_out(file: &mut Value, part: Part) -> Option<()> {
    match part {
        Part::Picker => {
            // Its configuration stays, so that ports and endpoints find their place.
            let filters = file.pointer_mut(MANAGER)?.get_mut("http_filters")?;
            *filters.get_mut(0)?.as_object_mut()?.entry("disabled").or_insert(Value::Null) = json!(true);
        }
        Part::EarlyStrip => {
            file.pointer_mut(MANAGER)?.as_object_mut()?.remove("early_header_mutation_extensions")?;
        }
        Part::LateStrip => {
            let filters = upstream_filters(file)?;
            let place = filters.iter().position(|f| f["name"] == "envoy.filters.http.header_mutation")?;
            filters.remove(place);
        }
        Part::UpstreamFilters => {
            // The observer is looked up by name when it is taken out: an empty list stands for none.
            let filters = upstream_filters(file)?;
            filters.retain(|filter| filter["name"] == "plimsoll-observer");
        }
    }
    Some(())
}

fn upstream_filters(file: &mut Value) -> Option<&mut Vec<Value>> {
    let options = file.pointer_mut(CLUSTER)?.get_mut(OPTIONS)?.get_mut(HTTP_OPTIONS)?;
    options.get_mut("http_filters")?.as_array_mut()
}

impl Plan {
    fn new(name: &str, config: EnvoyConfig) -> Self {
        Self { name: name.to_owned(), target: None, filtered: true, config }
    }

    fn target(mut self, ratio: f64) -> Self {
        self.target = Some(ratio);
        self
    }

    fn unfiltered(mut self) -> Self {
        self.filtered = false;
        self
    }
}
