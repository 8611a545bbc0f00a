//! What the server and the way to it do to one transfer: every event that could end it, of which the earliest does.
//! Instants are microseconds by the client's clock as it was when the run began, at the server.

use ttlsweep_record::Mechanism;

use crate::chance::Chance;
use crate::world::{CutBy, Rule, SECOND, Told, World};

/// A request as it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// When the connection was opened.
    pub(crate) connected_at: i64,
    /// Whether the connection was kept from an earlier request.
    pub(crate) reused: bool,
    /// When the head's last byte reached the server's kernel.
    pub(crate) arrives_at: i64,
    /// The link's date, cut to whole seconds; `None` without a link.
    pub(crate) dated_at: Option<i64>,
    /// What the link itself says of its expiry; `None` if there is none.
    pub(crate) expires_at: Option<i64>,
    /// What the body takes from there when nothing stops it.
    pub(crate) needed_us: i64,
    /// How the body waits for a 100 Continue; `None` if it comes with the head.
    pub(crate) waits: Option<Waits>,
}

/// A body that is sent when the 100 Continue has come, or when the client's patience is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// From the 100 on its way to the body's first byte.
    pub(crate) round_trip_us: i64,
    /// When the body comes at the latest.
    pub(crate) until: i64,
}

/// What all transfers of a trial share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disposition {
    /// All of them are broken at this instant.
    pub(crate) burst_at: Option<i64>,
    /// All of them are told to slow down.
    pub(crate) throttled: bool,
}

/// How a transfer ends at the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    pub(crate) at: i64,
    pub(crate) how: How,
    /// The truth of why; `None` if it was stored.
    pub(crate) why: Option<Mechanism>,
    /// The body's share that had arrived.
    pub(crate) arrived: f64,
    /// When a 100 Continue was sent; `None` if there was none.
    pub(crate) continued_at: Option<i64>,
    /// When the body's first byte arrived, or would have.
    pub(crate) body_from: i64,
    /// When the server's program read the head.
    pub(crate) read_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Stored,
    /// Answered before the body was whole, or after.
    Answered(Answer),
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Expired,
    TooOld,
    Told(Told),
    SlowDown,
    RequestTimeout,
    BadGateway,
    GatewayTimeout,
    Portal,
}

/// The server's clock: how far it is ahead, and from when on by how much more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock {
    pub(crate) offset_us: i64,
    pub(crate) set_at: i64,
    pub(crate) set_by_us: i64,
}

impl ServerClock {
    pub(crate) const fn reads(self, at: i64) -> i64 {
        at + self.offset_us + if at >= self.set_at { self.set_by_us } else { 0 }
    }

    /// When it first reads `time` or more.
    pub(crate) fn first_at(self, time: i64) -> i64 {
        let before = time - self.offset_us;
        if before < self.set_at { before } else { self.set_at.max(before - self.set_by_us) }
    }
}

