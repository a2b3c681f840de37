//! The ratios at the end of a run, from what criterion has stored.

use std::collections::BTreeMap;
use std::path::Path;

/// Name of our own subjects begins so.
pub const OURS: &str = "plimsoll";

/// Prints for each group and size the time of every subject, and ours as a multiple of the fastest other crate's.
pub fn print(results: &Path, groups: &[&str], sizes: &[usize]) {
    println!("\nnanoseconds; ratio: plimsoll to the fastest other crate");
    for group in groups {
        for size in sizes {
            let times = times(&results.join(group), *size);
            if times.is_empty() {
                continue;
            }
            let each: Vec<String> = times.iter().map(|(name, nanos)| format!("{name} {nanos:.1}")).collect();
            let ratio = ratio(&times).map_or(String::new(), |ratio| format!("   ratio {ratio:.2}"));
            println!("{group:14} {size:>6}  {}{ratio}", each.join(", "));
        }
    }
}

/// Ours, with one candidate where there are two variants: other crates choose one endpoint per call.
fn ratio(times: &BTreeMap<String, f64>) -> Option<f64> {
    let ours = times.iter().find(|(name, _)| name.starts_with(OURS)).map(|(_, nanos)| *nanos)?;
    let others = times.iter().filter(|(name, _)| !name.starts_with(OURS)).map(|(_, nanos)| *nanos);
    others.min_by(f64::total_cmp).map(|fastest| ours / fastest)
}

/// Median times of this run's subjects, by name.
fn times(group: &Path, size: usize) -> BTreeMap<String, f64> {
    let mut times = BTreeMap::new();
    for folder in std::fs::read_dir(group).into_iter().flatten().flatten() {
        let file = folder.path().join(size.to_string()).join("new/estimates.json");
        let Ok(text) = std::fs::read(&file) else { continue };
        let estimates: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        if let Some(nanos) = estimates["median"]["point_estimate"].as_f64() {
            times.insert(folder.file_name().to_string_lossy().into_owned(), nanos);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_first_of_ours_to_the_fastest_other() {
        let times = [("plimsoll_1", 30.0), ("plimsoll_3", 50.0), ("slow", 90.0), ("fast", 20.0)];
        let times = times.map(|(name, nanos)| (name.to_owned(), nanos)).into();
        assert_eq!(ratio(&times), Some(1.5));
    }
}
