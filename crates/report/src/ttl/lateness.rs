//! How long a link must have been valid for each trial: from its making to the arrival of its head, and to its end, with the
//! second that dates are cut to and the worst side of the server's clock.

use std::collections::{BTreeSet, HashMap};

use ttlsweep_record::{Cell, Control, Outcome, Presign};

use crate::load::Runs;
use crate::load::transfer::Transfer;
use crate::verdict::Evidence;

/// The TTL that a trial needed, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its latest transfer came so late.
    Known(i64),
    /// A transfer of it was ended by something else by then: it needed this much, and nobody knows how much more.
    AtLeast(i64),
}

impl Need {
    /// The need, if it is known.
    pub(crate) const fn known(self) -> Option<i64> {
        if let Self::Known(us) = self { Some(us) } else { None }
    }

    /// What it is at least.
    pub(crate) const fn least(self) -> i64 {
        match self {
            Self::Known(us) | Self::AtLeast(us) => us,
        }
    }

    /// The need of two transfers together.
    fn with(self, other: Self) -> Self {
        let us = self.least().max(other.least());
        if self.known().is_some() && other.known().is_some() { Self::Known(us) } else { Self::AtLeast(us) }
    }
}

/// One trial: its transfers share an uplink and a second of expiry, so the latest of them stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrialNeed {
    /// When the first of its transfers started, in microseconds since the epoch.
    pub started_us: i64,
    /// For a store that looks at the date when the head arrives.
    pub head: Need,
    /// For a store that looks again later, or cuts.
    pub end: Need,
}

impl TrialNeed {
    /// The need of two together.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            started_us: self.started_us.min(other.started_us),
            head: self.head.with(other.head),
            end: self.end.with(other.end),
        }
    }
}

/// What was not counted of a group, in trials.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Links that did not surely outlive their transfers: what a store does then changes how late the others are.
    pub short_links: u64,
    /// This machine was too busy, or failed by itself.
    pub this_machine: u64,
    /// A clock was set meanwhile.
    pub clock_set: u64,
    /// Requests without a link, beside links that are made ahead.
    pub without_link: u64,
    /// Nothing but cancelled transfers.
    pub cancelled: u64,
}

/// Cells that differ in nothing but TTL, control and the target's policy.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The settings that they share.
    pub cell: Cell,
    /// The cells, as places among the plan's.
    pub cells: Vec<u32>,
    /// The trials that count, in the order in which they were run.
    pub trials: Vec<TrialNeed>,
    /// The trials that do not.
    pub left_out: LeftOut,
    /// Transfers in the trials that count.
    pub transfers: u64,
    /// Blocks that the trials that count come from, over all runs.
    pub blocks: u64,
    /// Of the trials that count, those in which the kernel did not say when a head arrived, so that the answer stands in its
    /// place.
    pub heads_by_answer: u64,
    /// Of the trials that count, those of which nothing is known of the server's clock.
    pub unknown_clock: u64,
    /// The TTLs of the grid's own cells, in seconds.
    pub ttls: BTreeSet<u32>,
}

