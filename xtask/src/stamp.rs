//! Whether a variant of the filter was built from the sources as they are now.
//!
//! Cargo would know, but for one thing: all variants of a module have one file name in its target directory, so each
//! build displaces the one before, and building six in turn compiles all six every time. A target directory each would
//! compile the dependencies, and with Debian's compiler the standard library, six times. So a stamp lies beside what was
//! built: the files that cargo's dep-info named, and a digest of their contents and of all else that decides.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What decides besides the sources: compiler, flags, this program's own work.
pub(crate) type Circumstances = Vec<String>;

/// True if `built` and its stamp exist and nothing has changed since.
pub(crate) fn is_fresh(built: &Path, circumstances: &Circumstances) -> bool {
    let Ok(stamp) = fs::read_to_string(stamp_of(built)) else { return false };
    let mut lines = stamp.lines();
    let digest_then = lines.next();
    let files: Vec<PathBuf> = lines.map(PathBuf::from).collect();
    let digest_now = fs::read(built).ok().and_then(|built| digest(&built, &files, circumstances));
    digest_now.is_some_and(|now| digest_then == Some(now.as_str()))
}

/// Writes the stamp of what was just built from the files that `dep_info` names and from `others`.
pub(crate) fn write(built: &Path, dep_info: &Path, others: &[PathBuf], circumstances: &Circumstances) -> Result<()> {
    let text = fs::read_to_string(dep_info).with_context(|| dep_info.display().to_string())?;
    let mut files = named_in(&text);
    files.extend(others.iter().cloned());
    let digest = digest(&fs::read(built)?, &files, circumstances).context("a source vanished while it was built")?;
    let paths: String = files.iter().map(|file| format!("\n{}", file.display())).collect();
    fs::write(stamp_of(built), digest + &paths).context("cannot write a stamp")
}

fn stamp_of(built: &Path) -> PathBuf {
    built.with_extension("stamp")
}

/// `None` if a file cannot be read.
fn digest(built: &[u8], files: &[PathBuf], circumstances: &Circumstances) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    (built, circumstances).hash(&mut hasher);
    for file in files {
        (file, fs::read(file).ok()?).hash(&mut hasher);
    }
    Some(format!("{:016x}", hasher.finish()))
}

/// The sources in a dep-info file: `target: source source …`, blanks in names behind a backslash.
fn named_in(dep_info: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = dep_info.lines().next().and_then(|line| line.split_once(": ")) else { return Vec::new() };
    let names = sources.replace("\\ ", "\0");
    names.split_ascii_whitespace().map(|name| name.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_are_one_name() {
        let named = named_in("/w/target/a.wasm: /w/a\\ b/lib.rs /w/c.rs\n");
        assert_eq!(named, [PathBuf::from("/w/a b/lib.rs"), PathBuf::from("/w/c.rs")]);
    }

    #[test]
    fn a_changed_source_compiler_or_result_is_not_fresh() {
        let directory = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a temporary directory");
        let file = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let (source, built) = (file("lib.rs", "1"), file("a.wasm", "w"));
        let dep_info = file("a.d", &format!("{}: {}", built.display(), source.display()));
        let with = |compiler: &str| vec![compiler.to_owned()];
        assert!(!is_fresh(&built, &with("1.95")), "never built");
        write(&built, &dep_info, &[], &with("1.95")).expect("stamped");
        let fresh = |compiler: &str| is_fresh(&built, &with(compiler));
        assert_eq!((fresh("1.95"), fresh("1.96")), (true, false));
        file("lib.rs", "2");
        let after_source = fresh("1.95");
        file("lib.rs", "1");
        file("a.wasm", "x");
        let after_result = fresh("1.95");
        fs::remove_dir_all(&directory).expect("removed again");
        assert_eq!((after_source, after_result), (false, false));
    }
}
