//! A clock probe: a handful of requests, outside of any transfer, that find out how far the server's clock is ahead.
//!
//! A `Date` is cut to whole seconds, so that an answer tells most where the second turns. After a first answer the turn is known
//! to within a second; the next requests are spread over that second until one finds it turned, and those after them over what is
//! left, around the next turn, until that is about a round trip. So a probe takes some two seconds and twenty requests. The points
//! reach a little beyond both ends of what the answers before allow: a server whose dates are stale contradicts itself there.
//! A probe that knows what an earlier one found asks twice beside the next turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::{Cell, Method, Outcome, Timestamp, TransferRecord};
use ttlsweep_rundir::environment::ClockOffset;

use crate::clock::Anchor;
use crate::clock::offset::OffsetBracket;
use crate::dial::Connection;
use crate::s3::Operation;
use crate::s3::object_key::ObjectKey;
use crate::stop::Stop;
use crate::transfer::one_off::OneOff;

/// One answer of a probe.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Right before the request was sent, on a connection that stood.
    pub sent: Timestamp,
    /// When the answer's first byte was read.
    pub received: Timestamp,
    /// The answer's `Date`.
    pub server: Timestamp,
    /// Its status.
    pub status: Option<u16>,
}

/// What a probe found.
#[derive(Debug, Default)]
pub struct Round {
    /// The answers in their order; empty if none had a `Date`.
    pub answers: Vec<Answer>,
    /// What they allow together, by this machine's clock at the last of them.
    pub bracket: Option<ClockOffset>,
    /// How old the server's dates may be, in microseconds; the bracket allows for it.
    pub stale_us: u64,
    /// Why nobody could be asked; `None` if somebody was, or answered without a `Date`.
    pub unreachable: Option<String>,
}

/// How far a probe goes.
#[derive(Clone, Copy)]
pub struct Effort<'a> {
    /// What it may take.
    pub within: Duration,
    /// What an earlier probe found: it is enough to see that the server's second still turns there.
    pub known: Option<ClockOffset>,
    /// Whether to ask again some seconds later, to find out whether the server's dates are stale. A run need not: its last
    /// probe does.
    pub confirm: bool,
    /// Is told how many requests were sent, of at most `MOST_REQUESTS`.
    pub asked: &'a (dyn Fn(u32) + Sync),
}

impl Effort<'_> {
    /// A probe of its own, as long as `within`, by somebody who asks once.
    pub fn once(within: Duration) -> Self {
        Self { within, known: None, confirm: true, asked: &|_| () }
    }
}

impl fmt::Debug for Effort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { within, known, confirm, .. } = self;
        write!(f, "Effort {{ within: {within:?}, known: {known:?}, confirm: {confirm} }}")
    }
}

/// Asks until the bracket is about as wide as a round trip; `key` names an object that does not exist, or one that may be read.
/// The target's own bracket is narrowed by every answer.
pub async fn round(one_off: &OneOff<'_>, key: &ObjectKey, effort: Effort<'_>, stop: &mut Stop) -> Round {
    let own = one_off.target.offset.sibling();
    let mut asking = Asking {
        one_off,
        key,
        effort,
        own: &own,
        kept: None,
        answers: Vec::new(),
        lead_us: 0,
        round_trip_us: 0,
        until: Instant::now() + effort.within,
        unreachable: None,
    };
    asking.all(stop).await;
    let (answers, unreachable) = (asking.answers, asking.unreachable);
    let bracket = if answers.is_empty() { None } else { own.bracket(&one_off.clock.anchor()) };
    Round { answers, bracket, stale_us: own.stale_us(), unreachable }
}

/// A cell with a probe's timeouts: a store that hangs must not hold up a run.
pub fn patient(cell: &Cell) -> Cell {
    Cell { connect_timeout_us: PATIENCE_US, idle_timeout_us: PATIENCE_US, timeout_us: PATIENCE_US, ..cell.clone() }
}

struct Asking<'a> {
    one_off: &'a OneOff<'a>,
    key: &'a ObjectKey,
    effort: Effort<'a>,
    own: &'a OffsetBracket,
    kept: Option<Connection>,
    answers: Vec<Answer>,
    /// From the instant at which a request is begun to that at which the server reads its clock, with the fastest so far.
    lead_us: i64,
    /// The fastest so far.
    round_trip_us: i64,
    until: Instant,
    unreachable: Option<String>,
}

