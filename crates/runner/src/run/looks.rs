//! Between two blocks: is each target decided? If so, the run ends there.
//!
//! The rules are the report's, of which the runner knows nothing: it asks the program beside it. Without its clear word the run
//! goes on. Only whole blocks are looked at, as an answer may not depend on where in a block it was asked for.

mod ask;
pub(crate) mod found;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Interval;
use ttlsweep_record::{TrialRecord, TrialState};

use crate::plan::Plan;
use crate::run::looks::found::{Look, Target};
use crate::run::progress::Progress;
use crate::run::trial::TrialRun;
use crate::run::{Run, environment};

/// How a run finds out whether it may end before its plan does.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How many whole blocks there must be.
    pub least: u32,
    /// The run's folder.
    pub folder: PathBuf,
    /// The program that knows, or why there is none.
    pub program: Result<PathBuf, String>,
}

/// The looks of a run under way.
pub(super) struct Looks {
    asked: Asked,
    /// Of each of its blocks, how many trials are not whole yet, and how many there are.
    left: BTreeMap<u32, (usize, usize)>,
    has_complained: bool,
}

impl Looks {
    /// Begins with those trials that are whole already; `None` if the run has its whole plan to run.
    pub(super) fn begin(run: &Run, whole: &HashSet<String>) -> Option<Self> {
        let asked = run.asked.clone()?;
        if let Err(why) = &asked.program {
            tracing::warn!("{why}; it alone knows whether each target is decided, so that all blocks are run");
        }
        let has_complained = asked.program.is_err();
        Some(Self { asked, left: left(&run.plan, whole), has_complained })
    }

    /// The trials to run until the next look is due, taken from those that are `waiting`.
    pub(super) fn next(&self, waiting: &mut VecDeque<(TrialRun, Duration)>) -> Vec<(TrialRun, Duration)> {
        let most = (self.asked.least.saturating_sub(self.whole_blocks())).max(1) as usize;
        let mut blocks: Vec<u32> = Vec::new();
        let mut next = Vec::new();
        while let Some((trial, time)) = waiting.pop_front() {
            let block = trial.trial.block;
            if !blocks.contains(&block) && blocks.len() == most {
                waiting.push_front((trial, time));
                break;
            }
            if !blocks.contains(&block) {
                blocks.push(block);
            }
            next.push((trial, time));
        }
        next
    }

    /// A trial is over.
    pub(super) fn over(&mut self, row: &TrialRecord) {
        if row.state == TrialState::Whole
            && let Some((left, _)) = self.left.get_mut(&row.block)
        {
            *left = left.saturating_sub(1);
        }
    }

    /// Whether enough blocks are whole, and none is in part.
    pub(super) fn are_due(&self) -> bool {
        self.left.values().all(|(left, all)| *left == 0 || left == all) && self.whole_blocks() >= self.asked.least
    }

    /// Asks, and records what was found. Meanwhile `progress` goes on. Returns whether the run is to end; a signal that ends it
    /// before counts as none.
    pub(super) async fn look(&mut self, run: &Arc<Run>, progress: &mut Progress, ticks: &mut Interval) -> bool {
        let mut stop = run.stop.listen(None);
        let answer = {
            let asking = self.ask(run);
            tokio::pin!(asking);
            loop {
                tokio::select! {
                    biased;
                    _ = stop.reason() => return false,
                    answer = &mut asking => break answer,
                    _ = ticks.tick() => progress.tick(),
                }
            }
        };
        let block = self.left.iter().rev().find(|(_, (left, _))| *left == 0).map_or(0, |(block, _)| *block);
        let (targets, doubt) = match answer {
            Ok(targets) => (targets, None),
            Err(doubt) => (Vec::new(), Some(doubt.to_string())),
        };
        let look = Look { block, blocks: self.whole_blocks(), at: run.clock.wall(), targets, doubt };
        run.sink.decisions(look.rows(run.id()));
        if let Some(doubt) = look.doubt.as_ref().filter(|_| !self.has_complained) {
            self.has_complained = true;
            tracing::warn!(
                "nothing can be said about whether each target is decided after block {block}: {doubt}. The run goes on, and asks \
                 again after each block"
            );
        }
        progress.looked(&look);
        if !look.is_decided() {
            return false;
        }
        // What ends the run must outlast it.
        run.sink.flushed().await
    }

    async fn ask(&self, run: &Arc<Run>) -> Result<Vec<Target>, ask::Doubt> {
        let program = self.asked.program.as_ref().map_err(|_| ask::Doubt::Missing)?;
        if !run.sink.flushed().await {
            return Err(ask::Doubt::Unwritten);
        }
        // What is known of the clocks counts as it will in the end.
        let (environment, folder) = (environment::with_clocks(run), self.asked.folder.clone());
        let written = spawn_blocking(move || environment.write(&folder)).await;
        if !matches!(written, Ok(Ok(()))) {
            return Err(ask::Doubt::Unwritten);
        }
        let trials = self.left.values().map(|(left, all)| (all - left) as u64).sum();
        ask::ask(program, &self.asked.folder, trials, ask::PATIENCE).await
    }

    fn whole_blocks(&self) -> u32 {
        self.left.values().filter(|(left, _)| *left == 0).count() as u32
    }
}

fn left(plan: &Plan, whole: &HashSet<String>) -> BTreeMap<u32, (usize, usize)> {
    let mut left: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for trial in &plan.trials {
        let (left, all) = left.entry(trial.block).or_default();
        *all += 1;
        *left += usize::from(!whole.contains(&trial.trial_id));
    }
    left
}
