use statrs::distribution::{Beta, ContinuousCDF};
use statrs::function::beta::beta_reg;

use super::Interval;

/// Clopper and Pearson's exact interval (Biometrika 1934) for `hits` of `n` at `level`, for example 0.95; `None` if
/// `n` is 0, since nothing is known then.
///
/// Its ends are quantiles of Beta(hits, n − hits + 1) and Beta(hits + 1, n − hits). It never covers less often than `level`
/// says, at the price of being wider than Wilson's. 0 of 20 gives 0 to 16.8 %.
pub fn clopper_pearson(hits: u64, n: u64, level: f64) -> Option<Interval> {
    if n == 0 || hits > n {
        return None;
    }
    let tail = (1.0 - level) / 2.0;
    let (k, misses) = (hits as f64, (n - hits) as f64);
    let low = if hits == 0 { 0.0 } else { Beta::new(k, misses + 1.0).ok()?.inverse_cdf(tail) };
    let high = if hits == n { 1.0 } else { Beta::new(k + 1.0, misses).ok()?.inverse_cdf(1.0 - tail) };
    Some(Interval { low, high })
}

/// The upper end of [`clopper_pearson`] at 95 %: 52 % for 0 of 5, 17 % for 0 of 20. 1 if nothing was tried.
pub(crate) fn upper_bound(hits: u64, n: u64) -> f64 {
    clopper_pearson(hits, n, 0.95).map_or(1.0, |interval| interval.high)
}

/// P(X ≥ `hits`) for X ~ Binomial(`n`, `share`), exact: the regularised incomplete beta function I_share(hits, n − hits + 1).
///
/// 1 for no hits, 0 for more hits than trials or for a share of 0.
pub(crate) fn binomial_tail(hits: u64, n: u64, share: f64) -> f64 {
    match hits {
        0 => 1.0,
        _ if hits > n || share <= 0.0 => 0.0,
        _ if share >= 1.0 => 1.0,
        _ => beta_reg(hits as f64, (n - hits) as f64 + 1.0, share).clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, rows};
    use super::*;

    #[test]
    fn intervals_agree_with_scipy() {
        let mut lines = 0;
        for row in rows(include_str!("../../tests/data/clopper_pearson.csv")) {
            let found = clopper_pearson(row[0].parse().unwrap(), row[1].parse().unwrap(), number(row[2])).unwrap();
            assert_close(found.low, number(row[3]), 1e-9, 1e-6);
            assert_close(found.high, number(row[4]), 1e-9, 1e-6);
            lines += 1;
        }
        assert_eq!(lines, 40);
    }

    #[test]
    fn tails_agree_with_scipy() {
        for row in rows(include_str!("../../tests/data/binomial_tail.csv")) {
            let found = binomial_tail(row[0].parse().unwrap(), row[1].parse().unwrap(), number(row[2]));
            assert_close(found, number(row[3]), 1e-9, 1e-300);
        }
    }

    #[test]
    fn the_bounds_of_the_design_come_out() {
        for (n, percent) in [(5, 52.0), (10, 31.0), (20, 17.0), (60, 6.0), (100, 3.6), (300, 1.2)] {
            assert!((upper_bound(0, n) * 100.0 - percent).abs() < 0.5, "{n}");
        }
        assert_eq!(upper_bound(0, 0), 1.0);
    }

    /// A plan is held against closed forms of what a run is judged by.
    #[test]
    fn what_a_plan_is_told_agrees_with_what_its_run_is_judged_by() {
        use ttlsweep_record::decision::{NOT_SPARED, are_set_apart, bound_of_none, trials_for_tail};

        use crate::stats::fisher_greater;

        for n in 1..40 {
            assert_close(bound_of_none(n), upper_bound(0, n), 1e-9, 1e-6);
            for controls in 0..40 {
                let p = 2.0 * fisher_greater(n, n, 0, controls);
                // One trial and 39 controls give the level itself, on either side of which rounding may fall.
                if (p - NOT_SPARED).abs() > 1e-9 {
                    assert_eq!(are_set_apart(n, controls), p <= NOT_SPARED, "{n} and {controls}");
                }
            }
        }
        let n = trials_for_tail(0.05, 0.001);
        assert!(binomial_tail(n, n, 0.05) <= 0.001 && binomial_tail(n - 1, n - 1, 0.05) > 0.001);
    }
}
