//! Processor time of another process, user and system together, summed over its threads.
//!
//! The kernel's per-thread accounting counts nanoseconds; `/proc/PID/stat` counts ticks of 10 ms, which is a percent
//! or two of one slice of a bench. Threads that ended are missing from the sum, so measure between two moments at
//! which the same threads live, as a warm Envoy's do.

use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;

/// Processor time that the living threads of process `id` have used.
///
/// # Errors
/// When the process is gone, or the kernel keeps no such account (`CONFIG_SCHED_INFO`).
pub fn used(id: u32) -> Result<Duration> {
    let folder = format!("/proc/{id}/task");
    let mut nanos = 0;
    for thread in fs::read_dir(&folder).with_context(|| format!("{folder}: has the process ended?"))? {
        let file = thread?.path().join("schedstat");
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        nanos += on_processor(&text).with_context(|| format!("{} has no time in it: {text:?}", file.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The first of three numbers: nanoseconds on a processor, nanoseconds waiting for one, times it got one.
fn on_processor(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn work_of_any_thread_counts() {
        let id = std::process::id();
        let before = used(id).unwrap();
        let spinning = std::thread::spawn(move || {
            let start = Instant::now();
            // On a busy machine this thread does not get all of the time.
            while start.elapsed() < Duration::from_secs(10) {
                if used(id).unwrap() - before > Duration::from_millis(20) {
                    return true;
                }
            }
            false
        });
        assert!(spinning.join().unwrap());
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(used(u32::MAX).is_err());
    }
}
