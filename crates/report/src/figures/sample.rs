//! Which transfers the timeline shows: a few of every cell, chosen before anything is known of how they ended.

use std::collections::HashMap;

use polars::prelude::*;
use ttlsweep_record::Outcome;

use crate::chart::kit::caption::{grouped, plural};
use crate::chart::timeline::{Group, Lane, Timeline};
use crate::load::{Runs, Transfers};
use crate::summary::CellSummary;
use crate::summary::axes::Axes;

/// Takes from every cell the whole trial that ran first (lowest block, first run named) and from it each user's earliest
/// transfers, as many as keep the whole within [`LANES`]. With more cells than that, cells at equal distances.
///
/// # Errors
/// Only where a frame's operation fails, which would be an error of this program.
pub(crate) fn timeline(runs: &Runs, cells: &[CellSummary], axes: &Axes) -> PolarsResult<Timeline> {
    let first_trials = first_trials(runs);
    let with_trials: Vec<(&CellSummary, u32)> =
        cells.iter().filter_map(|summary| Some((summary, *first_trials.get(summary.cell.cell_id.as_str())?))).collect();
    // No whole stride: one that divides the length of an axis would show the same values of it again and again.
    let count = with_trials.len().min(LANES);
    let chosen: Vec<(&CellSummary, u32)> = (0..count).map(|at| with_trials[at * with_trials.len() / count]).collect();
    let a_cell = (LANES / chosen.len().max(1)).clamp(1, LANES_A_CELL);

    let mut lanes = lanes_of(&runs.transfers, chosen.iter().map(|(_, trial)| *trial))?;
    let mut shown = 0;
    let mut groups = Vec::new();
    for (summary, trial) in &chosen {
        let mut found = lanes.remove(trial).unwrap_or_default();
        found.sort_by_key(|(sequence, user, _)| (*sequence, *user));
        let all = found.len();
        found.truncate(a_cell);
        found.sort_by_key(|(sequence, user, _)| (*user, *sequence));
        shown += found.len();
        let record = &runs.trials[*trial as usize];
        let control = record.control.map(|control| format!("control {control}"));
        let settings = if record.control.is_some() {
            let panel = axes.panel(&summary.cell);
            let users = axes.is_varied("users").then(|| format!("users {}", summary.cell.users));
            [Some(panel).filter(|panel| !panel.is_empty()), users].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        } else {
            [axes.panel(&summary.cell), axes.within_panel(&summary.cell)]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" · ")
        };
        let count = if found.len() < all { format!("{} of {all} transfers", found.len()) } else { String::new() };
        let parts = [control.unwrap_or_default(), settings, format!("block {}", record.block), count];
        let title = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
        groups.push(Group { title, lanes: found.into_iter().map(|(_, _, lane)| lane).collect() });
    }
    let cells_shown = if count < with_trials.len() {
        format!("{} of {} cells", chosen.len(), with_trials.len())
    } else {
        "every cell".to_owned()
    };
    let sample = format!(
        "Shown: of {cells_shown} the whole trial that ran first, at most {} each, the users' earliest; \
         {shown} of {} transfers, chosen without regard to how they ended.",
        plural(a_cell as u64, "transfer"),
        grouped(runs.transfers.frame().height() as u64),
    );
    Ok(Timeline { groups, sample })
}

fn first_trials(runs: &Runs) -> HashMap<&str, u32> {
    let mut first: HashMap<&str, u32> = HashMap::new();
    for (at, trial) in (0..).zip(&runs.trials) {
        let known = first.entry(trial.cell_id.as_str()).or_insert(at);
        if trial.block < runs.trials[*known as usize].block {
            *known = at;
        }
    }
    first
}

type Found = HashMap<u32, Vec<(u32, u32, Lane)>>;

/// The transfers of `trials`, each with its sequence and user.
fn lanes_of(transfers: &Transfers, trials: impl Iterator<Item = u32>) -> PolarsResult<Found> {
    let mut found: Found = trials.map(|trial| (trial, Vec::new())).collect();
    let frame = transfers.frame();
    let trial = frame.column(Transfers::TRIAL)?.u32()?;
    let rows: Vec<(usize, u32)> = trial
        .iter()
        .enumerate()
        .filter_map(|(row, trial)| trial.filter(|trial| found.contains_key(trial)).map(|trial| (row, trial)))
        .collect();
    let (user, sequence) = (frame.column(Transfers::USER)?.u32()?, frame.column(Transfers::SEQUENCE)?.u32()?);
    let (started, ended) = (frame.column(Transfers::STARTED_AT)?.i64()?, frame.column(Transfers::ENDED_AT)?.i64()?);
    let head = frame.column(Transfers::HEAD_WRITTEN_AT)?.i64()?;
    let expiry = frame.column(Transfers::EXPIRES_AT)?.i64()?;
    let outcome = frame.column(Transfers::OUTCOME)?.u32()?;
    let answered = |row: usize| transfers.observations()[row].response_start_us.get();
    for (row, trial) in rows {
        let (user, sequence) = (user.get(row).unwrap_or_default(), sequence.get(row).unwrap_or_default());
        let started = started.get(row).unwrap_or_default();
        let origin = head.get(row).unwrap_or(started);
        let label = if sequence > 1 { format!("user {user}, no. {sequence}") } else { format!("user {user}") };
        let lane = Lane {
            label,
            started_us: started - origin,
            ended_us: ended.get(row).unwrap_or_default() - origin,
            expiry_us: expiry.get(row).map(|expiry| expiry - origin),
            answered_us: answered(row).map(|answer| started + answer - origin),
            outcome: Outcome::ALL[outcome.get(row).unwrap_or_default() as usize],
        };
        found.entry(trial).or_default().push((sequence, user, lane));
    }
    Ok(found)
}

/// About four images.
const LANES: usize = 200;
/// More of one cell show nothing new.
const LANES_A_CELL: usize = 8;
