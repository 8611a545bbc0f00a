//! What is not a mechanism and yet decides how much a plan shows: durations, round trips, other failures. From a pilot's rows, or
//! taken for granted and said so.

use std::collections::HashMap;

use ttlsweep_record::{BandwidthPer, Cell, Control, Outcome, TargetKind};
use ttlsweep_rundir::planned::PlannedRun;
use ttlsweep_simulate::world::{Stutter, World};

use crate::load::Runs;
use crate::load::transfer::{Condition, Key, Transfer};
use crate::prose::percent;

/// All of them.
#[derive(Debug, Clone)]
pub struct Nuisances {
    /// What a transfer of each cell takes when nothing stops it.
    pub needed_us: Vec<i64>,
    rtt_us: (i64, i64),
    offset_us: i64,
    /// Whether the server's clock was found before the first trial.
    probed: bool,
    /// How durations vary from trial to trial, and from transfer to transfer.
    spread: (f64, f64),
    /// The share of transfers that break for no reason that is tested.
    broken: f64,
    /// The share of transfers that are told to slow down.
    throttled: f64,
    /// What waits in the uplink's queue at most.
    uplink_us: i64,
    /// The share of trials that starve, and by how much.
    stutter: Option<Stutter>,
    /// What was taken for granted, or found, in words.
    pub said: Vec<String>,
}

impl Nuisances {
    /// Taken for granted, the durations by the plan's arithmetic.
    pub fn assumed(cells: &[Cell], planned: Option<&PlannedRun>) -> Self {
        let calm = World::default();
        let is_here = cells.iter().all(|cell| cell.target == TargetKind::Embedded);
        let needed = |cell: &Cell| {
            let planned = planned.and_then(|planned| planned.needed_us.get(&cell.cell_id));
            planned.map_or_else(|| arithmetic_us(cell), |needed| needed.cast_signed()).max(1)
        };
        let twice_us = |cell: &Cell| 2 * cell.path_delay_us.unwrap_or_default().cast_signed();
        let (least_us, most_us) = (cells.iter().map(twice_us).min(), cells.iter().map(twice_us).max());
        let here_us = (50 + least_us.unwrap_or_default(), 1_000 + most_us.unwrap_or_default());
        let rtt_us = if is_here { here_us } else { calm.rtt_us };
        let mut said = vec![
            format!("round trips of {}", between(rtt_us)),
            format!("durations vary by {} from trial to trial", percent(calm.spread.0)),
            "nothing else fails".to_owned(),
        ];
        if cells.iter().any(|cell| cell.path_rate_bps.is_some()) {
            said.push("slow lines are busy, and no head waits in their queues".to_owned());
        }
        if cells.iter().any(|cell| cell.bandwidth_bps.or(cell.path_rate_bps).is_none()) {
            let rate = planned.and_then(|planned| planned.assumed_bps).unwrap_or(UNCAPPED_BPS);
            said.push(format!("{} Mbit/s where no cap is set", rate / 1_000_000));
        }
        Self {
            needed_us: cells.iter().map(needed).collect(),
            rtt_us,
            offset_us: if is_here { 0 } else { calm.offset_us },
            probed: planned.is_some_and(|planned| planned.probes_clock),
            spread: calm.spread,
            broken: 0.0,
            throttled: 0.0,
            uplink_us: 0,
            stutter: None,
            said,
        }
    }

    /// From the rows of a pilot, for as much as these say; the rest as it was.
    pub fn found_in(mut self, runs: &Runs, cells: &[Cell]) -> Self {
        let durations = Durations::of(runs);
        let mut unlike = 0;
        for (needed, cell) in self.needed_us.iter_mut().zip(cells) {
            match durations.needed_us.get(&Condition::of(cell).key) {
                Some(found) => *needed = *found,
                None => unlike += 1,
            }
        }
        self.spread = durations.spread.unwrap_or(self.spread);
        let trips = median(runs.transfers.all().iter().filter_map(|seen| seen.min_rtt_us).map(i64::from).collect());
        if let Some(rtt) = trips {
            self.rtt_us = (rtt, rtt + 1);
        }
        let brackets = runs.environments.iter().flat_map(|environment| environment.clock_offset.values());
        if let Some(offset) = median(brackets.map(|one| i64::midpoint(one.low_us, one.high_us)).collect()) {
            self.offset_us = offset;
        }
        self.probed = !runs.clock_rows.is_empty();
        let living: Vec<&Transfer> = living(runs).filter(|seen| seen.counts()).collect();
        let share = |keep: &dyn Fn(&Transfer) -> bool| {
            living.iter().filter(|seen| keep(seen)).count() as f64 / living.len().max(1) as f64
        };
        self.broken = share(&breaks);
        self.throttled =
            share(&|seen| seen.answer.is_some_and(|answer| runs.transfers.answers()[answer as usize].status == 503));
        let waits = living.iter().filter_map(|seen| {
            Some(seen.head_acked_at.get()? - seen.head_written_at.get()? - i64::from(seen.min_rtt_us.unwrap_or(0)))
        });
        // What is drawn evenly from none to the whole queue is half of it on average.
        self.uplink_us = median(waits.collect()).map_or(0, |wait| 2 * wait);
        if self.uplink_us < LEAST_QUEUE_US {
            self.uplink_us = 0;
        }
        let starved: Vec<i64> = runs
            .trials
            .iter()
            .filter(|trial| trial.starved)
            .map(|trial| trial.scheduler_lag_us.unwrap_or(0).cast_signed())
            .collect();
        let most = starved.iter().copied().max().unwrap_or(0);
        self.stutter = (most > 0).then(|| Stutter {
            share: starved.len() as f64 / runs.trials.len().max(1) as f64,
            lag_us: (starved.iter().copied().min().unwrap_or(0), most + 1),
            measured: true,
        });
        self.said = vec![
            format!("round trips of {}", milliseconds(self.rtt_us.0)),
            format!("durations vary by {} from trial to trial", percent(self.spread.0)),
            format!("{} of the controls broken, {} throttled", percent(self.broken), percent(self.throttled)),
        ];
        if unlike > 0 {
            self.said
                .push(format!("{unlike} of {} cells last as their caps say, since none like them ran", cells.len()));
        }
        if self.uplink_us > 0 {
            self.said.push(format!("heads wait up to {} in a queue", milliseconds(self.uplink_us)));
        }
        if let Some(stutter) = self.stutter {
            self.said.push(format!("{} of the trials starved", percent(stutter.share)));
        }
        self
    }

