use statrs::distribution::{ContinuousCDF, Normal};

/// A slope with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slope {
    /// The slope.
    pub slope: f64,
    /// Where the line meets x = 0.
    pub intercept: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// Theil and Sen's slope: the median of the slopes through every two points, so that up to 29 % of points may lie
/// anywhere; its interval after Sen (JASA 1968), from the normal approximation to Kendall's statistic.
///
/// Nothing for fewer than three points, or where x never varies. Of more than 1,000 points every n-th is taken, since the
/// number of pairs grows with the square.
pub(crate) fn theil_sen(points: &[(f64, f64)]) -> Option<Slope> {
    let points: Vec<(f64, f64)> = points.iter().copied().step_by(points.len().div_ceil(MOST_POINTS).max(1)).collect();
    if points.len() < 3 {
        return None;
    }
    let mut slopes = Vec::new();
    for (at, (x, y)) in points.iter().enumerate() {
        slopes.extend(points[at + 1..].iter().filter(|other| other.0 != *x).map(|other| (other.1 - y) / (other.0 - x)));
    }
    slopes.sort_by(f64::total_cmp);
    if slopes.is_empty() {
        return None;
    }
    let slope = median(&slopes);
    let intercept = {
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        median(&y) - slope * median(&x)
    };
    let n = points.len() as f64;
    let ties = |values: Vec<f64>| {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        let sizes = values.chunk_by(|one, next| one == next).map(|same| same.len() as f64);
        sizes.map(|k| k * (k - 1.0) * (2.0 * k + 5.0)).sum::<f64>()
    };
    let tied = ties(points.iter().map(|point| point.0).collect()) + ties(points.iter().map(|point| point.1).collect());
    let deviation = ((n * (n - 1.0) * (2.0 * n + 5.0) - tied) / 18.0).sqrt();
    let z = Normal::standard().inverse_cdf(0.025);
    let count = slopes.len() as f64;
    let upper = (((count - z * deviation) / 2.0).round_ties_even() as usize).min(slopes.len() - 1);
    let lower = (((count + z * deviation) / 2.0).round_ties_even() - 1.0).max(0.0) as usize;
    Some(Slope { slope, intercept, low: slopes[lower], high: slopes[upper] })
}

/// Of sorted numbers, at least one.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

const MOST_POINTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        for row in rows(include_str!("../../tests/data/regression.csv")) {
            let points: Vec<(f64, f64)> = numbers(row[1]).into_iter().zip(numbers(row[2])).collect();
            let robust = theil_sen(&points).unwrap();
            for (found, at) in [(robust.slope, 3), (robust.low, 4), (robust.high, 5)] {
                assert_close(found, number(row[at]), 1e-12, 1e-3);
            }
        }
    }

    #[test]
    fn a_cut_has_slope_one_and_a_timer_slope_nought() {
        let expiry = [1.2, 2.7, 3.1, 4.9, 8.3];
        let cut: Vec<_> = expiry.iter().map(|x| (*x, x + 0.003)).collect();
        let timer: Vec<_> = expiry.iter().map(|x| (*x, 20.0)).collect();
        let holds = |points: &[(f64, f64)], value: f64| {
            let slope = theil_sen(points).unwrap();
            slope.low <= value && value <= slope.high
        };
        assert!(holds(&cut, 1.0) && !holds(&cut, 0.0));
        assert!(holds(&timer, 0.0) && !holds(&timer, 1.0));
    }

    #[test]
    fn without_two_places_there_is_no_slope() {
        assert_eq!(theil_sen(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(theil_sen(&[(1.0, 1.0); 5]), None);
    }
}
