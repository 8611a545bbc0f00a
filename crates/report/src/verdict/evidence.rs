pub(crate) mod clock_steps;
pub(crate) mod clocks;
pub(crate) mod groups;
pub(crate) mod logs;
pub(crate) mod needed;
pub(crate) mod standstill;
pub(crate) mod timed;

use std::collections::{BTreeSet, HashMap};

use ttlsweep_record::{ClockRecord, ServerRecord, TrialRecord};

use crate::verdict::evidence::clocks::{Beside, Clocks};

use crate::load::Runs;
use crate::load::transfer::{Answer, Asked, Condition, Transfer};

/// What a client could know of the runs. The testbed's policy and faults are not among it: from here on no code can ask.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// The plan's cells, in its order.
    pub conditions: Vec<Condition>,
    /// The whole trials.
    pub trials: Vec<Trial>,
    /// The machines that ran them; trials name them by their place.
    pub hosts: Vec<String>,
    /// The transfers of the whole trials.
    pub transfers: &'a [Transfer],
    /// Which run asked which endpoint.
    pub asked: &'a [Asked],
    /// The distinct final responses.
    pub answers: &'a [Answer],
    /// What servers' own logs say, in the order of the transfers, each line with the place of its transfer.
    pub logged: &'a [(usize, ServerRecord)],
    /// The proxy on the way to each of `asked`; `None` if it was asked directly, or the file is too old to tell.
    pub proxies: Vec<Option<String>>,
    /// How the clock of each of `asked` stood against the client's during each trial.
    pub clocks: Clocks,
}

/// One whole trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The block of its run, numbered over all runs and hosts: places within it were drawn at random.
    pub block: u32,
    /// The machine that ran it, as its place among the hosts.
    pub host: u32,
    /// By how much instants may have been noted late at most, in microseconds, beside what δ allows for anyway; `None`
    /// where the machine was starved and nothing says by how much.
    pub late_us: Option<i64>,
}

/// By how much `trial`'s instants may have been noted late, beside what δ allows for: by no more than the longest time for
/// which a task of its machine waited. Nothing is ever noted early.
pub fn late_us(trial: &TrialRecord) -> Option<i64> {
    if !trial.starved {
        return Some(0);
    }
    trial.scheduler_lag_us.map(|lag| i64::try_from(lag).unwrap_or(i64::MAX))
}

impl<'a> Evidence<'a> {
    /// Takes from `runs` what a client could know.
    pub fn of(runs: &'a Runs) -> Self {
        let mut blocks = HashMap::new();
        let hosts = runs.hosts();
        let trials = runs.trials.iter().map(|trial| {
            let next = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
            let block = *blocks.entry((&trial.run_id, trial.block, &trial.host)).or_insert(next);
            let host = hosts.binary_search(&trial.host.as_str()).unwrap_or(0) as u32;
            Trial { block, host, late_us: late_us(trial) }
        });
        let trials: Vec<Trial> = trials.collect();
        let transfers = &runs.transfers;
        let clocks = Clocks::read(transfers.all(), &trials, beside(runs));
        Self {
            conditions: runs.cells.iter().map(Condition::of).collect(),
            trials,
            hosts: hosts.into_iter().map(str::to_owned).collect(),
            transfers: transfers.all(),
            asked: transfers.asked(),
            answers: transfers.answers(),
            logged: transfers.logged(),
            proxies: transfers.asked().iter().map(|asked| runs.proxy(asked)).collect(),
            clocks,
        }
    }
}

/// What is known of the clocks beside the transfers' own answers, for each of what was asked.
fn beside(runs: &Runs) -> Vec<Beside> {
    let mut asked_in: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); runs.transfers.asked().len()];
    if !runs.clock_rows.is_empty() {
        for seen in runs.transfers.all() {
            asked_in[seen.asked as usize].insert(seen.trial);
        }
    }
    runs.transfers.asked().iter().zip(asked_in).map(|(asked, trials)| beside_of(runs, asked, &trials)).collect()
}

fn beside_of(runs: &Runs, asked: &Asked, trials: &BTreeSet<u32>) -> Beside {
    let recorded = runs.recorded_offset(asked);
    let run_id = &runs.environments[asked.run as usize].run_id;
    let hosts: BTreeSet<&str> = trials.iter().map(|trial| runs.trials[*trial as usize].host.as_str()).collect();
    let own = |row: &&ClockRecord| hosts.iter().any(|hosts| hosts.split(", ").any(|host| host == row.host));
    let rows: Vec<&ClockRecord> =
        runs.clock_rows.iter().filter(|(run, _)| *run == asked.run).map(|(_, row)| row).filter(own).collect();
    // Each machine's clock is its own: where several shared the trials there is no one clock to follow.
    let machines: BTreeSet<&str> = rows.iter().map(|row| row.host.as_str()).collect();
    if machines.len() != 1 || hosts.len() != 1 {
        return Beside { recorded, ..Beside::default() };
    }
    let of_machine: Vec<(u32, &TrialRecord)> = (0..)
        .zip(&runs.trials)
        .filter(|(_, trial)| trial.run_id == *run_id && hosts.contains(trial.host.as_str()))
        .collect();
    Beside::watched(recorded, &asked.endpoint, &rows, &of_machine)
}
