use super::{Cell, SCHEMA_VERSION};
use crate::row::row;
use crate::units::{BitRate, ByteCount, Timestamp};
use crate::words::{Control, ExpiryPolicy, Method, ObjectState, Outcome, PeerClose, Phase, TargetKind};

row! {
    "transfers.csv",
    added = [congestion, server, via, content_type, answer, mint_us],
    /// One transfer: one HTTP request with its response, whatever became of it.
    pub struct TransferRecord {
        /// The version of these columns' meaning.
        pub schema_version: u32,
        /// The run.
        pub run_id: String,
        /// The trial, as in `trials.csv`.
        pub trial_id: String,
        /// The attempt at the trial, as in `trials.csv`.
        pub attempt: u32,
        /// Names the transfer, within all runs; sent as the signed query parameter `x-run`, or as the one of `run_parameter` in
        /// `cells.csv`, so that server logs have it.
        pub transfer_id: String,
        /// The cell, as in `cells.csv`.
        pub cell_id: String,
        /// The repetition, from 1.
        pub block: u32,
        /// The trial's place within the block's shuffled order, from 1.
        pub position: u32,
        /// Which control this is; empty for the grid's own cells.
        pub control: Option<Control>,
        /// How many users the trial has.
        pub users: u32,
        /// The link's lifetime in seconds; empty without a link.
        pub ttl_s: Option<u32>,
        /// The body's size in bytes.
        pub size_bytes: ByteCount,
        /// The bandwidth cap in bits a second; empty = unlimited.
        pub bandwidth_bps: Option<BitRate>,
        /// `put`, `get` or `upload-part`.
        pub method: Method,
        /// The testbed's expiry policy: ground truth, for checking the report against; empty elsewhere.
        pub expiry_policy: Option<ExpiryPolicy>,
        /// Which user of the trial, from 1.
        pub user: u32,
        /// Which of the user's transfers, from 1.
        pub sequence: u32,
        /// `embedded`, `s3` or `links`.
        pub target: TargetKind,
        /// Scheme, host and port that were asked.
        pub endpoint: String,
        /// The object's key; of a link that somebody else made, its path.
        pub object_key: String,
        /// When the link was made (UTC); empty without a link. Of one that somebody else made it is the link's own date, or else when
        /// its minter was asked; empty if it came from a file and has no date.
        pub presigned_at: Option<Timestamp>,
        /// `X-Amz-Date` + `X-Amz-Expires`, read from the URL itself, or what other forms of links have in their place; empty without
        /// a link.
        pub expires_at: Option<Timestamp>,
        /// When the transfer started (UTC): before DNS on a new connection.
        pub started_at: Timestamp,
        /// When the local socket had taken the request head's last byte.
        pub head_written_at: Option<Timestamp>,
        /// When the peer's kernel was seen to have confirmed the whole head: looked at every 10 ms or so (Linux only).
        pub head_acked_at: Option<Timestamp>,
        /// When it ended: the response's last byte, the first byte that is not the object's, or the instant at which the first
        /// socket error was met.
        pub ended_at: Timestamp,
        /// Microseconds from `presigned_at` to `head_written_at`.
        pub link_age_us: Option<i64>,
        /// Microseconds from `expires_at` to `ended_at` by this machine's clock; negative = it ended before expiry.
        pub margin_us: Option<i64>,
        /// Names the connection within the run; empty if none was opened.
        pub connection_id: Option<u64>,
        /// Whether an earlier transfer had used the connection.
        pub reused_connection: bool,
        /// This end of the connection.
        pub local_addr: Option<String>,
        /// The peer's end of the connection; the proxy's where one stands between (`proxies` in `environment.json`), about which
        /// are then also `head_acked_at`, `body_bytes_acked`, `rtt_us`, `min_rtt_us` and `retransmits`.
        pub remote_addr: Option<String>,
        /// `TLSv1.2` or `TLSv1.3`; empty over plain TCP.
        pub tls_version: Option<String>,
        /// Microseconds for the name's look-up; empty if the host is an address or the connection was reused.
        pub dns_us: Option<u64>,
        /// Microseconds until the TCP connection stood: from the first attempt at an address to the handshake that won, or
        /// through a proxy until it had opened its tunnel. Addresses that did not answer before are part of it (`address-tried`
        /// in `events.csv` has each one's beginning). Empty on a reused connection.
        pub connect_us: Option<u64>,
        /// Microseconds for the TLS handshake; empty over plain TCP and on a reused connection.
        pub tls_us: Option<u64>,
        /// Microseconds from `started_at` to the 100 Continue; empty if none came.
        pub continue_us: Option<u64>,
        /// Microseconds from the first request byte written to the last one; empty if the request was not sent whole.
        pub send_us: Option<u64>,
        /// Microseconds from the last request byte written to the first response byte; empty if that came earlier.
        pub wait_us: Option<u64>,
        /// Microseconds from `started_at` to the first byte of the final response.
        pub response_start_us: Option<u64>,
        /// Microseconds from the response's first byte to its last; empty if it was not read whole.
        pub receive_us: Option<u64>,
        /// Microseconds from `started_at` to `ended_at`.
        pub total_us: u64,
        /// Bytes that the body has in the direction of the method: request body of an upload, with the form that it may travel in;
        /// object of a download.
        pub body_bytes: u64,
        /// Request body bytes that the local socket took: these may be megabytes ahead of the peer.
        pub body_bytes_written: u64,
        /// Request body bytes that the peer's kernel confirmed (TCP_INFO, Linux only); under TLS in proportion to the
        /// encrypted bytes, so up to one TLS record less.
        pub body_bytes_acked: Option<u64>,
        /// Response body bytes read.
        pub response_bytes: u64,
        /// The final response's status, once its head has been read whole.
        pub status: Option<u16>,
        /// `Code` of S3's error document.
        pub s3_code: Option<String>,
        /// `Message` of S3's error document.
        pub s3_message: Option<String>,
        /// `x-amz-request-id`: with `host_id` what AWS Support asks for.
        pub request_id: Option<String>,
        /// `x-amz-id-2`.
        pub host_id: Option<String>,
        /// The server's clock: `ServerTime` of the error document, else the `Date` header (whole seconds).
        pub server_time: Option<Timestamp>,
        /// Microseconds that the server's clock is ahead of this machine's: the middle of the bracket that all of the
        /// run's responses so far leave; empty before the first one.
        pub clock_offset_us: Option<i64>,
        /// What happened on the wire; see the list of outcomes.
        pub outcome: Outcome,
        /// Where it ended; `done` for a completed transfer.
        pub phase: Phase,
        /// Whether the final response began before the request body was sent whole; empty if none came. That is before the
        /// local socket had taken all of it, or before the peer's kernel had confirmed what the socket had taken (Linux only).
        pub early_response: Option<bool>,
        /// How the peer ended the connection, where it did so before the transfer was over.
        pub peer_close: Option<PeerClose>,
        /// The name of the first socket error that was met (`ECONNRESET`), also where a response was read behind it.
        pub errno: Option<String>,
        /// The error in words. Beside a transfer that was connected by another address than the first, the addresses that did not
        /// answer: that alone is not a failure.
        pub error: Option<String>,
        /// Whether an upload left an object: `present`, `absent`, `unknown`. Looked up if it did not complete, and if its 2xx came
        /// without ETag and request id or before the whole body; empty if the store's own answer tells.
        pub object_state: Option<ObjectState>,
        /// The kernel's smoothed round-trip time at the end, in microseconds (Linux only).
        pub rtt_us: Option<u32>,
        /// The kernel's smallest round-trip time, in microseconds (Linux only).
        pub min_rtt_us: Option<u32>,
        /// Segments sent again on the connection during the transfer (Linux only).
        pub retransmits: Option<u32>,
        /// The connection's congestion control, such as `cubic` (Linux only).
        pub congestion: Option<String>,
        /// `Server` of the final response.
        pub server: Option<String>,
        /// `Via` of the final response.
        pub via: Option<String>,
        /// `Content-Type` of the final response.
        pub content_type: Option<String>,
        /// The first 200 characters of the final response's text, if that is not a 2xx's object and not S3's XML. Of a page it
        /// is what a browser shows, anything else is as it is, white space folded.
        pub answer: Option<String>,
        /// How long the minter took for the link, before `started_at`, in microseconds; empty if the link was signed here or
        /// stood in a file.
        pub mint_us: Option<u64>,
    }
}

