//! Short names for what a module and its glue call each other by.

use std::collections::BTreeMap;

use walrus::Module;

/// Renames in both; the new names are words that the glue does not have yet.
pub(super) fn shorten(module: &mut Module, glue: &str) -> String {
    let mut names = BTreeMap::new();
    let mut fresh = (0_u32..).map(|number| format!("w{number:x}")).filter(|name| words(glue).all(|word| word != name));
    let ours = module.imports.iter().map(|import| &import.name).chain(module.exports.iter().map(|export| &export.name));
    for name in ours.filter(|name| is_made_up(name)) {
        names.entry(name.clone()).or_insert_with(|| fresh.next().unwrap_or_else(|| name.clone()));
    }
    for import in module.imports.iter_mut() {
        rename(&names, &mut import.name);
    }
    for export in module.exports.iter_mut() {
        rename(&names, &mut export.name);
    }
    let mut renamed = String::with_capacity(glue.len());
    for word in glue.split_inclusive(|letter| !is_of_word(letter)) {
        let end = word.find(|letter| !is_of_word(letter)).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        renamed.push_str(names.get(name).map_or(name, String::as_str));
        renamed.push_str(after);
    }
    renamed
}

/// By wasm-bindgen; others, such as `memory` and a class's methods, may be a word that the glue uses for something else.
fn is_made_up(name: &str) -> bool {
    name.starts_with("__wb") || name.starts_with("__externref") || name.starts_with("wasm_bindgen__")
}

fn rename(names: &BTreeMap<String, String>, name: &mut String) {
    if let Some(short) = names.get(name) {
        name.clone_from(short);
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter| !is_of_word(letter))
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}
