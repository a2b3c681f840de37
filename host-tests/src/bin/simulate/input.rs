//! From names and files to a scenario and its subjects. Every error is one line that names the file.

use plimsoll_sim::Subject;
use plimsoll_sim::file::{self, BUILT_IN, File};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// How often Plimsoll's workers exchange what they know, where no file says so.
const TICK: Duration = Duration::from_millis(100);

/// What to play.
pub(crate) struct Input {
    /// The scenario's name.
    pub(crate) name: String,
    /// The scenario.
    pub(crate) file: File,
    /// Who balances, the first one being what the others are compared with.
    pub(crate) subjects: Vec<(String, Who)>,
}

/// A balancer.
pub(crate) enum Who {
    /// One of the simulator's own.
    Subject(Box<Subject>),
    /// The filter as it ships.
    #[cfg(feature = "wasm-host")]
    Shipped(crate::shipped::Shipped),
}

/// What plays a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// The engine as it is linked here
    Engine,
    /// The filter's .wasm in the test host: far slower, and as real as it gets without a proxy
    Wasm,
}

impl Input {
    /// Reads a scenario by path or name, a pool, and what it is compared with.
    pub(crate) fn read(
        name: &str,
        config: Option<&Path>,
        compare: &[String],
        workers: u32,
        form: Form,
    ) -> Result<Self, String> {
        let file = scenario(name)?;
        let ours = match config {
            _ if form == Form::Wasm => ("plimsoll.wasm".to_owned(), shipped(config, &file, workers)?),
            None => ("plimsoll".to_owned(), named("plimsoll_peak_ewma", workers)?),
            Some(path) => (label(&path.display().to_string()), pool(path, &file, workers)?),
        };
        let mut subjects = vec![ours];
        for other in compare {
            let path = Path::new(other);
            let is_file = path.extension().is_some() || path.exists();
            let subject = if is_file { pool(path, &file, workers)? } else { named(other, workers)? };
            subjects.push((label(other), subject));
        }
        Ok(Self { name: label(name), file, subjects })
    }
}

/// A file's name without its directory and extension; other names as they are.
fn label(name: &str) -> String {
    let path = Path::new(name);
    let is_file = path.extension().is_some();
    let stem = path.file_stem().filter(|_| is_file || name.contains('/'));
    stem.map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// A scenario by path, or by the name of one that comes with the simulator.
pub(crate) fn scenario(name: &str) -> Result<File, String> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return parse(name, text, Path::new("."));
    }
    let path = Path::new(name);
    if !path.exists() {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(format!("{name}: neither a file nor one of the scenarios {}", names.join(", ")));
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    parse(name, &text(path)?, directory)
}

fn parse(name: &str, text: &str, directory: &Path) -> Result<File, String> {
    let beside =
        |file: &str| std::fs::read_to_string(directory.join(file)).map_err(|error| format!("cannot be read: {error}"));
    file::parse(&value(name, text)?, &beside).map_err(|error| format!("{name}: {error}"))
}

fn named(name: &str, workers: u32) -> Result<Who, String> {
    let names: Vec<&str> = file::PEERS.iter().map(|(name, _)| *name).collect();
    let subject = file::peer(name, workers, TICK);
    let subject = subject.ok_or_else(|| format!("{name}: neither a file nor one of {}", names.join(", ")))?;
    Ok(Who::Subject(Box::new(subject)))
}

fn pool(path: &Path, file: &File, workers: u32) -> Result<Who, String> {
    let name = path.display().to_string();
    let value = value(&name, &text(path)?)?;
    let engine = file::engine(&value, &file.scenario, workers).map_err(|error| format!("{name}: {error}"))?;
    Ok(Who::Subject(Box::new(Subject::Engine(Box::new(engine)))))
}

#[cfg(feature = "wasm-host")]
fn shipped(config: Option<&Path>, file: &File, workers: u32) -> Result<Who, String> {
    let settings = match config {
        None => None,
        Some(path) => {
            // The same errors as for the engine.
            pool(path, file, workers)?;
            Some(value(&path.display().to_string(), &text(path)?)?)
        }
    };
    crate::shipped::Shipped::new(settings, workers).map(Who::Shipped)
}

#[cfg(not(feature = "wasm-host"))]
fn shipped(_: Option<&Path>, _: &File, _: u32) -> Result<Who, String> {
    Err("--subject wasm: this build has no host for it; `cargo xtask simulate` makes one that has".into())
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// YAML, of which JSON is a part.
fn value(name: &str, text: &str) -> Result<Value, String> {
    serde_yaml_ng::from_str(text).map_err(|error| format!("{name}: neither YAML nor JSON: {error}"))
}
