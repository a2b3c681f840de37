//! Traces: what the probe logged, line by line, without what differs between two runs by nature.
//!
//! Addresses of endpoints become their names, contexts of streams are numbered within the case, and the headers of
//! [`IGNORED`] are left out.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Headers that Envoy adds on its own, with values that depend on time or build.
pub(crate) const IGNORED: &[&str] = &["date", "server", "x-envoy-upstream-service-time", "connection"];

/// Names of addresses.
pub(crate) struct Names(pub(crate) Vec<(&'static str, String)>);

impl Names {
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.and_then(|(_, address)| address.parse().ok()).unwrap_or_else(|| panic!("no endpoint is called {name}"))
    }

    /// A list of names as addresses; what is no name stays.
    pub(crate) fn resolve(&self, list: &str) -> String {
        let one = |name: &str| self.0.iter().find(|(known, _)| *known == name).map(|(_, address)| address.clone());
        list.split(',').map(|name| one(name).unwrap_or_else(|| name.to_owned())).collect::<Vec<_>>().join(",")
    }

    /// A script with addresses for names in braces.
    pub(crate) fn fill(&self, script: String) -> String {
        self.0.iter().fold(script, |script, (name, address)| script.replace(&format!("{{{name}}}"), address))
    }

    /// A text with addresses as names.
    fn replace(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (name, address)| text.replace(address.as_str(), &format!("<{name}>")))
    }
}

/// A line of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The thread that it ran on.
    pub(crate) thread: String,
    /// Without the context in front; the whole text if there is none.
    pub(crate) text: String,
    /// Plugin and context that it is about.
    pub(crate) context: Option<(String, u32)>,
    /// It is about a stream's creation.
    parent: Option<u32>,
}

impl Line {
    /// A line of Envoy's log, if a guest wrote it. A thread is `main` or a number.
    pub(crate) fn from_envoy(line: &str, main: u32, names: &Names) -> Option<Self> {
        let mut parts = line.splitn(4, '|');
        let (thread, logger, _level, message) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if logger != "wasm" {
            return None;
        }
        let (_, message) = message.strip_prefix("wasm log")?.split_once(": ")?;
        let thread = if thread.parse() == Ok(main) { "main".to_owned() } else { thread.to_owned() };
        Some(Self::new(&thread, message, names))
    }

    pub(crate) fn new(thread: &str, message: &str, names: &Names) -> Self {
        let message = names.replace(&without_ignored(message));
        let (context, text) = match split_context(&message) {
            Some((context, text)) => (Some(context), text.to_owned()),
            None => (None, message),
        };
        let parent = text.strip_prefix("> context_create ").and_then(|parent| parent.parse().ok());
        Self { thread: thread.to_owned(), text, context, parent }
    }

    /// It begins with this and is about a stream.
    pub(crate) fn is_of_stream(&self, start: &str) -> bool {
        self.text.starts_with(start) && self.parent != Some(0)
    }
}

/// `down 3 > request_headers 5 1` as plugin, context and the rest.
fn split_context(message: &str) -> Option<((String, u32), &str)> {
    let mut parts = message.splitn(3, ' ');
    let (plugin, context, rest) = (parts.next()?, parts.next()?, parts.next()?);
    Some(((plugin.to_owned(), context.parse().ok()?), rest))
}

/// A message without the ignored headers of a map in it.
fn without_ignored(message: &str) -> String {
    let mut message = message.to_owned();
    for name in IGNORED {
        let start = format!("\"{name}\"=\"");
        while let Some(at) = message.find(&start) {
            let value = at + start.len();
            let Some(length) = message[value..].find('"') else { break };
            let mut end = value + length + 1;
            let mut from = at;
            if message[end..].starts_with(", ") {
                end += 2;
            } else if message[..from].ends_with(", ") {
                from -= 2;
            }
            message.replace_range(from..end, "");
        }
    }
    message
}

/// Headers of a message on the wire.
pub(crate) fn show_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    // How a codec frames a message is no part of it.
    let framing = |pair: &(&str, &str)| matches!(*pair, ("transfer-encoding", _) | ("content-length", "0"));
    let kept = headers.filter(|pair| !IGNORED.contains(&pair.0) && !framing(pair));
    format!("{{{}}}", kept.map(|(name, value)| format!("{name:?}={value:?}")).collect::<Vec<_>>().join(", "))
}

/// What one case left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    lines: Vec<Line>,
    /// What each client got.
    pub(crate) clients: Vec<String>,
}

impl Trace {
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        Self { lines, clients: Vec::new() }
    }

    /// The lines of each thread, then those of the clients.
    pub(crate) fn text(&self) -> Vec<String> {
        let mut threads: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in &self.lines {
            threads.entry(&line.thread).or_default().push(line);
        }
        let mut text = Vec::new();
        let mut workers = 0;
        for (thread, lines) in threads.iter().rev() {
            let name = if *thread == "main" { "main".to_owned() } else { format!("worker {workers}") };
            workers += usize::from(*thread != "main");
            text.push(format!("[{name}]"));
            text.extend(number(lines));
        }
        text.extend(self.clients.iter().map(|client| format!("client: {client}")));
        text
    }
}

/// Numbers the streams of a thread's lines; roots keep their ids.
fn number(lines: &[&Line]) -> Vec<String> {
    let mut streams: BTreeMap<&(String, u32), usize> = BTreeMap::new();
    let mut text = Vec::new();
    for line in lines {
        let Some(context) = &line.context else {
            text.push(line.text.clone());
            continue;
        };
        if line.parent.is_some_and(|parent| parent != 0) {
            let next = streams.len() + 1;
            streams.insert(context, next);
        }
        let who = match streams.get(context) {
            Some(number) => format!("{}/{number}", context.0),
            None => format!("{}({})", context.0, context.1),
        };
        text.push(format!("{who} {}", line.text));
    }
    fold(text)
}

/// A callback in which nothing happens becomes one line: `who callback arguments → answer`.
fn fold(lines: Vec<String>) -> Vec<String> {
    let mut folded: Vec<String> = Vec::new();
    for line in lines {
        let answer = folded.last().and_then(|open| {
            let (who, call) = open.split_once(" > ")?;
            let name = call.split(' ').next()?;
            let answer = line.strip_prefix(&format!("{who} < {name} "))?;
            Some(format!("{who} {call} → {answer}"))
        });
        match (answer, folded.last_mut()) {
            (Some(answer), Some(open)) => *open = answer,
            _ => folded.push(line),
        }
    }
    folded
}
