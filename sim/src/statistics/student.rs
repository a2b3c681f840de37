//! Student's t distribution, by the regularised incomplete beta function (Abramowitz & Stegun 26.7.1, its continued
//! fraction 26.5.8 by Lentz's method). `libm` only, so a table is the same everywhere.

/// Steps of the continued fraction; it converges within √max(a, b), and nobody has a million seeds.
const STEPS: u32 = 10_000;
const TINY: f64 = 1e-300;

/// The probability that a t-distributed number with `freedom` (above 0) degrees of freedom is at most `t`.
#[must_use]
pub fn student_t_cdf(t: f64, freedom: f64) -> f64 {
    let tail = 0.5 * beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The value that a t-distributed number with `freedom` (above 0) degrees of freedom does not exceed with probability
/// `p`, above 0 and below 1.
#[must_use]
pub fn student_t(p: f64, freedom: f64) -> f64 {
    if p < 0.5 {
        return -student_t(1.0 - p, freedom);
    }
    let mut high = 1.0;
    while student_t_cdf(high, freedom) < p && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    // Halving to the last bit: nobody waits for it, and there is no case in which it fails.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if student_t_cdf(middle, freedom) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function I_x(a, b), 0 ≤ x ≤ 1.
fn beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    let front = libm::exp(front);
    // The fraction converges fast on this side only; the other is its mirror image.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = result;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            result *= c * d;
        }
        if (result / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From printed tables of the two-sided 95 %, 99 % and 99.9 % points.
    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        let cases = [
            (0.975, 1.0, 12.706_205),
            (0.975, 2.0, 4.302_653),
            (0.975, 4.0, 2.776_445),
            (0.975, 9.0, 2.262_157),
            (0.975, 19.0, 2.093_024),
            (0.975, 120.0, 1.979_930),
            (0.995, 1.0, 63.656_741),
            (0.995, 19.0, 2.860_935),
            (0.9995, 5.0, 6.868_827),
            (0.5, 7.0, 0.0),
        ];
        for (p, freedom, want) in cases {
            let got = student_t(p, freedom);
            assert!((got - want).abs() < 1e-5, "{p}, {freedom}: {got}, want {want}");
            assert!((student_t(1.0 - p, freedom) + got).abs() < 1e-6, "symmetric");
        }
    }

    #[test]
    fn with_many_degrees_of_freedom_it_is_the_normal_distribution() {
        let got = student_t(0.975, 1e6);
        assert!((got - 1.959_966).abs() < 1e-5, "{got}");
    }

    /// For one degree of freedom it is Cauchy's, for two it has a closed form too.
    #[test]
    fn the_distribution_function_is_right_where_it_has_a_closed_form() {
        for t in [-40.0, -3.0, -0.2, 0.0, 0.7, 1.0, 5.0, 300.0] {
            let cauchy = 0.5 + libm::atan(t) / core::f64::consts::PI;
            let two = 0.5 + t / (2.0 * libm::sqrt(2.0 + t * t));
            assert!((student_t_cdf(t, 1.0) - cauchy).abs() < 1e-12, "{t}");
            assert!((student_t_cdf(t, 2.0) - two).abs() < 1e-12, "{t}");
        }
    }
}
