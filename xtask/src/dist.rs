//! Builds `dist/`: the filter for Envoy and the dashboard for a browser, each within its budget.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use wasm_bindgen_cli_support::Bindgen;

use crate::module::{self, artifact, compile, replace};
use crate::run::{root, timed};
use crate::wasm::Route;
use crate::{pack, page};

/// The filter travels in control-plane messages and is compiled by every Envoy worker.
const FILTER_BUDGET: usize = 400 * 1024;
/// The dashboard is loaded by somebody who is on call, perhaps over a phone; gzipped, in all.
const PAGE_BUDGET: usize = 250 * 1024;
/// The lab is loaded by whoever opens it: engine and simulator.
const LAB_BUDGET: usize = 150 * 1024;

/// One half of `dist/`.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// dist/plimsoll.wasm
    Filter,
    /// dist/dashboard/
    Dashboard,
}

/// Builds `dist/`, or one part of it.
pub(crate) fn build(route: &Route, only: Option<Part>) -> Result<()> {
    if only != Some(Part::Dashboard) {
        timed("filter", || filter(route))?;
    }
    if only != Some(Part::Filter) {
        timed("dashboard", || dashboard(route))?;
    }
    Ok(())
}

fn filter(route: &Route) -> Result<()> {
    let size = module::filter(route, None, &root().join("dist/plimsoll.wasm"))?;
    println!("    dist/plimsoll.wasm: {}", kib(size));
    within("dist/plimsoll.wasm", size, FILTER_BUDGET)
}

fn dashboard(route: &Route) -> Result<()> {
    let directory = root().join("dist/dashboard");
    let source = root().join("dashboard");
    program(route, "dashboard", &["plimsoll-dashboard.wasm", "plimsoll_dashboard.wasm"], &[])?;
    let html = fs::read_to_string(source.join("index.html")).context("dashboard/index.html")?;
    let page = page::for_dist(&html)?;
    replace(&directory.join("index.html"), page.html.as_bytes())?;
    let mut style = String::new();
    for file in page.styles {
        style.push_str(&fs::read_to_string(source.join(&file)).with_context(|| format!("dashboard/{file}"))?);
    }
    replace(&directory.join("style.css"), style.as_bytes())?;
    program(route, "lab", &["plimsoll_lab.wasm"], &["Lab"])?;
    copy(&source.join("lab/worker.js"), &directory)?;

    let page = gzipped(&directory, "page", &["index.html", "dashboard.js", "dashboard_bg.wasm", "style.css"])?;
    let lab = gzipped(&directory, "lab", &["worker.js", "lab.js", "lab_bg.wasm"])?;
    println!("    dist/dashboard: gzipped {} in all", kib(page + lab));
    within("the dashboard's page (gzipped)", page, PAGE_BUDGET)?;
    within("the dashboard's lab (gzipped)", lab, LAB_BUDGET)
}

/// Compiles `plimsoll-NAME` and writes `NAME.js` and `NAME_bg.wasm`; of the classes it exports, `classes` are used.
fn program(route: &Route, name: &str, artifacts: &[&str], classes: &[&str]) -> Result<()> {
    compile(route, "wasm-small", &["--package", &format!("plimsoll-{name}")])?;
    let built = artifact("wasm-small", artifacts)?;
    let directory = root().join("dist/dashboard");
    bindgen(&built, name, &directory)?;
    pack::pack(&directory, name, classes)
}

/// Writes the script and the module from the compiled program.
fn bindgen(built: &Path, name: &str, directory: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(built)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // Without a default path, `init()` would have to name the .wasm.
        .omit_default_module_path(false)
        .generate(directory)
        .with_context(|| format!("wasm-bindgen cannot read {}", built.display()))
}

fn copy(file: &Path, directory: &Path) -> Result<()> {
    let content = fs::read(file).with_context(|| file.display().to_string())?;
    replace(&directory.join(file.file_name().context("a file's name")?), &content)
}

/// What of it travels, printed.
fn gzipped(directory: &Path, what: &str, files: &[&str]) -> Result<usize> {
    let (mut raw, mut zipped) = (0, 0);
    for name in files {
        let file = fs::read(directory.join(name)).with_context(|| format!("dist/dashboard/{name}"))?;
        raw += file.len();
        zipped += gzipped_size(&file)?;
    }
    println!("    dist/dashboard, {what}: {}, gzipped {}", kib(raw), kib(zipped));
    Ok(zipped)
}

fn gzipped_size(content: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len())
}

fn within(what: &str, size: usize, budget: usize) -> Result<()> {
    if size > budget {
        bail!("{what} is {}, more than its budget of {}", kib(size), kib(budget));
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "sizes for people, far below 2^52")]
fn kib(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}
