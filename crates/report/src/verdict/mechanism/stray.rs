//! Whether what hit some trials is more than strays: shared by the mechanisms that are taken at their word.

use ttlsweep_record::Mechanism;

use crate::prose::count;
use crate::stats::{binomial_tail, trials_for_tail};
use crate::verdict::finding::{ByTrial, MOST_SHARE};

/// How likely strays alone hit as many trials.
pub(in crate::verdict) fn p(seen: &ByTrial) -> f64 {
    binomial_tail(seen.hit(), seen.trials(), STRAY)
}

/// The largest upper bound with which the mechanism may be acquitted: what did hit something must be known to be rare.
pub(in crate::verdict) fn most_share(seen: &ByTrial) -> f64 {
    match seen.hit() as f64 / seen.trials().max(1) as f64 {
        0.0 => MOST_SHARE,
        share if share <= RARE => RARE,
        _ => 0.0,
    }
}

/// How many trials it takes to be sure of it.
pub(in crate::verdict) fn more(seen: &ByTrial, alpha: f64) -> String {
    let needed = trials_for_tail(STRAY * seen.trials().max(1) as f64, alpha / Mechanism::ALL.len() as f64);
    format!("it takes {} or more to be sure of it", count(needed.clamp(2, 99), "such trial"))
}

/// The share of trials that stray answers or ends of a kind may hit without being an explanation.
const STRAY: f64 = 0.001;
/// What hits no more than this share explains nothing.
const RARE: f64 = 0.05;
