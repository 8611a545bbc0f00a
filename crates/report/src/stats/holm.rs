/// Holm's step-down adjustment (Scandinavian Journal of Statistics 1979): p-values, in the same order, of which those at
/// most α may be called so with a family-wise error of α, whatever their dependence.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut adjusted = vec![1.0; p.len()];
    let mut largest = 0.0f64;
    for (rank, at) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[at]).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_statsmodels() {
        for row in rows(include_str!("../../tests/data/holm.csv")) {
            for (found, expected) in holm(&numbers(row[0])).into_iter().zip(numbers(row[1])) {
                assert_close(found, expected, 1e-12, 0.0);
            }
        }
        assert!(holm(&[]).is_empty());
    }
}
