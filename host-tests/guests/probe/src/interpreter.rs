//! Runs scripts: for each callback the lines that are for it, each logged with what the host answered.
//!
//! A stream runs its own case, a root the case of the stream that came last. Nothing is borrowed while a host call
//! runs, because it may lead to other callbacks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::calls::{self, Out, Shape};
use crate::script::{self, Argument, Line, Operation};
use crate::{memory, show};

/// Lines of this level are the trace.
const INFO: u64 = 2;
const VM_CONFIGURATION: u64 = 6;
const PLUGIN_CONFIGURATION: u64 = 7;
const CASE_HEADER: &[u8] = b"x-case";
/// In places for answers until the host writes there.
const UNTOUCHED: u64 = 0xeeee_eeee_eeee_eeee;
/// Answers never take more words.
const CELLS: usize = 4;

thread_local! {
    static PROBE: RefCell<Probe> = RefCell::new(Probe::default());
}

#[derive(Default)]
struct Probe {
    scripts: BTreeMap<u32, Rc<[Line]>>,
    /// Root ids of the roots.
    names: BTreeMap<u32, String>,
    /// Root and case of each stream.
    streams: BTreeMap<u32, (u32, String)>,
    /// How often a callback came, by context.
    counts: BTreeMap<(u32, &'static str), u32>,
    registers: BTreeMap<String, u64>,
    /// Of the stream that came last.
    case: String,
}

impl Probe {
    fn operations(&mut self, context: u32, callback: &'static str) -> Vec<Operation> {
        let count = self.counts.entry((context, callback)).or_default();
        *count += 1;
        let count = *count;
        let (root, case) = match self.streams.get(&context) {
            Some((root, case)) => (*root, case.clone()),
            None => (context, self.case.clone()),
        };
        let Some(script) = self.scripts.get(&root) else { return Vec::new() };
        let wanted = |line: &&Line| {
            (line.case == "*" || line.case == case)
                && line.callback == callback
                && line.occurrence.is_none_or(|occurrence| occurrence == count)
        };
        script.iter().filter(wanted).map(|line| line.operation.clone()).collect()
    }

    /// Plugin and context, as they stand before each line.
    fn who(&self, context: u32) -> String {
        let root = self.streams.get(&context).map_or(context, |(root, _)| *root);
        format!("{} {context}", self.names.get(&root).map_or("?", String::as_str))
    }

