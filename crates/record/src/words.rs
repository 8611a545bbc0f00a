//! The closed vocabularies of the files: one enum per column whose values are fixed words.
//!
//! Every word is written in the same way in TOML, CSV, command lines and prose: kebab-case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that does not belong to its vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a known {what}; expected one of: {}", expected.join(", "))]
pub struct UnknownWord {
    /// What kind of word was asked for, for example "expiry policy".
    pub what: &'static str,
    /// The text as it was given.
    pub found: String,
    /// Every word that would have been accepted.
    pub expected: &'static [&'static str],
}

/// Declares an enum together with its words, so that parsing, printing and serialising cannot drift apart.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident, $what:literal {
            $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "&'static str", try_from = "String")]
        pub enum $name {
            $( $(#[$vmeta])* $variant ),+
        }

        impl $name {
            /// Every value, in the order in which charts and tables list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The words of [`Self::ALL`], in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as it stands in files and on command lines.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word ),+
                }
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> Self {
                value.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err(UnknownWord { what: $what, found: text.to_owned(), expected: Self::WORDS }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownWord;

            fn try_from(text: String) -> Result<Self, UnknownWord> {
                text.parse()
            }
        }
    };
}
words! {
    /// What happened on the wire, as far as the client could observe it.
    Outcome, "outcome" {
        /// 2xx, the whole request body sent, the whole response read; a download is the object that was put, byte by byte.
        Completed = "completed",
        /// A whole response that is not 2xx.
        Rejected = "rejected",
        /// The peer reset the connection (RST) before a whole response.
        Reset = "reset",
        /// The peer closed the connection (FIN or close_notify) before a whole response.
        Closed = "closed",
        /// Bytes came that are not an HTTP response.
        Malformed = "malformed",
        /// One of the configured timeouts ran out: this side gave up.
        TimedOut = "timed-out",
        /// DNS, connect or TLS failed.
        Unconnected = "unconnected",
        /// The user, or the end of a duration, stopped it.
        Cancelled = "cancelled",
        /// This machine's fault: descriptors, memory, an unreadable file.
        FailedLocally = "failed-locally",
        /// A 2xx, whole by its framing, with a body shorter than the object that was asked for.
        Truncated = "truncated",
        /// A 2xx that is not the store's answer: other bytes than the object's, or an upload whose object is absent.
        Altered = "altered",
    }
}

impl Outcome {
    /// Whether the transfer counts as a failure: everything but `completed` and `cancelled`, which is censored.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Completed | Self::Cancelled)
    }
}

words! {
    /// Where in its course a transfer ended.
    Phase, "phase" {
        /// Resolving the host's name.
        Dns = "dns",
        /// The TCP handshake.
        Connect = "connect",
        /// The TLS handshake.
        Tls = "tls",
        /// Writing the request's head.
        RequestHead = "request-head",
        /// Writing the request's body.
        RequestBody = "request-body",
        /// Everything is written, nothing has been answered yet.
        Wait = "wait",
        /// Reading the response's head.
        ResponseHead = "response-head",
        /// Reading the response's body.
        ResponseBody = "response-body",
        /// It ran to its end.
        Done = "done",
    }
}

words! {
    /// How the peer ended its side of the connection.
    PeerClose, "peer close" {
        /// A FIN: plain end of file.
        Fin = "fin",
        /// A RST.
        Rst = "rst",
        /// A FIN first, then a RST.
        FinRst = "fin-rst",
        /// TLS close_notify.
        CloseNotify = "close-notify",
        /// A TLS alert other than close_notify.
        TlsAlert = "tls-alert",
    }
}

words! {
    /// Which control a cell is; the grid's own cells have none.
    Control, "control" {
        /// Same bytes and cap, TTL far away.
        LongTtl = "long-ttl",
        /// No link at all: signed in headers.
        HeaderSigned = "header-signed",
        /// Starts after its link expired: must be refused, or the target enforces nothing.
        ExpiredStart = "expired-start",
        /// The grid's own upload, with `Expect: 100-continue`: a 100 shows that the server's program has read the head.
        ExpectContinue = "expect-continue",
    }
}

words! {
    /// What a transfer asks of S3.
    Method, "method" {
        /// PutObject: an upload.
        Put = "put",
        /// GetObject: a download.
        Get = "get",
        /// UploadPart: one part of a multipart upload.
        UploadPart = "upload-part",
    }
}

impl Method {
    /// Whether the body travels from the client to the server.
    pub const fn is_upload(self) -> bool {
        matches!(self, Self::Put | Self::UploadPart)
    }
}

words! {
    /// Whether an upload that did not complete left an object behind.
    ObjectState, "object state" {
        /// The object is there.
        Present = "present",
        /// The object is not there.
        Absent = "absent",
        /// It could not be looked up.
        Unknown = "unknown",
    }
}

