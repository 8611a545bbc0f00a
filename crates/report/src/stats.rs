//! Statistics as small pure functions: numbers in, numbers out, nothing known of transfers or files. Each is checked
//! against numbers that another program computed; those lie in `tests/data`, each file with a note on how.

mod binomial;
mod cumulative_hazard;
mod difference;
mod firth;
mod fisher;
mod hazard;
mod holm;
mod kaplan_meier;
mod matrix;
mod permutation;
mod regression;
mod stratified;
mod wilson;
mod window_excess;

#[cfg(test)]
mod fixture;

pub use binomial::{binomial_tail, clopper_pearson, upper_bound};
pub use cumulative_hazard::{CumulativeHazard, Spell, cumulative_hazard};
pub use difference::{Difference, mean_difference, newcombe};
pub use firth::{Firth, firth};
pub use fisher::{fisher_greater, fisher_two_sided};
pub use hazard::{Hazard, poisson_interval, rate_ratio_greater};
pub use holm::holm;
pub use kaplan_meier::{KaplanMeierStep, kaplan_meier};
pub use permutation::{BlockSums, PermutationTrial, permutation_greater, permutation_normal, permutation_two_sided};
pub use regression::{Slope, least_squares, theil_sen};
pub use stratified::{StratumHits, stratified_two_sided};
pub use ttlsweep_record::decision::{trials_for_bound, trials_for_tail};
pub use wilson::{Interval, wilson};
pub use window_excess::{WindowExcess, window_excess};
