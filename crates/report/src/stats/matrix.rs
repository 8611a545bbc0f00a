//! As much linear algebra as a regression with a handful of coefficients needs.

/// A symmetric, positive definite matrix's Cholesky factor.
pub(super) struct Cholesky {
    factor: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Factors `matrix`; `None` if it is not positive definite.
    pub(super) fn of(matrix: &[Vec<f64>]) -> Option<Self> {
        let n = matrix.len();
        let mut factor = vec![vec![0.0; n]; n];
        for row in 0..n {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|k| factor[row][k] * factor[column][k]).sum();
                let rest = matrix[row][column] - dot;
                factor[row][column] = if row != column {
                    rest / factor[column][column]
                } else if rest > 0.0 {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Self { factor })
    }

    /// The logarithm of the determinant.
    pub(super) fn ln_determinant(&self) -> f64 {
        self.factor.iter().enumerate().map(|(at, row)| 2.0 * row[at].ln()).sum()
    }

    /// Solves `matrix · x = right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = right.len();
        let mut x = right.to_vec();
        for row in 0..n {
            let dot: f64 = (0..row).map(|k| self.factor[row][k] * x[k]).sum();
            x[row] = (x[row] - dot) / self.factor[row][row];
        }
        for row in (0..n).rev() {
            let dot: f64 = (row + 1..n).map(|k| self.factor[k][row] * x[k]).sum();
            x[row] = (x[row] - dot) / self.factor[row][row];
        }
        x
    }
}
