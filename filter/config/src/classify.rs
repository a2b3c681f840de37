//! What a pool takes an answer for, by its HTTP status and, where it is asked for, its gRPC status. The rules are compiled
//! into tables, so that an answer costs one look-up.
//!
//! Of several rules that fit a status the narrowest counts: a number before a range, a narrow range before a wide one; a
//! class is a range of a hundred. Of two as narrow, one that is written counts before a default; two that are written in
//! different lists are an error. A status that no rule fits is a success.

use super::node::{Node, Object};
use serde_json::{Map, Value};

/// What an answer is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The endpoint did its work.
    Success,
    /// It did not.
    Failure,
    /// "Too much": a reason to send less, none to eject.
    Overload,
    /// The client's doing.
    Ignored,
}

/// What the status of an answer's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// All there is to know.
    Is(Class),
    /// Overload if there is a header `retry-after`, else a failure.
    RetryAfter,
    /// The gRPC status tells, from the headers or the trailers.
    Grpc,
}

/// Rules of a pool, compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classify {
    /// Of the statuses from 100.
    http: [Class; 500],
    /// Of the codes from 0, where calls count by them.
    grpc: [Class; 17],
    is_grpc: bool,
    retry_after: bool,
}

const KEYS: [&str; 8] =
    ["failure", "overload", "ignore", "retry_after", "grpc", "grpc_failure", "grpc_overload", "grpc_ignore"];
const STATUSES: (u32, u32) = (100, 599);
const CODES: (u32, u32) = (0, 16);
const MAX_RULES: usize = 64;

/// A list, what it makes of a status, and the statuses in it unless it is written.
type List = (&'static str, Class, &'static [(u32, u32)]);

/// 4xx is what the client asked for: with it, one client could eject all endpoints or, where most answers are 404, hide
/// that the others fail.
const HTTP: [List; 3] = [
    ("failure", Class::Failure, &[(500, 599)]),
    ("overload", Class::Overload, &[(429, 429)]),
    ("ignore", Class::Ignored, &[(400, 499)]),
];

/// As Envoy maps codes to HTTP, and HTTP is taken: UNKNOWN (2) is a 500, because servers answer it for an exception
/// that nobody caught; DEADLINE_EXCEEDED (4) a 504, INTERNAL (13) and DATA_LOSS (15) a 500, UNAVAILABLE (14) a 503,
/// RESOURCE_EXHAUSTED (8) a 429, the others 4xx. But UNIMPLEMENTED (12), Envoy's 501, is about the method that the client
/// called, as 404 is.
const GRPC: [List; 3] = [
    ("grpc_failure", Class::Failure, &[(2, 2), (4, 4), (13, 15)]),
    ("grpc_overload", Class::Overload, &[(8, 8)]),
    ("grpc_ignore", Class::Ignored, &[(1, 1), (3, 3), (5, 7), (9, 12), (16, 16)]),
];

/// Names of the codes, from 0.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Classify {
    /// What an HTTP status says. One that HTTP does not know is taken as 500 is.
    #[must_use]
    pub fn head(&self, status: u32) -> Head {
        let class = |status| of(&self.http, STATUSES.0, status);
        match class(status).or_else(|| class(500)).unwrap_or(Class::Failure) {
            Class::Failure if status == 503 && self.retry_after => Head::RetryAfter,
            Class::Success if self.is_grpc => Head::Grpc,
            class => Head::Is(class),
        }
    }

    /// What a gRPC status says. One that gRPC does not know is taken as UNKNOWN, as its clients do.
    #[must_use]
    pub fn grpc(&self, code: u32) -> Class {
        let class = |code| of(&self.grpc, CODES.0, code);
        class(code).or_else(|| class(2)).unwrap_or(Class::Failure)
    }

    /// Calls count by their gRPC status.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// As it is written: lists that read back as these rules.
    pub(super) fn effective(&self) -> Value {
        let mut map = Map::new();
        let tables: [(_, _, &[Class], _); 2] =
            [(HTTP, STATUSES, &self.http, true), (GRPC, CODES, &self.grpc, self.is_grpc)];
        for (lists, (low, _), table, shown) in tables {
            for (key, class, _) in lists.iter().filter(|_| shown) {
                map.insert((*key).into(), written(table, low, *class));
            }
        }
        map.insert("retry_after".into(), self.retry_after.into());
        map.insert("grpc".into(), self.is_grpc.into());
        Value::Object(map)
    }
}

fn of(table: &[Class], low: u32, status: u32) -> Option<Class> {
    table.get(status.checked_sub(low)? as usize).copied()
}