    /// A stream's case is known; what roots do is counted anew.
    fn enter_case(&mut self, context: u32, case: String) {
        if let Some(stream) = self.streams.get_mut(&context) {
            stream.1.clone_from(&case);
        }
        if self.case != case {
            self.case = case;
            self.counts.retain(|(context, _), _| self.streams.contains_key(context));
        }
    }
}

fn with<R>(work: impl FnOnce(&mut Probe) -> R) -> R {
    PROBE.with_borrow_mut(work)
}

/// A callback with its arguments, the context first; gives the answer that its script asks for.
pub(crate) fn run(callback: &'static str, arguments: &[u32], default: u32) -> u32 {
    let context = arguments.first().copied().unwrap_or(0);
    let shown: String = arguments.iter().skip(1).map(|argument| format!(" {argument}")).collect();
    if callback == "context_create" {
        create(context, arguments.get(1).copied().unwrap_or(0));
    }
    let who = with(|probe| probe.who(context));
    log(&format!("{who} > {callback}{shown}"));
    match callback {
        "vm_start" => load(context, VM_CONFIGURATION),
        "configure" => load(context, PLUGIN_CONFIGURATION),
        "request_headers" => {
            if let (0, Some(case)) = get("get_header", &[Word(0), Text(CASE_HEADER)]) {
                with(|probe| probe.enter_case(context, String::from_utf8_lossy(&case).into_owned()));
            }
        }
        _ => {}
    }
    let mut answer = default;
    for operation in with(|probe| probe.operations(context, callback)) {
        if operation.name == "answer" {
            answer = resolve(&operation.arguments).first().map_or(0, |word| *word as u32);
        } else {
            let result = perform(context, &operation);
            log(&format!("{who} {} {result}", operation.text));
        }
    }
    if callback == "delete" {
        with(|probe| {
            probe.streams.remove(&context);
            probe.scripts.remove(&context);
            probe.names.remove(&context);
            probe.counts.retain(|(of, _), _| *of != context);
        });
    }
    log(&format!("{who} < {callback} {answer}"));
    answer
}

/// A root (parent 0) or a stream comes into being.
fn create(context: u32, parent: u32) {
    if parent != 0 {
        with(|probe| probe.streams.insert(context, (parent, String::new())));
    } else if let (0, Some(name)) = get("get_property", &[Text(b"plugin_root_id")]) {
        with(|probe| probe.names.insert(context, String::from_utf8_lossy(&name).into_owned()));
    }
}

/// Reads a root's script from a configuration, in place of what it had.
fn load(root: u32, buffer: u64) {
    let (status, text) = get("get_buffer", &[Word(buffer), Word(0), Word(u64::from(u32::MAX / 2))]);
    let text = text.unwrap_or_default();
    if status != 0 {
        return;
    }
    match script::parse(&String::from_utf8_lossy(&text)) {
        Ok(lines) => with(|probe| drop(probe.scripts.insert(root, lines.into()))),
        Err(nonsense) => log(&nonsense.to_string()),
    }
}

/// Does one operation; what came of it, for the log.
fn perform(context: u32, operation: &Operation) -> String {
    match (operation.name.as_str(), operation.arguments.as_slice()) {
        ("say", _) => return String::new(),
        ("own_context", _) => {
            keep(operation, u64::from(context));
            return String::new();
        }
        ("trap", _) => memory::trap(),
        ("alloc", [Argument::Bytes(mode)]) if memory::switch(mode) => return String::new(),
        _ => {}
    }
    let Some(shape) = calls::shape(&operation.name) else { return "is no operation: script makes no sense".into() };
    let words = resolve(&operation.arguments);
    if words.len() == shape.arguments && !shape.outs.is_empty() {
        // The script gives the places for the answers too: a misuse, whose answers nobody can read.
        return format!("= {}", show::status(calls::invoke(&operation.name, &words)));
    }
    if words.len() != shape.inputs() {
        return format!("takes {} words: script makes no sense", shape.inputs());
    }
    let (status, cells) = call(&operation.name, shape, words);
    if status != 0 {
        let touched = cells.iter().any(|cell| *cell != UNTOUCHED);
        return format!("= {}{}", show::status(status), if touched { ", and wrote an answer" } else { "" });
    }
    let mut shown = String::from("= ok");
    for (out, cells) in split(shape.outs, &cells) {
        let number = match out {
            Out::Word => cells[0] & 0xffff_ffff,
            Out::Long => cells[0],
            Out::Bytes => {
                let bytes = memory::take(cells[0] as u32, cells[1] as u32);
                shown.push(' ');
                shown.push_str(&match operation.name.as_str() {
                    _ if operation.brief => format!("{} bytes", bytes.len()),
                    "get_pairs" => show::pairs(&bytes),
                    _ => show::bytes(&bytes),
                });
                continue;
            }
        };
        if !operation.brief {
            shown.push_str(&format!(" {number}"));
        }
        keep(operation, number);
    }
    shown
}

/// Keeps a number in the register that the operation names.
fn keep(operation: &Operation, number: u64) {
    if let Some(register) = &operation.register {
        with(|probe| {
            probe.registers.insert(register.clone(), number);
        });
    }
}

/// Arguments as words; bytes stay where the script has them.
fn resolve(arguments: &[Argument]) -> Vec<u64> {
    let mut words = Vec::new();
    for argument in arguments {
        match argument {
            Argument::Number(number) => words.push(*number),
            Argument::Register(name) => words.push(with(|probe| probe.registers.get(name).copied().unwrap_or(0))),
            Argument::Bytes(bytes) => words.extend([bytes.as_ptr().expose_provenance() as u64, bytes.len() as u64]),
        }
    }
    words
}

/// Makes a host call with places for its answers behind the words.
fn call(name: &str, shape: Shape, mut words: Vec<u64>) -> (u32, [u64; CELLS]) {
    let mut cells = [UNTOUCHED; CELLS];
    let start = cells.as_mut_ptr().expose_provenance() as u64;
    let places = shape.arguments - words.len();
    words.extend((0..places as u64).map(|place| start + place * 8));
    let status = calls::invoke(name, &words);
    for cell in &mut cells[places..] {
        *cell = UNTOUCHED;
    }
    (status, cells)
}

/// The cells of each answer.
fn split<'a>(outs: &'a [Out], cells: &'a [u64; CELLS]) -> impl Iterator<Item = (Out, &'a [u64])> {
    let mut rest = &cells[..];
    outs.iter().map(move |out| {
        let (mine, others) = rest.split_at(out.arguments());
        rest = others;
        (*out, mine)
    })
}

use Quiet::{Text, Word};

/// An argument of a host call that is not part of the trace.
enum Quiet {
    Word(u64),
    Text(&'static [u8]),
}

/// A host call that is not part of the trace: its status, and its bytes.
fn get(name: &str, arguments: &[Quiet]) -> (u32, Option<Vec<u8>>) {
    let mut words = Vec::new();
    for argument in arguments {
        match argument {
            Word(word) => words.push(*word),
            Text(text) => words.extend([text.as_ptr().expose_provenance() as u64, text.len() as u64]),
        }
    }
    let Some(shape) = calls::shape(name) else { return (u32::MAX, None) };
    let (status, cells) = call(name, shape, words);
    (status, (status == 0).then(|| memory::take(cells[0] as u32, cells[1] as u32)))
}

/// Writes a line of the trace.
pub(crate) fn log(text: &str) {
    calls::invoke("log", &[INFO, text.as_ptr().expose_provenance() as u64, text.len() as u64]);
}
