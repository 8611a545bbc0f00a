/// A 95 % interval for a share, both ends within 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Wilson's 95 % score interval for `hits` of `n`; `None` if `n` is 0, since nothing is known then.
///
/// Unlike the textbook interval it holds at the ends, which is where sweeps live: 0 of 20 gives 0 to 16 %, not 0 to 0.
/// It takes the transfers as independent. Those of one trial share links and fate, so it is a description, and tests
/// are made on trials.
pub(crate) fn wilson(hits: u64, n: u64) -> Option<Interval> {
    wilson_of_share(hits as f64 / n as f64, n)
}

/// As [`wilson`], for a mean `share` of `n` units that may themselves be shares.
pub(super) fn wilson_of_share(share: f64, n: u64) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let count = n as f64;
    let z2 = Z * Z;
    let centre = share + z2 / (2.0 * count);
    let half = Z * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt();
    let scale = 1.0 + z2 / count;
    // The formula's ends are exact at none and at all; rounding would leave them a hair beside.
    let low = if share <= 0.0 { 0.0 } else { (centre - half) / scale };
    let high = if share >= 1.0 { 1.0 } else { (centre + half) / scale };
    Some(Interval { low, high })
}

/// The normal distribution's 97.5 % quantile.
const Z: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line `hits,n,low,high`; how it was computed stands in the file's own first lines.
    const FIXTURE: &str = include_str!("../../tests/data/wilson.csv");

    #[test]
    fn agrees_with_scipy() {
        let mut lines = 0;
        for line in FIXTURE.lines().filter(|line| !line.starts_with('#')).skip(1) {
            let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
            let interval = wilson(fields[0] as u64, fields[1] as u64).unwrap();
            assert!((interval.low - fields[2]).abs() < 1e-12, "{line}: {interval:?}");
            assert!((interval.high - fields[3]).abs() < 1e-12, "{line}: {interval:?}");
            lines += 1;
        }
        assert!(lines > 50, "only {lines} lines");
    }

    #[test]
    fn none_of_twenty_excludes_only_more_than_a_sixth() {
        let interval = wilson(0, 20).unwrap();
        assert_eq!(interval.low, 0.0);
        assert!((interval.high - 0.161).abs() < 0.001, "{interval:?}");
    }

    #[test]
    fn nothing_tried_says_nothing() {
        assert_eq!(wilson(0, 0), None);
    }
}
