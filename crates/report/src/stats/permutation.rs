use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::function::erf::erfc;

/// One trial of a randomised order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PermutationTrial {
    /// The block within which its place was drawn; trials change places within it alone.
    pub block: u64,
    /// Whether it was treated, for example whether its link expired in flight.
    pub treated: bool,
    /// What was measured, for example the share of its transfers that failed.
    pub value: f64,
}

/// The one-sided p of the treated trials' mean being above the others', by replaying the randomisation: labels change
/// places within their block, as the order did when it was drawn, `rounds` times from `seed`.
///
/// p = (1 + rounds with a difference at least as large) / (1 + rounds), never 0 (Phipson and Smyth 2010). `None` if
/// one side is empty, or where no block holds both sides, since there is nothing to permute then. Few blocks cannot give
/// a small p: it supports a finding, it does not make one.
pub(crate) fn permutation_greater(trials: &[PermutationTrial], rounds: u32, seed: u64) -> Option<f64> {
    permutation(trials, rounds, seed, |excess| excess)
}

/// The two-sided form: whether the treated trials' mean lies as far from the others', on either side.
///
/// Beyond a few hundred trials, where the sum over them is all but normal, its p is taken from its exact mean and variance
/// under the randomisation instead of from rounds, which could not show a p below one over their number.
pub(crate) fn permutation_two_sided(trials: &[PermutationTrial], rounds: u32, seed: u64) -> Option<f64> {
    if trials.len() > MOST_REPLAYED { normal_two_sided(trials) } else { permutation(trials, rounds, seed, f64::abs) }
}

/// One block of a randomised order, summed up.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct BlockSums {
    /// Trials.
    pub trials: f64,
    /// The sum of their values.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// Of the trials those that were treated.
    pub treated: f64,
    /// The sum of their values.
    pub treated_sum: f64,
}

/// [`permutation_two_sided`] of many trials, from sums alone: anyone who has them need not go through the trials again.
pub(crate) fn permutation_normal(blocks: impl IntoIterator<Item = BlockSums>) -> Option<f64> {
    let (mut excess, mut variance, mut mixed) = (0.0, 0.0, false);
    for BlockSums { trials, sum, squares, treated, treated_sum } in blocks {
        if treated == 0.0 || treated == trials {
            continue;
        }
        mixed = true;
        let mean = sum / trials;
        excess += treated_sum - treated * mean;
        let about_mean = (squares - trials * mean * mean).max(0.0);
        // What is left where all values are the same is rounding.
        let about_mean = if about_mean > 1e-9 * squares { about_mean } else { 0.0 };
        variance += treated * (trials - treated) / (trials * (trials - 1.0)) * about_mean;
    }
    // All values being the same, no arrangement differs from another.
    let p = if variance > 0.0 { erfc(excess.abs() / (2.0 * variance).sqrt()) } else { 1.0 };
    mixed.then_some(p)
}

/// The two-sided p by the normal distribution with the mean and variance that the randomisation has.
fn normal_two_sided(trials: &[PermutationTrial]) -> Option<f64> {
    let mut blocks: BTreeMap<u64, BlockSums> = BTreeMap::new();
    for trial in trials {
        let block = blocks.entry(trial.block).or_default();
        block.trials += 1.0;
        block.sum += trial.value;
        block.squares += trial.value * trial.value;
        if trial.treated {
            block.treated += 1.0;
            block.treated_sum += trial.value;
        }
    }
    permutation_normal(blocks.into_values())
}

