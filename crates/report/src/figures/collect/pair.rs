//! Failed transfers, each with a control that had the same settings and block.

use std::collections::HashMap;

use ttlsweep_record::{Control, Outcome};

use crate::verdict::{Sight, View};

/// A failed transfer and its control.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) failed: Sight<'a>,
    pub(crate) control: Sight<'a>,
}

/// The first transfers cut at expiry that have a completed long-TTL control, then those that otherwise ended in flight, then
/// other failures.
pub(super) fn candidates<'a>(view: &View<'_, 'a>) -> Vec<Pair<'a>> {
    let mut controls: HashMap<(u32, u32), Sight<'a>> = HashMap::new();
    let completed =
        |sight: &Sight<'_>| sight.seen.outcome == Outcome::Completed && sight.control == Some(Control::LongTtl);
    for sight in view.controls().filter(completed) {
        controls.entry((sight.key, sight.block)).or_insert(sight);
    }
    let mut ranked: [Vec<Pair<'a>>; 3] = Default::default();
    for failed in view.grid().filter(|sight| sight.expiry.is_some()) {
        if !failed.seen.counts() || !failed.seen.outcome.is_failure() {
            continue;
        }
        let rank = &mut ranked[if failed.is_cut { 0 } else { 2 - usize::from(failed.ended_in_flight) }];
        if rank.len() < MOST
            && let Some(control) = controls.get(&(failed.key, failed.block))
        {
            rank.push(Pair { failed, control: *control });
        }
    }
    ranked.into_iter().flatten().collect()
}

/// Of each rank; some have too few samples to show.
const MOST: usize = 20;
