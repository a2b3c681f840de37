//! The JavaScript that wasm-bindgen wrote, as text. Its shape is that of the one version that the workspace pins; what does
//! not have this shape stays as it is.

use std::collections::BTreeSet;

/// How a class of the glue begins.
const CLASS: &str = "export class ";
/// How the functions that a module imports are indented.
const IMPORT: &str = "        ";

/// The glue without the classes that are not in `kept`, and the module's exports that only these called.
pub(super) fn without_classes(glue: &str, kept: &[&str]) -> (String, Vec<String>) {
    let dropped: Vec<&str> = glue
        .lines()
        .filter_map(|line| line.strip_prefix(CLASS)?.split([' ', '{']).next())
        .filter(|class| !kept.contains(class))
        .collect();
    let (mut left, mut gone) = (String::new(), String::new());
    let mut lines = glue.lines();
    while let Some(line) = lines.next() {
        let class = dropped.iter().find(|class| mentions(line, class));
        let to = if class.is_some() { &mut gone } else { &mut left };
        let ends = match class {
            Some(_) if line.starts_with(CLASS) => "}",
            Some(class) if line.starts_with(&format!("const {class}Finalization")) => "    : ",
            _ => "",
        };
        put(to, line);
        while !ends.is_empty()
            && let Some(line) = lines.next()
        {
            put(to, line);
            if line.starts_with(ends) {
                break;
            }
        }
    }
    let still: BTreeSet<&str> = exports_called(&left).collect();
    let unused: BTreeSet<&str> = exports_called(&gone).filter(|name| !still.contains(name)).collect();
    let unused = unused.into_iter().map(str::to_owned).collect();
    (left, unused)
}

/// The glue without functions that the module does not import.
pub(super) fn without_imports(glue: &str, imported: &BTreeSet<String>) -> String {
    let mut left = String::new();
    let mut lines = glue.lines();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix(IMPORT).and_then(|line| line.split_once(": function(")).map(|(name, _)| name);
        if name.is_none_or(|name| name.starts_with(' ') || imported.contains(name)) {
            put(&mut left, line);
            continue;
        }
        let end = |line: &&str| line.starts_with("        }") && line.ends_with(',');
        lines.by_ref().find(end);
    }
    left
}

/// The glue without comments and indentation.
pub(super) fn without_comments(glue: &str) -> String {
    let mut left = String::new();
    let mut comment = false;
    for line in glue.lines().map(str::trim) {
        comment |= line.starts_with("/**");
        if !comment && !line.is_empty() && !line.starts_with("//") {
            put(&mut left, line);
        }
        comment &= !line.ends_with("*/");
    }
    left
}

/// All names that are called as `wasm.NAME`.
fn exports_called(glue: &str) -> impl Iterator<Item = &str> {
    glue.split("wasm.").skip(1).map(|after| {
        let length = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(after.len());
        &after[..length]
    })
}

/// The line is about a class: its body, its disposal or its finalization.
fn mentions(line: &str, class: &str) -> bool {
    let begins = |start: String| line.starts_with(&start);
    begins(format!("{CLASS}{class} {{"))
        || begins(format!("if (Symbol.dispose) {class}."))
        || begins(format!("const {class}Finalization"))
}

fn put(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
