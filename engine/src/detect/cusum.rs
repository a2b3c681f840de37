//! Cumulative sums (Page 1954) of the log-likelihood ratio between "as bad as the pool" (hits at rate p0) and "worse"
//! (rate p1): g = max(0, g + ln(p1/p0)) on a hit, g = max(0, g + ln((1−p1)/(1−p0))) otherwise; alarm when g reaches h.
//! Of all detectors with as few false alarms it is the fastest to find a change from p0 to p1 (Moustakides 1986), and it
//! needs one number for each endpoint and no window.
//!
//! p0 is an argument of every step, because it is the pool's own rate at that time. Against a fixed p0 of 1 %, a pool in
//! which 3 % of all requests fail has a false alarm for each endpoint every 5,400 requests instead of every million (at
//! h = 11), and a shared outage ejects everybody.

/// What counts as usual and what as worse, as shares of results that are hits, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The pool's rate counts as this at least: in a pool without failures the first one would mean infinitely much.
    /// Default 1 %.
    pub floor: f64,
    /// The rate to be found as soon as possible. Default 20 %.
    pub worse: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { floor: 0.01, worse: 0.2 }
    }
}

impl Rates {
    /// p0 and p1 for the pool's rate. When the pool is nearly as bad as `worse` or worse than it, then p1 is twice p0, or
    /// half way from p0 to 1 if that is less.
    #[must_use]
    pub fn at(&self, pool: f64) -> (f64, f64) {
        let usual = if pool.is_finite() { pool } else { 0.0 };
        let usual = usual.clamp(1e-6, 0.99).max(self.floor.clamp(1e-6, 0.99));
        let least = (2.0 * usual).min(f64::midpoint(usual, 1.0));
        (usual, self.worse.min(0.999).max(least))
    }
}

/// The evidence against one endpoint, by one kind of result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cusum {
    sum: f64,
}

impl Cusum {
    /// Takes in a result; `pool` is the rate of hits among all endpoints' results. Returns the sum, to be compared with
    /// [`threshold`].
    pub fn observe(&mut self, hit: bool, pool: f64, rates: &Rates) -> f64 {
        let (usual, worse) = rates.at(pool);
        let step = if hit { libm::log(worse / usual) } else { libm::log((1.0 - worse) / (1.0 - usual)) };
        self.sum = (self.sum + step).max(0.0);
        self.sum
    }

    /// The sum, now.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.sum = 0.0;
    }
}

/// The sum h that means alarm, for a false alarm in a pool of this many endpoints about once in `run_length` requests to
/// each: ln(run length × endpoints), at least 1 (a single hit is no evidence), 11 for 600 requests and 100 endpoints. That
/// is on the safe side: a pool at p0 has one in e^h requests by the theory's bound (Lorden 1971), and 16 times fewer in
/// fact.
#[must_use]
pub fn threshold(run_length: f64, endpoints: usize) -> f64 {
    libm::log((run_length * endpoints as f64).max(1.0)).max(1.0)
}

#[cfg(test)]
mod tests;
