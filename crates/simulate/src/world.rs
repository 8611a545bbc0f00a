//! What a world does to transfers: the server's rule on expiry, and what happens on the way there. The truth by which
//! verdicts are scored follows from these settings alone.

use ttlsweep_record::{Mechanism, Method, Ttls};

/// A server and the way to it.
#[derive(Debug, Clone)]
pub struct World {
    /// What the tables call it.
    pub name: &'static str,
    /// In words.
    pub story: &'static str,
    /// When the server holds expiry against a transfer.
    pub rule: Rule,
    /// The share of early refusals that the client sees as a broken connection, without their answer.
    pub refusals_lost: f64,
    /// The server's clock less the client's.
    pub offset_us: i64,
    /// The share of transfers that are broken at a random place by something unrelated.
    pub broken: f64,
    /// How that shows, and the cut.
    pub breaks: Breaks,
    /// The share of answers at the head that never leave: the server closes behind them, and a bare RST comes in their place.
    pub lost_at_head: f64,
    /// The share of transfers that are answered by a gateway in the store's place, in mid-body or after it.
    pub gateway: f64,
    /// Whether something in the store's place takes every upload by a living link, and answers 200 with a page of its own.
    pub portal: bool,
    /// Links of this age and older are refused, whatever their TTL.
    pub oldest_link_us: Option<i64>,
    /// The share of trials that have all of their transfers broken at one instant.
    pub bursts: f64,
    /// The share of transfers that are broken on one of the server's whole seconds.
    pub ticks: f64,
    /// What breaks connections of a certain age, if anything does.
    pub timer: Option<Timer>,
    /// What stands still, if anything does.
    pub stalls: Option<Stalls>,
    /// The share of transfers that are told to slow down.
    pub throttled: f64,
    /// The share of trials that are told so as a whole.
    pub throttled_trials: f64,
    /// The share of trials that find a full uplink queue, and how long each head waits in it on average.
    pub queue: (f64, i64),
    /// How long a head lies with the server, confirmed by its kernel, until it is read, on average.
    pub unread_us: i64,
    /// The share of transfers that take longer by a heavy-tailed factor.
    pub slow: f64,
    /// How far the local socket is ahead of the peer.
    pub ahead_bytes: u64,
    /// A full uplink: what waits in its queue, up to these bounds, one draw a run.
    pub uplink_us: Option<(i64, i64)>,
    /// How the client's machine stops, if it does.
    pub stutter: Option<Stutter>,
    /// How a clock is set in the run's middle, if one is.
    pub step: Option<Step>,
    /// The share of transfers that are told something at the head that has nothing to do with their link, and what.
    pub told: Option<(f64, Told)>,
    /// The share of requests on a kept connection that find that the server has closed it.
    pub stale: f64,
    /// The share of transfers that fail on this side for lack of a descriptor.
    pub local: f64,
    /// A round trip through empty queues, drawn between the two once a run.
    pub rtt_us: (i64, i64),
    /// By how much durations vary from trial to trial, and from transfer to transfer: the deviation of their logarithm.
    pub spread: (f64, f64),
    /// How old the server lets the time grow that it writes into its answers: 0 = it looks at its clock for each.
    pub date_every_us: i64,
    /// The server's own log, if it is joined to the run.
    pub log: Option<Log>,
    /// Whether short requests found the server's clock before the first trial, as every run makes them now.
    pub probed: bool,
    /// Whether something before the server tells everyone to go on (100 Continue) as soon as a head arrives; else the server
    /// does, when it has read the head and lets it in.
    pub continues_all: bool,
    /// What is run there.
    pub plan: Plan,
    /// What is at work there beside the cut.
    pub also: Vec<Mechanism>,
}

/// When the server holds expiry against a transfer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// At the head, and never again.
    AtHead,
    /// At the head, and a cut in flight.
    Cut(Cut),
    /// At the head, and again when the body is whole.
    AtCompletion,
    /// Never.
    Never,
}

/// A cut in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// The share of transfers that meet a server that cuts.
    pub share: f64,
    /// What the client sees of it.
    pub by: CutBy,
    /// It comes this long after expiry, uniformly between the two.
    pub delay_us: (i64, i64),
}

