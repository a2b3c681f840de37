//! Plays a setup with both configurations, seed after seed, in steps of any size. Both sides of a seed are played one after
//! the other, so that what is known so far is always a fair comparison.

use super::comparison::{Comparison, Figures, figures};
use super::setup::{MAX_WORK, Plan, Setup, length};
use plimsoll_sim::{Engine, Extent, Play, Scenario};

/// A trial under way. Dropping it abandons it.
pub struct Trial {
    scenario: Scenario,
    engines: [Engine; 2],
    seeds: u32,
    /// Runs that are over.
    over: u32,
    play: Option<Play<'static>>,
    /// How far the present run is, 0 to 1.
    share: f64,
    /// Events of runs that are over, and of the present one.
    events: u64,
    events_here: u64,
    sides: [Vec<Figures>; 2],
    stopped: bool,
}

/// How far a trial is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// 0 to 1.
    pub share: f64,
    /// For people.
    pub words: String,
    /// Nothing is left to play.
    pub done: bool,
}

impl Trial {
    /// A trial that has not begun.
    ///
    /// # Errors
    /// Those of [`Setup::check`].
    pub fn new(setup: &Setup) -> Result<Self, String> {
        let Plan { scenario, engines, .. } = setup.check()?;
        Ok(Self {
            scenario,
            engines,
            seeds: setup.seeds,
            over: 0,
            play: None,
            share: 0.0,
            events: 0,
            events_here: 0,
            sides: Default::default(),
            stopped: false,
        })
    }

    /// Plays on for up to so many events, ten thousand being some hundredths of a second in a browser; whether anything is
    /// left to play. How a trial is cut into steps changes nothing.
    pub fn step(&mut self, events: u64) -> bool {
        let mut left = events;
        while left > 0 && !self.is_done() {
            let mut play = self.play.take().unwrap_or_else(|| self.next_run());
            let now = play.advance(left);
            left = left.saturating_sub(now.events - self.events_here).min(left - 1);
            self.events_here = now.events;
            if now.done {
                self.sides[self.over as usize % 2].push(figures(&play.finish(), &self.scenario));
                self.over += 1;
                self.events += std::mem::take(&mut self.events_here);
                self.share = 0.0;
            } else {
                let whole = match self.scenario.measured {
                    Extent::Time(_) => now.now.as_nanos() as f64 / length(&self.scenario).as_nanos() as f64,
                    Extent::Requests(count) => now.ended as f64 / count as f64,
                };
                self.share = whole.min(1.0);
                self.play = Some(play);
            }
            // Retries can multiply what was expected.
            if self.events + self.events_here > 2 * MAX_WORK {
                self.stop();
            }
        }
        !self.is_done()
    }

    /// Ends it here; what is known stays.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.play = None;
    }

    /// Nothing is left to play.
    pub fn is_done(&self) -> bool {
        self.stopped || self.over == 2 * self.seeds
    }

    /// Events played.
    pub fn events(&self) -> u64 {
        self.events + self.events_here
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let runs = 2 * self.seeds;
        let words = if self.over == runs {
            format!("{} seeds played", self.seeds)
        } else if self.stopped {
            format!("stopped after {} of {} seeds", self.over / 2, self.seeds)
        } else {
            let side = if self.over.is_multiple_of(2) { "present" } else { "changed" };
            format!("seed {} of {}, {side} configuration", self.over / 2 + 1, self.seeds)
        };
        Progress { share: (f64::from(self.over) + self.share) / f64::from(runs), words, done: self.is_done() }
    }

    /// What is known by now.
    pub fn result(&self) -> Comparison {
        Comparison::of(&self.sides)
    }

    /// The figures of each side, seed by seed from 1: present, changed.
    pub fn figures(&self) -> &[Vec<Figures>; 2] {
        &self.sides
    }

    fn next_run(&mut self) -> Play<'static> {
        self.scenario.seed = u64::from(self.over / 2 + 1);
        let engine = &self.engines[self.over as usize % 2];
        Play::with(&self.scenario, engine.terse(&self.scenario))
    }
}
