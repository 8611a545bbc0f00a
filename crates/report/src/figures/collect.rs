//! What the charts of single targets show, taken from the transfers while a target is judged: the verdict's own reading of
//! them, so that a chart and a test can never disagree. Everything here is bounded, however many rows there are.

mod ends;
mod hazard;
mod order;
mod pair;
mod rho;
mod telling;
mod tracks;

pub(crate) use order::run_order;
pub(crate) use telling::timeline;
pub(crate) use tracks::progress;

use crate::chart;
use crate::verdict::{View, Way};
use pair::Pair;
use telling::Telling;

/// A target that was judged, and what its charts show.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    /// What readers know the target by.
    pub(crate) title: String,
    /// Its endpoints.
    pub(crate) endpoints: String,
    /// Its cells, as places among the plan's.
    pub(crate) cells: Vec<u32>,
    /// The rows of its transfers that outlived their link.
    pub(crate) outlived: Vec<u32>,
    /// Failure against ρ; `None` if no transfer has one.
    pub(crate) rho: Option<chart::rho::Panel>,
    /// Failures against expiry; `None` if no transfer with a link failed.
    pub(crate) ends: Option<chart::ends::Panel>,
    /// The hazard around expiry; `None` if no link expired in flight.
    pub(crate) hazard: Option<chart::hazard::Panel>,
    /// The rows of its transfers that failed, and how.
    pub(crate) ways: Vec<(u32, Way)>,
    /// Trials that may tell what the target does, one of each cell.
    pub(crate) telling: Vec<Telling>,
    /// Failed transfers with controls to hold them against, the best first.
    pub(crate) pairs: Vec<Pair<'a>>,
}

impl<'a> Collected<'a> {
    /// Takes what the charts need of a target that is being judged.
    pub(crate) fn of(view: &View<'_, 'a>, title: String) -> Self {
        Self {
            cells: view.cells().to_vec(),
            outlived: view.outlived().collect(),
            rho: rho::panel(view, &title),
            ends: ends::panel(view, &title),
            hazard: hazard::panel(view, &title),
            ways: view.ways().collect(),
            telling: telling::candidates(view),
            pairs: pair::candidates(view),
            endpoints: view.endpoints().join(" "),
            title,
        }
    }

    /// Gives the target another name than it had while it was looked at.
    pub(crate) fn rename(&mut self, title: &str) {
        let panels = [
            self.rho.as_mut().map(|panel| &mut panel.title),
            self.ends.as_mut().map(|panel| &mut panel.title),
            self.hazard.as_mut().map(|panel| &mut panel.title),
            Some(&mut self.title),
        ];
        panels.into_iter().flatten().for_each(|known| title.clone_into(known));
    }
}

/// Whether `trial` is among a share of all trials that is drawn by its number alone, so that whole trials are taken or left.
fn is_sampled(trial: u32, share: f64) -> bool {
    // The finisher of SplitMix64: as good as random. A plain multiplication leaves steps that look like a finding.
    let mut mixed = u64::from(trial).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) as f64) <= share * u64::MAX as f64
}

/// The value below which `share` of `values` lie; `None` if there is none.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let place = ((values.len() as f64 * share) as usize).min(values.len().checked_sub(1)?);
    Some(*values.select_nth_unstable_by(place, f64::total_cmp).1)
}

/// `n failures left out: why` as parts of a note, those of nothing dropped.
fn left_out(parts: &[(u64, &str)]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{} {why}", ttlsweep_record::units::grouped(*count)))
        .collect();
    if parts.is_empty() { String::new() } else { format!(" Left out: {}.", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_of_trials_is_about_as_large_as_asked_for_whatever_the_period() {
        for period in [1, 2, 48, 60] {
            let taken = (0..10_000).filter(|at| is_sampled(at * period, 0.1)).count();
            assert!((800..1200).contains(&taken), "{period}: {taken}");
        }
        assert!((0..1000).all(|trial| is_sampled(trial, 1.0)));
    }

    #[test]
    fn quantiles_of_nothing_are_nothing() {
        assert_eq!(quantile(&mut [], 0.5), None);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 1.0), Some(3.0));
    }
}