/// How a cut shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutBy {
    /// The connection breaks.
    Break,
    /// A 403 comes first.
    Refusal,
    /// The connection breaks behind a gateway, which answers 502.
    Gateway,
    /// A 503 comes first, which says SlowDown.
    SlowDown,
}

/// What is told whatever the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// 307 to another endpoint.
    Redirected,
    /// That the credentials have expired.
    CredentialsExpired,
    /// That the clocks are too far apart.
    ClockSkew,
    /// That the store failed.
    ServerError,
}

impl Told {
    /// What is at work.
    pub const fn mechanism(self) -> Mechanism {
        match self {
            Self::Redirected => Mechanism::Redirected,
            Self::CredentialsExpired => Mechanism::CredentialsExpired,
            Self::ClockSkew => Mechanism::ClockSkew,
            Self::ServerError => Mechanism::ServerError,
        }
    }
}

/// How a broken transfer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaks {
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
pub struct Timer {
    /// The share of connections that break.
    pub share: f64,
    /// Since they were opened.
    pub age_us: i64,
    /// The age is off by up to this in either direction.
    pub spread_us: i64,
    /// Whether transfers that are signed in headers are spared.
    pub links_only: bool,
}

/// Transfers that stand still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stalls {
    /// Of transfers, how many.
    pub share: f64,
    /// How long on average.
    pub mean_us: i64,
    /// When the server gives up.
    pub idle_us: i64,
    /// Whether it says so (400 RequestTimeout), or breaks the connection.
    pub answers: bool,
}

/// The client's machine stops for a while, again and again, and sees late what happens meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stutter {
    /// The share of trials that meet it.
    pub share: f64,
    /// How long it stops at most, drawn for each trial between the two.
    pub lag_us: (i64, i64),
    /// Whether the longest stop is written down, or only that there were any.
    pub measured: bool,
}

/// What the server writes down of each request, with its total time in milliseconds; one line in fifty is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// What its instants are cut to.
    pub unit_us: i64,
    /// Whether they are those of the ends, and not those at which heads were read.
    pub of_ends: bool,
}

/// A clock is set in the middle of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Which one.
    pub whose: Whose,
    /// By how much, forward or back, drawn between the two.
    pub by_us: (i64, i64),
    /// Whether the client watches its own clock.
    pub watched: bool,
}

/// Whose clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The client's.
    Clients,
    /// The server's.
    Servers,
}

/// The experiment that is run there.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Links that expire in flight. Where the shortest and the longest differ, each trial draws its own.
    pub ttls: Vec<Ttls>,
    /// Links that outlive their transfers.
    pub living_ttl: u32,
    /// What a transfer takes when nothing stops it.
    pub needed_us: i64,
    /// One after the other, each user; links are made ahead if there are several.
    pub transfers_per_user: u32,
    /// Uploads or downloads.
    pub method: Method,
    /// Whether the grid's uploads are made once more with `Expect: 100-continue`.
    pub expects: bool,
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
            told: None,
            stale: 0.0,
            local: 0.0,
            rtt_us: (500, 40_000),
            spread: (0.03, 0.02),
            date_every_us: 0,
            log: None,
            probed: false,
            continues_all: false,
            plan: Plan {
                ttls: vec![4.into()],
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
    pub fn truth(&self) -> Vec<Mechanism> {
        let rule = match self.rule {
            Rule::Cut(_) => Some(Mechanism::CutAtExpiry),
            Rule::AtCompletion => Some(Mechanism::RejectedAtCompletion),
            Rule::AtHead | Rule::Never => None,
        };
        rule.into_iter().chain(self.also.iter().copied()).collect()
    }

    /// Whether it cuts at expiry at all.
    pub fn cuts(&self) -> bool {
        matches!(self.rule, Rule::Cut(_))
    }

    /// Whether every connection is cut.
    pub fn cuts_all(&self) -> bool {
        matches!(self.rule, Rule::Cut(Cut { share: 1.0, .. }))
    }

    /// Whether it ever looks at expiry.
    pub fn enforces(&self) -> bool {
        self.rule != Rule::Never
    }
}

/// In microseconds.
pub const SECOND: i64 = 1_000_000;
