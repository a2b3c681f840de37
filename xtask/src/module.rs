//! From a package of the workspace to a `.wasm` in its place: compile, find what cargo left, strip, write.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::exports;
use crate::run::{checked, root};
use crate::wasm::{Route, TARGET};

/// The profile of everything that a proxy loads.
pub(crate) const PROFILE: &str = "wasm";

/// Compiles the filter, with a feature that only tests know if asked for, strips it, writes it to `file` and returns
/// its size.
pub(crate) fn filter(route: &Route, feature: Option<&str>, file: &Path) -> Result<usize> {
    let mut arguments = vec!["--package", "plimsoll-filter"];
    arguments.extend(feature.iter().flat_map(|feature| ["--features", feature]));
    compile(route, PROFILE, &arguments)?;
    let built = artifact(PROFILE, &["plimsoll_filter.wasm"])?;
    let (wasm, removed) = exports::strip(&fs::read(&built)?)?;
    if !removed.is_empty() {
        println!("    removed unused callbacks: {}", removed.join(" "));
    }
    replace(file, &wasm)?;
    Ok(wasm.len())
}

/// `cargo build` for wasm in `profile` of what `arguments` select.
pub(crate) fn compile(route: &Route, profile: &str, arguments: &[&str]) -> Result<()> {
    let mut cargo = route.cargo("build");
    cargo.args(["--profile", profile]).args(arguments);
    checked("build for wasm", &mut cargo)
}

/// The newest of the files under which cargo may have left what it built.
pub(crate) fn artifact(profile: &str, names: &[&str]) -> Result<PathBuf> {
    let directory = root().join("target/wasm").join(TARGET).join(profile);
    let found = names.iter().map(|name| directory.join(name)).filter(|path| path.is_file());
    let newest = found.max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
    newest.with_context(|| format!("cargo built no {} in {}: is it a cdylib or a bin?", names[0], directory.display()))
}

/// Writes beside `file` and renames: an Envoy that is reading it never sees half a module.
pub(crate) fn replace(file: &Path, content: &[u8]) -> Result<()> {
    let directory = file.parent().context("a file in a directory")?;
    fs::create_dir_all(directory)?;
    let temporary = file.with_extension("new");
    fs::write(&temporary, content).with_context(|| temporary.display().to_string())?;
    fs::rename(&temporary, file).with_context(|| file.display().to_string())
}
