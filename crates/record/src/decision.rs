//! What it takes to decide whether a target cuts transfers at expiry.
//!
//! These are the verdict's rules as far as they can be known before a run: the report judges by them (`verdict::finding` and
//! `verdict::mechanism::cut`), and the runner holds a plan against them. The unit is the trial, since the transfers of one
//! trial share a link's second and its fate.

use crate::Mechanism;

/// The family-wise error over all mechanisms and targets of a report.
pub const ALPHA: f64 = 0.01;

/// A mechanism that may hit more trials than this was not looked for well enough to say that it is not at work. None of 5
/// trials leaves 52 %, the least that the design asks for.
pub const MOST_SHARE: f64 = 0.53;

/// The grades of a NO: one trial in so many may still be cut, and the largest bound that says so. The first is the least that is a
/// NO at all, and but for a little over a half.
pub const GRADES: [(u64, f64); 4] = [(2, MOST_SHARE), (4, 0.25), (10, 0.1), (20, 0.05)];

/// The best grade that a bound on the share of trials reaches: one in so many. `None` if it does not reach the first.
pub fn grade(bound: f64) -> Option<u64> {
    GRADES.iter().rev().find(|(_, most)| bound <= *most).map(|(one_in, _)| *one_in)
}

/// The next better grade than the one that a bound reaches: one in so many, and the bound that it takes. `None` at the last.
pub fn next_grade(bound: f64) -> Option<(u64, f64)> {
    GRADES.iter().find(|(_, most)| *most < bound).copied()
}

/// A grade in words, to stand before "such trials": `about 1 in 2`, `1 in 4`, or the bound itself.
pub fn grade_words(bound: f64) -> String {
    match grade(bound) {
        Some(2) => "about 1 in 2".to_owned(),
        Some(one_in) => format!("1 in {one_in}"),
        None => "more than 1 in 2".to_owned(),
    }
}

/// Where the windows around expiry hold more of the time at risk than this, ends near expiry are no surprise.
pub const MOST_IN_WINDOWS: f64 = 0.2;

/// The least δ in microseconds: how far from expiry an end still counts as one at expiry.
pub const LEAST_DELTA_US: i64 = 50_000;

/// Fewer trials cut at expiry are never enough to be sure of a cut.
pub const LEAST_TRIALS: u64 = 3;

/// If controls make a difference as large as the one seen at least this likely, they were not spared.
pub const NOT_SPARED: f64 = 0.05;

/// How many trials in which links expire in flight it takes to say that the target does not cut, if none is hit: 5.
pub fn trials_for_no() -> u64 {
    trials_for_bound(MOST_SHARE)
}

/// How many trials in which links expire in flight it takes to say that the target cuts, if all of them are hit: `share` of
/// the time at risk lies within the windows, and `level` is what the p-value must not exceed.
pub fn trials_for_yes(share: f64, level: f64) -> u64 {
    // Two windows are looked at.
    trials_for_tail(share.max(0.001), level / 2.0).max(LEAST_TRIALS)
}

/// The level of one mechanism's test at one of `targets`: what the first step of Holm's adjustment compares with.
pub fn level(targets: u64) -> f64 {
    ALPHA / (Mechanism::ALL.len() as u64 * targets.max(1)) as f64
}

/// Whether `trials`, all of them hit, are set apart from `controls`, none of which is: Fisher's exact test, in which the one
/// table as extreme is this one, made twice (for trials that are hit at all and for those that are hit for the most part).
pub fn are_set_apart(trials: u64, controls: u64) -> bool {
    // 1 over (trials + controls choose trials).
    let p: f64 = (1..=trials).map(|k| k as f64 / (controls + k) as f64).product();
    2.0 * p <= NOT_SPARED
}

/// The largest share of trials that may be hit although none of `trials` was: the upper end of Clopper and Pearson's interval
/// at 95 %.
pub fn bound_of_none(trials: u64) -> f64 {
    if trials == 0 { 1.0 } else { 1.0 - 0.025f64.powf(1.0 / trials as f64) }
}

/// How many trials without a hit it takes until their [`bound_of_none`] is at most `bound` (between 0 and 1, both excluded).
pub fn trials_for_bound(bound: f64) -> u64 {
    (0.025f64.ln() / (1.0 - bound).ln()).ceil() as u64
}

/// How many hits, if every trial is one and chance puts `share` of them there, it takes until share^n is at most `alpha`.
pub fn trials_for_tail(share: f64, alpha: f64) -> u64 {
    if share <= 0.0 {
        return 1;
    }
    if share >= 1.0 {
        return u64::MAX;
    }
    (alpha.ln() / share.ln()).ceil().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_trials_make_a_no_and_three_a_yes() {
        assert_eq!(trials_for_no(), 5);
        // Transfers of 8 s, of which the windows hold a tenth of a second.
        assert_eq!(trials_for_yes(0.1 / 8.0, level(1)), 3);
        // Of a transfer of 0.6 s they hold a sixth.
        assert_eq!(trials_for_yes(0.1 / 0.6, level(1)), 5);
        assert!(bound_of_none(5) <= MOST_SHARE && bound_of_none(4) > MOST_SHARE);
    }

    #[test]
    fn each_grade_of_a_no_takes_so_many_trials() {
        let needed = GRADES.map(|(_, most)| trials_for_bound(most));
        assert_eq!(needed, [5, 13, 36, 72]);
        for ((one_in, _), trials) in GRADES.iter().zip(needed) {
            assert_eq!(grade(bound_of_none(trials)), Some(*one_in));
            assert!(grade(bound_of_none(trials - 1)) < Some(*one_in));
        }
        assert_eq!(next_grade(bound_of_none(5)), Some((4, 0.25)));
        assert_eq!(next_grade(0.7), Some((2, MOST_SHARE)));
        assert_eq!(next_grade(bound_of_none(72)), None);
        assert_eq!(
            [0.52, 0.2, 0.07, 0.01, 0.7].map(grade_words),
            ["about 1 in 2", "1 in 4", "1 in 10", "1 in 20", "more than 1 in 2"]
        );
    }

    #[test]
    fn the_controls_must_be_enough_to_set_trials_apart() {
        // 1 of (6 choose 3) = 20 tables, twice: 0.1. With six controls it is 2 of 84.
        assert!(!are_set_apart(3, 3));
        assert!(are_set_apart(3, 6));
        assert!(are_set_apart(5, 5));
        assert!(!are_set_apart(5, 0) && !are_set_apart(0, 5));
    }

    #[test]
    fn the_needed_numbers_just_suffice() {
        for bound in [0.55, 0.3, 0.1, 0.01] {
            let n = trials_for_bound(bound);
            assert!(bound_of_none(n) <= bound && bound_of_none(n - 1) > bound, "{bound}");
        }
        assert_eq!(trials_for_tail(0.05, 0.001), 3);
        assert_eq!((trials_for_tail(0.0, 0.001), trials_for_tail(1.0, 0.001)), (1, u64::MAX));
    }
}
