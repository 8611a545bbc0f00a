use statrs::function::erf::erfc;

use super::matrix::Cholesky;

/// A logistic regression by [`firth`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Firth {
    /// The coefficients, in the order of the columns.
    pub beta: Vec<f64>,
    /// Their standard errors, from the inverse information.
    pub standard_error: Vec<f64>,
    /// The two-sided p of each coefficient: the penalised likelihood ratio against a fit with that one held at 0.
    pub p: Vec<f64>,
    /// The penalised log-likelihood.
    pub log_likelihood: f64,
}

/// Logistic regression with Firth's penalty (Biometrika 1993; Heinze and Schemper 2002): half the log-determinant of the
/// information is added to the log-likelihood, which takes the first-order bias away and keeps every estimate finite where
/// plain logistic regression has none: a deterministic cut separates failures from successes completely.
///
/// `rows` are the predictors, one row per observation, the intercept being a column of ones that the caller adds; `hit` says
/// which observations are events. Newton's method on the modified score, with step-halving. `None` if rows are fewer
/// than columns or the columns are linearly dependent (a predictor that never varies, for one).
pub(crate) fn firth(rows: &[Vec<f64>], hit: &[bool]) -> Option<Firth> {
    let columns = rows.first()?.len();
    if rows.len() != hit.len() || rows.len() < columns {
        return None;
    }
    let model = Model { rows, hit };
    let all: Vec<usize> = (0..columns).collect();
    let (beta, best) = model.maximise(&all)?;
    let information = Cholesky::of(&model.at(&beta)?.information)?;
    let standard_error = (0..columns)
        .map(|at| {
            let unit: Vec<f64> = (0..columns).map(|k| f64::from(u8::from(k == at))).collect();
            information.solve(&unit)[at].sqrt()
        })
        .collect();
    let p = (0..columns)
        .map(|held| {
            let free: Vec<usize> = all.iter().copied().filter(|at| *at != held).collect();
            let (_, without) = model.maximise(&free)?;
            Some(chi_square_tail(2.0 * (best - without)))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Firth { beta, standard_error, p, log_likelihood: best })
}

struct Model<'a> {
    rows: &'a [Vec<f64>],
    hit: &'a [bool],
}

/// The model at one point.
struct Point {
    information: Vec<Vec<f64>>,
    score: Vec<f64>,
    log_likelihood: f64,
}

