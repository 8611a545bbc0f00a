//! What might lie beyond the data: a generalised Pareto distribution over a high threshold, fitted by L-moments (Hosking and
//! Wallis, Technometrics 29(3), 1987). A guess with an assumption in it, and never a bound.

/// Excesses over a threshold as a generalised Pareto distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tail {
    /// The threshold, in seconds.
    pub threshold: f64,
    /// The share of trials above it.
    pub above: f64,
    /// σ, in seconds.
    pub scale: f64,
    /// ξ: above 0 the tail is heavier than an exponential, below 0 it ends somewhere.
    pub shape: f64,
}

impl Tail {
    /// Fits the tail of `sorted` (seconds, ascending): the largest tenth of them, at least ten. `None` if there are too few, or
    /// if they do not differ.
    pub(crate) fn of(sorted: &[f64]) -> Option<Self> {
        let taken = LEAST_ABOVE.max(sorted.len().div_ceil(10));
        if sorted.len() < LEAST {
            return None;
        }
        let (below, above) = sorted.split_at(sorted.len() - taken);
        let threshold = *below.last()?;
        let n = above.len() as f64;
        let mean = above.iter().map(|value| value - threshold).sum::<f64>() / n;
        // The unbiased first probability-weighted moment.
        let weighted = (0..).zip(above).map(|(rank, value)| f64::from(rank) / (n - 1.0) * (value - threshold));
        let second = 2.0 * weighted.sum::<f64>() / n - mean;
        if second <= 1e-9 * mean.max(1e-9) {
            return None;
        }
        // Hosking's κ is −ξ.
        let kappa = mean / second - 2.0;
        Some(Self { threshold, above: n / sorted.len() as f64, scale: mean * (1.0 + kappa), shape: -kappa })
    }

    /// What a share of `share` of trials would need more than, in seconds; only below the share above the threshold.
    pub(crate) fn beyond(&self, share: f64) -> f64 {
        let ratio = (share / self.above).min(1.0);
        if self.shape.abs() < 1e-6 {
            return self.threshold - self.scale * ratio.ln();
        }
        self.threshold + self.scale / self.shape * (ratio.powf(-self.shape) - 1.0)
    }
}

/// Fewer trials have no tail to speak of.
const LEAST: usize = 40;
const LEAST_ABOVE: usize = 10;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::ttl::simulate::uniform;

    /// Excesses of exactly this kind, over 2 s.
    fn drawn(shape: f64, n: usize) -> Vec<f64> {
        let mut draw = ChaCha20Rng::seed_from_u64(11);
        let value = |u: f64| {
            if shape == 0.0 { 2.0 - 1.5 * u.ln() } else { 2.0 + 1.5 / shape * (u.powf(-shape) - 1.0) }
        };
        let mut values: Vec<f64> = (0..n).map(|_| value(uniform(&mut draw))).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn a_paretos_own_shape_and_quantiles_come_out() {
        for shape in [-0.3, 0.0, 0.3] {
            let tail = Tail::of(&drawn(shape, 50_000)).unwrap();
            assert!((tail.shape - shape).abs() < 0.05, "{shape}: {tail:?}");
            let expected = |share: f64| {
                if shape == 0.0 { 2.0 - 1.5 * share.ln() } else { 2.0 + 1.5 / shape * (share.powf(-shape) - 1.0) }
            };
            let (found, expected) = (tail.beyond(1e-4), expected(1e-4));
            assert!((found / expected - 1.0).abs() < 0.1, "{shape}: {found} is not {expected}");
        }
    }

    #[test]
    fn few_or_equal_trials_have_no_tail() {
        assert_eq!(Tail::of(&drawn(0.1, 39)), None);
        assert_eq!(Tail::of(&[3.0; 100]), None);
    }
}
