//! The talk between page and lab: the page sends what its reader does, and gets all that it shows, each as a JSON text.
//!
//! A message is an object with `do`:
//!
//! | `do` | besides | |
//! |---|---|---|
//! | `hello` | | the answer has `built_in`, `faults` and `settings`, of which the page makes its fields |
//! | `open` | `link` | a setup that somebody has sent |
//! | `write` | `field`, `text` | see [`crate::fields`] |
//! | `live` | see [`crate::message`] | the shape of a live pool |
//! | `run`, `stop` | | |
//! | `save` | `what`: `result` or `scenario` | the answer has `file` and its `name` |
//!
//! `"keep": true` in a message is in its answer, too: the page puts the setup into the address then. What answers a message has
//! `reply`, what tells how far a trial is has none. What cannot be done is told in `note`. Every answer has `fields` by name, `problems`, `size`, `note`, `link`, `about`, `live`, `fault`, `playing`,
//! `permille`, `progress`, `rows` ([`crate::words::line`]), `saved`, `outdated` and `assumptions`.

use crate::fields::{self, FAULTS, SETTINGS, Setting};
use crate::form::pace;
use crate::message;
use crate::{Form, Setup, Source, Trial, built_in, export, words};
use plimsoll_snapshot::read::text;
use serde_json::{Map, Value};

/// The first slice of a trial, in events.
const FIRST: u64 = 1_000;

/// One page's lab.
#[derive(Default)]
pub struct Desk {
    form: Form,
    /// The trial under way and what it plays.
    playing: Option<(Trial, Setup)>,
    /// How many events the last slice had.
    events: u64,
}

impl Desk {
    /// Does what a message says; the answer.
    pub fn ask(&mut self, message: &str) -> String {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        let mut more = Map::from_iter([("reply".to_owned(), true.into())]);
        if let Err(why) = self.act(&message, &mut more) {
            self.form.note = why;
        }
        if message["keep"].as_bool() == Some(true) {
            more.insert("keep".into(), true.into());
        }
        self.told(more)
    }

    /// Something is being played.
    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// Plays a slice, after one that took so many milliseconds; whether anything is left to play.
    pub fn step(&mut self, took_ms: f64) -> bool {
        let Some((trial, _)) = &mut self.playing else { return false };
        self.events = if self.events == 0 { FIRST } else { pace(self.events, took_ms) };
        let more = trial.step(self.events);
        if !more {
            self.end();
        }
        more
    }

    /// How things stand, as an answer to nothing.
    pub fn state(&mut self) -> String {
        if let Some((trial, _)) = &self.playing {
            self.form.tell(trial);
        }
        self.told(Map::new())
    }

    fn act(&mut self, message: &Value, more: &mut Map<String, Value>) -> Result<(), String> {
        let what = text(message, "do");
        match what.as_str() {
            "hello" => hello(more),
            "open" => {
                let setup = Setup::from_link(&text(message, "link"))?;
                self.end();
                self.form.take(setup);
            }
            "live" => {
                let setup = message::live(message)?;
                self.end();
                self.form.take(setup);
            }
            "write" => {
                self.end();
                self.form.write(&text(message, "field"), &text(message, "text"));
            }
            "run" => {
                self.end();
                let setup = self.form.setup.clone();
                self.playing = self.form.begin().map(|trial| (trial, setup));
                self.events = 0;
            }
            "stop" => self.end(),
            "save" => {
                let (name, file) = match text(message, "what").as_str() {
                    "result" => ("plimsoll-lab.json", self.form.saved.clone()),
                    _ => ("plimsoll-scenario.json", export::scenario(&self.form.setup)),
                };
                more.insert("name".into(), name.into());
                more.insert("file".into(), file.into());
            }
            _ => return Err(format!("the lab does not know what {what:?} is: page and lab are of different versions")),
        }
        Ok(())
    }

    /// Ends what is under way; what is known of it stays.
    fn end(&mut self) {
        if let Some((mut trial, setup)) = self.playing.take() {
            trial.stop();
            self.form.end(&trial, &setup);
        }
    }

    fn told(&self, mut answer: Map<String, Value>) -> String {
        let form = &self.form;
        let mut put = |key: &str, value: Value| answer.insert(key.to_owned(), value);
        let fields = fields::names().map(|name| (name.clone(), form.read(&name).into()));
        put("fields", Value::Object(fields.collect()));
        put("problems", list(form.problems.iter()));
        put("size", form.size.as_str().into());
        put("about", words::about(&form.setup).into());
        put("live", if let Source::Live(pool) = &form.setup.source { pool.as_str().into() } else { "".into() });
        put("fault", form.setup.fault.is_some().into());
        put("playing", form.playing.into());
        put("permille", form.permille.into());
        put("progress", form.progress.as_str().into());
        put("rows", words::lines(&form.result).iter().map(|row| list(row.iter())).collect());
        put("saved", (!form.saved.is_empty()).into());
        put("outdated", form.outdated.into());
        put("assumptions", list(words::assumptions(&form.setup).iter()));
        // What has no place in a link has none in a page of its own either.
        let (link, note) = form.setup.to_link().map_or_else(|why| (String::new(), why), |link| (link, String::new()));
        put("link", link.into());
        put("note", if form.note.is_empty() { note.into() } else { form.note.as_str().into() });
        Value::Object(answer).to_string()
    }
}

fn hello(answer: &mut Map<String, Value>) {
    let names: Vec<String> = built_in::all().into_iter().map(|known| known.name).collect();
    answer.insert("built_in".into(), list(names.iter()));
    answer.insert("faults".into(), FAULTS.iter().map(|(value, label)| list([value, label].into_iter())).collect());
    let setting = |Setting { path, label, choices, .. }: &Setting| {
        let default = fields::default_of(path);
        let texts = [path, label, default.as_str()];
        list(texts.iter().chain(choices.iter()))
    };
    answer.insert("settings".into(), SETTINGS.iter().map(setting).collect());
}

fn list<T: ToString>(texts: impl Iterator<Item = T>) -> Value {
    texts.map(|text| Value::from(text.to_string())).collect()
}
