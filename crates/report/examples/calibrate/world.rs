//! What a world does to transfers: the server's rule on expiry, and what happens on the way there. The truth by which
//! verdicts are scored follows from these settings alone.

use ttlsweep_record::{Mechanism, Method};

/// A server and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) name: &'static str,
    /// In words.
    pub(crate) story: &'static str,
    /// When the server holds expiry against a transfer.
    pub(crate) rule: Rule,
    /// Of early refusals, how many the client sees as a broken connection, without their answer.
    pub(crate) refusals_lost: f64,
    /// The server's clock less the client's.
    pub(crate) offset_us: i64,
    /// Of transfers, how many are broken at a random place by something unrelated.
    pub(crate) broken: f64,
    /// How that shows, and the cut.
    pub(crate) breaks: Breaks,
    /// Of answers at the head, how many never leave: the server closes behind them, and a bare RST comes in their place.
    pub(crate) lost_at_head: f64,
    /// Of transfers, how many are answered by a gateway in the store's place, in mid-body or after it.
    pub(crate) gateway: f64,
    /// Whether something in the store's place takes every upload by a living link, and answers 200 with a page of its own.
    pub(crate) portal: bool,
    /// Links of this age and older are refused, whatever their TTL.
    pub(crate) oldest_link_us: Option<i64>,
    /// Of trials, how many have all of their transfers broken at one instant.
    pub(crate) bursts: f64,
    /// Of transfers, how many are broken on one of the server's whole seconds.
    pub(crate) ticks: f64,
    pub(crate) timer: Option<Timer>,
    pub(crate) stalls: Option<Stalls>,
    /// Of transfers, how many are told to slow down.
    pub(crate) throttled: f64,
    /// Of trials, how many are told so as a whole.
    pub(crate) throttled_trials: f64,
    /// Of trials, how many find a full uplink queue, and how long each head waits in it on average.
    pub(crate) queue: (f64, i64),
    /// How long a head lies with the server, confirmed by its kernel, until it is read, on average.
    pub(crate) unread_us: i64,
    /// Of transfers, how many take longer by a heavy-tailed factor.
    pub(crate) slow: f64,
    /// How far the local socket is ahead of the peer.
    pub(crate) ahead_bytes: u64,
    /// A full uplink: what waits in its queue, up to these bounds, one draw a run.
    pub(crate) uplink_us: Option<(i64, i64)>,
    pub(crate) stutter: Option<Stutter>,
    pub(crate) step: Option<Step>,
    /// How old the server lets the time grow that it writes into its answers: 0 = it looks at its clock for each.
    pub(crate) date_every_us: i64,
    /// The server's own log, if it is joined to the run.
    pub(crate) log: Option<Log>,
    /// Whether short requests found the server's clock before the first trial, as every run makes them now.
    pub(crate) probed: bool,
    /// Whether something before the server tells everyone to go on (100 Continue) as soon as a head arrives; else the server
    /// does, when it has read the head and lets it in.
    pub(crate) continues_all: bool,
    pub(crate) plan: Plan,
    /// What is at work there beside the cut.
    pub(crate) also: Vec<Mechanism>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// At the head, and never again.
    AtHead,
    /// At the head, and a cut in flight.
    Cut(Cut),
    /// At the head, and again when the body is whole.
    AtCompletion,
    /// Never.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Of transfers, how many meet a server that cuts.
    pub(crate) share: f64,
    /// What the client sees of it.
    pub(crate) by: CutBy,
    /// It comes this long after expiry, uniformly between the two.
    pub(crate) delay_us: (i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutBy {
    /// The connection breaks.
    Break,
    /// A 403 comes first.
    Refusal,
    /// The connection breaks behind a gateway, which answers 502.
    Gateway,
    /// A 503 comes first, which says SlowDown.
    SlowDown,
}

/// How a broken transfer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaks {
    /// By RST.
    Reset,
    /// By FIN.
    Close,
    /// A download comes to its end in good order, and is less than the object.
    Short,
    /// A download turns into other bytes, and comes to its end in good order.
    Altered,
    /// Nothing moves any more, and nobody says so: this side gives up after 30 s.
    Silence,
}

