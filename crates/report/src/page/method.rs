use crate::prose::of;
use ttlsweep_record::units::format_micros;

use crate::load::Runs;
use crate::minting;
use crate::verdict::{ALPHA, Ruling};

/// How the figures were made, and what does not count in them.
#[derive(Debug)]
pub(super) struct Method {
    /// δ and the clock's bracket, a line a target.
    pub(super) deltas: Vec<String>,
    /// What was left out; empty if nothing was.
    pub(super) left_out: Vec<String>,
    /// How far apart the parts of trials started; empty if none were spread.
    pub(super) start_spread: String,
    /// What the minter of the links took; empty if they were signed here.
    pub(super) minting: Vec<String>,
    /// About trials that this machine starved.
    pub(super) starved: String,
    /// The family-wise error.
    pub(super) alpha: f64,
}

impl Method {
    pub(super) fn of(runs: &Runs, verdict: &Ruling, left_out: Vec<String>) -> Self {
        let starved = runs.trials.iter().filter(|trial| trial.starved).count();
        let worst = runs.trials.iter().filter_map(|trial| trial.scheduler_lag_us).max();
        let worst = worst
            .map_or_else(|| "was not measured".to_owned(), |micros| format!("was {} at most", format_micros(micros)));
        Self {
            deltas: verdict.delta_lines(),
            left_out,
            start_spread: runs.start_spread.map(|spread| spread.line()).unwrap_or_default(),
            minting: minting::lines(runs),
            starved: format!(
                "{} trials were starved of processor time; the lag of this machine's scheduler {worst}.",
                of(starved as u64, runs.trials.len() as u64),
            ),
            alpha: ALPHA,
        }
    }
}
