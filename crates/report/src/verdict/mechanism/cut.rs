//! `cut-at-expiry`: of the ends in flight, do more fall within a window around expiry than time alone puts there, and are
//! transfers without an expiry spared at the same elapsed time? Asked twice: within δ, and up to a second later.

use ttlsweep_record::Mechanism;
use ttlsweep_record::decision::{
    LEAST_TRIALS, MOST_IN_WINDOWS, NOT_SPARED, are_set_apart, trials_for_no, trials_for_yes,
};
use ttlsweep_record::units::grouped;

use crate::prose::{count, p_value, percent, secs, secs_between, share};
use crate::stats::{WindowExcess, upper_bound};
use crate::verdict::ALPHA;
use crate::verdict::cause::Cause;
use crate::verdict::cause::flight::Flight;
use crate::verdict::finding::Detail;
use crate::verdict::finding::{ByTrial, MOST_SHARE, Tested};
use crate::verdict::mechanism::by_host::ByHost;
use crate::verdict::mechanism::expect::Arm;
use crate::verdict::mechanism::support;
use crate::verdict::mechanism::window::{
    MOST_STRAY, Placebos, TrialEnds, Window, expect_arm, grid, is_ticking, is_timer, later, links_suffer,
};
use crate::verdict::target::Target;

pub(in crate::verdict) fn test(target: &Target, unheard: Option<Unheard>, alpha: f64, detail: Detail) -> Tested {
    let delta = target.delta();
    let placebos = Placebos::of(target);
    let arm = Arm::of(target, &placebos);
    let proof = arm.as_ref().filter(|arm| arm.is_proof());
    let looks = if proof.is_some() { 4.0 } else { 2.0 };
    let reading = |window: Window| Reading { looks, ..Reading::of(target, &placebos, window) };
    let near = reading(Window::at_expiry(delta));
    let late = reading(Window::late(delta));
    let level = alpha / MECHANISMS;
    let explained = proof.is_some_and(Arm::explains_late_ends);
    let suspicion = suspicion(target, &placebos, [&near, &late], level).filter(|_| !explained);
    let suspicion = unheard.map(Unheard::suspicion).or(suspicion);
    // Short transfers leave too little time outside of the later window to tell a cut from chance; a shorter one may do.
    let too_wide = late.share > MOST_IN_WINDOWS;
    let late = match late.window.shortened(target).filter(|_| too_wide) {
        Some(shortened) => reading(shortened),
        None => late,
    };
    // Whoever closes connections late closes all that have expired; what picks a few of them is something else.
    let most_late = 2 * late.outlived.most_hit() > late.outlived.trials();
    let is_late = !near.convinces(level) && late.convinces(level) && most_late;
    // Plain uploads must show it, too: there are gateways that only an `Expect` upsets.
    let any = proof.filter(|arm| arm.convinces(level)).map(|_| reading(Window::from_expiry(delta)));
    let any = any.filter(|any| any.is_spared() && any.by_host.split().is_none());
    let by_arm = !near.convinces(level) && !is_late && any.is_some();
    let within = near.outlived.transfers_hit();
    // A trial is hit where most of what met expiry was: one stray end among several survivors is not a cut.
    let bound = (near.outlived.most_hit(), near.outlived.trials());
    let most_share = if near.outlived.hit() > 0 && near.is_explained() { MOST_STRAY } else { MOST_SHARE };
    let reading = match any {
        Some(any) if by_arm => any,
        _ if is_late => late,
        _ => near,
    };
    let by_arm = proof.filter(|_| by_arm);
    let (p, obstacle) = match by_arm {
        Some(arm) => (Some(arm.p()), None),
        None => (reading.p(), reading.obstacle(level).or_else(|| proof.and_then(Arm::obstacle))),
    };
    let mut evidence = sentence(target, &reading, (is_late || by_arm.is_some()).then_some(within));
    if let Some(arm) = &arm {
        evidence = format!("{evidence}; {}", arm.sentence());
    }
    Tested {
        mechanism: Mechanism::CutAtExpiry,
        failures: reading.outlived.transfers_hit(),
        transfers: reading.outlived.transfers(),
        hits: bound.0,
        trials: bound.1,
        p,
        obstacle,
        suspicion,
        most_share,
        evidence,
        support: if detail == Detail::Full && reading.outlived.transfers_hit() > 0 {
            reading.by_host.sentence().into_iter().chain(support::sentences(target, delta)).collect()
        } else {
            Vec::new()
        },
        more: reading.more(level),
        gist: None,
    }
}

