//! Tables in `docs/strategies.md` that are the simulator's own words. A block begins with a comment that holds the
//! arguments of the command, so that a reader can repeat it, and ends with one that holds a fingerprint of what every
//! subject did under the first seed:
//!
//! ```text
//! <!-- simulate slow --compare envoy_tuned --seeds 20 -->
//! (table)
//! <!-- end 0123456789abcdef -->
//! ```
//!
//! The fingerprint changes when anything changes that the table depends on, and takes a second to check instead of a
//! minute to write all anew.

use crate::Options;
use crate::input::Input;
use crate::play;
use clap::Parser;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- simulate ";
const END: &str = "<!-- end";
const CLOSE: &str = "-->";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/strategies.md")
}

/// Writes all blocks anew.
pub(crate) fn write() -> Result<(), String> {
    let text = read()?;
    let renewed = renew(&text, &|arguments| {
        eprintln!("simulate {}", arguments.join(" "));
        let (input, seeds) = parse(arguments)?;
        let comparison = play::all(&input, seeds)?;
        let fingerprint = fingerprint(&input)?;
        Ok((comparison.table().markdown(), fingerprint))
    })?;
    std::fs::write(path(), renewed).map_err(|error| format!("{}: {error}", path().display()))
}

/// Every block is what the simulator says today.
pub(crate) fn check() -> Result<(), String> {
    let text = read()?;
    for block in blocks(&text)? {
        let (input, _) = parse(&block.arguments)?;
        if fingerprint(&input)? != block.fingerprint {
            let arguments = block.arguments.join(" ");
            return Err(format!(
                "docs/strategies.md: the table of `{arguments}` is old, see `cargo xtask simulate --docs`"
            ));
        }
    }
    Ok(())
}

fn read() -> Result<String, String> {
    std::fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))
}

fn parse(arguments: &[String]) -> Result<(Input, u64), String> {
    let command = std::iter::once("simulate".to_owned()).chain(arguments.iter().cloned());
    let options = Options::try_parse_from(command).map_err(|error| format!("{}: {error}", arguments.join(" ")))?;
    let name = options.scenario.as_deref().unwrap_or_default();
    Ok((
        Input::read(name, options.config.as_deref(), &options.compare, options.workers, options.subject)?,
        options.seeds,
    ))
}

/// FNV-1a over what every subject did under the first seed, and over the numbers that the table is made of.
fn fingerprint(input: &Input) -> Result<String, String> {
    let comparison = play::all(input, 1)?;
    let text = comparison.json().to_string();
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    Ok(format!("{hash:016x}"))
}

struct Block {
    arguments: Vec<String>,
    fingerprint: String,
}

fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(arguments) = inside(line, BEGIN) {
            blocks.push(Block { arguments: words(arguments), fingerprint: String::new() });
            open = true;
        } else if let (Some(fingerprint), Some(block)) = (inside(line, END), blocks.last_mut()) {
            fingerprint.trim().clone_into(&mut block.fingerprint);
            open = false;
        }
    }
    if open { Err("docs/strategies.md: a block has no end".into()) } else { Ok(blocks) }
}

/// A table and its fingerprint for the arguments of a block.
type Fill<'a> = &'a dyn Fn(&[String]) -> Result<(String, String), String>;

fn renew(text: &str, fill: Fill<'_>) -> Result<String, String> {
    blocks(text)?;
    let mut renewed = String::new();
    let mut skipping = false;
    for line in text.lines() {
        if let Some(arguments) = inside(line, BEGIN) {
            let (table, fingerprint) = fill(&words(arguments))?;
            // Writing to a String cannot fail.
            let _ = write!(renewed, "{line}\n{table}{END} {fingerprint} {CLOSE}\n");
            skipping = true;
        } else if skipping {
            skipping = inside(line, END).is_none();
        } else {
            renewed.push_str(line);
            renewed.push('\n');
        }
    }
    Ok(renewed)
}

fn inside<'a>(line: &'a str, begin: &str) -> Option<&'a str> {
    line.strip_prefix(begin)?.strip_suffix(CLOSE)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_written_anew_and_all_else_stays() {
        let text = "# Page\n<!-- simulate slow --seeds 2 -->\nold\nold\n<!-- end 00 -->\ntext\n";
        let fill = |arguments: &[String]| Ok((format!("| {} |\n", arguments.join(",")), "ff".to_owned()));
        let renewed = renew(text, &fill).unwrap();
        assert_eq!(renewed, "# Page\n<!-- simulate slow --seeds 2 -->\n| slow,--seeds,2 |\n<!-- end ff -->\ntext\n");
        assert_eq!(renew(&renewed, &fill).unwrap(), renewed, "again: the same");
        assert_eq!(blocks(&renewed).unwrap()[0].fingerprint, "ff");
        assert!(blocks("<!-- simulate slow -->\n| a |\n").is_err());
    }
}
