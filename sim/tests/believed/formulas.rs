//! What queueing theory and arithmetic say, computed and not copied: the stated figures and these check each other.
//! Times are in units of the mean service time.

/// M/M/1 under load `rho`: the time in the system that the share `q` does not exceed; it is exponentially distributed.
pub(crate) fn m_m_1_quantile(rho: f64, q: f64) -> f64 {
    -(1.0 - q).ln() / (1.0 - rho)
}

/// Erlang's C: the probability that a request waits for one of `n` servers under load `rho` each.
pub(crate) fn erlang_c(n: u32, rho: f64) -> f64 {
    let offered = f64::from(n) * rho;
    let blocked = (1..=n).fold(1.0, |b, k| offered * b / (f64::from(k) + offered * b));
    blocked / (1.0 - rho * (1.0 - blocked))
}

/// M/M/n: mean time in the system.
pub(crate) fn m_m_n_mean(n: u32, rho: f64) -> f64 {
    1.0 + erlang_c(n, rho) / (f64::from(n) * (1.0 - rho))
}

/// One of `n` queues that a Poisson stream visits in turn is E_n/M/1: 1 / (1 − σ), σ the root below 1 of
/// σ = (nρ / (nρ + 1 − σ))^n (Kleinrock 1975, 6.31).
pub(crate) fn in_turn_mean(n: u32, rho: f64) -> f64 {
    let rate = f64::from(n) * rho;
    let map = |sigma: f64| (rate / (rate + 1.0 - sigma)).powi(n as i32);
    // From below it rises to the smaller root, ever slower as load grows; 5,000 steps reach the last bit at .9.
    let sigma = (0..5_000).fold(0.0, |sigma, _| map(sigma));
    1.0 / (1.0 - sigma)
}

/// The fluid limit of `d` choices (Mitzenmacher 2001): the share of queues with at least `i` requests.
pub(crate) fn choices_tail(d: u32, lambda: f64, i: u32) -> f64 {
    let d = f64::from(d);
    lambda.powf((d.powi(i as i32) - 1.0) / (d - 1.0))
}

/// The fluid limit of `d` choices: mean time in the system. By Little's law the sum of the tails over λ.
pub(crate) fn choices_mean(d: u32, lambda: f64) -> f64 {
    (1..=64).map(|i| choices_tail(d, lambda, i) / lambda).sum()
}

/// Mean tries until `k` in a row hit, each with probability `p`.
pub(crate) fn mean_until_run(p: f64, k: i32) -> f64 {
    (p.powi(-k) - 1.0) / (1.0 - p)
}

/// The share of bad hosts from which Envoy's success-rate rule sees none of them: an outlier of distance D among a share
/// b is found while D > bD + fD√(b(1−b)), that is b < 1 / (1 + f²).
pub(crate) fn envoy_blind_share(factor: f64) -> f64 {
    1.0 / (1.0 + factor * factor)
}

/// Mean of the largest of `n` normal numbers and its standard deviation, by integrating the distribution function
/// Φ(x)^n from −9 to 9.
pub(crate) fn largest_of_normals(n: i32) -> (f64, f64) {
    let steps = 200_000;
    let width = 18.0 / f64::from(steps);
    let (mut phi, mut before, mut first, mut second) = (0.0_f64, 0.0_f64, 0.0, 0.0);
    for step in 0..steps {
        let x = -9.0 + width * (f64::from(step) + 0.5);
        phi += width * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let below = phi.powi(n);
        let mass = below - before;
        before = below;
        first += x * mass;
        second += x * x * mass;
    }
    (first, (second - first * first).sqrt())
}
