//! Reads Chromium's trace of a page: what its main thread did, when frames were made, when answers came.
//!
//! Times are microseconds of the trace's clock. A task has two lengths: how long it took, and how much processor time
//! it used. On a machine that does other things the first contains waiting for a processor, the second does not.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What has to be recorded.
pub(crate) const CATEGORIES: [&str; 4] =
    ["devtools.timeline", "blink.user_timing", "disabled-by-default-devtools.timeline", "loading"];
/// Requests that belong to polls.
const ADMIN: &str = "/plimsoll/v1/";
/// The request that begins a poll.
const SNAPSHOT: &str = "/plimsoll/v1/snapshot";
/// What the page calls the synchronous work that an update causes.
const UPDATE_MEASURE: &str = "plimsoll:update";

/// The page is marked with this when its observation begins: a record may reach back to before that.
pub(crate) const BEGIN: &str = "bench:begin";

/// One task of the main thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) start: u64,
    /// From begin to end.
    pub(crate) wall: u64,
    /// Processor time.
    pub(crate) cpu: u64,
}

impl Task {
    pub(crate) fn end(&self) -> u64 {
        self.start + self.wall
    }
}

/// One frame: from the begin of what called for it until it is ready to be painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// One poll's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    /// The head of the snapshot is there.
    pub(crate) answered: u64,
    /// The last answer of the poll is there.
    pub(crate) settled: u64,
}

/// An uninterrupted piece of a trace. Everything in it is in order of time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) tasks: Vec<Task>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) polls: Vec<Poll>,
    /// Lengths of what the page itself has called an update.
    pub(crate) marked: Vec<u64>,
}

impl Slice {
    /// Picks the page's process by the requests that only the page sends; none, and the slice is empty.
    pub(crate) fn read(events: &[Value]) -> Self {
        let mut events: Vec<Event> = events.iter().filter_map(Event::read).collect();
        events.sort_by_key(|event| event.at);
        let asks = |event: &&Event| event.name == "ResourceSendRequest" && event.url().contains(ADMIN);
        let Some(process) = events.iter().find(asks).map(|event| event.process) else { return Self::default() };
        let is_main = |event: &&Event| event.process == process && event.thread_name() == Some("CrRendererMain");
        let Some(main) = events.iter().find(is_main).map(|event| event.thread) else { return Self::default() };
        let begin = events.iter().rfind(|event| event.name == BEGIN).map_or(0, |event| event.at);
        events.retain(|event| event.process == process && event.at >= begin);
        Self {
            tasks: tasks(events.iter().filter(|event| event.thread == main)),
            frames: frames(&events),
            polls: polls(&events),
            marked: spans(&events, UPDATE_MEASURE).into_iter().map(|frame| frame.end - frame.start).collect(),
        }
    }
}

/// What all events have.
struct Event<'a> {
    at: u64,
    process: u64,
    thread: u64,
    name: &'a str,
    phase: &'a str,
    all: &'a Value,
}

impl<'a> Event<'a> {
    fn read(all: &'a Value) -> Option<Self> {
        Some(Self {
            at: micros(&all["ts"])?,
            process: micros(&all["pid"])?,
            thread: micros(&all["tid"])?,
            name: all["name"].as_str()?,
            phase: all["ph"].as_str()?,
            all,
        })
    }

    fn data(&self, key: &str) -> &'a str {
        self.all["args"]["data"][key].as_str().unwrap_or_default()
    }

    fn url(&self) -> &'a str {
        self.data("url")
    }

    fn thread_name(&self) -> Option<&'a str> {
        (self.name == "thread_name").then(|| self.all["args"]["name"].as_str())?
    }
}

/// chromedriver writes large whole numbers as floats.
fn micros(value: &Value) -> Option<u64> {
    value.as_f64().map(|number| number as u64)
}

/// Tasks inside of others, which nested loops make, are a part of those.
fn tasks<'a>(events: impl Iterator<Item = &'a Event<'a>>) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for event in events.filter(|event| event.name == "RunTask" && event.phase == "X") {
        let wall = micros(&event.all["dur"]).unwrap_or(0);
        let cpu = micros(&event.all["tdur"]).unwrap_or(wall);
        if tasks.last().is_none_or(|last| event.at >= last.end()) {
            tasks.push(Task { start: event.at, wall, cpu });
        }
    }
    tasks
}

fn frames(events: &[Event]) -> Vec<Frame> {
    spans(events, "AnimationFrame")
}

/// Pairs of begin and end under one name.
fn spans(events: &[Event], name: &str) -> Vec<Frame> {
    let mut open: BTreeMap<String, u64> = BTreeMap::new();
    let mut spans = Vec::new();
    for event in events.iter().filter(|event| event.name == name) {
        let id = [&event.all["id2"], &event.all["id"]].map(Value::to_string).concat();
        match event.phase {
            "b" => drop(open.insert(id, event.at)),
            "e" => spans.extend(open.remove(&id).map(|start| Frame { start, end: event.at })),
            _ => {}
        }
    }
    spans.sort_by_key(|span| span.start);
    spans
}

