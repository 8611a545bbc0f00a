//! The trials of each run in the order of time.

use crate::prose::count;
use std::collections::{BTreeMap, BTreeSet};
use ttlsweep_record::units::grouped;

use ttlsweep_record::Outcome;
use ttlsweep_rundir::environment::Environment;

use crate::chart::run_order::{Block, Mark, Panel};
use crate::load::Runs;

/// One panel a run that has a whole trial, and a host of it: blocks of several hosts run at the same time.
pub(crate) fn run_order(runs: &Runs) -> Vec<Panel> {
    let mut outcomes = vec![[0u32; Outcome::ALL.len()]; runs.trials.len()];
    for seen in runs.transfers.all() {
        outcomes[seen.trial as usize][seen.outcome as usize] += 1;
    }
    let mut panels = Vec::new();
    for environment in &runs.environments {
        let of_run: Vec<u32> =
            (0..).zip(&runs.trials).filter(|(_, trial)| trial.run_id == environment.run_id).map(|(at, _)| at).collect();
        let host_of = |at: u32| runs.trials[at as usize].host.as_str();
        let hosts: BTreeSet<&str> = of_run.iter().map(|at| host_of(*at)).collect();
        let several = if hosts.len() <= MOST_HOSTS { hosts.len() } else { 1 };
        for host in hosts.iter().take(several) {
            let trials: Vec<u32> = of_run.iter().copied().filter(|at| several == 1 || host_of(*at) == *host).collect();
            let run = (runs.environments.len() > 1).then(|| format!("run {}", environment.run_id));
            let title = [run, (several > 1).then(|| format!("host {host}"))].into_iter().flatten();
            let place = if hosts.len() > MOST_HOSTS { format!("{} hosts", hosts.len()) } else { (*host).to_owned() };
            panels.push(panel(runs, environment, &trials, &outcomes, &place, title.collect::<Vec<_>>().join(" · ")));
        }
    }
    panels
}

fn panel(
    runs: &Runs,
    environment: &Environment,
    trials: &[u32],
    outcomes: &[[u32; Outcome::ALL.len()]],
    place: &str,
    title: String,
) -> Panel {
    let all = trials.len();
    let mut blocks: BTreeMap<u32, Block> = BTreeMap::new();
    for trial in trials.iter().map(|at| &runs.trials[*at as usize]) {
        let (from_us, to_us) = (trial.started_at.unix_micros(), trial.ended_at.unix_micros());
        let block = blocks.entry(trial.block).or_insert(Block { number: trial.block, from_us, to_us });
        block.from_us = block.from_us.min(from_us);
        block.to_us = block.to_us.max(to_us);
    }
    let mark = |at: &u32| {
        let (trial, counts) = (&runs.trials[*at as usize], outcomes[*at as usize]);
        Some(Mark {
            started_us: trial.started_at.unix_micros(),
            position: trial.position,
            outcome: most_frequent(&counts)?,
            mixed: counts.iter().filter(|count| **count > 0).count() > 1,
            control: trial.control.is_some(),
        })
    };
    let shown = trials.iter().filter(|at| super::is_sampled(**at, MOST_MARKS / all as f64));
    let shown: Vec<Mark> = shown.filter_map(mark).collect();
    let date = environment.started_at.to_string();
    let date = date.split('T').next().unwrap_or_default();
    let sample = if shown.len() < all {
        format!("; {} of them are shown, chosen by number", grouped(shown.len() as u64))
    } else {
        String::new()
    };
    let mut blocks: Vec<Block> = blocks.into_values().collect();
    blocks.sort_by_key(|block| block.from_us);
    Panel {
        title,
        notes: format!(
            "{} in {} on {date} at {place}{sample}.",
            count(all as u64, "whole trial"),
            count(blocks.len() as u64, "block"),
        ),
        blocks,
        trials: shown,
    }
}

/// A failure before a success where they are as frequent.
fn most_frequent(counts: &[u32; Outcome::ALL.len()]) -> Option<Outcome> {
    let there = Outcome::ALL.iter().filter(|outcome| counts[**outcome as usize] > 0);
    there.copied().max_by_key(|outcome| (counts[*outcome as usize], outcome.is_failure()))
}

const MOST_MARKS: f64 = 4000.0;
/// Beyond these, all hosts share a panel.
const MOST_HOSTS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_marked_by_what_happened_to_most_of_its_transfers() {
        let counts = |pairs: &[(Outcome, u32)]| {
            let mut counts = [0; Outcome::ALL.len()];
            pairs.iter().for_each(|(outcome, count)| counts[*outcome as usize] = *count);
            counts
        };
        let found = |pairs: &[(Outcome, u32)]| most_frequent(&counts(pairs));
        assert_eq!(found(&[(Outcome::Completed, 3), (Outcome::Reset, 1)]), Some(Outcome::Completed));
        assert_eq!(found(&[(Outcome::Completed, 2), (Outcome::Reset, 2)]), Some(Outcome::Reset));
        assert_eq!(found(&[]), None);
    }
}
