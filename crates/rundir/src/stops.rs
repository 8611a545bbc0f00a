//! Where a run ended before its plan did, because each target was decided: what `decisions.csv` says.
//!
//! A run that may end so has a look between two blocks. The last look decides: if each target is decided there, the blocks behind
//! it are neither lost nor missing. Each shard of a run has looks of its own.

use std::collections::BTreeMap;
use std::path::Path;

use crate::csv_file::{ReadError, read_rows_before_torn_end};
use crate::disk;
use crate::environment::Environment;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::DecisionRecord;
use ttlsweep_record::share::Share;
use ttlsweep_record::units::Timestamp;

/// Where a run, or each of its shards, ended because each target was decided; nothing for a run that has its plan to finish.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stops(Vec<Stop>);

/// The end of one share of a plan's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    share: Share,
    /// The last of its blocks that was run.
    block: u32,
}

impl Stops {
    /// Reads them from a run's folder; a run of an earlier version has none.
    ///
    /// # Errors
    /// `decisions.csv` cannot be read.
    pub fn read(folder: &Path, environment: &Environment) -> Result<Self, ReadError> {
        let path = folder.join(DecisionRecord::FILE);
        if !disk::is_there(&path) {
            return Ok(Self::default());
        }
        let rows: Vec<DecisionRecord> = read_rows_before_torn_end(&path)?;
        Ok(Self::of(&rows, &shares(environment)))
    }

    fn of(rows: &[DecisionRecord], shares: &[Share]) -> Self {
        struct Look {
            at: Timestamp,
            block: u32,
            decided: bool,
        }
        let mut last: BTreeMap<Share, Look> = BTreeMap::new();
        for row in rows {
            let Some(share) = shares.iter().find(|share| share.has(row.block)) else { continue };
            let known = last.get_mut(share).filter(|look| (look.at, look.block) == (row.at, row.block));
            match known {
                Some(look) => look.decided &= row.decided,
                None => drop(last.insert(*share, Look { at: row.at, block: row.block, decided: row.decided })),
            }
        }
        let decided = last.into_iter().filter(|(_, look)| look.decided);
        Self(decided.map(|(share, look)| Stop { share, block: look.block }).collect())
    }

    /// Adds those of another share.
    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Whether there are none.
    pub const fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a block of the plan is to be there.
    pub fn needs(&self, block: u32) -> bool {
        !self.0.iter().any(|stop| stop.share.has(block) && block > stop.block)
    }

    /// How many of a plan's `blocks` need not be there.
    pub fn not_needed(&self, blocks: u32) -> u32 {
        (1..=blocks).filter(|block| !self.needs(*block)).count() as u32
    }

    /// `stopped after block 3 of at most 20, because each target was decided`; `None` if nothing was stopped so. `blocks` are the
    /// plan's.
    pub fn words(&self, blocks: u32) -> Option<String> {
        let own = |stop: &Stop| (stop.share.items(stop.block).count(), stop.share.items(blocks).count());
        let clauses = self.0.iter().map(|stop| match (stop.share, own(stop)) {
            (Share::WHOLE, (ran, most)) => format!("stopped after block {ran} of at most {most}"),
            (share, (ran, most)) => format!("shard {share} stopped after its block {ran} of at most {most}"),
        });
        let clauses: Vec<String> = clauses.collect();
        (!clauses.is_empty()).then(|| format!("{}, because each target was decided", clauses.join(", ")))
    }
}

/// The shares of a plan's blocks that a folder holds: those of its shards if it was merged.
fn shares(environment: &Environment) -> Vec<Share> {
    if let Some(shard) = environment.shard {
        return vec![shard];
    }
    let merged: Vec<Share> =
        environment.hosts.iter().flat_map(|host| host.shards.iter().filter_map(|shard| shard.shard)).collect();
    if merged.is_empty() { vec![Share::WHOLE] } else { merged }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: i64, block: u32, decided: bool) -> DecisionRecord {
        DecisionRecord {
            run_id: "run".to_owned(),
            at: Timestamp::from_unix_micros(second * 1_000_000),
            block,
            blocks: block,
            target_name: Some("a".to_owned()),
            target_answer: None,
            decided,
            doubt: None,
        }
    }

    #[test]
    fn a_run_ends_at_the_look_that_finds_every_target_decided() {
        let stops = |rows: &[DecisionRecord]| Stops::of(rows, &[Share::WHOLE]);
        let none = stops(&[row(1, 3, true), row(1, 3, false)]);
        assert!(none.is_nothing() && none.needs(4) && none.words(20).is_none());
        let found = stops(&[row(1, 3, true), row(1, 3, false), row(2, 4, true), row(2, 4, true)]);
        assert!(found.needs(4) && !found.needs(5));
        assert_eq!(found.not_needed(20), 16);
        let words = "stopped after block 4 of at most 20, because each target was decided";
        assert_eq!(found.words(20).as_deref(), Some(words));
        // A trial of a block that was there was lost and run again: what was found before is of no account.
        assert!(stops(&[row(1, 3, true), row(2, 3, false)]).is_nothing());
    }

    #[test]
    fn each_shard_ends_by_looks_of_its_own() {
        let shares = [Share::new(1, 2).unwrap(), Share::new(2, 2).unwrap()];
        let stops = Stops::of(&[row(1, 5, true), row(1, 6, false), row(2, 8, true)], &shares);
        assert!(stops.needs(5) && !stops.needs(7) && stops.needs(8) && !stops.needs(10));
        assert_eq!(stops.not_needed(10), 3);
        assert_eq!(
            stops.words(10).unwrap(),
            "shard 1/2 stopped after its block 3 of at most 5, shard 2/2 stopped after its block 4 of at most 5, because each target \
             was decided"
        );
    }
}
