//! Makes what wasm-bindgen wrote smaller for the way to a browser, without a change to what it does.
//!
//! - Libraries export classes that nobody here makes ([`glue`]): they and all that only they reach go.
//! - Every import and export is called by a name of some forty letters with a hash in it, in the module and in its glue: each
//!   gets a short one ([`names`]).
//! - gzip finds what is alike within 32 KiB only, and the module has functions by size: they are put beside those that they
//!   resemble ([`order`], [`reorder`]).
//! - Comments and indentation of the glue go. Names of its variables stay, for whoever reads a stack trace.
//!
//! Tried and left out: binaryen's `wasm-opt -Oz` makes a module a tenth smaller, and what is gzipped of it 1 %.

mod glue;
mod names;
mod order;
mod reorder;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use walrus::{ImportKind, Module};

use crate::module::replace;

/// Rewrites `NAME_bg.wasm` and `NAME.js` of a directory; of the classes that the glue exports, those in `classes` stay.
pub(crate) fn pack(directory: &Path, name: &str, classes: &[&str]) -> Result<()> {
    let (wasm_file, glue_file) = (directory.join(format!("{name}_bg.wasm")), directory.join(format!("{name}.js")));
    let wasm = fs::read(&wasm_file).with_context(|| wasm_file.display().to_string())?;
    let glue = fs::read_to_string(&glue_file).with_context(|| glue_file.display().to_string())?;
    let (wasm, glue) = packed(&wasm, &glue, classes).with_context(|| format!("{name} cannot be packed"))?;
    replace(&wasm_file, &wasm)?;
    replace(&glue_file, glue.as_bytes())
}

fn packed(wasm: &[u8], glue: &str, classes: &[&str]) -> Result<(Vec<u8>, String)> {
    let mut module = Module::from_buffer(wasm)?;
    let (glue, unused) = glue::without_classes(glue, classes);
    for name in unused {
        module.exports.remove(&name).with_context(|| format!("no export {name}, which a class of the glue calls"))?;
    }
    walrus::passes::gc::run(&mut module);
    let imported: BTreeSet<String> = module
        .imports
        .iter()
        .filter(|import| matches!(import.kind, ImportKind::Function(_)))
        .map(|import| import.name.clone())
        .collect();
    let glue = glue::without_imports(&glue, &imported);
    let glue = names::shorten(&mut module, &glue::without_comments(&glue));
    let wasm = module.emit_wasm();
    Ok((reorder::reorder(&wasm, order::by_likeness)?, glue))
}

#[cfg(test)]
mod tests;