/// How many of the grid's transfers outlived their link, of those whose ends are judged. Every window counts the same ones.
pub(in crate::verdict) fn outlived(target: &Target) -> u64 {
    Window::at_expiry(target.delta()).outlived(target).transfers()
}

/// What one window shows, for holding other tests against the one that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowTest {
    /// The ends that the test is made on.
    pub trials: Vec<TrialEnds>,
    /// What a p must not exceed.
    pub level: f64,
    /// Whether more of the ends are in the window than chance explains; two windows are looked at.
    pub exceeds: bool,
    /// Whether nothing else stands in the way of calling that a cut: the controls were spared, and hosts agree.
    pub is_open: bool,
}

/// The windows of δ and of up to a second later.
pub(in crate::verdict) fn windows(target: &Target) -> [WindowTest; 2] {
    let (delta, level) = (target.delta(), ALPHA / MECHANISMS);
    let placebos = Placebos::of(target);
    let late = Window::late(delta);
    let too_wide = late.planned_share(target) > MOST_IN_WINDOWS;
    let late = late.shortened(target).filter(|_| too_wide).unwrap_or(late);
    [Window::at_expiry(delta), late].map(|window| {
        let reading = Reading::of(target, &placebos, window);
        let is_late = window.after > delta;
        let most = 2 * reading.outlived.most_hit() > reading.outlived.trials();
        WindowTest {
            trials: window.ends_by_trial(target),
            level,
            exceeds: reading.excess.is_some_and(|excess| reading.looks * excess.p <= level),
            is_open: reading.obstacle(level).is_none() && (most || !is_late),
        }
    })
}

/// What one window shows.
struct Reading {
    window: Window,
    outlived: ByTrial,
    excess: Option<WindowExcess>,
    /// The window's share of the time at risk of transfers that are to meet their expiry.
    share: f64,
    controls: ByTrial,
    /// How likely the grid is hit so much more than controls of its age.
    spared: f64,
    /// Whether those controls that have a link, too, are hit as well.
    links_suffer: bool,
    /// Whether connections end on whole seconds anyway.
    is_ticking: bool,
    /// Whether grid and controls agree on an age rather than the grid on its expiry.
    is_timer: bool,
    /// The grid's trials by the machine that ran them.
    by_host: ByHost,
    /// What the window's p is multiplied by: other tests share the level with it.
    looks: f64,
}

impl Reading {
    fn of(target: &Target, placebos: &Placebos<'_>, window: Window) -> Self {
        let outlived = window.outlived(target);
        let excess = window.excess(target);
        let (controls, links) = (placebos.outlived(window), placebos.with_a_link(window));
        let spared = outlived.exceeds(&controls);
        let links_suffer = links_suffer(&outlived, &links);
        let by_host = ByHost::of(target, &outlived);
        let (share, is_timer) = (window.planned_share(target), is_timer(target, placebos, window));
        let (is_ticking, looks) = (is_ticking(target), 2.0);
        Self { window, excess, share, spared, links_suffer, is_ticking, is_timer, by_host, outlived, controls, looks }
    }

