//! The trial of each target that tells most of what it does with a link that expires in flight.

use crate::prose::count;
use std::collections::{BTreeMap, HashMap, HashSet};

use ttlsweep_record::Control;

use super::Collected;
use crate::chart::timeline::{Ghost, Lane, Panel};
use crate::forecast::ghosts::{GhostWorld, Ghosts};
use crate::load::{LoadError, Runs, transfer_at};
use crate::summary::axes::Axes;
use crate::verdict::{Ruling, Sight, TargetRuling, View, Way};

/// One trial of a cell, with a control beside it.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    trial: u32,
    cell: u32,
    /// Its transfers' rows, each with its bar.
    lanes: Vec<(u32, Lane)>,
    /// How many it has beside these.
    more: usize,
    /// A long-TTL control of the same settings and block.
    control: Option<Lane>,
    /// How much it tells: the share of its transfers that outlived their link, then how near to the middle of what a transfer
    /// needs the link expired, then how many users it shows at once.
    tells: f64,
}

/// Of each of the view's cells the trial of which most transfers outlived their link, the first of those that are alike.
pub(super) fn candidates(view: &View<'_, '_>) -> Vec<Telling> {
    let outlived: HashSet<u32> = view.outlived().collect();
    let mut trials: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut cell_of: BTreeMap<u32, u32> = BTreeMap::new();
    for sight in view.grid() {
        let (all, telling) = trials.entry(sight.seen.trial).or_default();
        *all += 1;
        *telling += u64::from(outlived.contains(&sight.row));
        cell_of.insert(sight.seen.trial, sight.seen.cell);
    }
    // Of each cell the best trial and its share.
    let mut best: BTreeMap<u32, (u32, f64)> = BTreeMap::new();
    for (trial, (all, telling)) in &trials {
        let share = *telling as f64 / *all as f64;
        let known = best.entry(cell_of[trial]).or_insert((*trial, share));
        if share > known.1 {
            *known = (*trial, share);
        }
    }
    let mut sights: BTreeMap<u32, Vec<Sight<'_>>> = best.values().map(|(trial, _)| (*trial, Vec::new())).collect();
    for sight in view.grid() {
        if let Some(known) = sights.get_mut(&sight.seen.trial) {
            known.push(sight);
        }
    }
    let shown: HashSet<u32> = sights.values().flatten().map(|sight| sight.row).collect();
    let ways: HashMap<u32, Way> = view.ways().filter(|(row, _)| shown.contains(row)).collect();
    let lane = |sight: &Sight<'_>| lane(sight, ways.get(&sight.row).copied());
    let mut controls: HashMap<(u32, u32), Sight<'_>> = HashMap::new();
    for sight in view.controls().filter(|sight| sight.control == Some(Control::LongTtl)) {
        controls.entry((sight.key, sight.block)).or_insert(sight);
    }
    let telling = |(cell, (trial, share)): (u32, (u32, f64))| {
        let sights = &sights[&trial];
        let rho = sights.iter().find_map(|sight| sight.rho).map_or(1.0, |rho| (rho - 0.5).abs().min(1.0));
        Telling {
            trial,
            cell,
            lanes: sights.iter().take(MOST_LANES).map(|sight| (sight.row, lane(sight))).collect(),
            more: sights.len().saturating_sub(MOST_LANES),
            // What expires there is a placebo.
            control: controls.get(&(sights[0].key, sights[0].block)).map(|one| lane(&Sight { expiry: None, ..*one })),
            tells: 10.0 * share - 2.0 * rho + 0.5 * sights.len().min(4) as f64,
        }
    };
    best.into_iter().map(telling).collect()
}

