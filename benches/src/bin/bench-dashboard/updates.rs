//! What an update costs, from slices of a trace.
//!
//! An update begins with the answer to a poll and ends when the main thread, with all answers of that poll in hand, has
//! had nothing to do for [`QUIET`]: so drawing, layout and paint are in it, however many frames they take, and what a
//! page does by the clock between updates is not. That is shown as well, as all work from answer to answer.

use crate::trace::{Frame, Slice, Task};

/// Longer than there is between a change and the paint that it calls for.
const QUIET: u64 = 100_000;
/// Tasks below this are the browser's own housekeeping and end no rest. Their time counts.
const IDLE: u64 = 100;
/// A frame or a task above this is felt.
pub(crate) const LONG: u64 = 50_000;

/// Main-thread work, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// How long its tasks took.
    pub(crate) wall: u64,
    /// The processor time that they used.
    pub(crate) cpu: u64,
}

impl Work {
    fn of<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Self {
        tasks
            .into_iter()
            .fold(Self::default(), |sum, task| Self { wall: sum.wall + task.wall, cpu: sum.cpu + task.cpu })
    }
}

/// Everything that a recording says about a page that is polled.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    /// Of each update.
    pub(crate) updates: Vec<Work>,
    /// From each answer to the next.
    pub(crate) cycles: Vec<Work>,
    /// Every frame that was made, until it is painted, with the work of its tasks.
    pub(crate) frames: Vec<Work>,
    /// Every task.
    pub(crate) tasks: Vec<Work>,
    /// What the page itself has called an update.
    pub(crate) marked: Vec<u64>,
}

impl Costs {
    /// Adds what a slice tells.
    pub(crate) fn add(&mut self, slice: &Slice) {
        let next = slice.polls.iter().skip(1).map(|poll| poll.answered);
        // Of the last poll nobody knows whether the slice holds all that it led to.
        for (poll, next) in slice.polls.iter().zip(next) {
            // A task that an answer arrives in belongs to it.
            let belongs = |task: &&Task| task.end() > poll.answered && task.end() <= next;
            let cycle: Vec<&Task> = slice.tasks.iter().filter(belongs).collect();
            self.cycles.push(Work::of(cycle.iter().copied()));
            let until = end_of_update(&cycle, poll.settled);
            self.updates.push(Work::of(cycle.into_iter().take_while(|task| task.start < until)));
        }
        let in_frame = |frame: &Frame| {
            let tasks = || slice.tasks.iter().filter(|task| task.start < frame.end && task.end() > frame.start);
            // What the frame is painted in goes on after it is laid out.
            let end = tasks().map(Task::end).fold(frame.end, u64::max);
            Work { wall: end - frame.start, cpu: Work::of(tasks()).cpu }
        };
        self.frames.extend(slice.frames.iter().map(in_frame));
        self.tasks.extend(slice.tasks.iter().map(|task| Work { wall: task.wall, cpu: task.cpu }));
        self.marked.extend(&slice.marked);
    }
}

fn end_of_update(cycle: &[&Task], settled: u64) -> u64 {
    let mut busy_until = settled;
    for task in cycle.iter().filter(|task| task.wall >= IDLE && task.end() > settled) {
        if task.start > busy_until + QUIET {
            break;
        }
        busy_until = busy_until.max(task.end());
    }
    busy_until
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Poll;

    fn task(start_ms: u64, wall_ms: u64, cpu_ms: u64) -> Task {
        Task { start: start_ms * 1000, wall: wall_ms * 1000, cpu: cpu_ms * 1000 }
    }

    fn work(wall_ms: u64, cpu_ms: u64) -> Work {
        Work { wall: wall_ms * 1000, cpu: cpu_ms * 1000 }
    }

    fn slice() -> Slice {
        let poll =
            |answered_ms: u64, settled_ms: u64| Poll { answered: answered_ms * 1000, settled: settled_ms * 1000 };
        Slice {
            tasks: vec![
                task(50, 9, 9),
                // Reads the snapshot; draws what came of it; reads the events; draws again.
                task(101, 20, 8),
                task(125, 10, 4),
                task(160, 3, 3),
                task(240, 60, 5),
                // A clock of the page's own.
                task(450, 7, 7),
                task(1_101, 1, 1),
            ],
            frames: vec![Frame { start: 101_000, end: 130_000 }],
            polls: vec![poll(100, 155), poll(1_100, 1_150)],
            marked: vec![12_000],
        }
    }

    #[test]
    fn an_update_is_all_that_an_answer_leads_to_and_no_more() {
        let mut costs = Costs::default();
        costs.add(&slice());
        assert_eq!(costs.updates, [work(93, 20)]);
        assert_eq!(costs.cycles, [work(100, 27)]);
    }

    #[test]
    fn a_frame_has_the_work_of_its_tasks() {
        let mut costs = Costs::default();
        costs.add(&slice());
        assert_eq!(costs.frames, [work(34, 12)]);
        assert_eq!((costs.tasks.len(), costs.marked.len()), (7, 1));
    }

    #[test]
    fn a_page_that_never_rests_is_charged_for_the_whole_cycle() {
        let mut costs = Costs::default();
        let mut slice = slice();
        slice.tasks = (0..12).map(|step| task(101 + step * 90, 2, 2)).collect();
        costs.add(&slice);
        assert_eq!(costs.updates, costs.cycles);
        assert_eq!(costs.updates, [work(24, 24)]);
    }
}