    /// Where not one of the controls was hit, and every trial of the grid was, a few trials must do. What leaves most of
    /// the trials alone is unlike a server's rule, and must be set apart the more clearly.
    fn is_spared(&self) -> bool {
        let (hit, trials) = (self.outlived.most_hit(), self.outlived.trials());
        let level = match () {
            () if hit == trials && self.controls.hit() == 0 => NOT_SPARED,
            () if 2 * self.outlived.hit() > trials => ALPHA,
            () => ALPHA / 10.0,
        };
        self.spared <= level && !self.links_suffer && !self.is_timer && !self.is_ticking
    }

    /// Whether what the controls suffer explains the ends.
    fn is_shared(&self) -> bool {
        !self.is_spared() && (self.controls.hit() > 0 || self.is_ticking)
    }

    /// Whether controls of that age end about as often within their placebo windows.
    fn is_explained(&self) -> bool {
        is_explained_by(&self.outlived, &self.controls)
    }

    /// Two windows are looked at, and the Expect arm, if it proves anything. Where the controls end as often, what they suffer
    /// explains the excess, and the claim is as sure as the difference at most.
    fn p(&self) -> Option<f64> {
        let p = (self.looks * self.excess?.p).min(1.0);
        Some(if self.is_shared() { p.max(self.spared) } else { p })
    }

    fn convinces(&self, level: f64) -> bool {
        self.p().is_some_and(|p| p <= level) && self.obstacle(level).is_none()
    }

    /// How many trials it takes, all of them hit.
    fn needed(&self, level: f64) -> u64 {
        trials_for_yes(self.share, level)
    }

    fn obstacle(&self, level: f64) -> Option<String> {
        let wide = self.window.before + self.window.after;
        if self.outlived.trials() == 0 {
            Some(format!("it takes trials in which links expire in flight, at least {}", trials_for_no()))
        } else if self.share > MOST_IN_WINDOWS {
            Some(format!(
                "the time within {} of expiry is {} of the time at risk, too much to tell a cut from chance: it takes \
                 transfers of {} or more, or a better known clock",
                secs(self.window.after),
                percent(self.share),
                secs(wide / MOST_IN_WINDOWS)
            ))
        } else if self.controls.trials() == 0 {
            Some(format!("no control without an expiry ran to compare with: it takes {LEAST_TRIALS} or more"))
        } else if self.is_ticking {
            Some(
                "connections end on whole seconds of the server's clock anyway, also where no link expires, and links expire \
                 on whole seconds: it takes the server's own log to tell the two apart"
                    .to_owned(),
            )
        } else if self.is_shared() {
            Some(
                "controls without an expiry end in flight at that age, too, so that a timer or the network may explain this \
                 as well: it takes TTLs and sizes that part the two"
                    .to_owned(),
            )
        } else if !self.is_spared() {
            let controls = |n: u64| (self.controls.trials() * n / self.outlived.trials()).max(1);
            let enough = |n: &u64| are_set_apart(*n, controls(*n));
            // Of those that are there, some were hit and did not do.
            let least = self.needed(level).max(self.outlived.hit() + 1);
            let enough = (least..).find(enough).unwrap_or(least);
            Some(format!("too few to be set apart: it takes {enough} or more trials cut at expiry with their controls"))
        } else {
            self.by_host.split()
        }
    }

    fn more(&self, level: f64) -> String {
        format!("it takes {} trials cut at expiry, and no other, to be sure of it", self.needed(level))
    }
}

