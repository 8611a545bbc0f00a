use crate::row::row;
use crate::units::{BitRate, ByteCount};
use crate::words::{Control, Method};

row! {
    "comparison.csv",
    added = [ttl_most_s],
    /// One pair of matching cells of two runs or two targets, compared; written by the report.
    pub struct ComparisonRecord {
        /// What is compared: `runs` or `targets`.
        pub compared: String,
        /// The first run or target.
        pub first: String,
        /// The second one.
        pub second: String,
        /// The first one's cell, as in `cells.csv`; empty for the mean over all matching cells.
        pub cell_id: Option<String>,
        /// The second one's cell with the same settings.
        pub second_cell_id: Option<String>,
        /// Which control this is; empty for the grid's own cells.
        pub control: Option<Control>,
        /// `put`, `get` or `upload-part`.
        pub method: Option<Method>,
        /// How many users run at once.
        pub users: Option<u32>,
        /// The link's lifetime in seconds; empty without a link. The shortest that trials drew, if `ttl_most_s` has the longest.
        pub ttl_s: Option<u32>,
        /// The body's size in bytes.
        pub size_bytes: Option<ByteCount>,
        /// The bandwidth cap in bits a second; empty = unlimited.
        pub bandwidth_bps: Option<BitRate>,
        /// Trials of the first one: the unit of everything below.
        pub first_trials: u64,
        /// The mean over the first one's trials of the share of their transfers that failed, late starts left out.
        pub first_failure_rate: f64,
        /// Trials of the second one.
        pub second_trials: u64,
        /// The mean over the second one's trials of the share of their transfers that failed, late starts left out.
        pub second_failure_rate: f64,
        /// The second failure rate less the first.
        pub difference: f64,
        /// The lower end of the difference's 95 % interval (Newcombe's, over trials).
        pub difference_low: f64,
        /// The upper end of the difference's 95 % interval.
        pub difference_high: f64,
        /// The two-sided p of there being no difference: Fisher's exact test where every trial failed wholly or not at all,
        /// else by permutation of trials within cells.
        pub p_value: f64,
        /// The p-value by Holm's adjustment over all rows of this file.
        pub p_holm: f64,
        /// The longest lifetime that trials drew for their links, in seconds; empty if all of them live `ttl_s`.
        pub ttl_most_s: Option<u32>,
    }
}
