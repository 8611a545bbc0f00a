//! What one process runs of a plan that several run together.

use ttlsweep_record::Portion;

use super::Plan;

/// A plan that has too little to give every portion some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooSmall {
    /// Fewer blocks than shards.
    #[error(
        "this plan has {blocks} blocks, too few for {shards} shards: a shard is whole blocks, so that every host runs every \
             cell and control; write `repetitions = {shards}` below [experiment] (or `--set experiment.repetitions={shards}`), or a \
             multiple of it, or run at most {blocks} shards"
    )]
    Blocks {
        /// How many the plan has.
        blocks: u32,
        /// How many shards were asked for.
        shards: u32,
    },
    /// Fewer users than parts.
    #[error(
        "cell {cell_id} has {users} users, too few for {parts} parts: every part runs some of the users of every trial; \
             write `users = {parts}` or more below [grid], or run at most {users} parts"
    )]
    Users {
        /// The cell with the fewest.
        cell_id: String,
        /// How many it has.
        users: u32,
        /// How many parts were asked for.
        parts: u32,
    },
}

impl Plan {
    /// The trials of this portion. All else stays the whole plan's: its hash, seed and cells, and the trials' names.
    ///
    /// # Errors
    /// Some portion would have nothing to run.
    pub fn of_portion(&self, portion: Portion) -> Result<Self, TooSmall> {
        match portion {
            Portion::Shard(share) => {
                let (blocks, shards) = (self.repetitions, share.of());
                if blocks < shards {
                    return Err(TooSmall::Blocks { blocks, shards });
                }
                let trials = self.trials.iter().filter(|trial| share.has(trial.block)).cloned().collect();
                Ok(Self { trials, ..self.clone() })
            }
            Portion::Part(share) => {
                let fewest = self.cells.iter().min_by_key(|cell| cell.users).filter(|cell| cell.users < share.of());
                match fewest {
                    Some(cell) => {
                        Err(TooSmall::Users { cell_id: cell.cell_id.clone(), users: cell.users, parts: share.of() })
                    }
                    None => Ok(self.clone()),
                }
            }
        }
    }
}
