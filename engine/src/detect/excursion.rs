//! One endpoint against the others of its pool, by one kind of result: a cumulative sum (see [`super::Cusum`]) that
//! remembers what it rests on, and a second look before it becomes an alarm.
//!
//! The sum runs against the pool's level of the last seconds, which is late when all endpoints get worse at once: then
//! every sum climbs. So a sum that has reached the threshold is worked out anew, for the results since it left zero,
//! against what the *others* did in the same time. Only evidence that stands against that, too, is an alarm; if the
//! others did as badly, the sum begins anew. A shared outage ejects nobody, and one endpoint that is worse than a pool in
//! trouble is still found.
//!
//! Results of other workers come in batches, once a tick. Within a batch the order is unknown and does not count.

use super::cusum::Rates;

/// So many calls at the pool's usual level are added to what the others did, so that a few calls do not pass for a
/// level.
const PRIOR_CALLS: f64 = 20.0;
/// Slow answers: the share that counts as usual is at least this. An answer is slow above 2.5 times the pool's middle,
/// which 8 % of all are where service times are exponential, and fewer where they vary less.
const USUAL_SLOW: f64 = 0.14;
/// Slow answers: the share to be found as soon as possible is this much above the usual one. An endpoint 3 times slower
/// has 37 to 55 %, one twice as slow up to 29 %.
const WORSE_SLOW: f64 = 0.32;
/// Nothing is expected to be more certain than this.
const MOST: f64 = 0.99;

/// What makes a result a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It failed.
    Failure,
    /// It was slow.
    Slowness,
}

impl Kind {
    /// The share of hits that counts as usual, and the one to be found, where this share is what was seen.
    #[must_use]
    pub fn rates(self, seen: f64) -> (f64, f64) {
        match self {
            Self::Failure => Rates::default().at(seen),
            Self::Slowness => {
                let usual = seen.max(USUAL_SLOW).min(MOST - WORSE_SLOW);
                (usual, usual + WORSE_SLOW)
            }
        }
    }
}

/// What a hit and a miss add to the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    hit: f32,
    miss: f32,
}

impl Steps {
    /// Against this usual share of hits.
    #[must_use]
    pub fn against(kind: Kind, usual: f64) -> Self {
        let (usual, worse) = kind.rates(usual);
        Self { hit: libm::log(worse / usual) as f32, miss: libm::log((1.0 - worse) / (1.0 - usual)) as f32 }
    }

    fn sum(self, calls: u32, hits: u32) -> f32 {
        self.hit * hits as f32 + self.miss * calls.saturating_sub(hits) as f32
    }
}

/// Calls and hits of a whole pool since some beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All calls.
    pub calls: u64,
    /// Those that were hits.
    pub hits: u64,
}

impl Totals {
    /// Share of hits among the calls since `earlier`, with [`PRIOR_CALLS`] more at the usual share.
    #[must_use]
    pub fn share_since(&self, earlier: &Self, usual: f64) -> f64 {
        let calls = self.calls.saturating_sub(earlier.calls) as f64;
        let hits = self.hits.saturating_sub(earlier.hits) as f64;
        (hits + PRIOR_CALLS * usual) / (calls + PRIOR_CALLS)
    }
}

/// The evidence against one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excursion {
    sum: f32,
    /// Since the sum left zero.
    calls: u32,
    hits: u32,
    /// The whole pool's when it left zero.
    began: Totals,
}

/// Evidence that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarm {
    /// Logarithm of the likelihood ratio between "worse" and "as the others".
    pub evidence: f64,
    /// Calls that it rests on.
    pub calls: u32,
    /// Share of hits among them, 0 to 1.
    pub share: f64,
    /// Share of hits among the others' calls in the same time, 0 to 1; `None` if they had none.
    pub others: Option<f64>,
}

impl Excursion {
    /// Takes in results. `pool` is the whole pool's totals before them.
    pub fn observe(&mut self, calls: u32, hits: u32, steps: Steps, pool: Totals) {
        if self.sum <= 0.0 {
            // Nearly always: nothing is wrong, and nothing went wrong.
            if hits == 0 {
                return;
            }
            *self = Self { began: pool, ..Self::default() };
        }
        self.sum += steps.sum(calls, hits);
        self.calls = self.calls.saturating_add(calls);
        self.hits = self.hits.saturating_add(hits);
        if self.sum <= 0.0 {
            *self = Self::default();
        }
    }

    /// The sum, now.
    #[must_use]
    pub fn sum(&self) -> f32 {
        self.sum
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The pool's totals when the sum left zero, plus what this endpoint has had since: what is more than that now, the
    /// others had.
    #[must_use]
    pub fn others(&self) -> Totals {
        Totals {
            calls: self.began.calls.saturating_add(u64::from(self.calls)),
            hits: self.began.hits.saturating_add(u64::from(self.hits)),
        }
    }

    /// An alarm, if the sum has reached the threshold and stands against what the others did meanwhile. `pool` is the
    /// whole pool's totals now, `usual` its usual share of hits. If it does not stand, the sum goes back to what is left
    /// of it.
    pub fn alarm(&mut self, kind: Kind, pool: Totals, usual: f64, threshold: f32) -> Option<Alarm> {
        if self.sum < threshold {
            return None;
        }
        let began = self.others();
        let seen = pool.share_since(&began, usual).max(usual);
        let evidence = Steps::against(kind, seen).sum(self.calls, self.hits);
        if evidence < threshold {
            match evidence > 0.0 {
                true => self.sum = threshold,
                false => self.clear(),
            }
            return None;
        }
        let (calls, hits) = (pool.calls.saturating_sub(began.calls), pool.hits.saturating_sub(began.hits));
        Some(Alarm {
            evidence: f64::from(evidence),
            calls: self.calls,
            share: f64::from(self.hits) / f64::from(self.calls.max(1)),
            others: (calls > 0).then(|| hits as f64 / calls as f64),
        })
    }
}

/// The share of slow answers that is usual for one endpoint: over the last minute or so of its traffic. Where machines
/// differ, the slower ones are slow every day; what is looked for is a change.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usual {
    answers: f32,
    slow: f32,
}

impl Usual {
    /// Answers before an endpoint is known.
    const LEAST: f32 = 50.0;
    /// What is kept each second that has traffic: a time constant of a minute.
    const KEPT: f32 = 0.983;
    /// A usual share counts as this much more: it is an estimate.
    const MARGIN: f32 = 1.5;

    /// Takes in answers.
    pub fn observe(&mut self, answers: u32, slow: u32) {
        self.answers += answers as f32;
        self.slow += slow as f32;
    }

    /// A second has passed.
    pub fn fade(&mut self) {
        // What is known of an endpoint without traffic stays.
        if self.answers * Self::KEPT >= Self::LEAST {
            self.answers *= Self::KEPT;
            self.slow *= Self::KEPT;
        }
    }

    /// The share to compare with, 0 to 1; `None` before enough is known, and where the endpoint is slow so often that more
    /// would be no news.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let share = f64::from(self.slow * Self::MARGIN / self.answers.max(1.0));
        (self.answers >= Self::LEAST && share < MOST - WORSE_SLOW).then_some(share)
    }
}

#[cfg(test)]
mod tests;