/// The groups of `runs`, in the order of the plan.
pub(crate) fn groups(runs: &Runs, evidence: &Evidence<'_>) -> Vec<Group> {
    let mut trials: Vec<Option<Trial>> = vec![None; runs.trials.len()];
    for seen in runs.transfers.all() {
        let cell = &runs.cells[seen.cell as usize];
        if tells_lateness(cell) {
            let trial = trials[seen.trial as usize].get_or_insert_with(|| Trial::new(seen.cell));
            trial.add(seen, cell, evidence);
        }
    }
    let mut groups: Vec<(Cell, Vec<u32>)> = Vec::new();
    let mut places: HashMap<Cell, usize> = HashMap::new();
    let mut group_of: Vec<Option<usize>> = vec![None; runs.cells.len()];
    for (at, cell) in runs.cells.iter().enumerate().filter(|(_, cell)| tells_lateness(cell)) {
        let shared = shared(cell);
        let place = *places.entry(shared.clone()).or_insert_with(|| {
            groups.push((shared, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(u32::try_from(at).unwrap_or(u32::MAX));
        group_of[at] = Some(place);
    }
    let mut members: Vec<Vec<(usize, Trial)>> = vec![Vec::new(); groups.len()];
    for (at, trial) in trials.into_iter().enumerate().filter_map(|(at, trial)| Some((at, trial?))) {
        if let Some(group) = group_of[trial.cell as usize] {
            members[group].push((at, trial));
        }
    }
    groups.into_iter().zip(members).map(|((cell, cells), trials)| group(runs, cell, cells, &trials)).collect()
}

/// Whether its transfers need what the grid's do: a start after expiry does not, nor one that waits for a 100 Continue.
const fn tells_lateness(cell: &Cell) -> bool {
    !matches!(cell.control, Some(Control::ExpiredStart | Control::ExpectContinue))
}

/// The cell without what tells it from the others of its group.
fn shared(cell: &Cell) -> Cell {
    Cell {
        cell_id: String::new(),
        control: None,
        ttl_s: None,
        ttl_most_s: None,
        expiry_policy: None,
        cut: None,
        early_close: None,
        ..cell.clone()
    }
}

fn group(runs: &Runs, cell: Cell, cells: Vec<u32>, trials: &[(usize, Trial)]) -> Group {
    let of = |at: &u32| &runs.cells[*at as usize];
    let mut group = Group {
        ttls: cells
            .iter()
            .map(of)
            .filter(|cell| cell.control.is_none())
            .filter_map(|cell| cell.ttls())
            .map(|ttls| ttls.most_s)
            .collect(),
        cell,
        cells,
        trials: Vec::new(),
        left_out: LeftOut::default(),
        transfers: 0,
        blocks: 0,
        heads_by_answer: 0,
        unknown_clock: 0,
    };
    let mut fit: Vec<(usize, &Trial)> = Vec::new();
    for (at, trial) in trials {
        let left_out = &mut group.left_out;
        match trial.need {
            _ if runs.trials[*at].starved || trial.this_machine => left_out.this_machine += 1,
            _ if trial.clock_set => left_out.clock_set += 1,
            _ if trial.without_link => left_out.without_link += 1,
            None => left_out.cancelled += 1,
            Some(_) => fit.push((*at, trial)),
        }
    }
    // Whether a cell counts is decided by its TTL and by what other cells needed, never by how its own trials ended: that would
    // keep the quick ones.
    let controls = |cell: &Cell| cell.control.is_some();
    let longest = group.ttls.last().copied();
    let has_controls = fit.iter().any(|(_, trial)| controls(of(&trial.cell)));
    let is_reference =
        |cell: &Cell| if has_controls { controls(cell) } else { cell.ttls().map(|ttls| ttls.most_s) == longest };
    let needs = fit.iter().filter(|(_, trial)| is_reference(of(&trial.cell))).filter_map(|(_, trial)| trial.need);
    let most = needs.map(|need| need.end.least()).max().unwrap_or(0);
    let outlives = |cell: &Cell| is_reference(cell) || cell.ttl_s.is_some_and(|ttl| i64::from(ttl) * SECOND >= most);
    let mut blocks = BTreeSet::new();
    for (at, trial) in fit {
        if !outlives(of(&trial.cell)) {
            group.left_out.short_links += 1;
            continue;
        }
        group.trials.extend(trial.need);
        group.transfers += trial.transfers;
        group.heads_by_answer += u64::from(trial.by_answer);
        group.unknown_clock += u64::from(trial.unknown_clock);
        blocks.insert((&runs.trials[at].run_id, runs.trials[at].block));
    }
    group.blocks = blocks.len() as u64;
    group
}

/// A trial while its transfers are gone through.
#[derive(Debug, Clone)]
struct Trial {
    cell: u32,
    need: Option<TrialNeed>,
    transfers: u64,
    this_machine: bool,
    clock_set: bool,
    without_link: bool,
    by_answer: bool,
    unknown_clock: bool,
}

impl Trial {
    const fn new(cell: u32) -> Self {
        Self {
            cell,
            need: None,
            transfers: 0,
            this_machine: false,
            clock_set: false,
            without_link: false,
            by_answer: false,
            unknown_clock: false,
        }
    }

    fn add(&mut self, seen: &Transfer, cell: &Cell, evidence: &Evidence<'_>) {
        match seen.outcome {
            Outcome::Cancelled => return,
            Outcome::FailedLocally => {
                self.this_machine = true;
                return;
            }
            _ => {}
        }
        // A request without a link starts when one would have been made, unless links are made ahead.
        let made =
            seen.presigned_at.get().or_else(|| (cell.presign == Presign::PerTransfer).then_some(seen.started_at));
        let Some(made) = made else {
            self.without_link = true;
            return;
        };
        self.clock_set |= evidence.clocks.was_set(seen.asked, seen.trial);
        let ahead = evidence.clocks.bracket(seen.asked, seen.trial).map(|bracket| bracket.high_us);
        self.unknown_clock |= ahead.is_none();
        // A server whose clock is behind gives links more time, until somebody sets it.
        let lost = SECOND + ahead.unwrap_or(0).max(0);
        let need = |at: i64| at - made + lost;
        let ended = need(seen.ended_at);
        let completed = seen.outcome == Outcome::Completed;
        let answered = || completed.then(|| seen.response_start_us.get()).flatten().map(|at| seen.started_at + at);
        let continued = seen.continue_us.get().map(|at| seen.started_at + at);
        let acked = [seen.head_acked_at.get(), continued].into_iter().flatten().min();
        self.by_answer |= acked.is_none() && completed;
        let arrived = acked.or_else(answered).or_else(|| completed.then_some(seen.ended_at));
        let one = TrialNeed {
            started_us: seen.started_at,
            head: arrived.map_or(Need::AtLeast(ended), |at| Need::Known(need(at))),
            end: if completed { Need::Known(ended) } else { Need::AtLeast(ended) },
        };
        self.need = Some(self.need.map_or(one, |all| all.with(one)));
        self.transfers += 1;
    }
}

/// What a link's life loses at most because its date is cut to whole seconds.
pub(crate) const SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transfer_that_did_not_end_leaves_the_need_of_its_trial_open() {
        use Need::{AtLeast, Known};
        assert_eq!(Known(3).with(Known(5)), Known(5));
        assert_eq!(Known(7).with(AtLeast(5)), AtLeast(7));
        assert_eq!(AtLeast(9).with(Known(5)).known(), None);
    }
}
