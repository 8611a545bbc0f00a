use crate::row::row;
use crate::units::{BitRate, ByteCount};
use crate::words::{Control, ExpiryPolicy, Method};

row! {
    "summary.csv",
    added = [ttl_most_s],
    /// One cell's transfers, counted; written by the report.
    pub struct SummaryRecord {
        /// The cell, as in `cells.csv`.
        pub cell_id: String,
        /// Which control this is; empty for the grid's own cells.
        pub control: Option<Control>,
        /// The testbed's expiry policy; empty elsewhere.
        pub expiry_policy: Option<ExpiryPolicy>,
        /// `put`, `get` or `upload-part`.
        pub method: Method,
        /// How many users run at once.
        pub users: u32,
        /// The link's lifetime in seconds; empty without a link. The shortest that trials drew, if `ttl_most_s` has the longest.
        pub ttl_s: Option<u32>,
        /// The body's size in bytes.
        pub size_bytes: ByteCount,
        /// The bandwidth cap in bits a second; empty = unlimited.
        pub bandwidth_bps: Option<BitRate>,
        /// Whole trials.
        pub trials: u64,
        /// Transfers in the denominator: all of the whole trials' but the cancelled and the failed-locally ones.
        pub transfers: u64,
        /// Of these, the failures.
        pub failures: u64,
        /// Failures / transfers.
        pub failure_rate: Option<f64>,
        /// The lower end of the failure rate's 95 % Wilson interval.
        pub failure_rate_low: Option<f64>,
        /// The upper end of the failure rate's 95 % Wilson interval.
        pub failure_rate_high: Option<f64>,
        /// Transfers of the grid whose link expired while they were in flight, by the server's clock, whether their end is judged
        /// or not: as many as the verdict counts.
        pub outlived: u64,
        /// Of these, the ones that completed anyway.
        pub outlived_completed: u64,
        /// Transfers whose head was written only after expiry.
        pub late_starts: u64,
        /// Transfers per outcome: completed.
        pub completed: u64,
        /// Transfers per outcome: rejected.
        pub rejected: u64,
        /// Transfers per outcome: reset.
        pub reset: u64,
        /// Transfers per outcome: closed.
        pub closed: u64,
        /// Transfers per outcome: malformed.
        pub malformed: u64,
        /// Transfers per outcome: timed-out.
        pub timed_out: u64,
        /// Transfers per outcome: unconnected.
        pub unconnected: u64,
        /// Transfers per outcome: cancelled (not in the denominator).
        pub cancelled: u64,
        /// Transfers per outcome: failed-locally (not in the denominator).
        pub failed_locally: u64,
        /// The median of `total_us` over completed transfers, in microseconds.
        pub median_total_us: Option<u64>,
        /// Transfers with outcome `truncated`.
        pub truncated: u64,
        /// Transfers with outcome `altered`.
        pub altered: u64,
        /// The longest lifetime that trials drew for their links, in seconds; empty if all of them live `ttl_s`.
        pub ttl_most_s: Option<u32>,
    }
}