impl Model<'_> {
    /// The point of the largest penalised likelihood when only the `free` coefficients may leave 0.
    fn maximise(&self, free: &[usize]) -> Option<(Vec<f64>, f64)> {
        let mut beta = vec![0.0; self.rows[0].len()];
        let mut point = self.at(&beta)?;
        for _ in 0..MOST_STEPS {
            let part: Vec<Vec<f64>> =
                free.iter().map(|row| free.iter().map(|column| point.information[*row][*column]).collect()).collect();
            let right: Vec<f64> = free.iter().map(|at| point.score[*at]).collect();
            let mut step = Cholesky::of(&part)?.solve(&right);
            let longest = step.iter().fold(0.0f64, |longest, part| longest.max(part.abs()));
            if longest < CONVERGED {
                return Some((beta, point.log_likelihood));
            }
            if longest > LONGEST_STEP {
                step.iter_mut().for_each(|part| *part *= LONGEST_STEP / longest);
            }
            let (next, at_next) = self.halve_until_better(&beta, free, step, point.log_likelihood)?;
            (beta, point) = (next, at_next);
        }
        Some((beta, point.log_likelihood))
    }

    fn halve_until_better(
        &self,
        beta: &[f64],
        free: &[usize],
        mut step: Vec<f64>,
        before: f64,
    ) -> Option<(Vec<f64>, Point)> {
        for _ in 0..MOST_HALVINGS {
            let mut next = beta.to_vec();
            free.iter().zip(&step).for_each(|(at, part)| next[*at] += part);
            // Rounding may cost a hair near the top.
            if let Some(point) = self.at(&next).filter(|point| point.log_likelihood >= before - 1e-12) {
                return Some((next, point));
            }
            step.iter_mut().for_each(|part| *part /= 2.0);
        }
        self.at(beta).map(|point| (beta.to_vec(), point))
    }

    /// Information, modified score and penalised log-likelihood; `None` if the information is singular.
    fn at(&self, beta: &[f64]) -> Option<Point> {
        let columns = beta.len();
        let mut information = vec![vec![0.0; columns]; columns];
        let mut likelihood = 0.0;
        let mut chances = Vec::with_capacity(self.rows.len());
        for (row, hit) in self.rows.iter().zip(self.hit) {
            let linear: f64 = row.iter().zip(beta).map(|(x, b)| x * b).sum();
            let chance = 1.0 / (1.0 + (-linear).exp());
            likelihood += if *hit { -(-linear).exp().ln_1p() } else { -linear.exp().ln_1p() };
            for a in 0..columns {
                for b in 0..columns {
                    information[a][b] += chance * (1.0 - chance) * row[a] * row[b];
                }
            }
            chances.push(chance);
        }
        let factor = Cholesky::of(&information)?;
        let log_likelihood = likelihood + factor.ln_determinant() / 2.0;
        if !log_likelihood.is_finite() {
            return None;
        }
        let mut score = vec![0.0; columns];
        for ((row, hit), chance) in self.rows.iter().zip(self.hit).zip(chances) {
            let leverage: f64 =
                row.iter().zip(factor.solve(row)).map(|(x, solved)| x * solved).sum::<f64>() * chance * (1.0 - chance);
            let rest = f64::from(u8::from(*hit)) - chance + leverage * (0.5 - chance);
            score.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * rest);
        }
        Some(Point { information, score, log_likelihood })
    }
}

/// P(χ² with one degree of freedom ≥ x).
fn chi_square_tail(x: f64) -> f64 {
    erfc((x.max(0.0) / 2.0).sqrt())
}

const MOST_STEPS: u32 = 500;
const MOST_HALVINGS: u32 = 30;
const CONVERGED: f64 = 1e-10;
/// As logistf has it: a longer step overshoots where the information is small.
const LONGEST_STEP: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::super::fixture::{assert_close, number, numbers, rows};
    use super::*;

    #[test]
    fn agrees_with_maximising_the_penalised_likelihood_itself() {
        let mut cases = 0;
        for row in rows(include_str!("../../tests/data/firth.csv")) {
            let columns: usize = row[1].parse().unwrap();
            let x: Vec<Vec<f64>> = numbers(row[2]).chunks(columns).map(<[f64]>::to_vec).collect();
            let hit: Vec<bool> = numbers(row[3]).into_iter().map(|y| y > 0.5).collect();
            let found = firth(&x, &hit).unwrap();
            assert_close(found.log_likelihood, number(row[7]), 1e-8, 1.0);
            for at in 0..columns {
                assert_close(found.beta[at], numbers(row[4])[at], 1e-5, 0.1);
                assert_close(found.standard_error[at], numbers(row[5])[at], 1e-5, 0.1);
                assert_close(found.p[at], numbers(row[6])[at], 1e-5, 1e-6);
            }
            cases += 1;
        }
        assert_eq!(cases, 5);
    }

    #[test]
    fn complete_separation_has_a_finite_estimate() {
        let rows: Vec<Vec<f64>> = (-50..50).map(|at| vec![1.0, f64::from(at) + 0.5]).collect();
        let hit: Vec<bool> = rows.iter().map(|row| row[1] < 0.0).collect();
        let found = firth(&rows, &hit).unwrap();
        assert!(found.beta[1] < 0.0 && found.beta[1].is_finite() && found.p[1] < 1e-9, "{found:?}");
    }

    #[test]
    fn a_predictor_that_never_varies_has_no_estimate() {
        let rows = vec![vec![1.0, 3.0]; 6];
        assert_eq!(firth(&rows, &[true, false, true, false, true, false]), None);
        assert_eq!(firth(&[], &[]), None);
    }
}