/// Connections of a certain age are broken, whatever their link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timer {
    pub(crate) share: f64,
    pub(crate) age_us: i64,
    /// The age is off by up to this in either direction.
    pub(crate) spread_us: i64,
    /// Whether transfers that are signed in headers are spared.
    pub(crate) links_only: bool,
}

/// Transfers that stand still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stalls {
    pub(crate) share: f64,
    /// How long on average.
    pub(crate) mean_us: i64,
    /// When the server gives up.
    pub(crate) idle_us: i64,
    /// Whether it says so (400 RequestTimeout), or breaks the connection.
    pub(crate) answers: bool,
}

/// The client's machine stops for a while, again and again, and sees late what happens meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stutter {
    /// Of trials, how many meet it.
    pub(crate) share: f64,
    /// How long it stops at most, drawn for each trial between the two.
    pub(crate) lag_us: (i64, i64),
    /// Whether the longest stop is written down, or only that there were any.
    pub(crate) measured: bool,
}

/// What the server writes down of each request, with its total time in milliseconds; one line in fifty is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Log {
    /// What its instants are cut to.
    pub(crate) unit_us: i64,
    /// Whether they are those of the ends, and not those at which heads were read.
    pub(crate) of_ends: bool,
}

/// A clock is set in the middle of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) whose: Whose,
    /// By how much, forward or back, drawn between the two.
    pub(crate) by_us: (i64, i64),
    /// Whether the client watches its own clock.
    pub(crate) watched: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Clients,
    Servers,
}

/// The experiment that is run there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Links that expire in flight.
    pub(crate) ttls: Vec<u32>,
    /// Links that outlive their transfers.
    pub(crate) living_ttl: u32,
    /// What a transfer takes when nothing stops it.
    pub(crate) needed_us: i64,
    /// One after the other, each user; links are made ahead if there are several.
    pub(crate) transfers_per_user: u32,
    pub(crate) method: Method,
    /// Whether the grid's uploads are made once more with `Expect: 100-continue`.
    pub(crate) expects: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            name: "quiet",
            story: "nothing goes wrong",
            rule: Rule::AtHead,
            refusals_lost: 0.0,
            offset_us: 230_000,
            broken: 0.0,
            breaks: Breaks::Reset,
            lost_at_head: 0.0,
            gateway: 0.0,
            portal: false,
            oldest_link_us: None,
            bursts: 0.0,
            ticks: 0.0,
            timer: None,
            stalls: None,
            throttled: 0.0,
            throttled_trials: 0.0,
            queue: (0.0, 0),
            unread_us: 0,
            slow: 0.0,
            ahead_bytes: 256 * 1024,
            uplink_us: None,
            stutter: None,
            step: None,
            date_every_us: 0,
            log: None,
            probed: false,
            continues_all: false,
            plan: Plan {
                ttls: vec![4],
                living_ttl: 60,
                needed_us: 12 * SECOND,
                transfers_per_user: 1,
                method: Method::Put,
                expects: false,
            },
            also: Vec::new(),
        }
    }
}

impl World {
    /// What is at work there.
    pub(crate) fn truth(&self) -> Vec<Mechanism> {
        let rule = match self.rule {
            Rule::Cut(_) => Some(Mechanism::CutAtExpiry),
            Rule::AtCompletion => Some(Mechanism::RejectedAtCompletion),
            Rule::AtHead | Rule::Never => None,
        };
        rule.into_iter().chain(self.also.iter().copied()).collect()
    }

    pub(crate) fn cuts(&self) -> bool {
        matches!(self.rule, Rule::Cut(_))
    }

    /// Whether every connection is cut.
    pub(crate) fn cuts_all(&self) -> bool {
        matches!(self.rule, Rule::Cut(Cut { share: 1.0, .. }))
    }

    pub(crate) fn enforces(&self) -> bool {
        self.rule != Rule::Never
    }
}

pub(crate) const SECOND: i64 = 1_000_000;
