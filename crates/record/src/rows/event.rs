use crate::row::row;
use crate::words::EventKind;

row! {
    "events.csv",
    /// One event on a transfer's tape.
    pub struct EventRecord {
        /// The transfer, as in `transfers.csv`.
        pub transfer_id: String,
        /// Microseconds since the transfer's `started_at`.
        pub t_us: u64,
        /// What happened; see the list of events.
        pub event: EventKind,
        /// A number or a word that belongs to it: an address, a count of bytes, an error's name.
        pub value: Option<String>,
    }
}
