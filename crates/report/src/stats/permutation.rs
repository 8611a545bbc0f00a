use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// One trial of a randomised order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTrial {
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
/// p = (1 + rounds with a difference at least as large) / (1 + rounds), never 0 (Phipson and Smyth 2010). Nothing where
/// one side is empty, or where no block holds both sides, since there is nothing to permute then. Few blocks cannot give
/// a small p: it supports a finding, it does not make one.
pub fn permutation_greater(trials: &[PermutationTrial], rounds: u32, seed: u64) -> Option<f64> {
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
    // With all margins held, the difference of means grows with the treated trials' sum alone.
    let values: Vec<f64> = trials.iter().map(|trial| trial.value).collect();
    let mut labels: Vec<bool> = trials.iter().map(|trial| trial.treated).collect();
    let sum = |labels: &[bool]| labels.iter().zip(&values).filter(|(label, _)| **label).map(|(_, v)| v).sum::<f64>();
    let seen = sum(&labels) - 1e-9;
    let mut draw = ChaCha20Rng::seed_from_u64(seed);
    let mut as_large = 0u32;
    for _ in 0..rounds {
        for &(from, to) in &blocks {
            shuffle(&mut labels[from..to], &mut draw);
        }
        as_large += u32::from(sum(&labels) >= seen);
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_going_through_every_arrangement() {
        for row in rows(include_str!("../../tests/data/permutation.csv")) {
            let (labels, values, blocks) = (numbers(row[0]), numbers(row[1]), numbers(row[2]));
            let trials: Vec<_> = (0..labels.len())
                .map(|at| PermutationTrial { block: blocks[at] as u64, treated: labels[at] > 0.5, value: values[at] })
                .collect();
            let (rounds, expected) = (20_000, number(row[3]));
            let found = permutation_greater(&trials, rounds, 7).unwrap();
            let error = (expected * (1.0 - expected) / f64::from(rounds)).sqrt();
            assert!((found - expected).abs() < 5.0 * error + 1e-4, "{found} is not {expected}");
            assert_eq!(permutation_greater(&trials, rounds, 7), Some(found), "the seed decides");
        }
    }

    #[test]
    fn blocks_of_one_kind_have_nothing_to_permute() {
        let trial = |block, treated| PermutationTrial { block, treated, value: 1.0 };
        assert_eq!(permutation_greater(&[trial(1, true), trial(1, true), trial(2, false)], 100, 1), None);
        assert_eq!(permutation_greater(&[], 100, 1), None);
    }
}