    /// A store that checks at the head, met with these.
    pub fn world(&self) -> World {
        World {
            rtt_us: self.rtt_us,
            offset_us: self.offset_us,
            probed: self.probed,
            spread: self.spread,
            broken: self.broken,
            throttled: self.throttled,
            uplink_us: (self.uplink_us > 0).then_some((self.uplink_us, self.uplink_us + 1)),
            stutter: self.stutter,
            ..World::default()
        }
    }
}

/// Durations of what nothing stopped.
struct Durations {
    needed_us: HashMap<Key, i64>,
    spread: Option<(f64, f64)>,
}

impl Durations {
    fn of(runs: &Runs) -> Self {
        let mut of_keys: HashMap<Key, Vec<(u32, i64)>> = HashMap::new();
        let keys: Vec<Key> = runs.cells.iter().map(|cell| Condition::of(cell).key).collect();
        for seen in living(runs).filter(|seen| seen.outcome == Outcome::Completed) {
            let Some(head) = seen.head_written_at.get() else { continue };
            let duration = (seen.ended_at - head).max(1);
            of_keys.entry(keys[seen.cell as usize].clone()).or_default().push((seen.trial, duration));
        }
        let needed_us: HashMap<Key, i64> = of_keys
            .iter()
            .filter_map(|(key, of)| Some((key.clone(), median(of.iter().map(|(_, us)| *us).collect())?)))
            .collect();
        let mut of_trials: HashMap<u32, Vec<f64>> = HashMap::new();
        for (key, of) in &of_keys {
            for (trial, us) in of {
                of_trials.entry(*trial).or_default().push((*us as f64 / needed_us[key] as f64).ln());
            }
        }
        let means: Vec<f64> = of_trials.values().map(|of| of.iter().sum::<f64>() / of.len() as f64).collect();
        let within: Vec<f64> = of_trials
            .values()
            .zip(&means)
            .filter(|(of, _)| of.len() > 1)
            .flat_map(|(of, mean)| of.iter().map(move |one| one - mean))
            .collect();
        let spread = (means.len() > 2).then(|| (deviation(&means), deviation(&within)));
        Self { needed_us, spread }
    }
}

/// The transfers of controls whose link lives, or that have none; of a run without controls, those that its links outlive.
fn living(runs: &Runs) -> impl Iterator<Item = &Transfer> {
    let control = |seen: &Transfer| runs.cells[seen.cell as usize].control;
    let is_living = |control| matches!(control, Some(Control::LongTtl | Control::HeaderSigned));
    let has_controls = runs.cells.iter().any(|cell| is_living(cell.control));
    runs.transfers.all().iter().filter(move |seen| match control(seen) {
        None => !has_controls && seen.expires_at.get().is_none_or(|expires| expires > seen.ended_at),
        control => is_living(control),
    })
}

fn breaks(seen: &Transfer) -> bool {
    matches!(
        seen.outcome,
        Outcome::Reset | Outcome::Closed | Outcome::Malformed | Outcome::TimedOut | Outcome::Truncated
    )
}

fn arithmetic_us(cell: &Cell) -> i64 {
    let takes_us = |sharers: u32, bits_per_second: u64| {
        cell.size_bytes.0 as f64 * 8e6 * f64::from(sharers) / bits_per_second as f64
    };
    let sharers = if cell.bandwidth_per == BandwidthPer::User { 1 } else { cell.users };
    let capped = cell.bandwidth_bps.map(|rate| takes_us(sharers, rate.bits_per_second()));
    // A slow line is what all users share.
    let on_line = cell.path_rate_bps.map(|rate| takes_us(cell.users, rate.bits_per_second()));
    let known = capped.into_iter().chain(on_line).reduce(f64::max);
    known.unwrap_or_else(|| takes_us(cell.users, UNCAPPED_BPS)) as i64
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Around zero or the mean, between what a clock resolves and a factor of e.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt().clamp(0.001, 1.0)
}

fn milliseconds(us: i64) -> String {
    if us < 10_000 { format!("{} ms", us as f64 / 1e3) } else { format!("{} ms", us / 1000) }
}

fn between((low, high): (i64, i64)) -> String {
    format!("{} to {}", (low as f64) / 1e3, milliseconds(high))
}

/// What a plan assumes of a store where no cap is set.
const UNCAPPED_BPS: u64 = 100_000_000;
/// A shorter wait is not a queue's.
const LEAST_QUEUE_US: i64 = 200_000;
