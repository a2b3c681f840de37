//! Builds `target/test/`: the modules that only tests load.
//!
//! They are variants of the filter, one for each of its features that only tests know (`test-trap`, `broken-…`), and
//! every guest package of the test host. What there is comes from cargo itself, so a new feature or package is built
//! without a word here.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::module::{self, PROFILE, artifact, compile, replace};
use crate::run::{cargo, quiet, root, timed};
use crate::stamp::{self, Circumstances};
use crate::wasm::Route;

/// Directories whose packages are guests; `DIRECTORY/NAME` becomes `target/test/NAME.wasm`.
const GUESTS: [&str; 2] = ["host-tests/guests", "host-tests/examples"];

/// A guest package of the test host.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    /// The name that cargo knows.
    package: String,
    /// What cargo builds for wasm.
    built: String,
    /// What the tests load.
    file: String,
}

/// All of `target/test/`.
pub(crate) fn build(route: &Route) -> Result<()> {
    let metadata = metadata()?;
    let directory = root().join("target/test");
    let (manifests, circumstances) = (manifests(&metadata), circumstances(route)?);
    for feature in test_features(&metadata) {
        let file = directory.join(variant_file(&feature));
        if stamp::is_fresh(&file, &circumstances) {
            continue;
        }
        timed(&format!("filter with {feature}, for tests"), || module::filter(route, Some(&feature), &file))?;
        stamp::write(&file, &artifact(PROFILE, &["plimsoll_filter.d"])?, &manifests, &circumstances)?;
    }
    let guests = guests(&metadata, root());
    if guests.is_empty() {
        return Ok(());
    }
    timed("guests, for tests", || build_guests(route, &guests, &directory))
}

/// The names of the guest packages, for other cargo commands.
pub(crate) fn packages() -> Result<Vec<String>> {
    Ok(guests(&metadata()?, root()).into_iter().map(|guest| guest.package).collect())
}

/// One cargo command for all, because each is compiled by one thread. Their exports stay as they are: the host must
/// cope with whatever an SDK exports.
fn build_guests(route: &Route, guests: &[Guest], directory: &Path) -> Result<()> {
    let selection: Vec<_> = guests.iter().flat_map(|guest| ["--package", guest.package.as_str()]).collect();
    compile(route, PROFILE, &selection)?;
    for guest in guests {
        replace(&directory.join(&guest.file), &fs::read(artifact(PROFILE, &[&guest.built])?)?)?;
        println!("    target/test/{}", guest.file);
    }
    Ok(())
}

/// What cargo knows of the workspace.
fn metadata() -> Result<Value> {
    let mut command = cargo();
    command.args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let json = quiet("cargo metadata", &mut command)?;
    serde_json::from_str(&json).context("cargo metadata is no JSON")
}

/// The files that say how the workspace is built.
fn manifests(metadata: &Value) -> Vec<PathBuf> {
    let packages = list(&metadata["packages"]).filter_map(|package| package["manifest_path"].as_str());
    let mut files: Vec<_> = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].map(|name| root().join(name)).into();
    files.extend(packages.map(PathBuf::from));
    files
}

/// The compiler, its flags, and this program, which strips what was compiled.
fn circumstances(route: &Route) -> Result<Circumstances> {
    let xtask = env::current_exe().and_then(fs::metadata).and_then(|file| file.modified())?;
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    Ok(vec![route.compiler_version()?, flags, format!("{xtask:?}")])
}

/// The filter's features that never ship, in order.
fn test_features(metadata: &Value) -> Vec<String> {
    let filter = list(&metadata["packages"]).find(|package| package["name"] == "plimsoll-filter");
    let features = filter.and_then(|package| package["features"].as_object());
    let names = features.into_iter().flat_map(|features| features.keys());
    names.filter(|name| name.starts_with("test-") || name.starts_with("broken-")).cloned().collect()
}

/// `plimsoll-trap.wasm` for `test-trap`, `plimsoll-broken-settle.wasm` for `broken-settle`.
fn variant_file(feature: &str) -> String {
    format!("plimsoll-{}.wasm", feature.strip_prefix("test-").unwrap_or(feature))
}

fn guests(metadata: &Value, root: &Path) -> Vec<Guest> {
    list(&metadata["packages"]).filter_map(|package| guest(package, root)).collect()
}

fn guest(package: &Value, root: &Path) -> Option<Guest> {
    let manifest = PathBuf::from(package["manifest_path"].as_str()?);
    let directory = manifest.parent()?;
    let parent = directory.parent()?.strip_prefix(root).ok()?;
    let is_module = |target: &&Value| list(&target["crate_types"]).any(|kind| kind == "cdylib");
    let target = list(&package["targets"]).find(is_module)?;
    GUESTS.iter().any(|guests| parent == Path::new(guests)).then_some(())?;
    Some(Guest {
        package: package["name"].as_str()?.to_owned(),
        built: format!("{}.wasm", target["name"].as_str()?.replace('-', "_")),
        file: format!("{}.wasm", directory.file_name()?.to_str()?),
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packages_below_a_guest_directory_that_build_a_module_are_guests() {
        let package = |name: &str, path: &str, kind: &str| {
            json!({"name": name, "manifest_path": format!("/w/{path}/Cargo.toml"),
                   "targets": [{"name": name, "crate_types": [kind]}]})
        };
        let metadata = json!({"packages": [
            package("plimsoll-probe", "host-tests/guests/probe", "cdylib"),
            package("helper", "host-tests/guests/helper", "lib"),
            package("plimsoll-filter", "filter", "cdylib"),
        ]});
        let probe = Guest {
            package: "plimsoll-probe".to_owned(),
            built: "plimsoll_probe.wasm".to_owned(),
            file: "probe.wasm".to_owned(),
        };
        assert_eq!(guests(&metadata, Path::new("/w")), [probe]);
    }

    #[test]
    fn only_features_for_tests_become_variants() {
        let features = json!({"test-trap": [], "broken-settle": [], "default": [], "serde": []});
        let metadata = json!({"packages": [{"name": "plimsoll-filter", "features": features}]});
        let files: Vec<_> = test_features(&metadata).iter().map(|feature| variant_file(feature)).collect();
        assert_eq!(files, ["plimsoll-broken-settle.wasm", "plimsoll-trap.wasm"]);
    }
}
