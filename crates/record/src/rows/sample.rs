use crate::row::row;

row! {
    "samples.csv",
    /// The kernel's view of a transfer's connection at one instant (TCP_INFO, Linux only).
    pub struct SampleRecord {
        /// The transfer, as in `transfers.csv`.
        pub transfer_id: String,
        /// Microseconds since the transfer's `started_at`.
        pub t_us: u64,
        /// Bytes written to the socket since the connection was opened, TLS included.
        pub bytes_written: u64,
        /// Bytes that the peer's kernel confirmed since the connection was opened, TLS included.
        pub bytes_acked: u64,
        /// Bytes read from the socket since the connection was opened, TLS included.
        pub bytes_read: u64,
        /// Bytes in the send buffer that were not sent yet.
        pub unsent_bytes: u32,
        /// The smoothed round-trip time in microseconds.
        pub rtt_us: u32,
        /// The smallest round-trip time in microseconds.
        pub min_rtt_us: u32,
        /// Segments sent again since the connection was opened.
        pub retransmits: u32,
        /// The congestion window in segments.
        pub cwnd: u32,
        /// The kernel's estimate of the delivery rate in bits a second.
        pub delivery_bps: u64,
        /// Microseconds spent held up by the peer's receive window.
        pub receiver_limited_us: u64,
        /// Microseconds spent held up by a small send buffer.
        pub send_buffer_limited_us: u64,
    }
}