/// `extremity` says how far out an excess of the treated trials' sum is.
fn permutation(trials: &[PermutationTrial], rounds: u32, seed: u64, extremity: fn(f64) -> f64) -> Option<f64> {
    let mut trials = trials.to_vec();
    trials.sort_by_key(|trial| trial.block);
    let blocks: Vec<(usize, usize)> = trials
        .chunk_by(|one, next| one.block == next.block)
        .scan(0, |from, block| {
            let start = *from;
            *from += block.len();
            Some((start, *from))
        })
        .collect();
    let mixed = |&(from, to): &(usize, usize)| {
        trials[from..to].iter().any(|trial| trial.treated) && trials[from..to].iter().any(|trial| !trial.treated)
    };
    if !blocks.iter().any(mixed) {
        return None;
    }
    let mut labels: Vec<bool> = trials.iter().map(|trial| trial.treated).collect();
    // With all margins held, the difference of means grows with the treated trials' sum alone. Each value less its block's
    // mean, that sum is 0 where the treated are like the others.
    let mut values: Vec<f64> = trials.iter().map(|trial| trial.value).collect();
    for &(from, to) in &blocks {
        let mean = values[from..to].iter().sum::<f64>() / (to - from) as f64;
        values[from..to].iter_mut().for_each(|value| *value -= mean);
    }
    let sum = |labels: &[bool]| labels.iter().zip(&values).filter(|(label, _)| **label).map(|(_, v)| v).sum::<f64>();
    let seen = extremity(sum(&labels)) - 1e-9;
    let mut draw = ChaCha20Rng::seed_from_u64(seed);
    let mut as_large = 0u32;
    for _ in 0..rounds {
        for &(from, to) in &blocks {
            shuffle(&mut labels[from..to], &mut draw);
        }
        as_large += u32::from(extremity(sum(&labels)) >= seen);
    }
    Some((1.0 + f64::from(as_large)) / (1.0 + f64::from(rounds)))
}

/// Fisher and Yates's shuffle.
fn shuffle(items: &mut [bool], draw: &mut ChaCha20Rng) {
    for last in (1..items.len()).rev() {
        // The high half of a 128-bit product: its bias is the range's share of 2^64.
        let place = ((u128::from(draw.next_u64()) * (last as u128 + 1)) >> 64) as usize;
        items.swap(last, place);
    }
}

/// More trials than these are not replayed for a two-sided p.
const MOST_REPLAYED: usize = 300;

#[cfg(test)]
mod tests {
    use super::super::fixture::{number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_going_through_every_arrangement() {
        check(include_str!("../../tests/data/permutation.csv"), permutation_greater);
        check(include_str!("../../tests/data/permutation_two_sided.csv"), permutation_two_sided);
    }

    fn check(fixture: &'static str, test: fn(&[PermutationTrial], u32, u64) -> Option<f64>) {
        for row in rows(fixture) {
            let (labels, values, blocks) = (numbers(row[0]), numbers(row[1]), numbers(row[2]));
            let trials: Vec<_> = (0..labels.len())
                .map(|at| PermutationTrial { block: blocks[at] as u64, treated: labels[at] > 0.5, value: values[at] })
                .collect();
            let (rounds, expected) = (20_000, number(row[3]));
            let found = test(&trials, rounds, 7).unwrap();
            let error = (expected * (1.0 - expected) / f64::from(rounds)).sqrt();
            assert!((found - expected).abs() < 5.0 * error + 1e-4, "{found} is not {expected}");
            assert_eq!(test(&trials, rounds, 7), Some(found), "the seed decides");
        }
    }

    #[test]
    fn the_normal_p_of_many_trials_is_that_of_replaying_them() {
        // Shares of five transfers; the treated fail a little more often.
        let trial = |at: u64| PermutationTrial {
            block: at % 5,
            treated: at.is_multiple_of(2),
            value: ((at * 7919 + at / 3) % 5 + u64::from(at.is_multiple_of(6))) as f64 / 5.0,
        };
        let trials: Vec<_> = (0..400).map(trial).collect();
        let replayed = permutation(&trials, 4_000, 7, f64::abs).unwrap();
        let normal = permutation_two_sided(&trials, 1, 7).unwrap();
        // Values in steps make the one a little smaller than the other.
        assert!((0.01..0.03).contains(&replayed) && (normal - replayed).abs() < 0.008, "{normal} is not {replayed}");
        assert_eq!(permutation_two_sided(&[trials[0]; 400], 1, 7), None);
    }

    #[test]
    fn blocks_of_one_kind_have_nothing_to_permute() {
        let trial = |block, treated| PermutationTrial { block, treated, value: 1.0 };
        assert_eq!(permutation_greater(&[trial(1, true), trial(1, true), trial(2, false)], 100, 1), None);
        assert_eq!(permutation_greater(&[], 100, 1), None);
    }
}
