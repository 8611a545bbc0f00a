use crate::row::row;
use crate::share::Share;
use crate::units::Timestamp;
use crate::words::{Control, TrialState};

row! {
    "trials.csv",
    /// One attempt at a trial: a cell or control within one block.
    pub struct TrialRecord {
        /// The run that it belongs to.
        pub run_id: String,
        /// Names the trial within its plan; a later attempt keeps the name.
        pub trial_id: String,
        /// 1 for the first attempt, one more each time it is run again after an interruption.
        pub attempt: u32,
        /// The cell, as in `cells.csv`.
        pub cell_id: String,
        /// The repetition, from 1.
        pub block: u32,
        /// The place within the block's shuffled order, from 1.
        pub position: u32,
        /// Which control this is; empty for the grid's own cells.
        pub control: Option<Control>,
        /// The wait before the trial that was drawn, in microseconds.
        pub jitter_us: u64,
        /// When the first user started (UTC), after the jitter.
        pub started_at: Timestamp,
        /// When the last transfer ended (UTC).
        pub ended_at: Timestamp,
        /// `whole` or `interrupted`.
        pub state: TrialState,
        /// How many rows of `transfers.csv` belong to this attempt.
        pub transfers: u64,
        /// Bits a second over all users at the socket, TLS included, in the body's direction, from the first byte
        /// to the last; empty if nothing moved.
        pub achieved_bps: Option<u64>,
        /// The longest time by which the runtime woke a waiting task too late during the trial, in microseconds.
        pub scheduler_lag_us: Option<u64>,
        /// Whether this machine itself was short of processor time, so that the trial's times are not to be trusted.
        pub starved: bool,
        /// The machine's name. A trial whose users were spread over several processes has a row of each, in the order of their
        /// parts.
        pub host: String,
    }
    aside {
        /// Which part of the trial's users the row is about, where they were spread over several processes: user u (from 1)
        /// belongs to part 1 + (u − 1) mod n, and each part has a row of its own. A part's own folder says which one it is,
        /// and a merged run has the rows of an attempt in the order of its parts: see
        /// `ttlsweep_rundir::merge::tell_parts`.
        pub part: Option<Share>,
    }
}
