//! One endpoint against the others of its pool, by failures or by slowness: a cumulative sum (see [`super::Cusum`]) that
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

/// So many calls at the usual level are added to what the others did, so that a few calls do not pass for a level.
const PRIOR_CALLS: f64 = 20.0;
/// An endpoint to be found is slower in this way: scores, see [`Kind::Slowness`], of a mean 1 / 0.2. So the sum falls
/// while answers are up to twice as slow as usual, where services are exponential, and climbs above that.
const SLOW_SCORES: f64 = 0.2;

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Failures: the amount of a call is 1 or 0, and a level is a share.
    Failure,
    /// Slowness: the amount of an answer is its score in hundredths, a level is a mean score. The score is −ln of the share
    /// of all the pool's answers that take as long or longer. Whatever their distribution, scores of an endpoint like all
    /// others are exponential with a mean of 1 (the probability integral transform), so that the evidence is the likelihood
    /// ratio of two exponentials.
    Slowness,
}

impl Kind {
    fn amount(self, level: f64) -> f64 {
        match self {
            Self::Failure => level,
            Self::Slowness => level * 100.0,
        }
    }
}

/// What a call, and what its amount adds to the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    call: f32,
    amount: f32,
}

impl Steps {
    /// Against this usual level.
    #[must_use]
    pub fn against(kind: Kind, usual: f64) -> Self {
        let (call, amount) = match kind {
            Kind::Failure => {
                let (usual, worse) = Rates::default().at(usual);
                let (hit, miss) = (libm::log(worse / usual), libm::log((1.0 - worse) / (1.0 - usual)));
                (miss, hit - miss)
            }
            Kind::Slowness => (libm::log(SLOW_SCORES), (1.0 - SLOW_SCORES) / kind.amount(usual.max(1.0))),
        };
        Self { call: call as f32, amount: amount as f32 }
    }

    fn sum(self, calls: u32, amount: u32) -> f32 {
        self.call * calls as f32 + self.amount * amount as f32
    }
}

/// Of an endpoint or of a whole pool, since some beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Their amounts.
    pub amount: u64,
    /// Those of them that failed, or were slow.
    pub marked: u64,
}

impl Totals {
    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            amount: self.amount.saturating_sub(earlier.amount),
            marked: self.marked.saturating_sub(earlier.marked),
        }
    }

    /// Both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            amount: self.amount.saturating_add(other.amount),
            marked: self.marked.saturating_add(other.marked),
        }
    }

    /// Their level, with `PRIOR_CALLS` more at the usual one.
    #[must_use]
    pub fn level(&self, kind: Kind, usual: f64) -> f64 {
        let amount = self.amount as f64 + kind.amount(PRIOR_CALLS * usual);
        amount / kind.amount(self.calls as f64 + PRIOR_CALLS)
    }

    /// Share of those marked, 0 to 1; `None` without calls.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.marked as f64 / self.calls as f64)
    }
}

/// Evidence that does not stand after so many calls begins anew: what was then says little of now, and when a shared
/// outage ends, the endpoint that recovers last would have a long history that others have outlived.
const LONGEST: u64 = 64;

/// The evidence against one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excursion {
    sum: f32,
    /// The highest since it left zero.
    peak: f32,
    /// Since the sum left zero.
    own: Totals,
    /// The whole pool's when it left zero.
    began: Totals,
}

/// Evidence that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alarm {
    /// Logarithm of the likelihood ratio between "worse" and "as the others".
    pub evidence: f64,
    /// Calls that it rests on.
    pub calls: u64,
    /// Share of those that failed or were slow among them, 0 to 1.
    pub share: f64,
    /// Their own level.
    pub level: f64,
    /// The same among the others' calls in the same time; `None` if they had none.
    pub others: Option<f64>,
}

