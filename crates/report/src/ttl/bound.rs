//! What trials show of those to come: the upper 95 % bound on the share that is refused, one-sided, by Clopper and Pearson
//! (Biometrika 1934). At a TTL that is an order statistic of the trials it is Wilks's bound (Ann. Math. Stat. 1941): whatever
//! the distribution, the share beyond the largest of m has the distribution Beta(1, m).

use statrs::distribution::{Beta, ContinuousCDF};

use crate::stats::binomial_tail;

/// How sure the bound is.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// The largest share of trials that may be refused although only `refused` of `trials` were; 1 if nothing was tried.
pub(crate) fn share_bound(refused: u64, trials: u64) -> f64 {
    match refused {
        _ if refused >= trials => 1.0,
        0 => -((1.0 - CONFIDENCE).ln() / trials as f64).exp_m1(),
        _ => {
            Beta::new(refused as f64 + 1.0, (trials - refused) as f64).map_or(1.0, |beta| beta.inverse_cdf(CONFIDENCE))
        }
    }
}

/// How many of `trials` may be refused so that the bound is still at most `risk`; `None` if not even none of them is enough.
pub(crate) fn spare(trials: u64, risk: f64) -> Option<u64> {
    let suffices = |refused: u64| refused < trials && is_bounded(refused, trials, risk);
    if !suffices(0) {
        return None;
    }
    // Of the numbers from `good`, which suffices, to `bad`, which does not.
    let (mut good, mut bad) = (0, trials);
    while bad - good > 1 {
        let middle = u64::midpoint(good, bad);
        if suffices(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Some(good)
}

/// How many trials it takes until the bound is at most `risk` if `refused` of them are refused: 59 for 5 %, 299 for 1 % and
/// 2,995 for 0.1 % if none is.
pub(crate) fn trials_for(risk: f64, refused: u64) -> u64 {
    let least = ((1.0 - CONFIDENCE).ln() / (-risk).ln_1p()).ceil() as u64;
    if refused == 0 {
        return least;
    }
    let (mut bad, mut good) = (least - 1, least);
    while !is_bounded(refused, good, risk) {
        (bad, good) = (good, good.saturating_mul(2));
    }
    while good - bad > 1 {
        let middle = u64::midpoint(bad, good);
        if is_bounded(refused, middle, risk) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}

/// Whether so few refusals would be so unlikely, were the share `risk`, that it is less.
fn is_bounded(refused: u64, trials: u64, risk: f64) -> bool {
    refused < trials && 1.0 - binomial_tail(refused + 1, trials, risk) <= 1.0 - CONFIDENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbooks_numbers_of_trials_come_out() {
        assert_eq!([0.05, 0.01, 0.001].map(|risk| trials_for(risk, 0)), [59, 299, 2995]);
        // Wilks's second and third order statistic for 95 % at 95 %.
        assert_eq!([1, 2].map(|refused| trials_for(0.05, refused)), [93, 124]);
        assert_eq!([1, 2].map(|refused| trials_for(0.01, refused)), [473, 628]);
        // 95 % at 90 %: Hahn and Meeker, Statistical Intervals (1991), by the same binomial.
        assert_eq!([0, 1, 2].map(|refused| trials_for(0.1, refused)), [29, 46, 61]);
    }

    #[test]
    fn the_bound_the_trials_and_the_spare_ones_say_the_same() {
        for risk in [0.3, 0.1, 0.05, 0.01] {
            for refused in 0..6 {
                let n = trials_for(risk, refused);
                assert!(share_bound(refused, n) <= risk + 1e-9, "{risk} {refused}");
                assert!(share_bound(refused, n - 1) > risk - 1e-9, "{risk} {refused}");
                assert_eq!(spare(n, risk), Some(refused));
                assert_eq!(spare(n - 1, risk), refused.checked_sub(1));
            }
        }
    }

    #[test]
    fn nothing_tried_and_everything_refused_bound_nothing() {
        assert_eq!([share_bound(0, 0), share_bound(5, 5)], [1.0, 1.0]);
        assert_eq!(spare(0, 0.05), None);
        assert!((share_bound(0, 59) - 0.0495).abs() < 1e-4 && (share_bound(4, 5) - 0.9898).abs() < 1e-4);
    }
}
