//! Whether late trials come one after the other: then they are worth fewer than they are, and the bound holds less often.

/// Whether neighbours in the run's order resemble each other more than chance makes them (1 %, one-sided): the correlation of
/// ranks between each trial and the next one (Wald and Wolfowitz, Ann. Math. Stat. 14, 1943), by its normal approximation.
pub(super) fn is_bunched(in_order: &[i64]) -> bool {
    let n = in_order.len();
    if n < LEAST {
        return false;
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
    let along: f64 = ranks.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let count = n as f64;
    spread > 0.0 && (along / spread + 1.0 / count) * count.sqrt() > Z
}

/// Fewer trials show no order.
const LEAST: usize = 20;
/// The normal distribution's 99 % quantile.
const Z: f64 = 2.326_347_874;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::ttl::simulate::uniform;

    #[test]
    fn a_bad_spell_is_seen_and_chance_rarely_taken_for_one() {
        let mut draw = ChaCha20Rng::seed_from_u64(2);
        let mut needs = |late: fn(i64) -> bool| -> Vec<i64> {
            (0..60).map(|at| (uniform(&mut draw) * 1e6) as i64 + if late(at) { 3_000_000 } else { 0 }).collect()
        };
        assert!(is_bunched(&needs(|at| (20..30).contains(&at))));
        let taken = (0..2_000).filter(|_| is_bunched(&needs(|_| false))).count();
        assert!((4..=50).contains(&taken), "{taken} of 2000 is not about 1 %");
    }

    #[test]
    fn equal_or_few_trials_show_no_order() {
        assert!(!is_bunched(&[7; 100]) && !is_bunched(&[1, 1, 1, 9, 9, 9]));
    }
}
