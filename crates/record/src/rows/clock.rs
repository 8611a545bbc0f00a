use crate::row::row;
use crate::units::Timestamp;
use crate::words::ClockEntry;

row! {
    "clock.csv",
    /// What was learned of the clocks: the answers of a clock probe, the bracket that they leave together, and each step of
    /// a clock.
    ///
    /// A clock probe is a handful of requests that are not transfers: before the first trial, after the last one, and hourly
    /// between two trials, so that none overlaps a transfer. A server's offset at any instant lies between those of the
    /// `bracket` rows before and after it, moved by the `step` rows between.
    #[derive(Eq)]
    pub struct ClockRecord {
        /// The run.
        pub run_id: String,
        /// The machine whose clock this is about, as in `trials.csv`.
        pub host: String,
        /// What this row tells: `probe`, `bracket`, `step` or `server-step`.
        pub entry: ClockEntry,
        /// The endpoint whose clock is compared, as in `transfers.csv`; empty for a step of this machine's own clock, which
        /// moves all of them.
        pub endpoint: Option<String>,
        /// Numbers the clock probes of one process, from 1: a probe's answers and its bracket have the same number. Empty for a
        /// step. A run that was resumed counts from 1 again.
        pub round: Option<u32>,
        /// When, by this machine's clock (UTC): a probe's answer, a bracket's last answer, and the look at the clock that found
        /// a step. By the clock as it was then: behind a step, by the stepped one.
        pub at: Timestamp,
        /// Of a probe, right before its request was sent; of a bracket, before its first request was; of a step, the last look at
        /// which the clock had not been stepped yet, by the clock before the step.
        pub sent_at: Timestamp,
        /// Of a probe, when the first byte of its answer was read; of a bracket, when that of its last answer was; of a step,
        /// the look that found it, by the clock behind the step.
        pub received_at: Timestamp,
        /// The `Date` of a probe's answer, cut to whole seconds.
        pub server_time: Option<Timestamp>,
        /// The status of a probe's answer; whichever it is, its `Date` counts.
        pub status: Option<u16>,
        /// The least by which the server's clock is ahead of this machine's, in microseconds. Of a probe, what its answer alone
        /// says (`server_time` − `received_at`); of a bracket, what all its answers together do.
        pub low_us: Option<i64>,
        /// The most by which the server's clock is ahead of this machine's, in microseconds. Of a probe, what its answer alone
        /// says (`server_time` + 1 s − `sent_at`), if the server read its clock for it; of a bracket, what all its answers
        /// together do, `stale_us` included.
        pub high_us: Option<i64>,
        /// How many answers a bracket is from.
        pub answers: Option<u64>,
        /// Of a bracket, by how much it was widened, in microseconds; 0 = its answers agree. Else they contradict each other
        /// unless the server's dates are stale (made once a second, or kept).
        pub stale_us: Option<u64>,
        /// By how much a clock was stepped, in microseconds: positive = set forward. Of `step`, exactly; of `server-step`, the
        /// least by which the answers before and after it differ.
        pub step_us: Option<i64>,
        /// Of a step, the trials that were under way when it was found, as in `trials.csv`, divided by spaces; empty = none was.
        pub trials: Option<String>,
    }
}