/// What forbids an acquittal: ends that follow expiry, if later than δ, and that nothing but expiry explains.
fn suspicion(target: &Target, placebos: &Placebos<'_>, [near, late]: [&Reading; 2], level: f64) -> Option<String> {
    let is_cut = |flight: &Flight| flight.cause == Cause::Of(Mechanism::CutAtExpiry);
    let is_after = |flight: &Flight| flight.ended_after_expiry(target.delta());
    let after: Vec<&Flight> = grid(target).filter(|flight| is_after(flight)).collect();
    let trials = ByTrial::count(after.iter().map(|flight| (flight.trial, true))).trials();
    let follows = |flight: &Flight| flight.has_short_link() && (is_cut(flight) || is_after(flight));
    let nowhere_else = !target.flights.iter().any(|flight| flight.ended_in_flight && !follows(flight));
    // What is cut with an `Expect` is cut.
    let mut short = grid(target).chain(expect_arm(target));
    if nowhere_else && short.any(is_cut) {
        return Some(near.obstacle(level).unwrap_or_else(|| near.more(level)));
    }
    // Few trials make no small p; but if nothing ever ended but after expiry, an acquittal would be rash.
    let later = later(target);
    let more_often = later.exceeds(&placebos.later()) <= ALPHA && !links_suffer(&later, &placebos.later_with_a_link());
    let more_often = trials >= LEAST_TRIALS && (nowhere_else || more_often);
    let soon = late.outlived.most_hit();
    let too_many = upper_bound(soon, late.outlived.trials()) > MOST_STRAY && !late.is_explained() && soon > 0;
    if !more_often && !too_many {
        return None;
    }
    let mut delays: Vec<f64> = after.iter().filter_map(|flight| Some(flight.end - flight.expiry?)).collect();
    delays.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (delays.first(), delays.last()) else { return None };
    // Short transfers leave no time outside of the later window, so that no number of them tells.
    let takes = if late.share > MOST_IN_WINDOWS {
        format!("transfers of {} or more", secs((late.window.before + late.window.after) / MOST_IN_WINDOWS))
    } else {
        what_tells(target).to_owned()
    };
    Some(format!(
        "but {} ended {} after expiry, more often than the controls of that age, as a cut that comes late would have it: it \
         takes {takes} to tell",
        count(after.len() as u64, "transfer"),
        secs_between([*first, *last]),
    ))
}

/// What tells a cut that comes late from a timer or the network.
fn what_tells(target: &Target) -> &'static str {
    if takes_the_arm(target) { "`expect_continue = true` or the server's log" } else { "the server's log" }
}

/// Whether uploads might run with an `Expect: 100-continue` besides, and did not.
pub(in crate::verdict) fn takes_the_arm(target: &Target) -> bool {
    let mut grid = target.flights.iter().filter(|flight| flight.in_grid());
    let uploads = grid.any(|flight| target.keys[flight.key as usize].method().is_upload());
    uploads && !target.census.has_arm
}

/// Why nothing was heard of those that met expiry which says that the store let them go on. Each forbids an acquittal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) enum Unheard {
    /// They stood still until this side gave up, or a timer did: a store that falls silent at expiry does not end anything. Controls
    /// that stand still as often would explain it.
    Silent,
    /// They were put off with some other answer, and no link ever brought its object through, living ones included: what answers
    /// them need not be the store, and need not know of expiry.
    PutOff,
}

impl Unheard {
    pub(in crate::verdict) fn of(target: &Target) -> Option<Self> {
        let delta = target.delta();
        let window = Window::at_expiry(delta);
        let met = |is: fn(&Flight) -> bool| {
            let met = grid(target).filter(|flight| window.met(flight, delta));
            ByTrial::count(met.map(|flight| (flight.trial, is(flight))))
        };
        let still = met(Flight::stood_still);
        let controls = target.flights.iter().filter(|flight| flight.is_unexpiring_control() && flight.counts());
        let controls = ByTrial::count(controls.map(|flight| (flight.trial, flight.stood_still())));
        let most = still.most_hit();
        if most > 0 && upper_bound(most, still.trials()) > MOST_STRAY && !is_explained_by(&still, &controls) {
            return Some(Self::Silent);
        }
        let put_off = met(|flight| flight.was_put_off);
        let mut links = target.flights.iter().filter(|flight| flight.expiry.is_some());
        let is_put_off = 2 * put_off.most_hit() > put_off.trials() && !links.any(|flight| flight.cause == Cause::None);
        is_put_off.then_some(Self::PutOff)
    }

