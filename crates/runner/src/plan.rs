//! The plan: which trial runs when. It follows from the experiment and its seed alone, on every machine.
//!
//! Block after block; within one, every cell and control once, in a shuffled order. Interleaving what is compared keeps
//! slow drift of network and machine from landing on one side.

mod difference;
mod draw;
pub(crate) mod estimate;
pub(crate) mod outlook;
mod portion;
mod schedule;

use std::time::Duration;

use ttlsweep_record::Cell;

use crate::experiment::Experiment;
pub(crate) use difference::differences;
use draw::Draw;
pub(crate) use portion::{own_bandwidth, own_users};
pub(crate) use schedule::{CommonStart, Schedule, next_common_start};

/// Cells and ordered trials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Hex SHA-256 over everything that matters for results: runs with the same hash may be merged.
    pub hash: String,
    /// What order, jitter and lifetimes were drawn from.
    pub seed: u64,
    /// Blocks.
    pub repetitions: u32,
    /// The grid's cells first, then the controls.
    pub cells: Vec<Cell>,
    /// In the order in which they run.
    pub trials: Vec<Trial>,
}

/// One cell or control within one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Names it within the plan, and is fit for a file's name: `b01-c017`.
    pub trial_id: String,
    /// The index of its cell in [`Plan::cells`].
    pub cell: usize,
    /// The repetition, from 1.
    pub block: u32,
    /// The place in its block's order, from 1.
    pub position: u32,
    /// The wait before it, drawn uniformly from zero to the cell's jitter, in whole microseconds.
    pub jitter: Duration,
    /// The lifetime of its links in seconds, drawn uniformly from the cell's; `None` if the cell has one or none.
    pub ttl_s: Option<u32>,
}

impl Plan {
    /// Draws order, jitter and lifetimes from the experiment's seed.
    pub fn new(experiment: &Experiment) -> Self {
        let blocks = 1..=experiment.repetitions;
        Self {
            hash: experiment.plan_hash(),
            seed: experiment.seed,
            repetitions: experiment.repetitions,
            cells: experiment.cells.clone(),
            trials: blocks.flat_map(|block| block_trials(experiment, block)).collect(),
        }
    }

    /// The cell that a trial runs.
    ///
    /// # Panics
    /// The trial is another plan's.
    pub fn cell(&self, trial: &Trial) -> &Cell {
        &self.cells[trial.cell]
    }
}

