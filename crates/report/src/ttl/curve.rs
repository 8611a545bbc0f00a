//! TTL against the bound on the share refused, and the TTL that a risk asks for.

use super::bound::{share_bound, spare, trials_for};
use super::lateness::Need;
use super::risk::Risk;
use super::tail::Tail;

/// What the trials of one group say under one rule. Times are microseconds of TTL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    /// The needs that are known, ascending.
    known: Vec<i64>,
    /// Trials of which something else ended a transfer: they are taken as later than everything.
    unended: u64,
    /// What might lie beyond; `None` if there are too few trials, or if some did not end.
    pub tail: Option<Tail>,
}

/// The TTL that a risk asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    /// The TTL in microseconds. If there are too few trials, that of the latest of them; `None` if no trial ended.
    pub ttl_us: Option<i64>,
    /// At most this share of trials needs more (95 % sure).
    pub bound: f64,
    /// Whether the bound is as low as the risk.
    pub is_shown: bool,
    /// How many trials it takes beyond those that there are, if no more of them fail or come later; `None` if it is shown, or
    /// if so many did not end that no number is enough.
    pub more_trials: Option<u64>,
}

/// The bound from one TTL to the next step's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// From this TTL on, in seconds.
    pub ttl_s: f64,
    /// At most this share of trials is refused (95 % sure).
    pub bound: f64,
}

impl Curve {
    /// The curve of trials with these needs.
    pub(crate) fn of(needs: impl Iterator<Item = Need>) -> Self {
        let (mut known, mut unended) = (Vec::new(), 0);
        for need in needs {
            match need.known() {
                Some(us) => known.push(us),
                None => unended += 1,
            }
        }
        known.sort_unstable();
        let tail =
            if unended == 0 { Tail::of(&known.iter().map(|us| *us as f64 / 1e6).collect::<Vec<_>>()) } else { None };
        Self { known, unended, tail }
    }

    /// The trials.
    pub(crate) fn trials(&self) -> u64 {
        self.known.len() as u64 + self.unended
    }

    /// Those of which something else ended a transfer.
    pub(crate) const fn unended(&self) -> u64 {
        self.unended
    }

    /// The TTL that `risk` asks for.
    pub(crate) fn answer(&self, risk: Risk) -> Answer {
        let trials = self.trials();
        // Which order statistic it is follows from the number of trials and the risk alone.
        let refused = spare(trials, risk.share()).filter(|refused| *refused >= self.unended);
        let taken = refused.unwrap_or(self.unended);
        let rank = (trials - taken) as usize;
        let is_shown = refused.is_some() && rank > 0;
        // As many of a hundred as now do not end then, either.
        let share_unended = self.unended as f64 / trials.max(1) as f64;
        let more_trials = (!is_shown && share_unended < risk.share())
            .then(|| trials_for(risk.share(), self.unended).saturating_sub(trials).max(1));
        Answer {
            ttl_us: rank.checked_sub(1).and_then(|at| self.known.get(at)).copied(),
            bound: share_bound(taken, trials),
            is_shown,
            more_trials,
        }
    }

    /// The latest of the needs that are known.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.known.last().copied()
    }

    /// The steps, at most `most` of them, the last one included.
    pub(crate) fn steps(&self, most: usize) -> Vec<Step> {
        let trials = self.trials();
        let every = self.known.len().div_ceil(most.max(1)).max(1);
        let last = self.known.len().saturating_sub(1);
        let kept = self.known.iter().enumerate().filter(|(at, _)| at % every == every - 1 || *at == last);
        kept.map(|(at, us)| Step { ttl_s: *us as f64 / 1e6, bound: share_bound(trials - at as u64 - 1, trials) })
            .collect()
    }

    /// The tail from the latest trial on, as seconds and shares, to a share of `least`; nothing without a tail.
    pub(crate) fn beyond(&self, least: f64) -> Vec<(f64, f64)> {
        let Some(tail) = self.tail else { return Vec::new() };
        let first = 1.0 / self.trials() as f64;
        let points = (0..=20).map(|at| first * (least / first).powf(f64::from(at) / 20.0));
        points.map(|share| (tail.beyond(share), share)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risk(text: &str) -> Risk {
        text.parse().unwrap()
    }

    fn curve(n: i64, unended: usize) -> Curve {
        let known = (1..=n).map(|at| Need::Known(at * 1_000_000));
        Curve::of(known.chain(std::iter::repeat_n(Need::AtLeast(1), unended)))
    }

    #[test]
    fn fifty_nine_trials_give_the_latest_and_ninety_three_the_one_before() {
        let answer = curve(59, 0).answer(risk("5%"));
        assert_eq!((answer.ttl_us, answer.is_shown, answer.more_trials), (Some(59_000_000), true, None));
        assert!((answer.bound - 0.0495).abs() < 1e-4);
        assert_eq!(curve(93, 0).answer(risk("5%")).ttl_us, Some(92_000_000));
    }

    #[test]
    fn too_few_trials_say_what_they_do_allow_and_how_many_more_it_takes() {
        let answer = curve(27, 0).answer(risk("5%"));
        assert_eq!((answer.ttl_us, answer.is_shown, answer.more_trials), (Some(27_000_000), false, Some(32)));
        assert!((answer.bound - 0.105).abs() < 1e-3);
        assert_eq!(curve(27, 0).answer(risk("0.1%")).more_trials, Some(2968));
        let none = curve(0, 0).answer(risk("5%"));
        assert_eq!((none.ttl_us, none.bound, none.more_trials), (None, 1.0, Some(59)));
    }

    #[test]
    fn trials_that_did_not_end_count_as_the_latest() {
        let answer = curve(92, 1).answer(risk("5%"));
        assert_eq!((answer.ttl_us, answer.is_shown), (Some(92_000_000), true));
        let answer = curve(60, 1).answer(risk("5%"));
        assert_eq!((answer.ttl_us, answer.is_shown, answer.more_trials), (Some(60_000_000), false, Some(32)));
        let often = curve(50, 10);
        assert_eq!(often.answer(risk("5%")).more_trials, None, "no number of trials is enough");
        assert_eq!((often.answer(risk("5%")).is_shown, often.latest()), (false, Some(50_000_000)));
    }

    #[test]
    fn the_curve_falls_to_the_least_bound_that_the_trials_can_show() {
        let steps = curve(59, 0).steps(1000);
        assert_eq!(steps.len(), 59);
        assert!(steps.windows(2).all(|pair| pair[0].bound > pair[1].bound && pair[0].ttl_s < pair[1].ttl_s));
        assert!((steps[58].bound - 0.0495).abs() < 1e-4);
        let thinned = curve(1000, 0).steps(100);
        assert!(thinned.len() <= 101 && thinned.last().unwrap().ttl_s == 1000.0);
    }
}