/// The statuses of a class, as runs; codes by name, each for itself.
fn written(table: &[Class], low: u32, class: Class) -> Value {
    let mut list: Vec<Value> = Vec::new();
    let mut run: Option<u32> = None;
    for (index, at) in (0..=table.len()).zip(low..) {
        let fits = table.get(index) == Some(&class);
        if fits && low == CODES.0 {
            list.push(NAMES.get(index).copied().unwrap_or_default().into());
        } else if fits {
            run.get_or_insert(at);
        } else if let Some(from) = run.take() {
            list.push(status_text(from, at.saturating_sub(1)));
        }
    }
    list.into()
}

fn status_text(from: u32, to: u32) -> Value {
    if from == to {
        return from.into();
    }
    let whole = from.is_multiple_of(100) && to.saturating_sub(from) == 99;
    if whole { format!("{}xx", from / 100).into() } else { format!("{from}-{to}").into() }
}

/// Reads a pool's rules.
pub(super) fn read(pool: &Object) -> Result<Classify, String> {
    let nothing = Value::Object(Map::new());
    let node = pool.get("classify");
    let rules = node.as_ref().map_or_else(|| Node::root(&nothing).object(&KEYS), |node| node.object(&KEYS))?;
    let grpc = rules.or("grpc", false, Node::flag)?;
    if let Some(node) = GRPC.iter().find_map(|(key, ..)| rules.get(key)).filter(|_| !grpc) {
        return Err(node.error("needs grpc: true"));
    }
    let retry_after = rules.or("retry_after", true, Node::flag)?;
    let success = Class::Success;
    let mut classify = Classify { http: [success; 500], grpc: [success; 17], is_grpc: grpc, retry_after };
    compile(&rules, &HTTP, STATUSES, statuses, &mut classify.http)?;
    compile(&rules, &GRPC, CODES, codes, &mut classify.grpc)?;
    Ok(classify)
}

struct Rule {
    from: u32,
    to: u32,
    class: Class,
    is_default: bool,
}

impl Rule {
    fn width(&self) -> u32 {
        self.to.saturating_sub(self.from)
    }
}

fn compile(
    object: &Object,
    lists: &[List; 3],
    (low, high): (u32, u32),
    read: fn(&Node) -> Result<(u32, u32), String>,
    table: &mut [Class],
) -> Result<(), String> {
    let mut rules: Vec<Rule> = Vec::new();
    for &(key, class, usual) in lists {
        let Some(node) = object.get(key) else {
            rules.extend(usual.iter().map(|&(from, to)| Rule { from, to, class, is_default: true }));
            continue;
        };
        let list = node.list()?;
        if list.len() > MAX_RULES {
            return Err(format!("{}: {} given, allowed are up to {MAX_RULES}", node.path(), list.len()));
        }
        for node in list {
            let (from, to) = read(&node)?;
            let rule = Rule { from, to, class, is_default: false };
            let meets = |other: &&Rule| other.from <= to && from <= other.to && other.width() == rule.width();
            if rules.iter().filter(meets).any(|other| !other.is_default && other.class != class) {
                return Err(
                    node.error("is in another list too, as narrow as here: of several rules the narrowest counts")
                );
            }
            rules.push(rule);
        }
    }
    for (status, class) in (low..=high).zip(table) {
        let fits = rules.iter().filter(|rule| rule.from <= status && status <= rule.to);
        if let Some(rule) = fits.min_by_key(|rule| (rule.width(), rule.is_default)) {
            *class = rule.class;
        }
    }
    Ok(())
}

/// A number, a class or a range.
fn statuses(node: &Node) -> Result<(u32, u32), String> {
    let three = |text: &str| text.parse().ok().filter(|_| text.len() == 3);
    let read = || {
        if !node.is_text() {
            return node.whole(STATUSES.0..=STATUSES.1).ok().map(|status| (status, status));
        }
        let text = node.text().ok()?;
        let (from, to) = match text.strip_suffix("xx") {
            Some(_) => (three(&text.replace('x', "0"))?, three(&text.replace('x', "9"))?),
            None => text.split_once('-').and_then(|(from, to)| Some((three(from)?, three(to)?)))?,
        };
        (STATUSES.0 <= from && from <= to && to <= STATUSES.1).then_some((from, to))
    };
    read().ok_or_else(|| {
        node.error("is no status from 100 to 599, nor a class or a range of them, such as \"5xx\" or \"500-599\"")
    })
}

/// A number or a name. OK is a success.
fn codes(node: &Node) -> Result<(u32, u32), String> {
    let named = |text: &str| (0..).zip(NAMES).find(|(_, name)| *name == text).map(|(code, _)| code);
    let code = match node.text() {
        Ok(text) => named(text).filter(|code| *code > 0),
        Err(_) => node.whole(1..=CODES.1).ok(),
    };
    code.map(|code| (code, code))
        .ok_or_else(|| node.error("is no gRPC status from 1 to 16, nor the name of one, such as \"UNAVAILABLE\""))
}