impl Excursion {
    /// Takes in results. `pool` is the whole pool's totals before them. When the sum has come back to zero, returns the
    /// highest that it had been.
    pub fn observe(&mut self, more: &Totals, steps: Steps, pool: &Totals) -> Option<f32> {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let step = steps.sum(small(more.calls), small(more.amount));
        if self.sum <= 0.0 {
            // Nearly always: nothing is wrong, and nothing went wrong.
            if step <= 0.0 {
                return None;
            }
            *self = Self { began: *pool, ..Self::default() };
        }
        self.sum += step;
        self.peak = self.peak.max(self.sum);
        self.own = self.own.plus(more);
        if self.sum > 0.0 {
            return None;
        }
        let peak = self.peak;
        self.clear();
        Some(peak)
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

    /// What the others had since the sum left zero, of the whole pool's totals now.
    #[must_use]
    pub fn others(&self, pool: &Totals) -> Totals {
        pool.since(&self.began).since(&self.own)
    }

    /// An alarm, if the sum has reached the threshold and stands against what the others did meanwhile. `pool` is the
    /// whole pool's totals now, `usual` the usual level. If it does not stand, the sum goes back to what is left of it, or
    /// begins anew.
    pub fn alarm(&mut self, kind: Kind, pool: &Totals, usual: f64, threshold: f32) -> Option<Alarm> {
        if self.sum < threshold {
            return None;
        }
        let others = self.others(pool);
        let level = others.level(kind, usual).max(usual);
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let evidence = Steps::against(kind, level).sum(small(self.own.calls), small(self.own.amount));
        if evidence < threshold {
            match evidence > 0.0 && self.own.calls < LONGEST {
                true => self.sum = evidence,
                false => self.clear(),
            }
            return None;
        }
        Some(Alarm {
            evidence: f64::from(evidence),
            calls: self.own.calls,
            share: self.own.share().unwrap_or_default(),
            level: self.own.amount as f64 / kind.amount(self.own.calls.max(1) as f64),
            others: others.share(),
        })
    }
}

/// How slow is usual for one endpoint: its mean score over the last minute or so of its traffic. Where machines differ,
/// the slower ones are slow every day; what is looked for is a change.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usual {
    answers: f32,
    /// In hundredths.
    slowness: f32,
}

impl Usual {
    /// Answers before an endpoint is known.
    const LEAST: f32 = 50.0;
    /// What is kept each second that has traffic: a time constant of a minute.
    const KEPT: f32 = 0.983;
    /// What a level is above that of the pool counts as this much more: it is an estimate.
    const MARGIN: f64 = 1.2;

    /// Takes in answers and their scores, in hundredths.
    pub fn observe(&mut self, answers: u64, slowness: u64) {
        self.answers += answers as f32;
        self.slowness += slowness as f32;
    }

    /// A second has passed.
    pub fn fade(&mut self) {
        // What is known of an endpoint without traffic stays.
        if self.answers * Self::KEPT >= Self::LEAST {
            self.answers *= Self::KEPT;
            self.slowness *= Self::KEPT;
        }
    }

    /// The level to compare with, at least 1; `None` before enough is known.
    #[must_use]
    pub fn level(&self) -> Option<f64> {
        let mean = f64::from(self.slowness / self.answers.max(1.0)) / 100.0;
        (self.answers >= Self::LEAST).then(|| 1.0 + (mean - 1.0).max(0.0) * Self::MARGIN)
    }
}

/// How far sums climb by chance. Results that come after each other are not independent where requests wait in queues:
/// then sums climb higher than theory has it, at all endpoints, and it takes a higher one to mean something.
///
/// Peaks have a tail like e^(−height / scale), with a scale of 1 where results are independent. It follows from how many of
/// them are high; their mean would say little, because most are low wherever they come from.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Share of peaks above [`Noise::HIGH`].
    high: f32,
    seen: u32,
}

impl Noise {
    const HIGH: f32 = 6.0;
    /// The share where results are independent, and before anything was seen.
    const INDEPENDENT: f32 = 0.005;
    /// Peaks that the share is taken over.
    const OVER: f32 = 200.0;
    /// Peaks before anything can be said.
    const LEAST: u32 = 100;
    /// More than this many times is not believed.
    const MOST: f32 = 10.0;

    /// A sum of some endpoint has come back to zero, from this height.
    pub fn observe(&mut self, peak: f32) {
        self.seen = self.seen.saturating_add(1);
        let high = if peak > Self::HIGH { 1.0 } else { 0.0 };
        // At first a mean of all, so that it is learned in a second.
        let over = (self.seen as f32).clamp(50.0, Self::OVER);
        self.high += (high - self.high) / over;
    }

    /// How many times higher a threshold has to be, at least 1; `None` while too little is known.
    #[must_use]
    pub fn factor(&self) -> Option<f32> {
        let scale = |share: f32| Self::HIGH / -libm::logf(share);
        let factor = scale(self.high.clamp(Self::INDEPENDENT, 0.6)) / scale(Self::INDEPENDENT);
        (self.seen >= Self::LEAST).then_some(factor.clamp(1.0, Self::MOST))
    }
}

impl Default for Noise {
    fn default() -> Self {
        Self { high: Self::INDEPENDENT, seen: 0 }
    }
}

#[cfg(test)]
mod tests;
