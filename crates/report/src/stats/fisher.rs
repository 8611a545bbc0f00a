use statrs::function::factorial::ln_binomial;

/// Fisher's exact test, one-sided: how likely the first group has `hits` of `n` or more, if it and the second group, with
/// `other_hits` of `other_n`, have one rate. The hypergeometric tail with all margins held.
///
/// 1 where either group is empty, since nothing can be compared then.
pub(crate) fn fisher_greater(hits: u64, n: u64, other_hits: u64, other_n: u64) -> f64 {
    let table = Table { n, other_n, hits: hits + other_hits };
    (hits..=table.most()).map(|k| table.probability(k)).sum::<f64>().min(1.0)
}

/// The two-sided form: the sum over all tables that are no likelier than the one seen, as R and scipy have it.
pub(crate) fn fisher_two_sided(hits: u64, n: u64, other_hits: u64, other_n: u64) -> f64 {
    let table = Table { n, other_n, hits: hits + other_hits };
    // A hair of room, so that tables that are exactly as likely count in spite of rounding.
    let seen = table.probability(hits) * (1.0 + 1e-7);
    (table.least()..=table.most()).map(|k| table.probability(k)).filter(|p| *p <= seen).sum::<f64>().min(1.0)
}

/// A two-by-two table's margins.
struct Table {
    n: u64,
    other_n: u64,
    hits: u64,
}

impl Table {
    fn least(&self) -> u64 {
        self.hits.saturating_sub(self.other_n)
    }

    fn most(&self) -> u64 {
        self.hits.min(self.n)
    }

    /// The hypergeometric probability of `k` hits in the first group.
    fn probability(&self, k: u64) -> f64 {
        let all = ln_binomial(self.n + self.other_n, self.hits);
        (ln_binomial(self.n, k) + ln_binomial(self.other_n, self.hits - k) - all).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, rows};
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        let mut lines = 0;
        for row in rows(include_str!("../../tests/data/fisher.csv")) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| row[at].parse::<u64>().unwrap());
            assert_close(fisher_greater(a, a + b, c, c + d), number(row[4]), 1e-8, 1e-12);
            assert_close(fisher_two_sided(a, a + b, c, c + d), number(row[5]), 1e-8, 1e-12);
            lines += 1;
        }
        assert_eq!(lines, 11);
    }

    #[test]
    fn nothing_to_compare_says_nothing() {
        assert_close(fisher_greater(3, 3, 0, 0), 1.0, 1e-12, 1.0);
        assert_close(fisher_greater(0, 0, 2, 5), 1.0, 1e-12, 1.0);
    }
}