words! {
    /// What a row of `clock.csv` tells.
    ClockEntry, "clock entry" {
        /// One answer of a clock probe.
        Probe = "probe",
        /// What a probe's answers say together.
        Bracket = "bracket",
        /// This machine's wall clock was set: it moved against the monotonic clock.
        Step = "step",
        /// The server's clock was set: its dates before and after contradict each other by more than stale dates explain.
        ServerStep = "server-step",
    }
}

words! {
    /// What the report says to the question whether a target cuts transfers in flight.
    TargetAnswer, "answer" {
        /// They are cut.
        Yes = "yes",
        /// They are not, or in no larger share than the bound.
        No = "no",
        /// The run cannot tell.
        CannotTell = "cannot-tell",
        /// No run of this kind could.
        NotTestable = "not-testable",
    }
}

words! {
    /// What a run did with something of its own in the bucket.
    ObjectChange, "change of an object" {
        /// It was made, or is about to be.
        Made = "made",
        /// It was deleted.
        Deleted = "deleted",
    }
}

words! {
    /// How a trial ended.
    TrialState, "trial state" {
        /// Every transfer of the trial ran as planned.
        Whole = "whole",
        /// The run was stopped within the trial; it is run again under a higher attempt.
        Interrupted = "interrupted",
    }
}

words! {
    /// What kind of endpoint a run talks to.
    TargetKind, "target kind" {
        /// The testbed inside this process.
        Embedded = "embedded",
        /// AWS S3 or any S3-compatible store.
        S3 = "s3",
        /// Whatever links ask that somebody else has made: a command, an HTTP API or a file gives them.
        Links = "links",
    }
}

words! {
    /// Which kind of log a server wrote.
    LogSource, "kind of log" {
        /// S3's server access log as text.
        S3 = "s3",
        /// S3's server access log as JSON, from CloudWatch Logs.
        S3Json = "s3-json",
        /// CloudTrail's data events.
        CloudTrail = "cloudtrail",
        /// The ops log of Ceph's object gateway.
        Ceph = "ceph",
        /// nginx's access log.
        Nginx = "nginx",
        /// haproxy's log of HTTP requests.
        Haproxy = "haproxy",
    }
}

words! {
    /// How a bucket is addressed in a URL.
    Addressing, "addressing" {
        /// `https://bucket.host/key`
        Virtual = "virtual",
        /// `https://host/bucket/key`
        Path = "path",
    }
}

words! {
    /// How links are signed.
    SignatureVersion, "signature setting" {
        /// AWS Signature Version 4.
        V4 = "v4",
        /// AWS Signature Version 2, by which some SDKs still presign.
        V2 = "v2",
    }
}

words! {
    /// When links are made.
    Presign, "presign setting" {
        /// Right before each transfer.
        PerTransfer = "per-transfer",
        /// When the user starts: a link ages while it waits for its turn.
        PerUser = "per-user",
    }
}

words! {
    /// Which packets the queue of a slow line drops.
    QueueDiscipline, "discipline setting" {
        /// Those that find it full.
        TailDrop = "tail-drop",
        /// Those that find it full, and one now and then while all wait for longer than 5 ms (RFC 8289).
        CoDel = "codel",
    }
}

words! {
    /// Who shares one bandwidth cap.
    BandwidthPer, "bandwidth_per setting" {
        /// All users of a trial, as on one uplink.
        Trial = "trial",
        /// Each user has a cap of its own.
        User = "user",
    }
}

words! {
    /// When the testbed holds a link's expiry against a transfer.
    ExpiryPolicy, "expiry policy" {
        /// Checked once, when the request's head arrives.
        OnRequest = "on-request",
        /// The connection is cut at the instant at which the link expires.
        InFlight = "in-flight",
        /// Checked when the head arrives and again when the body has arrived.
        OnCompletion = "on-completion",
        /// Never checked, as some test doubles do.
        Never = "never",
    }
}

words! {
    /// What the testbed's `in-flight` policy does to the connection at expiry.
    Cut, "cut" {
        /// A bare RST.
        Reset = "reset",
        /// A FIN, with whatever was unread.
        Close = "close",
        /// A 403 response, then closed as `early_close` says.
        Respond = "respond",
    }
}

words! {
    /// How the testbed closes after an answer that came before the request's body.
    EarlyClose, "early close" {
        /// Reads the rest of the body and keeps the connection.
        Drain = "drain",
        /// Sends FIN, reads and discards for a while, then closes.
        Linger = "linger",
        /// Closes at once: the kernel sends RST if any data is unread, and otherwise FIN, with RST at the next data.
        Close = "close",
        /// Sends FIN, reads nothing more, and closes a few milliseconds later, so that RST comes at the next data.
        FinRst = "fin-rst",
        /// Sends a bare RST, without FIN or close_notify, as soon as the answer has left.
        Rst = "rst",
        /// Sends a bare RST in place of the answer, which is lost before the wire. A client that waits for a 100 Continue
        /// before it sends its body is answered as by `close`, since nothing is unread then.
        Lost = "lost",
    }
}

