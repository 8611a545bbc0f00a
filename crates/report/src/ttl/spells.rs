//! Bad spells: while one lasts, trials are late together, and all of them are worth one. What counts as one when the bound is
//! reckoned is a stretch of trials, and the latest of them stands for it.
//!
//! Why that bounds the share of *trials*: trials that are a stretch apart do not depend on each other. The first of each stretch are,
//! and as many as there are stretches. Their latest is no later than the latest of all, and so is each order statistic.

use super::lateness::TrialNeed;

/// What counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// Each trial.
    Trial,
    /// So many trials in a row, since late ones were seen to come one after the other.
    Row(usize),
    /// The trials of so many seconds, since somebody said that bad spells last so long.
    Seconds(u64),
}

impl Stretch {
    /// What neighbours in the run's order show.
    pub(crate) fn seen_in(trials: &[TrialNeed]) -> Self {
        match spell(&trials.iter().map(|trial| trial.end.least()).collect::<Vec<_>>()) {
            1 => Self::Trial,
            row => Self::Row(row),
        }
    }

    /// The stretches, in each the need of the latest.
    pub(crate) fn part(self, trials: &[TrialNeed]) -> Vec<TrialNeed> {
        match self {
            Self::Trial => trials.to_vec(),
            Self::Row(row) => trials.chunks(row).filter_map(latest).collect(),
            Self::Seconds(seconds) => {
                let lasts_us = i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
                let mut in_time = trials.to_vec();
                in_time.sort_by_key(|trial| trial.started_us);
                let mut stretches: Vec<TrialNeed> = Vec::new();
                for trial in in_time {
                    match stretches.last_mut() {
                        Some(last) if trial.started_us - last.started_us < lasts_us => *last = last.with(trial),
                        _ => stretches.push(trial),
                    }
                }
                stretches
            }
        }
    }
}

fn latest(trials: &[TrialNeed]) -> Option<TrialNeed> {
    trials.iter().copied().reduce(TrialNeed::with)
}

/// How many trials in a row a bad spell may reach over; 1 if neighbours in the run's order resemble each other no more than chance
/// makes them (5 %, one-sided). That is the correlation of ranks between each trial and the next one (Wald and Wolfowitz, Ann. Math.
/// Stat. 14, 1943), by its normal approximation. A spell ends before the first distance at which no resemblance is left, and twice
/// that is taken: a spell as long as two of them is rarely seen shorter.
pub(super) fn spell(in_order: &[i64]) -> usize {
    let n = in_order.len();
    if n < LEAST {
        return 1;
    }
    let mut sorted = in_order.to_vec();
    sorted.sort_unstable();
    // Equal needs share the middle of their ranks.
    let rank = |value: &i64| {
        let (below, upto) = (sorted.partition_point(|one| one < value), sorted.partition_point(|one| one <= value));
        (below + upto) as f64 / 2.0 - n as f64 / 2.0
    };
    let ranks: Vec<f64> = in_order.iter().map(rank).collect();
    let spread: f64 = ranks.iter().map(|rank| rank * rank).sum();
    let resemblance = |apart: usize| {
        let along: f64 = ranks.iter().zip(&ranks[apart..]).map(|(one, other)| one * other).sum();
        (along / spread + 1.0 / n as f64) * (n as f64).sqrt()
    };
    if spread <= 0.0 || resemblance(1) <= SEEN {
        return 1;
    }
    let ends = (2..n).find(|apart| resemblance(*apart) <= LEFT).unwrap_or(n);
    (2 * ends).min(n)
}

/// Fewer trials show no order.
const LEAST: usize = 20;
/// The normal distribution's 95 % quantile.
const SEEN: f64 = 1.644_853_627;
/// A resemblance that chance makes once in six.
const LEFT: f64 = 1.0;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::ttl::lateness::Need;
    use crate::ttl::simulate::uniform;

    #[test]
    fn a_bad_spell_is_seen_and_chance_rarely_taken_for_one() {
        let mut draw = ChaCha20Rng::seed_from_u64(2);
        let mut needs = |late: fn(i64) -> bool| -> Vec<i64> {
            (0..60).map(|at| (uniform(&mut draw) * 1e6) as i64 + if late(at) { 3_000_000 } else { 0 }).collect()
        };
        let seen: Vec<usize> = (0..200).map(|_| spell(&needs(|at| (20..30).contains(&at)))).collect();
        let reach = |least: usize| seen.iter().filter(|row| **row >= least).count();
        assert!(reach(2) >= 180 && reach(8) >= 150, "{seen:?} trials in a row");
        let taken = (0..2_000).filter(|_| spell(&needs(|_| false)) > 1).count();
        assert!((50..=150).contains(&taken), "{taken} of 2000 is not about 5 %");
    }

    #[test]
    fn equal_or_few_trials_show_no_order() {
        assert_eq!([spell(&[7; 100]), spell(&[1, 1, 1, 9, 9, 9])], [1, 1]);
    }

    #[test]
    fn the_latest_of_a_stretch_stands_for_it() {
        let trial = |at: i64, end: i64| TrialNeed {
            started_us: at * 1_000_000,
            head: Need::Known(end - 1),
            end: if end == 9 { Need::AtLeast(9) } else { Need::Known(end) },
        };
        let trials = [trial(0, 3), trial(10, 7), trial(20, 5), trial(100, 9), trial(130, 4)];
        let ends = |stretch: Stretch| stretch.part(&trials).iter().map(|one| one.end).collect::<Vec<_>>();
        assert_eq!(ends(Stretch::Row(2)), [Need::Known(7), Need::AtLeast(9), Need::Known(4)]);
        assert_eq!(ends(Stretch::Seconds(20)), [Need::Known(7), Need::Known(5), Need::AtLeast(9), Need::Known(4)]);
        assert_eq!(ends(Stretch::Seconds(3600)), [Need::AtLeast(9)]);
        assert_eq!(Stretch::Trial.part(&trials), trials);
    }
}
