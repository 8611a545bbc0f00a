//! Statistics as small pure functions: numbers in, numbers out, nothing known of transfers or files. Each is checked
//! against numbers that another program computed; those lie in `tests/data`, each file with a note on how.

mod binomial;
mod cumulative_hazard;
mod difference;
mod firth;
mod fisher;
mod hazard;
mod holm;
mod matrix;
mod permutation;
mod regression;
mod stratified;
mod wealth;
mod wilson;
mod window_excess;

#[cfg(test)]
mod fixture;

pub use binomial::clopper_pearson;
pub(crate) use binomial::{binomial_tail, upper_bound};
pub(crate) use cumulative_hazard::{CumulativeHazard, Spell, cumulative_hazard};
pub(crate) use difference::{Difference, mean_difference, newcombe};
pub(crate) use firth::firth;
pub(crate) use fisher::{fisher_greater, fisher_two_sided};
pub(crate) use hazard::Hazard;
pub(crate) use holm::holm;
pub(crate) use permutation::{
    BlockSums, PermutationTrial, permutation_greater, permutation_normal, permutation_two_sided,
};
pub(crate) use regression::theil_sen;
pub(crate) use stratified::{StratumHits, stratified_two_sided};
pub(crate) use ttlsweep_record::decision::{trials_for_bound, trials_for_tail};
pub use wealth::{Wealth, mixed};
pub use wilson::Interval;
pub(crate) use wilson::wilson;
pub(crate) use window_excess::{WindowExcess, window_excess};