    /// Whether it holds of this one.
    pub(in crate::verdict) fn is(self, flight: &Flight) -> bool {
        match self {
            Self::Silent => flight.stood_still(),
            Self::PutOff => flight.was_put_off,
        }
    }

    fn suspicion(self) -> String {
        match self {
            Self::Silent => {
                "many that outlived their link stood still and never came to an end, and the controls did: a store may fall silent \
                 at expiry. It takes the server's log to tell"
            }
            Self::PutOff => {
                "no link brought its object through, living ones included, so that nothing shows that the store itself met them: it \
                 takes links that are served"
            }
        }
        .to_owned()
    }
}

/// Whether controls are hit about as often.
fn is_explained_by(trials: &ByTrial, controls: &ByTrial) -> bool {
    let share = |trials: &ByTrial| trials.transfers_hit() as f64 / trials.transfers().max(1) as f64;
    share(controls) >= EXPLAINED * share(trials)
}

/// The numbers in words; `within` is how many were cut within δ, where the later window is the one that shows it.
fn sentence(target: &Target, reading: &Reading, within: Option<u64>) -> String {
    let outlived = &reading.outlived;
    let not_judged = target.not_judged();
    if outlived.transfers() == 0 {
        let none = "no link expired while its transfer was certainly in flight";
        return if not_judged.all() == 0 {
            none.to_owned()
        } else {
            format!("{none} and could be timed; {}", not_judged.words())
        };
    }
    let noun = if target.keys.iter().any(|key| !key.method().is_upload()) { "transfers" } else { "uploads" };
    let place = match within {
        None => {
            let Window { after, .. } = reading.window;
            let beyond = |flight: &Flight| flight.expiry.is_some_and(|expiry| flight.end > expiry + after);
            let mut hits = grid(target).filter(|flight| flight.head_in_time && reading.window.is_hit(flight));
            let more = if hits.any(beyond) { ", and as much more as this machine noted ends late" } else { "" };
            format!("at expiry (δ = {}{more})", secs(after))
        }
        Some(within) if reading.window.after.is_infinite() => {
            format!("after expiry, {} of them within {} of it", grouped(within), secs(reading.window.before))
        }
        Some(within) => format!(
            "within {} after expiry, {} of them within {} of it",
            secs(reading.window.after),
            grouped(within),
            secs(reading.window.before)
        ),
    };
    let mut parts = vec![format!(
        "{} {noun} that outlived their link were cut {place} ({} of {})",
        share(outlived.transfers_hit(), outlived.transfers()),
        grouped(outlived.hit()),
        count(outlived.trials(), "trial"),
    )];
    if not_judged.all() > 0 {
        parts.push(not_judged.words());
    }
    let unexpiring = || target.flights.iter().filter(|flight| flight.is_unexpiring_control() && flight.counts());
    let ended = ByTrial::count(unexpiring().map(|flight| (flight.trial, flight.ended_in_flight)));
    parts.push(match ended.transfers() {
        0 => "no controls ran".to_owned(),
        all if ended.hit() == 0 => format!("none of {} was cut at any time", count(all, "control")),
        all => format!(
            "of {}, {} ended in flight and {} within the same windows",
            count(all, "control"),
            count(ended.hit(), "trial"),
            count(reading.controls.transfers_hit(), "transfer"),
        ),
    });
    // What reaches to the end holds nearly all of the time.
    let excess = reading.excess.filter(|_| outlived.transfers_hit() > 0 && reading.window.after.is_finite());
    if let Some(excess) = excess {
        parts.push(format!("the windows hold {} of the time at risk: {}", percent(excess.share), p_value(excess.p)));
    }
    parts.join("; ")
}

/// Where controls of that age end at least this often, for each end of the grid, they explain it.
const EXPLAINED: f64 = 0.5;
/// As many as the vocabulary has: what Holm's first step divides by.
const MECHANISMS: f64 = Mechanism::ALL.len() as f64;
