use crate::row::row;
use crate::units::Timestamp;
use crate::words::TargetAnswer;

row! {
    "decisions.csv",
    /// What was found between two blocks of a run that ends as soon as each target is decided (`stop = "decided"`): a row for each
    /// target at each look.
    #[derive(Eq)]
    pub struct DecisionRecord {
        /// The run.
        pub run_id: String,
        /// When the answer came, by this machine's clock (UTC): the same for all targets of one look.
        pub at: Timestamp,
        /// The last block before the look. All that had been run by then were whole.
        pub block: u32,
        /// How many whole blocks there were; of a shard, its own.
        pub blocks: u32,
        /// The target, by its name in the report; empty if no answer came.
        pub target_name: Option<String>,
        /// Whether transfers in flight are cut there, by the report's rules: `yes`, `no`, `cannot-tell` or `not-testable`.
        pub target_answer: Option<TargetAnswer>,
        /// Whether more blocks would be of no use: the answer is YES or NO, or expired links are let in. The run ends at the first
        /// look at which that holds for all targets.
        pub decided: bool,
        /// Why no answer came; the run goes on then.
        pub doubt: Option<String>,
    }
}
