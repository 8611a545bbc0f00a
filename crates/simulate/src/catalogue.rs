//! The worlds that the verdict is tried in: servers that cut at expiry and servers that don't, each with what could make
//! the one look like the other.

mod random_ttls;

use ttlsweep_record::{Mechanism, Method};

use crate::world::{Breaks, Cut, CutBy, Log, Plan, Rule, SECOND, Stalls, Step, Stutter, Timer, Whose, World};

/// All of them, those that cut last.
pub fn worlds() -> Vec<World> {
    let mut worlds = innocent();
    worlds.extend(random_ttls::innocent(&worlds));
    let mut guilty = guilty();
    guilty.extend(random_ttls::guilty(&guilty));
    worlds.extend(guilty);
    worlds
}

fn innocent() -> Vec<World> {
    let network = || vec![Mechanism::Network];
    let timer = Timer { share: 1.0, age_us: 4 * SECOND, spread_us: 0, links_only: false };
    vec![
        world("quiet", "checks at the head; nothing goes wrong", World::default()),
        world("heavy-tails", "half of the durations heavy-tailed", World { slow: 0.5, ..World::default() }),
        world("clock-ahead", "its clock is 2 s ahead", World { offset_us: 2 * SECOND, ..World::default() }),
        world("clock-behind", "its clock is 2 s behind", World { offset_us: -2 * SECOND, ..World::default() }),
        world("resets-5", "5 % reset at random", World { broken: 0.05, also: network(), ..World::default() }),
        world("resets-15", "15 % reset at random", World { broken: 0.15, also: network(), ..World::default() }),
        world("resets-30", "30 % reset at random", World { broken: 0.3, also: network(), ..World::default() }),
        world(
            "closes-30",
            "30 % closed at random, durations heavy-tailed",
            World { broken: 0.3, breaks: Breaks::Close, slow: 0.5, also: network(), ..World::default() },
        ),
        world(
            "bursts-30",
            "30 % of trials break as a whole",
            World { bursts: 0.3, also: network(), ..World::default() },
        ),
        world(
            "ticks-30",
            "30 % reset on one of the server's whole seconds",
            World { ticks: 0.3, offset_us: 0, also: network(), ..World::default() },
        ),
        world(
            "timer",
            "every connection is reset at an age of 4 s, the TTL",
            World { timer: Some(timer), also: network(), ..World::default() },
        ),
        world(
            "timer-60",
            "60 % of connections are reset at an age of 4 s, the TTL",
            World { timer: Some(Timer { share: 0.6, ..timer }), also: network(), ..World::default() },
        ),
        world(
            "timer-wide",
            "connections are reset at an age of 3.5 s, half a second more or less",
            World {
                timer: Some(Timer { age_us: 3_500_000, spread_us: 500_000, ..timer }),
                also: network(),
                ..World::default()
            },
        ),
        world(
            "timer-links",
            "the same timer of 4 s, but transfers signed in headers are spared",
            World { timer: Some(Timer { links_only: true, ..timer }), also: network(), ..World::default() },
        ),
        world(
            "idle-20",
            "40 % stall; reset after 20 s without progress, the TTL",
            World {
                stalls: Some(Stalls { share: 0.4, mean_us: 60 * SECOND, idle_us: 20 * SECOND, answers: false }),
                plan: slow_plan(20),
                also: vec![Mechanism::IdleTimeout],
                ..World::default()
            },
        ),
        world(
            "idle-60",
            "40 % stall; told RequestTimeout after 60 s, the TTL",
            World {
                stalls: Some(Stalls { share: 0.4, mean_us: 120 * SECOND, idle_us: 60 * SECOND, answers: true }),
                plan: slow_plan(60),
                also: vec![Mechanism::IdleTimeout],
                ..World::default()
            },
        ),
        world(
            "late-heads",
            "half of the trials' heads wait some 6 s in a full uplink queue; half of the refusals come as resets",
            World {
                queue: (0.5, 6 * SECOND),
                refusals_lost: 0.5,
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "late-heads-lost",
            "the same, and no refusal's answer is ever read",
            World {
                queue: (0.5, 6 * SECOND),
                refusals_lost: 1.0,
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "unread-heads",
            "heads lie with the server for 3 s on average before it reads them; the refusals come as resets",
            World { unread_us: 3 * SECOND, refusals_lost: 0.9, ..World::default() },
        ),
        world(
            "late-heads-lost-log",
            "late-heads-lost with the server's log, in milliseconds; its clock was found beforehand",
            World {
                queue: (0.5, 6 * SECOND),
                refusals_lost: 1.0,
                log: LOG,
                probed: true,
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "unread-heads-log",
            "unread-heads with the same",
            World {
                unread_us: 3 * SECOND,
                refusals_lost: 0.9,
                log: LOG,
                probed: true,
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "unread-heads-log-seconds",
            "the same, with a log in whole seconds",
            World {
                unread_us: 3 * SECOND,
                refusals_lost: 0.9,
                log: Some(Log { unit_us: SECOND, of_ends: false }),
                probed: true,
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "minted-ahead",
            "links made ahead for three transfers in a row",
            World { plan: minted_plan(), also: vec![Mechanism::LateStart], ..World::default() },
        ),
        world(
            "throttled-20",
            "20 % told SlowDown",
            World { throttled: 0.2, also: vec![Mechanism::Throttled], ..World::default() },
        ),
        world(
            "throttled-trials",
            "30 % of trials told SlowDown, half of it unread",
            World { throttled_trials: 0.3, refusals_lost: 0.5, also: vec![Mechanism::Throttled], ..World::default() },
        ),
        world(
            "at-completion",
            "refuses the whole body after expiry",
            World { rule: Rule::AtCompletion, ..World::default() },
        ),
        world(
            "at-completion-resets",
            "the same; 15 % reset at random; the socket 4 MiB ahead",
            World { rule: Rule::AtCompletion, broken: 0.15, ahead_bytes: 4 << 20, also: network(), ..World::default() },
        ),
        world(
            "two-innocents",
            "late heads, 20 % told SlowDown, 15 % reset at random",
            World {
                queue: (0.3, 6 * SECOND),
                throttled: 0.2,
                broken: 0.15,
                also: vec![Mechanism::LateStart, Mechanism::Throttled, Mechanism::Network],
                ..World::default()
            },
        ),
        world(
            "enforces-nothing",
            "checks no expiry; 15 % reset at random",
            World { rule: Rule::Never, broken: 0.15, ..World::default() },
        ),
        world(
            "loaded",
            "an uplink whose queue holds 1 to 6 s; links of 20 s",
            World { uplink_us: LOADED, plan: slow_plan(20), also: vec![Mechanism::LateStart], ..World::default() },
        ),
        world(
            "loaded-short",
            "the same, links of 4 s, so that many heads come late",
            World { uplink_us: LOADED, refusals_lost: 0.3, also: vec![Mechanism::LateStart], ..World::default() },
        ),
        world(
            "loaded-resets-15",
            "the same, links of 20 s; 15 % reset at random",
            World {
                uplink_us: LOADED,
                broken: 0.15,
                plan: slow_plan(20),
                also: vec![Mechanism::LateStart, Mechanism::Network],
                ..World::default()
            },
        ),
        world(
            "starved",
            "the client stands for 30 to 500 ms, again and again",
            World { stutter: STUTTER, ..World::default() },
        ),
        world(
            "starved-unmeasured",
            "half of its trials do, and nobody measured for how long; 15 % reset at random",
            World {
                stutter: Some(Stutter { share: 0.5, lag_us: (60_000, 500_000), measured: false }),
                broken: 0.15,
                also: network(),
                ..World::default()
            },
        ),
        world(
            "starved-timer",
            "the client stands so; every connection is reset at an age of 1.6 s",
            World {
                stutter: STUTTER,
                timer: Some(Timer { age_us: 1_600_000, ..timer }),
                also: network(),
                ..World::default()
            },
        ),
        world(
            "starved-resets-30",
            "the client stands so; 30 % reset at random",
            World { stutter: STUTTER, broken: 0.3, also: network(), ..World::default() },
        ),
        world("step-client", "the client's clock is set by 0.3 to 3 s", World { step: CLIENTS, ..World::default() }),
        world(
            "step-client-resets",
            "the same; 15 % reset at random",
            World { step: CLIENTS, broken: 0.15, also: network(), ..World::default() },
        ),
        world(
            "step-client-20",
            "the client's clock is set by 20 s, so that links are born dead, or outlive themselves",
            World {
                step: Some(Step { whose: Whose::Clients, by_us: (19 * SECOND, 21 * SECOND), watched: true }),
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "step-client-unwatched",
            "the client's clock is set by 0.3 to 3 s, and nothing watched it",
            World {
                step: Some(Step { whose: Whose::Clients, by_us: (300_000, 3 * SECOND), watched: false }),
                ..World::default()
            },
        ),
        world("step-server", "the server's clock is set by 0.3 to 3 s", World { step: SERVERS, ..World::default() }),
        world(
            "client-ahead-20",
            "the client's clock is 20 s ahead",
            World { offset_us: -20 * SECOND, ..World::default() },
        ),
        world(
            "client-behind-20",
            "the client's clock is 20 s behind",
            World { offset_us: 20 * SECOND, also: vec![Mechanism::LateStart], ..World::default() },
        ),
        world(
            "stale-dates",
            "it looks at its clock for dates once a second, by a timer that is 3 ms late each time",
            World { date_every_us: 1_003_000, ..World::default() },
        ),
        world(
            "stale-dates-resets",
            "the same; 15 % reset at random",
            World { date_every_us: 1_003_000, broken: 0.15, also: network(), ..World::default() },
        ),
        world(
            "ahead",
            "the socket takes 10 of 12 MB before the peer has any of them, so that it has the last byte before expiry",
            World { ahead_bytes: AHEAD, ..World::default() },
        ),
        world(
            "answers-lost",
            "heads as in late-heads; 55 % of the refusals at the head never leave, and a bare reset comes in their place",
            World {
                queue: (0.5, 6 * SECOND),
                lost_at_head: LOST,
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "throttled-lost",
            "20 % told SlowDown at the head; 55 % of these answers never leave",
            World { throttled: 0.2, lost_at_head: LOST, also: vec![Mechanism::Throttled], ..World::default() },
        ),
        world(
            "gateway-20",
            "20 % answered by a gateway: 502 in mid-body or 504 after it",
            World { gateway: 0.2, also: vec![Mechanism::Gateway], ..World::default() },
        ),
        world(
            "links-aged",
            "links of 20 s and older are refused; links made ahead for three transfers in a row",
            World {
                oldest_link_us: Some(20 * SECOND),
                plan: minted_plan(),
                also: vec![Mechanism::RefusedAlive, Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "brief-resets-30",
            "downloads of 3 s, 30 % reset at random",
            World { broken: 0.3, plan: brief_plan(), also: network(), ..World::default() },
        ),
        world(
            "brief-ticks-30",
            "downloads of 3 s, 30 % reset on one of the server's whole seconds",
            World { ticks: 0.3, offset_us: 0, plan: brief_plan(), also: network(), ..World::default() },
        ),
        world(
            "brief-timer-60",
            "downloads of 3 s, 60 % reset at an age of 2 s, the TTL",
            World {
                timer: Some(Timer { share: 0.6, age_us: 2 * SECOND, ..timer }),
                plan: brief_plan(),
                also: network(),
                ..World::default()
            },
        ),
        world(
            "brief-unread-heads",
            "uploads of 3 s; heads lie with the server for 0.3 s on average before it reads them; the refusals come as resets",
            World {
                unread_us: 300_000,
                refusals_lost: 0.9,
                plan: Plan { method: Method::Put, ..brief_plan() },
                ..World::default()
            },
        ),
        world("downloads", "downloads; nothing goes wrong", World { plan: download_plan(), ..World::default() }),
        world(
            "downloads-short-30",
            "30 % of the downloads end early, in good order",
            World { broken: 0.3, breaks: Breaks::Short, plan: download_plan(), also: network(), ..World::default() },
        ),
        world(
            "downloads-altered-30",
            "30 % of the downloads turn into other bytes at random",
            World { broken: 0.3, breaks: Breaks::Altered, plan: download_plan(), ..World::default() },
        ),
        world(
            "silent-30",
            "30 % stand still at random until this side gives up",
            World { broken: 0.3, breaks: Breaks::Silence, ..World::default() },
        ),
        world(
            "quiet-expect",
            "nothing goes wrong; with the Expect arm",
            World { plan: expect_plan(), ..World::default() },
        ),
        world(
            "resets-30-expect",
            "30 % reset at random; with the Expect arm",
            World { broken: 0.3, plan: expect_plan(), also: network(), ..World::default() },
        ),
        world(
            "timer-links-expect",
            "timer-links with the Expect arm",
            World {
                timer: Some(Timer { links_only: true, ..timer }),
                plan: expect_plan(),
                also: network(),
                ..World::default()
            },
        ),
        world(
            "late-heads-lost-expect",
            "late-heads-lost with the Expect arm",
            World {
                queue: (0.5, 6 * SECOND),
                refusals_lost: 1.0,
                plan: expect_plan(),
                also: vec![Mechanism::LateStart],
                ..World::default()
            },
        ),
        world(
            "unread-heads-expect",
            "unread-heads with the Expect arm",
            World { also: vec![Mechanism::LateStart], ..unread(false) },
        ),
        world("unread-heads-proxy", "the same behind a proxy that sends a 100 Continue to anyone", unread(true)),
    ]
}

/// Heads that lie with the server, with the Expect arm; `continues_all` if something before it sends the 100s.
fn unread(continues_all: bool) -> World {
    World { unread_us: 3 * SECOND, refusals_lost: 0.9, continues_all, plan: expect_plan(), ..World::default() }
}

fn guilty() -> Vec<World> {
    let cut = Cut { share: 1.0, by: CutBy::Break, delay_us: (0, 5_000) };
    let cuts = |cut: Cut| World { rule: Rule::Cut(cut), ..World::default() };
    let network = || vec![Mechanism::Network];
    vec![
        world("cut", "resets at expiry", cuts(cut)),
        world(
            "cut-close",
            "closes at expiry, durations heavy-tailed",
            World { breaks: Breaks::Close, slow: 0.5, ..cuts(cut) },
        ),
        world(
            "cut-answer",
            "answers 403 at expiry; half of the answers are lost",
            World { refusals_lost: 0.5, ..cuts(Cut { by: CutBy::Refusal, ..cut }) },
        ),
        world(
            "cut-two-ttls",
            "resets at expiry; two TTLs, half as many blocks",
            World { plan: Plan { ttls: vec![4.into(), 7.into()], ..World::default().plan }, ..cuts(cut) },
        ),
        world("cut-late-0.3", "up to 0.3 s after expiry", cuts(Cut { delay_us: (0, 300_000), ..cut })),
        world("cut-late-1", "up to 1 s after expiry", cuts(Cut { delay_us: (0, SECOND), ..cut })),
        world("cut-late-0.8", "0.75 to 0.85 s after expiry", cuts(Cut { delay_us: (750_000, 850_000), ..cut })),
        world("cut-late-3", "up to 3 s after expiry", cuts(Cut { delay_us: (0, 3 * SECOND), ..cut })),
        world(
            "cut-late-1-resets-15",
            "up to 1 s after expiry; 15 % reset at random",
            World { broken: 0.15, also: network(), ..cuts(Cut { delay_us: (0, SECOND), ..cut }) },
        ),
        world(
            "cut-resets-15",
            "resets at expiry; 15 % reset at random",
            World { broken: 0.15, also: network(), ..cuts(cut) },
        ),
        world(
            "cut-resets-30",
            "resets at expiry; 30 % reset at random",
            World { broken: 0.3, also: network(), ..cuts(cut) },
        ),
        world(
            "cut-bursts-30",
            "resets at expiry; 30 % of trials break as a whole",
            World { bursts: 0.3, also: network(), ..cuts(cut) },
        ),
        world(
            "cut-timer",
            "resets at expiry, and every connection at an age of 4 s, the TTL",
            World {
                timer: Some(Timer { share: 1.0, age_us: 4 * SECOND, spread_us: 0, links_only: false }),
                also: network(),
                ..cuts(cut)
            },
        ),
        world(
            "cut-throttled-20",
            "resets at expiry; 20 % told SlowDown",
            World { throttled: 0.2, also: vec![Mechanism::Throttled], ..cuts(cut) },
        ),
        world(
            "cut-minted-ahead",
            "resets at expiry; links made ahead for three transfers in a row",
            World { plan: minted_plan(), also: vec![Mechanism::LateStart], ..cuts(cut) },
        ),
        world(
            "cut-clock-ahead",
            "resets at expiry; its clock is 2 s ahead",
            World { offset_us: 2 * SECOND, ..cuts(cut) },
        ),
        world(
            "cut-clock-behind",
            "resets at expiry; its clock is 2 s behind",
            World { offset_us: -2 * SECOND, ..cuts(cut) },
        ),
        world(
            "cut-loaded",
            "resets at expiry; an uplink whose queue holds 1 to 6 s; links of 20 s",
            World { uplink_us: LOADED, plan: slow_plan(20), also: vec![Mechanism::LateStart], ..cuts(cut) },
        ),
        world(
            "cut-starved",
            "resets at expiry; the client stands for 30 to 500 ms",
            World { stutter: STUTTER, ..cuts(cut) },
        ),
        world(
            "cut-starved-resets",
            "the same; 15 % reset at random",
            World { stutter: STUTTER, broken: 0.15, also: network(), ..cuts(cut) },
        ),
        world(
            "cut-starved-unmeasured",
            "resets at expiry; the client stands in half of its trials, and nobody measured for how long",
            World { stutter: Some(Stutter { share: 0.5, lag_us: (60_000, 500_000), measured: false }), ..cuts(cut) },
        ),
        world(
            "cut-step-client",
            "resets at expiry; the client's clock is set by 0.3 to 3 s",
            World { step: CLIENTS, ..cuts(cut) },
        ),
        world(
            "cut-step-server",
            "resets at expiry; the server's clock is set by 0.3 to 3 s",
            World { step: SERVERS, ..cuts(cut) },
        ),
        world(
            "cut-stale-dates",
            "resets at expiry; it looks at its clock for dates once a second, by such a timer",
            World { date_every_us: 1_003_000, ..cuts(cut) },
        ),
        world("cut-ahead", "resets at expiry; the socket 10 of 12 MB ahead", World { ahead_bytes: AHEAD, ..cuts(cut) }),
        world(
            "cut-answers-lost",
            "resets at expiry; 55 % of the refusals at the head never leave",
            World { lost_at_head: LOST, ..cuts(cut) },
        ),
        world(
            "cut-gateway",
            "resets at expiry, behind a gateway that answers 502; 10 % answered by it besides",
            World { gateway: 0.1, also: vec![Mechanism::Gateway], ..cuts(Cut { by: CutBy::Gateway, ..cut }) },
        ),
        world(
            "cut-refused-log",
            "answers 403 at expiry, and no answer is ever read; half of the trials' heads are late; with the server's log",
            World {
                queue: (0.5, 6 * SECOND),
                log: LOG,
                probed: true,
                also: vec![Mechanism::LateStart],
                refusals_lost: 1.0,
                ..cuts(Cut { by: CutBy::Refusal, ..cut })
            },
        ),
        world(
            "cut-refused-log-ends",
            "answers 403 at expiry, of ten answers nine are lost; the server's log has the instants of the ends",
            World {
                log: Some(Log { unit_us: 1000, of_ends: true }),
                probed: true,
                refusals_lost: 0.9,
                ..cuts(Cut { by: CutBy::Refusal, ..cut })
            },
        ),
        world(
            "cut-portal",
            "resets at expiry, but a portal takes all uploads by link and answers 200: the store sees none of them",
            World { portal: true, also: vec![Mechanism::Gateway], ..cuts(cut) },
        ),
        world(
            "cut-slow-down",
            "answers 503 SlowDown at expiry; 10 % are told so besides",
            World { throttled: 0.1, also: vec![Mechanism::Throttled], ..cuts(Cut { by: CutBy::SlowDown, ..cut }) },
        ),
        world(
            "cut-silent",
            "takes nothing more after expiry, and says nothing",
            World { breaks: Breaks::Silence, ..cuts(cut) },
        ),
        world(
            "cut-silent-downloads",
            "the same of downloads",
            World { breaks: Breaks::Silence, plan: download_plan(), ..cuts(cut) },
        ),
        world(
            "cut-links-aged",
            "resets at expiry; links of 20 s and older are refused; links made ahead for three transfers in a row",
            World {
                oldest_link_us: Some(20 * SECOND),
                plan: minted_plan(),
                also: vec![Mechanism::RefusedAlive, Mechanism::LateStart],
                ..cuts(cut)
            },
        ),
        world(
            "cut-downloads-short",
            "downloads end at expiry, in good order",
            World { breaks: Breaks::Short, plan: download_plan(), ..cuts(cut) },
        ),
        world(
            "cut-downloads-short-15",
            "the same; 15 % end early at random",
            World { breaks: Breaks::Short, broken: 0.15, plan: download_plan(), also: network(), ..cuts(cut) },
        ),
        world(
            "cut-downloads-altered",
            "downloads turn into other bytes at expiry, and go on to their full length",
            World { breaks: Breaks::Altered, plan: download_plan(), ..cuts(cut) },
        ),
        world(
            "cut-brief-late",
            "downloads of 3 s end 0.1 to 0.35 s after expiry, in good order: what the server had written drains first",
            World { breaks: Breaks::Short, plan: brief_plan(), ..cuts(Cut { delay_us: (100_000, 350_000), ..cut }) },
        ),
        world(
            "cut-brief-late-resets-15",
            "downloads of 3 s are reset up to 0.4 s after expiry; 15 % reset at random",
            World { broken: 0.15, plan: brief_plan(), also: network(), ..cuts(Cut { delay_us: (0, 400_000), ..cut }) },
        ),
        world(
            "cut-late-3-log",
            "cut-late-3 with the server's log, in milliseconds; its clock was found beforehand",
            World { log: LOG, probed: true, ..cuts(Cut { delay_us: (0, 3 * SECOND), ..cut }) },
        ),
        world("cut-part-40", "only 40 % of its connections are reset at expiry", cuts(Cut { share: 0.4, ..cut })),
        world("cut-expect", "resets at expiry; with the Expect arm", World { plan: expect_plan(), ..cuts(cut) }),
        world(
            "cut-late-3-expect",
            "cut-late-3 with the Expect arm",
            World { plan: expect_plan(), ..cuts(Cut { delay_us: (0, 3 * SECOND), ..cut }) },
        ),
        world(
            "cut-late-3-proxy",
            "the same behind a proxy that sends a 100 Continue to anyone",
            World { continues_all: true, plan: expect_plan(), ..cuts(Cut { delay_us: (0, 3 * SECOND), ..cut }) },
        ),
        world(
            "cut-proxy",
            "resets at expiry behind such a proxy",
            World { continues_all: true, plan: expect_plan(), ..cuts(cut) },
        ),
        world(
            "cut-part-40-expect",
            "cut-part-40 with the Expect arm",
            World { plan: expect_plan(), ..cuts(Cut { share: 0.4, ..cut }) },
        ),
    ]
}

fn world(name: &'static str, story: &'static str, world: World) -> World {
    World { name, story, ..world }
}

/// In milliseconds, of the heads.
const LOG: Option<Log> = Some(Log { unit_us: 1000, of_ends: false });
/// Most of the body.
const AHEAD: u64 = 10_000_000;
/// As measured: a server with Nagle's algorithm that answers over TLS and closes with unread data.
const LOST: f64 = 0.55;
/// A full uplink: seconds, as home routers have them.
const LOADED: Option<(i64, i64)> = Some((SECOND, 6 * SECOND));
/// A busy laptop.
const STUTTER: Option<Stutter> = Some(Stutter { share: 0.8, lag_us: (30_000, 500_000), measured: true });
const CLIENTS: Option<Step> = Some(Step { whose: Whose::Clients, by_us: (300_000, 3 * SECOND), watched: true });
const SERVERS: Option<Step> = Some(Step { whose: Whose::Servers, by_us: (300_000, 3 * SECOND), watched: false });

/// Transfers long enough for server's idle timers, with a TTL of their length.
fn slow_plan(ttl: u32) -> Plan {
    let needed_us = i64::from(ttl) * 2 * SECOND;
    Plan { ttls: vec![ttl.into()], living_ttl: 3000, needed_us, ..World::default().plan }
}

/// Of three transfers in a row the first ends in time, the second outlives the link, and the third starts late.
fn minted_plan() -> Plan {
    Plan { ttls: vec![18.into()], living_ttl: 120, transfers_per_user: 3, ..World::default().plan }
}

fn expect_plan() -> Plan {
    Plan { expects: true, ..World::default().plan }
}

fn download_plan() -> Plan {
    Plan { method: Method::Get, ..World::default().plan }
}

/// Transfers so short that a second is much of their time.
fn brief_plan() -> Plan {
    Plan { ttls: vec![2.into()], needed_us: 3 * SECOND, ..download_plan() }
}
