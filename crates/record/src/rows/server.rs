use crate::row::row;
use crate::units::Timestamp;
use crate::words::LogSource;

row! {
    "server.csv",
    /// What a server's own log says of one transfer. A transfer that has no row here was not found in the logs, which proves
    /// nothing: stores deliver their logs as best they can.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct ServerRecord {
        /// The transfer, as in `transfers.csv`.
        pub transfer_id: String,
        /// Which kind of log it is from.
        pub source: LogSource,
        /// When, by the server's clock and as the log has it (UTC). Whether that is when the head arrived or when the answer was
        /// out differs by log, and is measured on the run's own transfers.
        pub request_at: Option<Timestamp>,
        /// The unit that `request_at` is cut to, in microseconds: the instant is that or up to this much later.
        pub precision_us: Option<u64>,
        /// The status that the server logged; empty if it logged none.
        pub status: Option<u16>,
        /// The error's code as the log has it; of haproxy, the letters that say how the session ended.
        pub error_code: Option<String>,
        /// Milliseconds that the request took by the log.
        pub total_ms: Option<u64>,
        /// Milliseconds that the store itself took, by the log: of S3 from the request's last byte to the answer's first; of
        /// haproxy from the head sent on to the answer's head.
        pub turnaround_ms: Option<u64>,
        /// Bytes that the server received, as the log counts them: some count the head, too.
        pub bytes_in: Option<u64>,
        /// Bytes that the server sent, as the log counts them: some count the head, too.
        pub bytes_out: Option<u64>,
        /// The request's name in the log.
        pub request_id: Option<String>,
        /// What was asked for, in the log's words: `REST.PUT.OBJECT`, `PutObject`, `put_obj`, or the method.
        pub operation: Option<String>,
    }
}
