//! Processor time of another process, user and system together, summed over its threads.
//!
//! The kernel's per-thread accounting counts nanoseconds; `/proc/PID/stat` counts ticks of 10 ms, which is a percent
//! or two of one slice of a bench. Even so the time on a processor is brought up to date a few hundred times a second
//! only; what a thread has waited for one is exact as soon as it has one, so a bench that measures itself takes the time
//! on the wall less [`waited`]. Threads that ended are missing from the sum, so measure between two moments at
//! which the same threads live, as a warm Envoy's do.

use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;

/// Processor time that the living threads of process `id` have used.
///
/// # Errors
/// When the process is gone, or the kernel keeps no such account (`CONFIG_SCHED_INFO`).
pub fn used(id: u32) -> Result<Duration> {
    sum(id, 0)
}

/// Time that the living threads of process `id` could have run and had no processor.
///
/// # Errors
/// As [`used`].
pub fn waited(id: u32) -> Result<Duration> {
    sum(id, 1)
}

/// A field of the account, summed over the threads: 0 is nanoseconds on a processor, 1 nanoseconds waiting for one.
fn sum(id: u32, field: usize) -> Result<Duration> {
    let folder = format!("/proc/{id}/task");
    let mut nanos: u64 = 0;
    for thread in fs::read_dir(&folder).with_context(|| format!("{folder}: has the process ended?"))? {
        let file = thread?.path().join("schedstat");
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let found = text.split_whitespace().nth(field).and_then(|number| number.parse::<u64>().ok());
        nanos += found.with_context(|| format!("{} has no time in it: {text:?}", file.display()))?;
    }
    Ok(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    #[test]
    fn work_of_any_thread_counts() {
        let id = std::process::id();
        let before = used(id).unwrap();
        let spinning = std::thread::spawn(move || {
            let start = Instant::now();
            // On a busy machine this thread does not get all of the time.
            while start.elapsed() < Duration::from_secs(10) {
                // Threads of other tests end meanwhile, and their time with them.
                if used(id).unwrap().saturating_sub(before) > Duration::from_millis(20) {
                    return true;
                }
            }
            false
        });
        assert!(spinning.join().unwrap());
    }

    #[test]
    fn one_thread_more_than_processors_has_to_wait() {
        let (id, stop) = (std::process::id(), AtomicBool::new(false));
        let before = waited(id).unwrap();
        let threads = std::thread::available_parallelism().unwrap().get() + 1;
        let has_waited = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let start = Instant::now();
            let enough = || waited(id).unwrap().saturating_sub(before) > Duration::from_millis(10);
            let mut has_waited = enough();
            while !has_waited && start.elapsed() < Duration::from_secs(10) {
                std::hint::spin_loop();
                has_waited = enough();
            }
            stop.store(true, Ordering::Relaxed);
            has_waited
        });
        assert!(has_waited);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(used(u32::MAX).is_err());
    }
}
