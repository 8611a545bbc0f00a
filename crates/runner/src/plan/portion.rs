//! What one process runs of a plan that several run together.

use ttlsweep_record::units::count;
use ttlsweep_record::{BandwidthPer, BitRate, Cell, Portion, Share};

use super::Plan;

/// A plan that has too little to give every portion some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooSmall {
    /// Fewer blocks than shards.
    #[error(
        "this plan has {}, too few for {shards} shards: a shard is whole blocks, so that every host runs every \
         cell and control; write `repetitions = {shards}` below [experiment] (or \
         `--set experiment.repetitions={shards}`), or a multiple of it, or run at most {}",
        count((*.blocks).into(), "block"),
        count((*.blocks).into(), "shard")
    )]
    Blocks {
        /// How many the plan has.
        blocks: u32,
        /// How many shards were asked for.
        shards: u32,
    },
    /// Fewer users than parts.
    #[error(
        "cell {cell_id} has {}, too few for {parts} parts: every part runs some of the users of every trial; \
             write `users = {parts}` or more below [grid], or run at most {}",
        count((*.users).into(), "user"),
        count((*.users).into(), "part")
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
    pub(crate) fn of_portion(&self, portion: Portion) -> Result<Self, TooSmall> {
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

    /// The plan as one part meets it: with its own users alone, for what it will take. No row is written by it.
    #[must_use]
    pub(crate) fn for_portion(&self, portion: Option<Portion>) -> Self {
        let Some(part) = portion.and_then(Portion::part) else { return self.clone() };
        let own = |cell: &Cell| Cell {
            users: own_users(cell, Some(part)),
            bandwidth_bps: own_bandwidth(cell, Some(part)),
            ..cell.clone()
        };
        Self { cells: self.cells.iter().map(own).collect(), ..self.clone() }
    }
}

/// How many of a trial's users are this part's; all of them if they are not spread.
pub(crate) fn own_users(cell: &Cell, part: Option<Share>) -> u32 {
    part.map_or(cell.users, |part| part.items(cell.users).count() as u32)
}

/// The cap of this part's users. One that holds for the whole trial is divided as the users are, so that together they have
/// what the plan says; cut to whole bits a second.
pub(crate) fn own_bandwidth(cell: &Cell, part: Option<Share>) -> Option<BitRate> {
    let whole = cell.bandwidth_bps?;
    if part.is_none() || cell.bandwidth_per == BandwidthPer::User {
        return Some(whole);
    }
    let own = u128::from(whole.bits_per_second()) * u128::from(own_users(cell, part)) / u128::from(cell.users.max(1));
    BitRate::new(u64::try_from(own).unwrap_or(u64::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example_cell;

    fn parts(of: u32) -> impl Iterator<Item = Share> {
        (1..=of).map(move |number| Share::new(number, of).unwrap())
    }

    #[test]
    fn the_parts_of_a_trial_have_together_its_users_and_its_cap() {
        let cell = Cell { users: 10, bandwidth_bps: BitRate::new(8_000_000), ..example_cell() };
        let users: Vec<_> = parts(4).map(|part| own_users(&cell, Some(part))).collect();
        assert_eq!(users, [3, 3, 2, 2]);
        let caps: Vec<_> = parts(4).map(|part| own_bandwidth(&cell, Some(part)).unwrap().bits_per_second()).collect();
        assert_eq!(caps, [2_400_000, 2_400_000, 1_600_000, 1_600_000]);
        assert_eq!((own_users(&cell, None), own_bandwidth(&cell, None)), (10, cell.bandwidth_bps));

        let each = Cell { bandwidth_per: BandwidthPer::User, ..cell.clone() };
        assert!(parts(4).all(|part| own_bandwidth(&each, Some(part)) == each.bandwidth_bps));
        let none = Cell { bandwidth_bps: None, ..cell };
        assert!(parts(4).all(|part| own_bandwidth(&none, Some(part)).is_none()));
    }

    #[test]
    fn no_portion_is_left_without_anything_to_run() {
        let cells = vec![Cell { users: 3, ..example_cell() }];
        let plan = Plan { hash: String::new(), seed: 1, repetitions: 2, cells, trials: Vec::new() };
        let of = |portion: fn(Share) -> Portion, of| plan.of_portion(portion(Share::new(1, of).unwrap())).err();
        assert_eq!(of(Portion::Shard, 2), None);
        assert_eq!(of(Portion::Shard, 3), Some(TooSmall::Blocks { blocks: 2, shards: 3 }));
        assert_eq!(of(Portion::Part, 3), None);
        assert!(of(Portion::Part, 4).unwrap().to_string().contains("has 3 users, too few for 4 parts"));
    }
}
