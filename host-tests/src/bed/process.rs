//! A child process that cannot outlive us: SIGTERM, then SIGKILL on drop, and the kernel's parent-death signal
//! for the case that we are killed ourselves. The only file of the bed with `unsafe`: the two calls have no
//! safe form in std.
//!
//! The parent-death signal is bound to the *thread* that started the child: start it from a thread that lives as
//! long as it does (a test's own thread, `main`), not from a pool.

#![allow(unsafe_code, reason = "prctl in the child and kill of our own child")]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// After SIGTERM a child gets this long.
const GRACE: Duration = Duration::from_secs(3);

/// A running child; dropping it stops it and waits for its end.
pub struct Process(Child);

impl Process {
    /// Starts it with the parent-death signal set.
    pub fn spawn(command: &mut Command) -> std::io::Result<Self> {
        // SAFETY: prctl is async-signal-safe and touches nothing but the child's own attribute.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        command.spawn().map(Self)
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        // SAFETY: our child has not been waited for, so its id cannot have been given to another process.
        unsafe { libc::kill(self.0.id().cast_signed(), libc::SIGTERM) };
        let deadline = Instant::now() + GRACE;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                let _ = self.0.kill();
                let _ = self.0.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_stops_the_child() {
        let mut child = Process::spawn(Command::new("sleep").arg("60")).unwrap();
        assert!(child.ended().is_none());
        let id = child.id();
        drop(child);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }
}
