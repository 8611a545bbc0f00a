//! An experiment with everything resolved.

use std::time::Duration;

use ttlsweep_record::{Cell, TargetKind};

/// A question, its grid and its controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Names it, and its folder in `results/`.
    pub name: String,
    /// What it is to answer.
    pub question: String,
    /// Order, jitter, object keys and bodies all follow from it.
    pub seed: u64,
    /// Blocks.
    pub repetitions: u32,
    /// How many whole blocks there must be before the run may end because each target is decided; `None` if it runs all of them.
    pub least_blocks: Option<u32>,
    /// How many trials run side by side.
    pub parallel_trials: u32,
    /// Whether objects stay in the bucket when their trial is over.
    pub keep_objects: bool,
    /// How long a store may be asked for its clock at a time; zero = not at all.
    pub clock_probe: Duration,
    /// What kind of target all cells have.
    pub target: TargetKind,
    /// The settings that were listed, in the order in which they vary, the first one slowest.
    pub axes: Vec<Axis>,
    /// The grid's cells first, then the controls.
    pub cells: Vec<Cell>,
}

/// A swept parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The setting's key.
    pub key: &'static str,
    /// Its values in TOML notation.
    pub values: Vec<String>,
}