impl Asking<'_> {
    async fn all(&mut self, stop: &mut Stop) {
        // The second one is on a connection that stands: the first one's handshakes say nothing about a round trip.
        for _ in 0..2 {
            if self.ask(stop).await.is_none() {
                return;
            }
        }
        let mut more_us = 0;
        if let Some(known) = self.effort.known {
            more_us = known.high_us - known.low_us + 2 * self.beside_us();
            self.ask_beside(known, 0, &ONCE, stop).await;
        }
        for _ in 0..TURNS {
            let enough_us = more_us + FINE_US.max(self.typical_us() * 3 / 2);
            if self.own.stale_us() > 0 || self.one_turn(enough_us, stop).await.is_none() {
                break;
            }
        }
        if self.effort.confirm
            && self.own.stale_us() == 0
            && let Some(known) = self.own.newest(&self.one_off.clock.anchor())
        {
            // By then, dates that are made in a loop of their own have moved out of the bracket.
            let mut later_us = CONFIRM_AFTER_US;
            for _ in 0..CONFIRMATIONS {
                if self.ask_beside(known, later_us, &SURELY, stop).await != Some(false) || self.own.stale_us() > 0 {
                    break;
                }
                later_us = 0;
            }
        }
    }

    /// Asks around the first turn of the server's second that comes after `later_us`, as far as it is `known` when that is, so
    /// many steps before (negative) and behind it. Whether answers of both sides came where they contradict a bracket that is
    /// wrong: one that took until the turn may be of either side, and one long behind it sees a turn that came late as well.
    async fn ask_beside(&mut self, known: ClockOffset, later_us: i64, steps: &[i64], stop: &mut Stop) -> Option<bool> {
        let step_us = self.beside_us();
        let turn = self.next_turn(later_us + known.high_us - steps[0] * step_us);
        let (mut before, mut behind) = (false, false);
        for step in steps {
            let edge = turn - if *step < 0 { known.high_us } else { known.low_us };
            let answer = self.ask_at(edge + step * step_us, stop).await?;
            let (sent, received) = (answer.sent.unix_micros(), answer.received.unix_micros());
            before |= *step < 0 && received < edge;
            behind |= *step > 0 && edge < sent && received < edge + SOON * step_us;
        }
        Some(before && behind)
    }

    /// The first turn of the server's second that is not past for a request that is begun now, if the server's clock is
    /// `ahead_us` ahead of this machine's.
    fn next_turn(&self, ahead_us: i64) -> i64 {
        let earliest = self.one_off.clock.anchor().wall.unix_micros() + ROOM_US + self.lead_us + ahead_us;
        (earliest.div_euclid(SECOND_US) + 1) * SECOND_US
    }

    /// The median round trip so far, the faster one of two: what can be reached at all.
    fn typical_us(&self) -> i64 {
        let mut all: Vec<_> = self.answers.iter().map(|answer| answer.received.micros_since(answer.sent)).collect();
        all.sort_unstable();
        all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or(0)
    }

    fn beside_us(&self) -> i64 {
        self.round_trip_us.max(BESIDE_US)
    }

    /// Asks so that the server reads its clock at `unix_us` of this machine's; `None` if nobody answers, or that is too late.
    async fn ask_at(&mut self, unix_us: i64, stop: &mut Stop) -> Option<Answer> {
        let at = Timestamp::from_unix_micros(unix_us - self.lead_us);
        let at = self.one_off.clock.anchor().instant_at(at);
        if at > self.until || stop.sleep_until(at.max(Instant::now())).await.is_some() {
            return None;
        }
        self.ask(stop).await
    }

    /// Aims at the next turn of the server's second, until it is known to within `enough_us`; `None` if there is nothing more
    /// to be found, or nobody answers.
    async fn one_turn(&mut self, enough_us: i64, stop: &mut Stop) -> Option<()> {
        let known = self.own.newest(&self.one_off.clock.anchor())?;
        let width = known.high_us - known.low_us;
        if width <= enough_us {
            return None;
        }
        let apart = (width / POINTS).max(self.round_trip_us).max(FINE_US / 2);
        // Of a bracket that is about a second wide, the turn may as well come next as a second later.
        let turn = self.next_turn(if width > SECOND_US / 2 { known.low_us } else { known.high_us + apart });
        // So few points as fit beside each other leave no less than there was; the one in the middle halves it.
        let (first, points) = match width / apart {
            0..3 => (turn - known.high_us + width / 2, 1),
            points => (turn - known.high_us - apart, points + 4),
        };
        // What is past already is asked for at once.
        let first = first.max(self.one_off.clock.anchor().wall.unix_micros() + self.lead_us);
        for point in 0..points {
            if self.ask_at(first + point * apart, stop).await?.server.unix_micros() >= turn {
                break;
            }
        }
        Some(())
    }

    async fn ask(&mut self, stop: &mut Stop) -> Option<Answer> {
        let one_off = self.one_off;
        let number = u32::try_from(self.answers.len()).unwrap_or(u32::MAX) + 1;
        if number > MOST_REQUESTS {
            return None;
        }
        let operation = Operation { method: Method::Get, key: self.key.clone(), part: None };
        let link = one_off
            .target
            .store()?
            .as_asked()
            .presign(&operation, "clock", one_off.clock.wall(), Duration::from_secs(60))
            .await
            .ok()?;
        let anchor = one_off.clock.anchor();
        (self.effort.asked)(number);
        let row = one_off.send_on(&mut self.kept, &link, self.key, None, stop).await;
        let Some(answer) = answer(&row) else {
            let unreachable = matches!(row.outcome, Outcome::Unconnected | Outcome::TimedOut) && row.status.is_none();
            self.unreachable = row.error.filter(|_| unreachable);
            return None;
        };
        self.note(&answer, &row, &anchor);
        Some(answer)
    }

    fn note(&mut self, answer: &Answer, row: &TransferRecord, anchor: &Anchor) {
        let round_trip_us = answer.received.micros_since(answer.sent);
        // Handshakes come before the first; later, only a faster one says more about the way.
        if self.answers.len() < 2 || round_trip_us < self.round_trip_us {
            self.round_trip_us = round_trip_us;
            self.lead_us = answer.sent.micros_since(row.started_at) + round_trip_us / 2;
        }
        for bracket in [self.own, &*self.one_off.target.offset] {
            bracket.narrow(answer.server, answer.sent, answer.received, anchor);
        }
        self.answers.push(*answer);
    }
}