fn block_trials(experiment: &Experiment, block: u32) -> Vec<Trial> {
    let cells = &experiment.cells;
    let mut order: Vec<usize> = (0..cells.len()).collect();
    Draw::new(experiment.seed, "order", block, 0).shuffle(&mut order);
    let width = experiment.repetitions.to_string().len().max(2);
    let drawn_ttl = |cell: usize| {
        let ttls = cells[cell].ttls().filter(|ttls| ttls.least_s < ttls.most_s)?;
        let beyond_least =
            Draw::new(experiment.seed, "ttl", block, cell as u64).up_to((ttls.most_s - ttls.least_s).into());
        // No more than the longest, which fits.
        Some(ttls.least_s + beyond_least as u32)
    };
    let trial = |(cell, position): (usize, u32)| Trial {
        trial_id: format!("b{block:0width$}-{}", cells[cell].cell_id),
        cell,
        block,
        position,
        jitter: Duration::from_micros(
            Draw::new(experiment.seed, "jitter", block, cell as u64).up_to(cells[cell].jitter_us),
        ),
        ttl_s: drawn_ttl(cell),
    };
    order.into_iter().zip(1..).map(trial).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::experiment::{LoadOptions, load};

    /// A dozen experiments of different shapes.
    fn experiments() -> Vec<Experiment> {
        let shapes = (1..=4).flat_map(|users| (1..=3).map(move |blocks| (users, blocks)));
        shapes.map(|(users, blocks)| experiment(7, users, blocks)).collect()
    }

    fn experiment(seed: u64, users: u32, repetitions: u32) -> Experiment {
        let users: Vec<_> = (1..=users).collect();
        let text = format!(
            "[experiment]\nname = \"plan\"\nseed = {seed}\nrepetitions = {repetitions}\n\
             [grid]\nusers = {users:?}\nttl = [\"1s\", \"2s\", \"4s\"]\nsize = [\"1MB\", \"2MB\"]"
        );
        load_text(&text)
    }

    fn load_text(text: &str) -> Experiment {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("experiment.toml");
        std::fs::write(&path, text).unwrap();
        load(Path::new(&path), &LoadOptions::default()).unwrap().experiment
    }

    #[test]
    fn each_block_holds_every_cell_exactly_once() {
        for experiment in experiments() {
            let plan = Plan::new(&experiment);
            assert_eq!(plan.trials.len(), plan.cells.len() * experiment.repetitions as usize);
            for (block, trials) in (1..).zip(plan.trials.chunks(plan.cells.len())) {
                let cells: BTreeSet<_> = trials.iter().map(|trial| trial.cell).collect();
                assert_eq!(cells, (0..plan.cells.len()).collect());
                assert!(trials.iter().all(|trial| trial.block == block));
                let positions: Vec<_> = trials.iter().map(|trial| trial.position as usize).collect();
                assert_eq!(positions, (1..=plan.cells.len()).collect::<Vec<_>>());
            }
            let ids: BTreeSet<_> = plan.trials.iter().map(|trial| &trial.trial_id).collect();
            assert_eq!(ids.len(), plan.trials.len());
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_order_and_jitter_and_another_seed_another() {
        for (one, same) in experiments().iter().zip(&experiments()) {
            assert_eq!(Plan::new(one), Plan::new(same));
        }
        let order = |seed| {
            let plan = Plan::new(&experiment(seed, 3, 2));
            plan.trials.iter().map(|trial| trial.cell).collect::<Vec<_>>()
        };
        let orders: BTreeSet<_> = (0..20).map(order).collect();
        assert_eq!(orders.len(), 20, "18 cells and controls have more orders than twenty seeds could meet twice");
    }

    #[test]
    fn blocks_differ_in_their_order() {
        let plan = Plan::new(&experiment(7, 3, 2));
        let order = |block| plan.trials.iter().filter(move |t| t.block == block).map(|t| t.cell).collect::<Vec<_>>();
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn jitter_fills_its_range_and_does_not_depend_on_the_order() {
        let plan = Plan::new(&experiment(7, 4, 20));
        let jitters: Vec<_> = plan.trials.iter().map(|trial| trial.jitter.as_micros()).collect();
        assert!(jitters.iter().all(|jitter| *jitter <= 1_000_000));
        let mean = jitters.iter().sum::<u128>() / jitters.len() as u128;
        // 720 draws: the mean's standard deviation is 289 ms / √720 = 11 ms, and 50 ms are more than four of them.
        assert!(mean.abs_diff(500_000) < 50_000, "{mean}");
        let first = &plan.trials[0];
        let drawn = Draw::new(7, "jitter", first.block, first.cell as u64).up_to(1_000_000);
        assert_eq!(first.jitter.as_micros(), u128::from(drawn));
    }

    #[test]
    fn each_trial_draws_a_lifetime_of_its_own_and_the_same_one_on_every_machine() {
        let text = "[experiment]\nname = \"p\"\nrepetitions = 300\n[grid]\nttl = [\"2s\", { random = [\"8s\", \"13s\"] }]\n\
                    size = \"1MB\"\n[controls]\nexpect_continue = true";
        let (plan, same) = (Plan::new(&load_text(text)), Plan::new(&load_text(text)));
        assert_eq!(plan, same);
        let of = |plan: &Plan, control: Option<ttlsweep_record::Control>| {
            let is_random = |trial: &&Trial| plan.cell(trial).control == control && plan.cell(trial).ttl_s == Some(8);
            plan.trials.iter().filter(is_random).map(|trial| trial.ttl_s.unwrap()).collect::<Vec<_>>()
        };
        let grid = of(&plan, None);
        assert_eq!(grid.len(), 300);
        for ttl_s in 8..=13 {
            // 300 draws with p = 1/6: the standard deviation is 6.5, and 30 are more than four of them.
            let drawn = grid.iter().filter(|drawn| **drawn == ttl_s).count();
            assert!(drawn.abs_diff(50) < 30, "{ttl_s} s: {drawn}");
        }
        assert_ne!(grid, of(&plan, Some(ttlsweep_record::Control::ExpectContinue)), "the arm draws for itself");
        let others = plan.trials.iter().filter(|trial| plan.cell(trial).ttl_s != Some(8));
        assert!(others.into_iter().all(|trial| trial.ttl_s.is_none()));
    }

    /// A plan that was resumed on another machine, or under another version, must not have changed its order.
    #[test]
    fn what_a_seed_draws_is_pinned() {
        let plan = Plan::new(&experiment(7, 1, 1));
        let ids: Vec<_> = plan.trials.iter().map(|trial| trial.trial_id.as_str()).collect();
        let jitters: Vec<_> = plan.trials.iter().map(|trial| trial.jitter.as_micros()).collect();
        assert_eq!(ids, PINNED_ORDER);
        assert_eq!((&jitters[..3], plan.hash.as_str()), (&PINNED_JITTER[..], PINNED_HASH));
    }

    const PINNED_ORDER: [&str; 12] = [
        "b01-k001", "b01-k006", "b01-k003", "b01-c003", "b01-k002", "b01-c001", "b01-c004", "b01-c002", "b01-k004",
        "b01-c006", "b01-c005", "b01-k005",
    ];
    const PINNED_JITTER: [u128; 3] = [215_656, 450_752, 893_631];
    const PINNED_HASH: &str = "65d1a621058724b7dcd21d1f0868559a7504f42df73d54f2e76b23e6a0f35b85";
}
