use statrs::function::factorial::ln_binomial;

/// Trials of one stratum that were hit or not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StratumHits {
    /// Trials.
    pub trials: u64,
    /// Those of them that were hit.
    pub hits: u64,
    /// Those of the trials that were treated.
    pub treated: u64,
    /// Those of the treated that were hit.
    pub treated_hits: u64,
}

/// The two-sided p of the treated being hit as often as the others, by every arrangement of the labels within each stratum:
/// how likely the number of treated hits lies as far from its expectation, on either side. Exact, where rounds of a replay
/// cannot show a p below one over their number.
///
/// The number in a stratum is hypergeometric, the sum over strata their convolution (Agresti 2013, section 7.3.5). Nothing
/// where no stratum has both sides.
pub(crate) fn stratified_two_sided(strata: &[StratumHits]) -> Option<f64> {
    let mixed = || strata.iter().filter(|one| one.treated > 0 && one.treated < one.trials);
    mixed().next()?;
    let mut sum = vec![1.0];
    let (mut seen, mut least, mut expected) = (0, 0, 0.0);
    for one in mixed() {
        let (from, shares) = hypergeometric(*one);
        sum = convolution(&sum, &shares);
        (seen, least) = (seen + one.treated_hits, least + from);
        expected += one.treated as f64 * one.hits as f64 / one.trials as f64;
    }
    let off = (seen as f64 - expected).abs() - 1e-9;
    let as_far = sum.iter().enumerate().filter(|(at, _)| ((least + *at as u64) as f64 - expected).abs() >= off);
    Some(as_far.map(|(_, share)| share).sum::<f64>().min(1.0))
}

/// The least number of treated hits that there can be, and how likely that and each higher one is.
fn hypergeometric(one: StratumHits) -> (u64, Vec<f64>) {
    let StratumHits { trials, hits, treated, .. } = one;
    let (from, to) = ((treated + hits).saturating_sub(trials), treated.min(hits));
    let all = ln_binomial(trials, treated);
    let share = |hit: u64| (ln_binomial(hits, hit) + ln_binomial(trials - hits, treated - hit) - all).exp();
    (from, (from..=to).map(share).collect())
}

fn convolution(one: &[f64], other: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; one.len() + other.len() - 1];
    for (at, share) in one.iter().enumerate() {
        other.iter().enumerate().for_each(|(further, more)| sum[at + further] += share * more);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_going_through_every_arrangement() {
        let mut cases = 0;
        for row in rows(include_str!("../../tests/data/permutation_two_sided.csv")) {
            let (labels, values, blocks) = (numbers(row[0]), numbers(row[1]), numbers(row[2]));
            if values.iter().any(|value| *value != 0.0 && *value != 1.0) {
                continue;
            }
            let mut strata = [StratumHits::default(); 64];
            for at in 0..labels.len() {
                let (one, hit) = (&mut strata[blocks[at] as usize], values[at] as u64);
                let treated = u64::from(labels[at] > 0.5);
                (one.trials, one.hits) = (one.trials + 1, one.hits + hit);
                (one.treated, one.treated_hits) = (one.treated + treated, one.treated_hits + treated * hit);
            }
            let found = stratified_two_sided(&strata).unwrap();
            assert!((found - number(row[3])).abs() < 1e-6, "{found} is not {}", row[3]);
            cases += 1;
        }
        assert!(cases >= 3, "only {cases}");
    }

    #[test]
    fn two_of_four_treated_in_each_of_five_strata_and_just_these_hit_is_two_of_6_to_the_fifth() {
        let one = StratumHits { trials: 4, hits: 2, treated: 2, treated_hits: 2 };
        let found = stratified_two_sided(&[one; 5]).unwrap();
        assert!((found - 2.0 / 6f64.powi(5)).abs() < 1e-12, "{found}");
        assert_eq!(stratified_two_sided(&[StratumHits { trials: 4, hits: 2, treated: 4, treated_hits: 2 }]), None);
        assert_eq!(stratified_two_sided(&[]), None);
    }
}