/// Serves the request.
pub(crate) fn serve(
    world: &World,
    clock: ServerClock,
    request: &Request,
    disposition: Disposition,
    chance: &mut Chance,
) -> End {
    let read_at = request.arrives_at + if world.unread_us > 0 { chance.exponential(world.unread_us) } else { 0 };
    // On the client's clock, the server's expiry is early by what its clock is ahead.
    let expiry = request.expires_at.map(|expires| clock.first_at(expires));
    let expired = |at: i64| world.enforces() && request.expires_at.is_some_and(|expires| clock.reads(at) >= expires);
    let continues_at = if world.continues_all { request.arrives_at } else { read_at };
    let from = request
        .waits
        .map_or(read_at, |waits| waits.until.max(request.arrives_at).min(continues_at + waits.round_trip_us));
    let body = Body::draw(world, from, request.needed_us, chance);
    let mut ends = Vec::with_capacity(8);
    if expired(read_at) {
        ends.push((read_at, How::Answered(Answer::Expired), Some(Mechanism::LateStart)));
    }
    let age = request.dated_at.map(|date| clock.reads(read_at) - date);
    if world.oldest_link_us.zip(age).is_some_and(|(oldest, age)| age >= oldest) {
        ends.push((read_at, How::Answered(Answer::TooOld), Some(Mechanism::RefusedAlive)));
    }
    if disposition.throttled || chance.happens(world.throttled) {
        ends.push((read_at, How::Answered(Answer::SlowDown), Some(Mechanism::Throttled)));
    }
    if let Some((share, told)) = world.told
        && chance.happens(share)
    {
        ends.push((read_at, How::Answered(Answer::Told(told)), Some(told.mechanism())));
    }
    let continues = request.waits.is_some() && (world.continues_all || ends.is_empty());
    if let (Rule::Cut(cut), Some(expiry)) = (world.rule, expiry)
        && chance.happens(cut.share)
        && !expired(read_at)
    {
        let how = match cut.by {
            CutBy::Break => How::Broken,
            CutBy::Refusal => How::Answered(Answer::Expired),
            CutBy::Gateway => How::Answered(Answer::BadGateway),
            CutBy::SlowDown => How::Answered(Answer::SlowDown),
        };
        let at = expiry.max(read_at) + chance.between(cut.delay_us.0, cut.delay_us.1);
        ends.push((at, how, Some(Mechanism::CutAtExpiry)));
    }
    if let Some((at, answers)) = body.given_up_at {
        let how = if answers { How::Answered(Answer::RequestTimeout) } else { How::Broken };
        ends.push((at, how, Some(Mechanism::IdleTimeout)));
    }
    if request.reused && world.stale > 0.0 && chance.happens(world.stale) {
        ends.push((request.arrives_at, How::Broken, Some(Mechanism::StaleConnection)));
    }
    if chance.happens(world.broken) {
        let at = request.arrives_at + chance.between(0, request.needed_us);
        ends.push((at, How::Broken, NETWORK));
    }
    if chance.happens(world.ticks) {
        let first = (request.arrives_at + world.offset_us).div_euclid(SECOND) + 1;
        let tick = first + chance.between(0, request.needed_us / SECOND);
        ends.push((tick * SECOND - world.offset_us, How::Broken, NETWORK));
    }
    if let Some(at) = disposition.burst_at {
        ends.push((at.max(request.arrives_at) + chance.between(0, 20_000), How::Broken, NETWORK));
    }
    if let Some(timer) = world.timer
        && chance.happens(timer.share)
        && !(timer.links_only && request.expires_at.is_none())
    {
        let age = timer.age_us + chance.between(-timer.spread_us, timer.spread_us + 1);
        ends.push((request.connected_at + age, How::Broken, NETWORK));
    }
    if chance.happens(world.gateway) {
        let (at, answer) = if chance.happens(0.5) {
            (read_at + chance.between(0, request.needed_us), Answer::BadGateway)
        } else {
            (body.whole_at, Answer::GatewayTimeout)
        };
        ends.push((at, How::Answered(answer), Some(Mechanism::Gateway)));
    }
    if world.portal && request.expires_at.is_some() && !expired(read_at) {
        // The store never sees it, and cuts nothing.
        ends = vec![(body.whole_at, How::Answered(Answer::Portal), Some(Mechanism::Gateway))];
    }
    let refused = world.rule == Rule::AtCompletion && expired(body.whole_at);
    let (how, why) = if refused {
        (How::Answered(Answer::Expired), Some(Mechanism::RejectedAtCompletion))
    } else {
        (How::Stored, None)
    };
    // What something before the server has taken whole is not stored before the head is read.
    ends.push((body.whole_at.max(read_at), how, why));
    let (at, how, why) = ends.into_iter().min_by_key(|(at, ..)| *at).expect("the body comes to its end");
    let continued_at = Some(continues_at).filter(|sent| continues && *sent <= at);
    End { at, how, why, arrived: body.arrived(at), continued_at, body_from: body.from, read_at }
}

/// The body's progress, with one place where it may stand still.
struct Body {
    from: i64,
    needed_us: i64,
    stands_from: i64,
    stands_us: i64,
    whole_at: i64,
    given_up_at: Option<(i64, bool)>,
}

impl Body {
    fn draw(world: &World, from: i64, needed_us: i64, chance: &mut Chance) -> Self {
        let mut body = Self {
            from,
            needed_us,
            stands_from: i64::MAX,
            stands_us: 0,
            whole_at: from + needed_us,
            given_up_at: None,
        };
        if let Some(stalls) = world.stalls
            && chance.happens(stalls.share)
        {
            // A third of them at the very start, where the server's timer runs from the head.
            body.stands_from = if chance.happens(0.3) { from } else { from + chance.between(0, needed_us) };
            body.stands_us = chance.exponential(stalls.mean_us);
            body.whole_at += body.stands_us;
            if body.stands_us > stalls.idle_us {
                body.given_up_at = Some((body.stands_from + stalls.idle_us, stalls.answers));
            }
        }
        body
    }

    fn arrived(&self, at: i64) -> f64 {
        let stood = (at - self.stands_from.min(at)).min(self.stands_us);
        ((at - self.from - stood) as f64 / self.needed_us as f64).clamp(0.0, 1.0)
    }
}

const NETWORK: Option<Mechanism> = Some(Mechanism::Network);