/// An instant before which the server cannot have read its clock for the answer: the connection stood, and the head was about to
/// be written. `head_written_at` would be too late: it is stamped after the socket took the head, and by then a near server may
/// have answered. `steps` are `dns_us`, `connect_us` and `tls_us`.
pub fn sent_after(started_at: Timestamp, steps: [Option<u64>; 3]) -> Timestamp {
    let steps = steps.into_iter().flatten().fold(0, u64::saturating_add);
    started_at.plus_micros(i64::try_from(steps).unwrap_or(i64::MAX))
}

impl TransferRecord {
    /// [`sent_after`], by this row; `None` if the head was not written.
    pub fn sent_after(&self) -> Option<Timestamp> {
        self.head_written_at?;
        Some(sent_after(self.started_at, [self.dns_us, self.connect_us, self.tls_us]))
    }

    /// The row of a transfer of `cell` that starts at `started_at`, as far as it is known by then: its names are empty, and
    /// it ends at once as `cancelled`, which is what it stays if nobody is left to see its end.
    pub fn begun(cell: &Cell, started_at: Timestamp) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            run_id: String::new(),
            trial_id: String::new(),
            attempt: 1,
            transfer_id: String::new(),
            cell_id: cell.cell_id.clone(),
            block: 1,
            position: 1,
            control: cell.control,
            users: cell.users,
            ttl_s: cell.ttl_s,
            size_bytes: cell.size_bytes,
            bandwidth_bps: cell.bandwidth_bps,
            method: cell.method,
            expiry_policy: cell.expiry_policy,
            user: 1,
            sequence: 1,
            target: cell.target,
            endpoint: String::new(),
            object_key: String::new(),
            presigned_at: None,
            expires_at: None,
            started_at,
            head_written_at: None,
            head_acked_at: None,
            ended_at: started_at,
            link_age_us: None,
            margin_us: None,
            connection_id: None,
            reused_connection: false,
            local_addr: None,
            remote_addr: None,
            tls_version: None,
            dns_us: None,
            connect_us: None,
            tls_us: None,
            continue_us: None,
            send_us: None,
            wait_us: None,
            response_start_us: None,
            receive_us: None,
            total_us: 0,
            body_bytes: cell.size_bytes.0,
            body_bytes_written: 0,
            body_bytes_acked: None,
            response_bytes: 0,
            status: None,
            s3_code: None,
            s3_message: None,
            request_id: None,
            host_id: None,
            server_time: None,
            clock_offset_us: None,
            outcome: Outcome::Cancelled,
            phase: Phase::Connect,
            early_response: None,
            peer_close: None,
            errno: None,
            error: None,
            object_state: None,
            rtt_us: None,
            min_rtt_us: None,
            retransmits: None,
            congestion: None,
            server: None,
            via: None,
            content_type: None,
            answer: None,
            mint_us: None,
        }
    }
}
