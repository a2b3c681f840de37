//! What the page of the lab shows and lets be changed: fields by name, each of which is read and written as text, what is
//! wrong with them, and how far a trial is.
//!
//! A text that cannot be taken stays in its field and changes nothing in the setup; until it is right nothing is played.

use super::comparison::Comparison;
use super::setup::{Plan, mean_rate};
use super::trial::Trial;
use super::{Setup, Source, configuration, export, fields};
use std::time::Duration;

/// What is on the page.
#[derive(Clone, Debug)]
pub struct Form {
    /// What is played next.
    pub setup: Setup,
    /// What is wrong: with the fields, the present configuration, the changed one. Empty where nothing is.
    pub problems: [String; 3],
    /// How much there is to play.
    pub size: String,
    /// What has become of something that the reader asked for, such as a link.
    pub note: String,
    /// A trial is under way.
    pub playing: bool,
    /// How much of it is played, 0 to 1000.
    pub permille: u32,
    /// The same in words.
    pub progress: String,
    /// What came out by now.
    pub result: Comparison,
    /// The same with its setup as JSON, once it is complete or was stopped.
    pub saved: String,
    /// Something was changed after that.
    pub outdated: bool,
    /// Fields whose text was not taken: which, the text, what is wrong.
    refused: Vec<(String, String, String)>,
}

impl Default for Form {
    fn default() -> Self {
        // One that says something without being changed.
        Self::of(Setup::built_in("slow").unwrap_or_else(Setup::empty))
    }
}

impl Form {
    /// A page with this setup.
    pub fn of(setup: Setup) -> Self {
        let mut form = Self {
            setup,
            problems: Default::default(),
            size: String::new(),
            note: String::new(),
            playing: false,
            permille: 0,
            progress: String::new(),
            result: Comparison::default(),
            saved: String::new(),
            outdated: false,
            refused: Vec::new(),
        };
        form.judge();
        form
    }

    /// Takes another setup.
    pub fn take(&mut self, setup: Setup) {
        self.setup = setup;
        self.refused.clear();
        self.note.clear();
        self.change();
    }

    /// The text of a field; empty for one that is not known.
    pub fn read(&self, field: &str) -> String {
        match self.refused.iter().find(|(known, ..)| known == field) {
            Some((_, text, _)) => text.clone(),
            None => fields::read(&self.setup, field),
        }
    }

    /// Puts a text into a field.
    pub fn write(&mut self, field: &str, text: &str) {
        self.refused.retain(|(known, ..)| known != field);
        if let Err(why) = fields::write(&mut self.setup, field, text) {
            self.refused.push((field.to_owned(), text.to_owned(), why));
        }
        // Texts go with their fields: those of another scenario or fault, and those that what is written now replaces.
        self.refused.retain(|(known, ..)| match field {
            "source" => false,
            "fault" => !known.starts_with("fault."),
            "present" | "changed" => known == field || !known.starts_with(field),
            _ => true,
        });
        self.note.clear();
        self.change();
    }

    /// Nothing is wrong, so that it can be played.
    pub fn is_right(&self) -> bool {
        self.problems.iter().all(String::is_empty)
    }

    /// Begins a trial.
    pub fn begin(&mut self) -> Option<Trial> {
        if !self.is_right() {
            return None;
        }
        let trial = Trial::new(&self.setup).ok()?;
        self.playing = true;
        self.outdated = false;
        self.saved.clear();
        self.note.clear();
        self.tell(&trial);
        Some(trial)
    }

    /// How far a trial is, and what came out.
    pub fn tell(&mut self, trial: &Trial) {
        let now = trial.progress();
        self.permille = (now.share * 1000.0) as u32;
        self.progress = now.words;
        self.result = trial.result();
        self.playing = !now.done;
    }

    /// The trial of this setup is over.
    pub fn end(&mut self, trial: &Trial, setup: &Setup) {
        self.tell(trial);
        self.playing = false;
        if self.result.seeds > 0 {
            self.saved = export::json(setup, trial);
        }
    }

    fn change(&mut self) {
        self.outdated = self.result.seeds > 0;
        self.judge();
    }

    fn judge(&mut self) {
        let count = self.setup.scenario.endpoints.len();
        let problem = |text: &str| configuration::parse(text, count).err().unwrap_or_default();
        self.problems = [String::new(), problem(&self.setup.present), problem(&self.setup.changed)];
        self.size.clear();
        if let Some((_, _, why)) = self.refused.first() {
            self.problems[0].clone_from(why);
            return;
        }
        if !self.is_right() {
            return;
        }
        match self.setup.check() {
            Ok(plan) => self.size = size(&self.setup, &plan),
            Err(why) => self.problems[0] = why,
        }
    }
}

fn size(setup: &Setup, plan: &Plan) -> String {
    let scenario = &plan.scenario;
    let events = plan.work.saturating_mul(2 * u64::from(setup.seeds));
    let rate = mean_rate(scenario) as u64;
    let tenths = events / 100_000;
    let count = scenario.endpoints.len();
    let mut text =
        format!("{count} endpoints, {rate} requests a second, about {}.{} million events", tenths / 10, tenths % 10);
    if setup.present == setup.changed {
        text.push_str("; both configurations are the same, so nothing will differ");
    }
    text
}

impl Setup {
    /// A setup that nothing can be played with.
    fn empty() -> Self {
        Self {
            source: Source::BuiltIn(String::new()),
            scenario: super::setup::blank(),
            fault: None,
            seeds: 1,
            workers: 1,
            present: "{}".into(),
            changed: "{}".into(),
        }
    }
}

/// How long a slice of a trial should take: a worker that plays looks for messages between two.
pub const SLICE: Duration = Duration::from_millis(30);

/// How many events the next slice takes, after so many took so many milliseconds.
pub fn pace(events: u64, took_ms: f64) -> u64 {
    let wanted = events as f64 * SLICE.as_millis() as f64 / took_ms.max(0.1);
    (wanted as u64).clamp(events / 4, events * 2).clamp(50, 100_000)
}