fn lane(sight: &Sight<'_>, way: Option<Way>) -> Lane {
    let seen = sight.seen;
    // Where no head was written, all of it was connecting: `end` and `expiry` count from its start then, and this bar from its end.
    let head = seen.head_written_at.get();
    let connecting = head.map_or(sight.end, |head| (head - seen.started_at) as f64 / 1e6);
    let before_head = if head.is_some() { 0.0 } else { connecting };
    let since_head = |at: i64| (at - seen.started_at) as f64 / 1e6 - connecting;
    Lane {
        label: String::new(),
        started: -connecting,
        ended: sight.end - before_head,
        expiry: sight.expiry.map(|at| at - before_head),
        answered: seen.response_start_us.get().map(|at| since_head(seen.started_at + at)),
        outcome: seen.outcome,
        way,
    }
}

/// The telling trials as a chart shows them, one a target, of the same cell wherever that can be.
///
/// # Errors
/// A row of a file cannot be read.
pub(crate) fn timeline(
    runs: &Runs,
    axes: &Axes,
    targets: &[Collected<'_>],
    verdict: &Ruling,
    ghosts: Option<&Ghosts>,
) -> Result<Vec<Panel>, LoadError> {
    let shape = |telling: &Telling| {
        let cell = &runs.cells[telling.cell as usize];
        [axes.panel_without_target(cell), axes.within_panel(cell)].join(" ")
    };
    let mut shapes: BTreeMap<String, f64> = BTreeMap::new();
    for telling in targets.iter().flat_map(|target| &target.telling) {
        *shapes.entry(shape(telling)).or_default() += telling.tells;
    }
    let reported = |one: &Telling| (shapes[&shape(one)], one.tells);
    let better = |one: &&Telling, other: &&Telling| {
        let ((all, own), (others, others_own)) = (reported(one), reported(other));
        all.total_cmp(&others).then(own.total_cmp(&others_own))
    };
    let mut panels = Vec::new();
    for (target, ruling) in targets.iter().zip(&verdict.targets) {
        if panels.len() == MOST_PANELS {
            break;
        }
        if let Some(best) = target.telling.iter().max_by(better) {
            let worlds = ghosts.map_or(&[][..], |ghosts| &ghosts.worlds);
            let of = |world: &GhostWorld| {
                let bands = world.of_cell(&runs.cells[best.cell as usize])?;
                Some(Ghost { label: world.name.clone(), ended: bands.ended })
            };
            let ghosts = worlds.iter().filter_map(of).collect();
            panels.push(Panel { ghosts, ..panel(runs, axes, target, ruling, best)? });
        }
    }
    Ok(panels)
}

fn panel(
    runs: &Runs,
    axes: &Axes,
    target: &Collected<'_>,
    ruling: &TargetRuling,
    best: &Telling,
) -> Result<Panel, LoadError> {
    let transfers = &runs.transfers;
    let mut lanes = Vec::new();
    for (row, lane) in &best.lanes {
        let folder = &runs.folders[transfers.folder(*row as usize)];
        let record = transfer_at(folder, transfers.place(*row as usize))?;
        let label = match record.sequence {
            0 | 1 => format!("user {}", record.user),
            several => format!("user {}, no. {several}", record.user),
        };
        lanes.push((record.user, record.sequence, Lane { label, ..lane.clone() }));
    }
    lanes.sort_by_key(|(user, sequence, _)| (*user, *sequence));
    let (trial, cell) = (&runs.trials[best.trial as usize], &runs.cells[best.cell as usize]);
    let more = if best.more > 0 { count(best.more as u64, "transfer") + " more" } else { String::new() };
    let settings = [axes.panel_without_target(cell), axes.within_panel(cell), format!("block {}", trial.block), more];
    Ok(Panel {
        title: target.title.clone(),
        finding: ruling.gist(),
        settings: settings.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        lanes: lanes.into_iter().map(|(_, _, lane)| lane).collect(),
        control: best.control.clone(),
        ghosts: Vec::new(),
    })
}

/// More of one trial show nothing new.
const MOST_LANES: usize = 8;
/// Two rows of three.
const MOST_PANELS: usize = 6;
