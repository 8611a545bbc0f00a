use std::collections::{BTreeMap, BTreeSet};

use ttlsweep_record::Mechanism;

use super::cause::Cause;
use super::cause::flight::Flight;
use super::mechanism::cut::{Unheard, takes_the_arm};
use super::mechanism::window::{Window, grid};
use super::target::Target;

/// What became of the transfers that outlived their link and are judged: the numbers of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// What one of them is: `upload`, `download`, or `transfer` if both were made.
    pub(super) noun: &'static str,
    /// How many of them were cut.
    pub(super) hits: u64,
    /// What counts as a cut there: ends near expiry, or later ones, too, if the test found that these are more frequent then.
    pub(super) window: Window,
    /// Those that ended in flight after expiry, and later than counts as a cut; `None` if none did.
    pub(super) later: Option<Later>,
    /// Trials in which a link was outlived.
    pub(super) trials: u64,
    /// Of these, the ones in which one was cut, and those that were cut for the most part.
    pub(super) trials_hit: [u64; 2],
    /// Blocks that ran.
    pub(super) blocks: u64,
    /// How those that were cut ended: `were reset`, or `ended (5 reset, 1 closed)`.
    pub(super) how: String,
    /// How far from expiry the farthest of them ended, in seconds.
    pub(super) within_s: f64,
    /// How many of them completed.
    pub(super) completed: u64,
    /// Why nothing was heard of them that says whether they were let go on, and of how many this holds.
    pub(super) unheard: Option<(Unheard, u64)>,
    /// Whether the Expect arm might tell more.
    pub(super) takes_the_arm: bool,
    /// The share of the time at risk that lies near expiry.
    pub(super) window_share: f64,
    /// The same of the time up to a second after expiry.
    pub(super) late_share: f64,
    /// Trials of the grid in which instants may have been noted late, and all of them.
    pub(super) late_trials: [u64; 2],
    /// The longest time that a transfer of the grid needs, by its control, in seconds; 0 if no control tells.
    pub(super) needed_s: f64,
    /// The shortest life of a link of the grid that was left at its head, in seconds.
    pub(super) shortest_s: f64,
    /// The largest body of the grid, in bytes.
    pub(super) largest_bytes: u64,
}

/// Ends in flight after expiry, later than counts as a cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Later {
    /// How many.
    pub(super) transfers: u64,
    /// How long after expiry the first and the last of them ended, in seconds.
    pub(super) between_s: [f64; 2],
}

impl Seen {
    /// `failures` is how many of them the test on `cut-at-expiry` counts: it looks near expiry, and up to a second later.
    pub(super) fn of(target: &Target, failures: u64, unheard: Option<Unheard>) -> Self {
        let delta = target.delta();
        let near = Window::at_expiry(delta);
        let by_trial = near.outlived(target);
        let window = [near, Window::late(delta)]
            .into_iter()
            .find(|window| window.outlived(target).transfers_hit() >= failures)
            .unwrap_or_else(|| Window::from_expiry(delta));
        let outlived = window.outlived(target);
        let hit = || grid(target).filter(|flight| flight.head_in_time && window.is_hit(flight));
        let distance = |flight: &Flight| flight.expiry.map_or(0.0, |expiry| (flight.end - expiry).abs());
        let went_on =
            |flight: &&Flight| flight.head_in_time && flight.expiry.is_some_and(|expiry| flight.went_on(expiry, delta));
        let in_grid = || target.flights.iter().filter(|flight| flight.in_grid());
        let keys: BTreeSet<u32> = in_grid().map(|flight| flight.key).collect();
        let keys = || keys.iter().map(|key| &target.keys[*key as usize]);
        let least = |least: f64, life: f64| if life > 0.0 { least.min(life) } else { least };
        let trials = |flights: &mut dyn Iterator<Item = &Flight>| {
            flights.map(|flight| flight.trial).collect::<BTreeSet<_>>().len() as u64
        };
        let ended_later =
            grid(target).filter(went_on).filter(|flight| flight.ended_in_flight && !window.is_hit(flight));
        let later = ended_later.filter_map(|flight| Some(flight.end - flight.expiry?)).fold(None, Later::with);
        Self {
            noun: match (keys().any(|key| key.method().is_upload()), keys().any(|key| !key.method().is_upload())) {
                (true, true) => "transfer",
                (false, true) => "download",
                _ => "upload",
            },
            hits: outlived.transfers_hit(),
            window,
            later,
            trials: outlived.trials(),
            trials_hit: [outlived.hit(), by_trial.most_hit()],
            blocks: target.flights.iter().map(|flight| flight.block).collect::<BTreeSet<_>>().len() as u64,
            how: how(target, window != near),
            within_s: hit().map(distance).fold(0.0, f64::max),
            completed: grid(target).filter(went_on).filter(|flight| flight.cause == Cause::None).count() as u64,
            unheard: unheard
                .map(|why| (why, grid(target).filter(went_on).filter(|flight| why.is(flight)).count() as u64)),
            takes_the_arm: takes_the_arm(target),
            window_share: near.planned_share(target),
            late_share: Window::late(delta).planned_share(target),
            late_trials: [trials(&mut in_grid().filter(|flight| flight.late > 0.0)), trials(&mut in_grid())],
            needed_s: in_grid().filter_map(|flight| flight.needed).fold(0.0, f64::max),
            shortest_s: in_grid().filter_map(|flight| flight.expiry).fold(f64::INFINITY, least),
            largest_bytes: keys().map(|key| key.size_bytes()).max().unwrap_or(0),
        }
    }
}

impl Later {
    /// `known` and one more that ended so many seconds after expiry.
    fn with(known: Option<Self>, after_s: f64) -> Option<Self> {
        let Self { transfers, between_s: [first, last] } =
            known.unwrap_or(Self { transfers: 0, between_s: [after_s, after_s] });
        Some(Self { transfers: transfers + 1, between_s: [first.min(after_s), last.max(after_s)] })
    }
}

/// How those that were cut ended; `later` if ends after expiry are among them.
fn how(target: &Target, later: bool) -> String {
    let mut ways: BTreeMap<&str, u64> = BTreeMap::new();
    let after = target.tallies.of(Cause::EndedAfterExpiry).filter(|_| later);
    for reported in
        target.tallies.of(Cause::Of(Mechanism::CutAtExpiry)).chain(after).filter(|reported| reported.grid > 0)
    {
        *ways.entry(reported.words.as_str()).or_default() += reported.grid;
    }
    let mut ways: Vec<(&str, u64)> = ways.into_iter().collect();
    ways.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    match ways.as_slice() {
        [] => "were cut".to_owned(),
        [(words, _)] => format!("were {words}"),
        several => {
            let each = several.iter().map(|(words, n)| format!("{n} {words}")).collect::<Vec<_>>().join(", ");
            format!("were ended ({each})")
        }
    }
}