fn answer(row: &TransferRecord) -> Option<Answer> {
    Some(Answer {
        sent: row.sent_after()?,
        received: row.started_at.plus_micros(i64::try_from(row.response_start_us?).ok()?),
        server: row.server_time?,
        status: row.status,
    })
}

impl OffsetBracket {
    /// A bracket of its own for the same clocks.
    pub(crate) fn sibling(&self) -> Self {
        Self::new(Arc::clone(self.shared_steps()))
    }
}

/// A run's probes take no more requests than this.
pub(crate) const MOST_REQUESTS: u32 = 48;

/// Two leave some milliseconds of a second; more are needed if answers take long.
const TURNS: u32 = 4;
const POINTS: i64 = 16;

/// The report's δ is 50 ms at the least, and timers are off by a millisecond or more.
const FINE_US: i64 = 6_000;

const SECOND_US: i64 = 1_000_000;

/// Some room to sign in.
const ROOM_US: i64 = 5_000;

const PATIENCE_US: u64 = 3_000_000;

/// How long after the last turn the bracket is confirmed: a loop that takes 8 ms more than a second, as uvicorn's does, has moved
/// by 16 ms then.
const CONFIRM_AFTER_US: i64 = 2_000_000;

/// How often that is tried, a second later each, until it tells.
const CONFIRMATIONS: u32 = 3;

/// Where it is asked for, in steps from the turn: a busy machine may miss one of them.
const SURELY: [i64; 5] = [-3, -2, -1, 1, 2];
const ONCE: [i64; 2] = [-1, 1];

/// So many steps behind the turn, an answer still contradicts dates that have moved.
const SOON: i64 = 3;

/// The least length of a step.
const BESIDE_US: i64 = 3_000;