words! {
    /// What can stand on a transfer's tape.
    EventKind, "event" {
        /// The name was resolved; value: the addresses.
        Dns = "dns",
        /// An address was tried; value: the address.
        AddressTried = "address-tried",
        /// An address did not answer; value: the address and the error.
        AddressFailed = "address-failed",
        /// A kept-alive connection turned out to be closed before it was used again; value: how it was closed.
        StaleConnection = "stale-connection",
        /// No address could be connected to; value: each with its error.
        ConnectFailed = "connect-failed",
        /// The TCP handshake was done; value: the peer's address, or the proxy's.
        Connect = "connect",
        /// A proxy had opened a tunnel to the endpoint; value: the proxy, and its status line.
        Tunnel = "tunnel",
        /// The TLS handshake was done; value: the protocol version.
        Tls = "tls",
        /// The socket took the request's first byte.
        FirstByteWritten = "first-byte-written",
        /// The socket took the request head's last byte; value: the head's bytes.
        HeadWritten = "head-written",
        /// The peer's kernel had confirmed the head; value: the round trips by then, `rtt_us=… min_rtt_us=…`. Their difference is
        /// the time spent in queues.
        HeadAcked = "head-acked",
        /// A 100 Continue came.
        Continue = "continue",
        /// The socket took the request body's first byte.
        FirstBodyByteWritten = "first-body-byte-written",
        /// The socket took the request body's last byte; value: the body's bytes.
        LastBodyByteWritten = "last-body-byte-written",
        /// The first byte of the final response was read.
        FirstByteRead = "first-byte-read",
        /// The final response's head had been read whole; value: the status.
        ResponseHead = "response-head",
        /// The final response had been read whole; value: its body's bytes.
        LastByteRead = "last-byte-read",
        /// A write failed and its error was held back, so that a response could still be read; value: the error.
        WriteErrorHeld = "write-error-held",
        /// A read failed; value: the error.
        ReadError = "read-error",
        /// End of file was read: the peer had closed its side.
        PeerClosed = "peer-closed",
        /// A timeout ran out; value: which.
        TimedOut = "timed-out",
        /// The transfer was stopped from this side; value: why.
        Cancelled = "cancelled",
        /// The transfer was over; value: its outcome.
        End = "end",
    }
}

words! {
    /// What can make transfers fail: the mechanisms that the verdict decides among.
    Mechanism, "mechanism" {
        /// The server ends a transfer in flight because its link expires.
        CutAtExpiry = "cut-at-expiry",
        /// The whole body is taken, then refused because its link has expired meanwhile.
        RejectedAtCompletion = "rejected-at-completion",
        /// The request reached the server after expiry and was refused: an ordinary 403, however a client reports it.
        LateStart = "late-start",
        /// The server gave up on a transfer that made no progress.
        IdleTimeout = "idle-timeout",
        /// The server asked to slow down.
        Throttled = "throttled",
        /// The server sent the client elsewhere.
        Redirected = "redirected",
        /// The credentials that signed the link had expired, which ends it whatever its own TTL.
        CredentialsExpired = "credentials-expired",
        /// The clocks of client and server disagree by more than signing tolerates.
        ClockSkew = "clock-skew",
        /// A kept-alive connection was used that the server had closed.
        StaleConnection = "stale-connection",
        /// Connections end for causes that have nothing to do with expiry.
        Network = "network",
        /// The machine that ran the experiment is at fault.
        Client = "client",
        /// The link was refused while it lived, where requests signed in headers were let in: a policy on links or on their age.
        RefusedAlive = "refused-alive",
        /// Something before the store answered in its place: a proxy, a load balancer, a CDN, a portal.
        Gateway = "gateway",
        /// The store failed by itself: a 5xx of its own other than throttling.
        ServerError = "server-error",
    }
}

words! {
    /// What the report concludes about a mechanism.
    Verdict, "verdict" {
        /// It is at work.
        Supported = "supported",
        /// It is not, or in no larger share than the bound that is given.
        NotSupported = "not-supported",
        /// The runs cannot tell; how many more it would take is given.
        Inconclusive = "inconclusive",
        /// The target enforces no expiry, so nothing follows from its transfers.
        Invalid = "invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for (value, word) in Outcome::ALL.iter().zip(Outcome::WORDS) {
            assert_eq!(value.as_str(), *word);
            assert_eq!(word.parse::<Outcome>(), Ok(*value));
        }
    }

    #[test]
    fn an_unknown_word_names_its_neighbours() {
        let error = "sometimes".parse::<ExpiryPolicy>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sometimes` is not a known expiry policy; expected one of: on-request, in-flight, on-completion, never"
        );
    }

    #[test]
    fn cancelled_is_censored_not_failed() {
        let failures = Outcome::ALL.iter().filter(|outcome| outcome.is_failure()).count();
        assert_eq!(failures, Outcome::ALL.len() - 2);
        assert!(!Outcome::Cancelled.is_failure());
    }
}
