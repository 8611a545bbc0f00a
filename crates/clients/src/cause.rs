//! What was done to a transfer.

use serde::Deserialize;

/// What was done to a transfer. The testbed's own record says so, not the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The link had expired when the request's head arrived: 403 at once.
    RefusedAtStart,
    /// 403 while the body was on its way.
    RefusedMidway,
    /// 403 once the whole body had arrived.
    RefusedAtEnd,
    /// A RST in place of an answer.
    CutReset,
    /// A FIN in place of an answer.
    CutClose,
    /// A download that was shorter than it said.
    Truncated,
    /// 307 to another host.
    Redirect,
    /// 503 while the body was on its way.
    SlowDown,
    /// 400 RequestTimeout while the body was on its way.
    RequestTimeout,
    /// The server neither reads nor answers any more.
    Stall,
    /// The server had closed the kept-alive connection before it was used again.
    StaleConnection,
    /// Nothing: it was served.
    Completed,
}

impl Cause {
    /// All of them, the likeliest to be asked about first.
    pub const ALL: [Self; 12] = [
        Self::RefusedAtStart,
        Self::RefusedMidway,
        Self::RefusedAtEnd,
        Self::CutReset,
        Self::CutClose,
        Self::Truncated,
        Self::Redirect,
        Self::SlowDown,
        Self::RequestTimeout,
        Self::Stall,
        Self::StaleConnection,
        Self::Completed,
    ];

    /// Its word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefusedAtStart => "refused-at-start",
            Self::RefusedMidway => "refused-midway",
            Self::RefusedAtEnd => "refused-at-end",
            Self::CutReset => "cut-reset",
            Self::CutClose => "cut-close",
            Self::Truncated => "truncated",
            Self::Redirect => "redirect",
            Self::SlowDown => "slow-down",
            Self::RequestTimeout => "request-timeout",
            Self::Stall => "stall",
            Self::StaleConnection => "stale-connection",
            Self::Completed => "completed",
        }
    }

    /// What happened, in the fewest words.
    pub const fn in_short(self) -> &'static str {
        match self {
            Self::RefusedAtStart => "refused at the start",
            Self::RefusedMidway => "refused on the way",
            Self::RefusedAtEnd => "refused at the end",
            Self::CutReset => "cut by a reset",
            Self::CutClose => "cut by a close",
            Self::Truncated => "cut short",
            Self::Redirect => "redirected",
            Self::SlowDown => "throttled",
            Self::RequestTimeout => "too slow for the store",
            Self::Stall => "stalled",
            Self::StaleConnection => "sent on a stale connection",
            Self::Completed => "served",
        }
    }

    /// What happened, in words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::RefusedAtStart => {
                "refused at its start: the link had expired when the request arrived, 403 before the body"
            }
            Self::RefusedMidway => "refused on its way: a 403 while the body was being sent",
            Self::RefusedAtEnd => "refused at its end: a 403 once the whole body had arrived",
            Self::CutReset => "cut: the connection was reset on the way, without an answer",
            Self::CutClose => "cut: the connection was closed on the way, without an answer",
            Self::Truncated => "cut short: the download ended before its length",
            Self::Redirect => "redirected: a 307 to another host before the body, as for a bucket elsewhere",
            Self::SlowDown => "throttled: a 503 SlowDown while the body was being sent",
            Self::RequestTimeout => "too slow for the store: a 400 RequestTimeout while the body was being sent",
            Self::Stall => "stalled: nothing was read or answered any more",
            Self::StaleConnection => "stale: the kept-alive connection had been closed before it was used again",
            Self::Completed => "nothing: the store served it",
        }
    }

    /// How to tell it from the others.
    pub const fn tell(self) -> &'static str {
        match self {
            Self::RefusedAtStart => {
                "hold the link's X-Amz-Date + X-Amz-Expires against the instant at which the request left; a run has it as `rejected`, \
                 `early_response`, head written after the expiry (late-start)"
            }
            Self::RefusedMidway => {
                "a run has it as `rejected` with `early_response`; at the link's expiry it is cut-at-expiry, before it refused-alive"
            }
            Self::RefusedAtEnd => "a run has it as `rejected` without `early_response` (rejected-at-completion)",
            Self::CutReset => {
                "a run has it as `reset`; at the links' expiry alone it is cut-at-expiry, in the long-TTL controls as well it is the network"
            }
            Self::CutClose => {
                "a run has it as `closed`; at the links' expiry alone it is cut-at-expiry, in the long-TTL controls as well it is the network"
            }
            Self::Truncated => {
                "compare the bytes with Content-Length; a run has it as `closed`, `reset` or `truncated` in the response's body"
            }
            Self::Redirect => {
                "`ttlsweep doctor` names the bucket's own region and endpoint; a run has it as `rejected`, 307"
            }
            Self::SlowDown => {
                "it grows with the requests a second, not with the link's age; a run has it as `rejected`, 503"
            }
            Self::RequestTimeout => {
                "the uplink stood still or was full; a run has it as `rejected`, RequestTimeout (idle-timeout)"
            }
            Self::Stall => "a run has it as `timed-out`, with the phase in which nothing moved",
            Self::StaleConnection => {
                "it fails within a round trip on a connection that was idle before, and a fresh one does not; a run has it as \
                 stale-connection"
            }
            Self::Completed => "a run has it as `completed`",
        }
    }
}
