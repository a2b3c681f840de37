//! Attempts as endpoints see them. They may outlive the request that sent them.

/// An attempt at an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// The request that waits for it; `None`: nobody does any more.
    pub(crate) request: Option<u32>,
    pub(crate) endpoint: u32,
    pub(crate) place: Place,
    /// It will be answered with an error.
    pub(crate) fails: bool,
    /// Its request counts in the report.
    pub(crate) measured: bool,
    /// What it takes, relative to the endpoint's mean.
    pub(crate) units: f64,
    /// When its service ends.
    pub(crate) until: u64,
}

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Waiting,
    InService,
    /// Refused, or answered with an error at once: it takes no slot.
    Aside,
    /// The endpoint hangs: nothing will come.
    Limbo,
    /// It was cancelled; the event that would have ended it, or its place in the queue, is still there.
    Gone,
}

/// All of them, by small numbers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: Vec<Job>,
    free: Vec<u32>,
}

impl Jobs {
    pub(crate) fn add(&mut self, job: Job) -> u32 {
        if let Some(number) = self.free.pop() {
            self.jobs[number as usize] = job;
            return number;
        }
        self.jobs.push(job);
        self.jobs.len() as u32 - 1
    }

    pub(crate) fn remove(&mut self, number: u32) {
        self.free.push(number);
    }

    pub(crate) fn get(&self, number: u32) -> &Job {
        &self.jobs[number as usize]
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> &mut Job {
        &mut self.jobs[number as usize]
    }
}
