use super::Interval;
use super::wilson::wilson_of_share;

/// A difference of two shares, the second minus the first, with a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference, between −1 and 1.
    pub estimate: f64,
    /// Its interval.
    pub interval: Interval,
}

/// The difference of two shares by Newcombe's hybrid score interval (Statistics in Medicine 1998, his method 10): Wilson's
/// ends of both, squared and added. `None` if either side is empty.
///
/// Each side is a mean share and the number of units that it is the mean of. Where units are all or nothing, such as trials
/// whose transfers share one fate, this is the interval of two proportions; where they hold shares between, their spread can
/// only be smaller, and the interval is wider than it need be.
pub(crate) fn newcombe(first: (f64, u64), second: (f64, u64)) -> Option<Difference> {
    let (one, other) = (wilson_of_share(first.0, first.1)?, wilson_of_share(second.0, second.1)?);
    let (p1, p2) = (first.0, second.0);
    let estimate = p2 - p1;
    let low = estimate - (p2 - other.low).hypot(one.high - p1);
    let high = estimate + (other.high - p2).hypot(p1 - one.low);
    Some(Difference { estimate, interval: Interval { low, high } })
}

/// The mean of differences with its interval, each having the same weight: the ends' distances, squared and added (Zou and
/// Donner, Statistics in Medicine 2008). `None` if there is none.
pub(crate) fn mean_difference(differences: &[Difference]) -> Option<Difference> {
    if differences.is_empty() {
        return None;
    }
    let count = differences.len() as f64;
    let estimate = differences.iter().map(|one| one.estimate).sum::<f64>() / count;
    let reach = |distance: fn(&Difference) -> f64| {
        differences.iter().map(|one| distance(one).powi(2)).sum::<f64>().sqrt() / count
    };
    let low = estimate - reach(|one| one.estimate - one.interval.low);
    let high = estimate + reach(|one| one.interval.high - one.estimate);
    Some(Difference { estimate, interval: Interval { low, high } })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_statsmodels() {
        let mut cases = 0;
        for row in rows(include_str!("../../tests/data/newcombe.csv")) {
            let [k1, n1, k2, n2] = [0, 1, 2, 3].map(|at| row[at].parse::<u64>().unwrap());
            let found = newcombe((k1 as f64 / n1 as f64, n1), (k2 as f64 / n2 as f64, n2)).unwrap();
            assert_close(found.interval.low, number(row[4]), 1e-9, 1.0);
            assert_close(found.interval.high, number(row[5]), 1e-9, 1.0);
            cases += 1;
        }
        assert!(cases > 30, "only {cases}");
    }

    #[test]
    fn newcombe_s_own_example_comes_out() {
        // 56/70 against 48/80, Statistics in Medicine 17, 873, table II (a): 0.0524 to 0.3339.
        let found = newcombe((48.0 / 80.0, 80), (56.0 / 70.0, 70)).unwrap();
        assert_close(found.interval.low, 0.0524, 1e-4, 1.0);
        assert_close(found.interval.high, 0.3339, 1e-4, 1.0);
    }

    #[test]
    fn a_mean_of_equals_is_narrower_by_the_root_of_their_number() {
        let one = newcombe((0.5, 20), (0.5, 20)).unwrap();
        let mean = mean_difference(&[one; 4]).unwrap();
        assert_close(mean.interval.high, one.interval.high / 2.0, 1e-12, 1.0);
        assert_eq!(mean_difference(&[]), None);
        assert!(numbers("").is_empty() && newcombe((0.0, 0), (0.0, 3)).is_none());
    }
}