/// A poll begins with its snapshot and ends with its last answer before the next one begins.
fn polls(events: &[Event]) -> Vec<Poll> {
    let mut polls: Vec<(Option<u64>, u64)> = Vec::new();
    let (mut ours, mut snapshots) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        let id = event.data("requestId");
        match event.name {
            "ResourceSendRequest" if event.url().contains(ADMIN) => {
                ours.insert(id);
                if event.url().contains(SNAPSHOT) {
                    snapshots.insert(id);
                    polls.push((None, 0));
                }
            }
            "ResourceReceiveResponse" if snapshots.contains(id) => {
                if let Some((answered, _)) = polls.last_mut() {
                    *answered = Some(event.at);
                }
            }
            "ResourceFinish" if ours.contains(id) => {
                if let Some((_, settled)) = polls.last_mut() {
                    *settled = event.at;
                }
            }
            _ => {}
        }
    }
    let complete = |(answered, settled): (Option<u64>, u64)| Some(Poll { answered: answered?, settled });
    polls.into_iter().filter_map(complete).filter(|poll| poll.settled >= poll.answered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(process: u64, thread: u64, name: &str, at: u64, more: Value) -> Value {
        let mut event = json!({"pid": process, "tid": thread, "name": name, "ts": at as f64, "ph": "I", "args": {}});
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        event
    }

    fn task(process: u64, thread: u64, at: u64, wall: u64, cpu: u64) -> Value {
        event(process, thread, "RunTask", at, json!({"ph": "X", "dur": wall, "tdur": cpu}))
    }

    fn request(name: &str, at: u64, id: &str, url: &str) -> Value {
        event(1, 10, name, at, json!({"args": {"data": {"requestId": id, "url": url}}}))
    }

    fn named(process: u64, thread: u64, name: &str) -> Value {
        event(process, thread, "thread_name", 0, json!({"ph": "M", "args": {"name": name}}))
    }

    /// Out of order, as chromedriver hands them over.
    fn trace() -> Vec<Value> {
        vec![
            task(1, 10, 500, 80, 60),
            task(1, 10, 510, 20, 20),
            task(1, 11, 505, 900, 900),
            task(2, 20, 505, 900, 900),
            named(1, 11, "Compositor"),
            named(1, 10, "CrRendererMain"),
            named(2, 20, "CrRendererMain"),
            request("ResourceFinish", 450, "2", ""),
            request("ResourceSendRequest", 100, "1", "http://localhost/plimsoll/v1/snapshot"),
            request("ResourceReceiveResponse", 200, "1", ""),
            request("ResourceFinish", 210, "1", ""),
            request("ResourceSendRequest", 300, "2", "http://localhost/plimsoll/v1/events?since=3"),
            request("ResourceSendRequest", 900, "3", "http://localhost/plimsoll/v1/snapshot"),
            event(1, 10, "AnimationFrame", 590, json!({"ph": "e", "id2": {"local": "0x4"}})),
            event(1, 10, "AnimationFrame", 480, json!({"ph": "b", "id2": {"local": "0x4"}})),
            event(1, 10, "plimsoll:update", 510, json!({"ph": "b", "id2": {"local": "0x9"}})),
            event(1, 10, "plimsoll:update", 530, json!({"ph": "e", "id2": {"local": "0x9"}})),
            task(1, 10, 50, 5, 5),
        ]
    }

    #[test]
    fn only_the_main_thread_of_the_pages_process_counts() {
        let slice = Slice::read(&trace());
        let first = Task { start: 50, wall: 5, cpu: 5 };
        assert_eq!(slice.tasks, [first, Task { start: 500, wall: 80, cpu: 60 }]);
    }

    #[test]
    fn a_poll_ends_with_its_last_answer_and_one_without_an_answer_is_none() {
        assert_eq!(Slice::read(&trace()).polls, [Poll { answered: 200, settled: 450 }]);
    }

    #[test]
    fn frames_and_marked_updates_are_pairs() {
        let slice = Slice::read(&trace());
        assert_eq!(slice.frames, [Frame { start: 480, end: 590 }]);
        assert_eq!(slice.marked, [20]);
    }

    #[test]
    fn what_was_before_the_observation_does_not_count() {
        let mut events = trace();
        events.push(event(1, 10, BEGIN, 470, json!({})));
        let slice = Slice::read(&events);
        assert_eq!((slice.tasks.len(), slice.polls.len(), slice.frames.len()), (1, 0, 1));
    }

    #[test]
    fn a_trace_without_the_page_is_empty() {
        let events: Vec<Value> = trace().into_iter().filter(|event| event["name"] != "ResourceSendRequest").collect();
        assert_eq!(Slice::read(&events), Slice::default());
    }
}
