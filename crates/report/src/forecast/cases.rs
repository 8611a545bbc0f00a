//! What may be at work: every mechanism, and what looks like a cut and is none. Each is a world that the plan is run in.

use ttlsweep_record::{Cell, Mechanism, Verdict};
use ttlsweep_simulate::world::{Cut, CutBy, Rule, SECOND, Stalls, Stutter, Timer, Told, World};

use super::nuisance::Nuisances;

/// A world, and what the verdict should say in it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name is unique; its story is told.
    pub world: World,
    /// What is at work; `None` if nothing is.
    pub mechanism: Option<Mechanism>,
    /// What is right on `cut-at-expiry`.
    pub right: Verdict,
}

impl Case {
    fn new(name: &'static str, story: &'static str, mechanism: Option<Mechanism>, world: World) -> Self {
        let right = match (mechanism, world.enforces()) {
            (_, false) => Verdict::Invalid,
            (Some(Mechanism::CutAtExpiry), _) => Verdict::Supported,
            _ => Verdict::NotSupported,
        };
        Self { world: World { name, story, ..world }, mechanism, right }
    }

    /// Whether it is one of the two that the plan is made for: a prompt cut, and a store that checks at the head while nothing
    /// goes wrong.
    pub fn is_key(&self) -> bool {
        [CUT, NOTHING].contains(&self.world.name)
    }
}

/// All of them for a plan with these cells.
pub fn cases(cells: &[Cell], nuisances: &Nuisances) -> Vec<Case> {
    let base = nuisances.world();
    let (ttl_us, reuses) = (shortest_ttl_us(cells, &nuisances.needed_us), cells.iter().any(keeps_connections));
    let cut = Cut { share: 1.0, by: CutBy::Break, delay_us: (0, 5_000) };
    let cuts = |cut: Cut| World { rule: Rule::Cut(cut), ..base.clone() };
    let broken = |share: f64| 1.0 - (1.0 - base.broken) * (1.0 - share);
    let told = |told: Told| World { told: Some((0.2, told)), ..base.clone() };
    let timer = Timer { share: 1.0, age_us: ttl_us, spread_us: 0, links_only: false };
    let stalls = Stalls { share: 0.4, mean_us: 3 * ttl_us, idle_us: ttl_us, answers: true };
    let stutter = Stutter { share: 0.8, lag_us: (30_000, 500_000), measured: true };
    let mut cases = vec![
        Case::new(CUT, "resets at expiry", Some(Mechanism::CutAtExpiry), cuts(cut)),
        Case::new(
            "cut-late",
            "resets up to 1 s after expiry",
            Some(Mechanism::CutAtExpiry),
            cuts(Cut { delay_us: (0, SECOND), ..cut }),
        ),
        Case::new(
            "cut-resets",
            "resets at expiry; 15 % reset at random",
            Some(Mechanism::CutAtExpiry),
            World { broken: broken(0.15), ..cuts(cut) },
        ),
        Case::new(
            "cut-part",
            "resets 40 % of connections at expiry",
            Some(Mechanism::CutAtExpiry),
            cuts(Cut { share: 0.4, ..cut }),
        ),
        Case::new(NOTHING, "checks at the head; nothing goes wrong", None, base.clone()),
        Case::new(
            "rejected-at-completion",
            "refuses the whole body after expiry",
            Some(Mechanism::RejectedAtCompletion),
            World { rule: Rule::AtCompletion, ..base.clone() },
        ),
        Case::new(
            "late-start",
            "half of the trials' heads are late",
            Some(Mechanism::LateStart),
            World { queue: (0.5, ttl_us * 3 / 2), refusals_lost: 0.5, ..base.clone() },
        ),
        Case::new(
            "full-uplink",
            "a queue of up to half a TTL",
            Some(Mechanism::LateStart),
            World { uplink_us: Some((ttl_us / 4, ttl_us / 2)), ..base.clone() },
        ),
        Case::new(
            "idle-timeout",
            "40 % stall; given up after one TTL",
            Some(Mechanism::IdleTimeout),
            World { stalls: Some(stalls), ..base.clone() },
        ),
        Case::new(
            "throttled",
            "20 % told SlowDown",
            Some(Mechanism::Throttled),
            World { throttled: 0.2, ..base.clone() },
        ),
        Case::new("redirected", "20 % told 307", Some(Mechanism::Redirected), told(Told::Redirected)),
        Case::new(
            "credentials-expired",
            "20 % told ExpiredToken",
            Some(Mechanism::CredentialsExpired),
            told(Told::CredentialsExpired),
        ),
        Case::new("clock-skew", "20 % told RequestTimeTooSkewed", Some(Mechanism::ClockSkew), told(Told::ClockSkew)),
        Case::new(
            "stale-connection",
            "20 % of kept connections are closed",
            Some(Mechanism::StaleConnection),
            World { stale: 0.2, ..base.clone() },
        ),
        Case::new(
            "network",
            "15 % reset at random",
            Some(Mechanism::Network),
            World { broken: broken(0.15), ..base.clone() },
        ),
        Case::new(
            "network-bursts",
            "30 % of trials break as a whole",
            Some(Mechanism::Network),
            World { bursts: 0.3, ..base.clone() },
        ),
        Case::new(
            "network-timer",
            "all are reset at the age of the TTL",
            Some(Mechanism::Network),
            World { timer: Some(timer), ..base.clone() },
        ),
        Case::new(
            "client",
            "10 % lack a descriptor here",
            Some(Mechanism::Client),
            World { local: 0.1, ..base.clone() },
        ),
        Case::new(
            "busy-machine",
            "this machine stands for up to 0.5 s",
            None,
            World { stutter: Some(stutter), ..base.clone() },
        ),
        Case::new(
            "refused-alive",
            "links of 0.5 s and older are refused",
            Some(Mechanism::RefusedAlive),
            World { oldest_link_us: Some(SECOND / 2), ..base.clone() },
        ),
        Case::new(
            "gateway",
            "20 % answered by a gateway: 502 or 504",
            Some(Mechanism::Gateway),
            World { gateway: 0.2, ..base.clone() },
        ),
        Case::new("server-error", "20 % told InternalError", Some(Mechanism::ServerError), told(Told::ServerError)),
        Case::new("no-expiry", "checks no expiry at all", None, World { rule: Rule::Never, ..base.clone() }),
    ];
    cases.retain(|case| reuses || case.mechanism != Some(Mechanism::StaleConnection));
    cases
}

fn keeps_connections(cell: &Cell) -> bool {
    cell.reuse_connections && cell.transfers_per_user != Some(1)
}

/// The shortest TTL of the grid whose links expire in flight, or of all if none does.
fn shortest_ttl_us(cells: &[Cell], needed_us: &[i64]) -> i64 {
    let grid = || cells.iter().zip(needed_us).filter(|(cell, _)| cell.control.is_none());
    let ttl = |(cell, _): (&Cell, &i64)| cell.ttl_s.map(|ttl| i64::from(ttl) * SECOND);
    let outlives = |(cell, needed): &(&Cell, &i64)| ttl((cell, needed)).is_some_and(|ttl| ttl < **needed);
    grid().filter(outlives).filter_map(ttl).min().or_else(|| grid().filter_map(ttl).min()).unwrap_or(10 * SECOND)
}

pub(super) const CUT: &str = "cut-at-expiry";
pub(super) const NOTHING: &str = "nothing";
