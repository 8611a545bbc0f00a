//! A clock probe: a handful of requests, outside of any transfer, that find out how far the server's clock is ahead.
//!
//! A `Date` is cut to whole seconds, so that an answer tells most where the second turns. After a first answer the turn is known
//! to within a second; the next requests are aimed at points spread over what is still possible until one finds the second
//! turned, and so on, until what is left is about a round trip. The points reach a little beyond both ends of what the answers
//! before allow: a server whose dates are stale contradicts itself there.

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
use crate::transfer::record::sent_after;
use crate::transfer::single::Single;

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

/// Asks until the bracket is about as wide as a round trip; `key` names an object that does not exist, or one that may be read.
/// The target's own bracket is narrowed by every answer.
pub async fn round(single: &Single<'_>, key: &ObjectKey, stop: &mut Stop) -> Round {
    let own = single.target.offset.sibling();
    let mut asking = Asking {
        single,
        key,
        own: &own,
        kept: None,
        answers: Vec::new(),
        lead_us: 0,
        round_trip_us: 0,
        until: Instant::now() + LONGEST,
        unreachable: None,
    };
    asking.all(stop).await;
    let (answers, unreachable) = (asking.answers, asking.unreachable);
    let bracket = if answers.is_empty() { None } else { own.bracket(&single.clock.anchor()) };
    Round { answers, bracket, stale_us: own.stale_us(), unreachable }
}

/// A cell with a probe's timeouts: a store that hangs must not hold up a run.
pub fn patient(cell: &Cell) -> Cell {
    Cell { connect_timeout_us: PATIENCE_US, idle_timeout_us: PATIENCE_US, timeout_us: PATIENCE_US, ..cell.clone() }
}

struct Asking<'a> {
    single: &'a Single<'a>,
    key: &'a ObjectKey,
    own: &'a OffsetBracket,
    kept: Option<Connection>,
    answers: Vec<Answer>,
    /// From the instant at which a request is begun to that at which the server reads its clock, as far as is known.
    lead_us: i64,
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
        for _ in 0..TURNS {
            if self.own.stale_us() > 0 || self.one_turn(stop).await.is_none() {
                break;
            }
        }
        if self.own.stale_us() == 0 {
            self.confirm(stop).await;
        }
    }

    /// Asks again some seconds later, right before and right behind the turn of the server's second: by then, dates that are made
    /// in a loop of their own have moved out of the bracket.
    async fn confirm(&mut self, stop: &mut Stop) -> Option<()> {
        let now = self.single.clock.anchor();
        let known = self.own.newest(&now)?;
        let beside = self.round_trip_us.max(BESIDE_US);
        let earliest = now.wall.unix_micros() + CONFIRM_AFTER_US + known.high_us;
        let turn = (earliest.div_euclid(SECOND_US) + 1) * SECOND_US;
        for at in [turn - known.high_us - beside, turn - known.low_us + beside] {
            self.ask_at(at, stop).await?;
        }
        Some(())
    }

    /// Asks so that the server reads its clock at `unix_us` of this machine's; `None` if nobody answers, or that is too late.
    async fn ask_at(&mut self, unix_us: i64, stop: &mut Stop) -> Option<Answer> {
        let at = Timestamp::from_unix_micros(unix_us - self.lead_us);
        let at = self.single.clock.anchor().instant_at(at);
        if at > self.until || stop.sleep_until(at.max(Instant::now())).await.is_some() {
            return None;
        }
        self.ask(stop).await
    }

    /// Aims at the next turn of the server's second; `None` if there is nothing more to be found, or nobody answers.
    async fn one_turn(&mut self, stop: &mut Stop) -> Option<()> {
        let now = self.single.clock.anchor();
        let known = self.own.newest(&now)?;
        let width = known.high_us - known.low_us;
        if width <= FINE_US.max(self.round_trip_us * 3 / 2) {
            return None;
        }
        let apart = (width / POINTS).max(self.round_trip_us).max(FINE_US / 2);
        let earliest = now.wall.unix_micros() + ROOM_US + self.lead_us + known.high_us + apart;
        let turn = (earliest.div_euclid(SECOND_US) + 1) * SECOND_US;
        let first = turn - known.high_us - apart;
        for point in 0..=(width / apart + 3) {
            if self.ask_at(first + point * apart, stop).await?.server.unix_micros() >= turn {
                break;
            }
        }
        Some(())
    }

    async fn ask(&mut self, stop: &mut Stop) -> Option<Answer> {
        let single = self.single;
        let operation = Operation { method: Method::Get, key: self.key.clone(), part: None };
        let store = single.target.store.as_asked();
        let link = store.presign(&operation, "clock", single.clock.wall(), Duration::from_secs(60)).await.ok()?;
        let anchor = single.clock.anchor();
        let row = single.send_on(&mut self.kept, &link, self.key, None, stop).await;
        let Some(answer) = answer(&row) else {
            let unreachable = matches!(row.outcome, Outcome::Unconnected | Outcome::TimedOut) && row.status.is_none();
            self.unreachable = row.error.filter(|_| unreachable);
            return None;
        };
        self.note(&answer, &row, &anchor);
        Some(answer)
    }

    fn note(&mut self, answer: &Answer, row: &TransferRecord, anchor: &Anchor) {
        self.round_trip_us = answer.received.micros_since(answer.sent);
        self.lead_us = answer.sent.micros_since(row.started_at) + self.round_trip_us / 2;
        for bracket in [self.own, &*self.single.target.offset] {
            bracket.narrow(answer.server, answer.sent, answer.received, anchor);
        }
        self.answers.push(*answer);
    }
}

fn answer(row: &TransferRecord) -> Option<Answer> {
    Some(Answer {
        sent: sent_after(row)?,
        received: row.started_at.plus_micros(i64::try_from(row.response_start_us?).ok()?),
        server: row.server_time?,
        status: row.status,
    })
}

impl OffsetBracket {
    /// A bracket of its own for the same clocks.
    pub fn sibling(&self) -> Self {
        Self::new(Arc::clone(self.shared_steps()))
    }
}

/// Each leaves a sixth of the width: 1 s / 6⁴ is less than a millisecond.
const TURNS: u32 = 5;
const POINTS: i64 = 6;

/// Timers and stamps are no finer.
const FINE_US: i64 = 2_000;

const SECOND_US: i64 = 1_000_000;

/// Some room to sign in.
const ROOM_US: i64 = 20_000;

const PATIENCE_US: u64 = 3_000_000;

/// How long after the last turn the bracket is confirmed: a loop that takes 8 ms more than a second, as uvicorn's does, has moved
/// by 16 ms then.
const CONFIRM_AFTER_US: i64 = 2_000_000;

/// How far outside of the bracket that is done, at the least.
const BESIDE_US: i64 = 3_000;

/// What a probe may take.
const LONGEST: Duration = Duration::from_secs(20);
