use ttlsweep_record::{Control, Mechanism};

use super::cause::Cause;
use super::target::Target;
use crate::load::transfer::Transfer;
use crate::verdict::cause::flight::Flight;
use crate::verdict::mechanism::window::{self, Placebos, Window};

/// One target with its transfers as the verdict's tests see them, so that charts draw what was tested and not a second
/// opinion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a, 'e> {
    target: &'a Target,
    transfers: &'e [Transfer],
    /// What counts as a cut there.
    cut: Window,
}

/// How a transfer failed, in the few words that a chart has colours for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Ended in flight because its link expired, as the answer counts it.
    Cut,
    /// Its body was taken, and refused then because the link had expired meanwhile.
    RefusedAtEnd,
    /// It came after expiry and was refused.
    RefusedAtStart,
    /// Anything else.
    Other,
}

impl Way {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Cut, Self::RefusedAtEnd, Self::RefusedAtStart, Self::Other];
}

/// One transfer against its expiry, in seconds since its head was written; expiry is the server's, moved onto this machine's
/// clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    /// What a client saw of it.
    pub seen: &'a Transfer,
    /// Its place among the evidence's transfers.
    pub row: u32,
    /// The block of its run, numbered over all runs.
    pub block: u32,
    /// The settings that it shares with its controls, as a number.
    pub key: u32,
    /// Which control it is; nothing for the grid's own.
    pub control: Option<Control>,
    /// When it ended.
    pub end: f64,
    /// When its link expired; for a control without an expiry, when one of its grid's links did: the placebo.
    pub expiry: Option<f64>,
    /// When it could no longer be ended in flight: its body was through, or it had ended.
    pub leaves_risk: f64,
    /// Its link's life at the head over the duration that it needs; nothing for controls, and where no control tells.
    pub rho: Option<f64>,
    /// Whether its head was proven to have arrived before expiry; always so if nothing expires.
    pub head_in_time: bool,
    /// It ended by reset, close or a refusal of no other name, its head in time and its body unfinished.
    pub ended_in_flight: bool,
    /// Whether it counts toward `cut-at-expiry`.
    pub is_cut: bool,
}

impl<'a, 'e> View<'a, 'e> {
    /// `cut` holds what counts as a cut.
    pub(super) const fn of(target: &'a Target, transfers: &'e [Transfer], cut: Window) -> Self {
        Self { target, transfers, cut }
    }

    /// The endpoints that make the target.
    pub(crate) fn endpoints(&self) -> &'a [String] {
        &self.target.endpoints
    }

    /// The cells that were asked of it, as places among the plan's cells.
    pub(crate) fn cells(&self) -> &'a [u32] {
        &self.target.cells
    }

    /// δ in seconds: how near to expiry an end must be to count as being at it.
    pub(crate) fn delta(&self) -> f64 {
        self.target.delta()
    }

    /// The grid's own transfers, but for cancelled ones. Those that are not judged are among them: they are seen as far as
    /// they came.
    pub(crate) fn grid(&self) -> impl Iterator<Item = Sight<'e>> + use<'a, 'e> {
        let view = *self;
        self.target.flights.iter().filter(|flight| flight.in_grid() && is_seen(flight)).map(move |flight| Sight {
            expiry: flight.expiry,
            rho: flight.rho(),
            head_in_time: flight.head_in_time,
            ..view.sight(flight)
        })
    }

    /// The rows of the grid's transfers that outlived their link, whether their end is judged or not.
    pub(crate) fn outlived(&self) -> impl Iterator<Item = u32> + use<'a, 'e> {
        let (target, delta) = (self.target, self.target.delta());
        let near = Window::at_expiry(delta);
        let judged = window::grid(target).filter(move |flight| near.met(flight, delta));
        let unjudged = target.flights.iter().filter(move |flight| flight.is_unjudged(delta));
        judged.chain(unjudged).map(|flight| flight.row)
    }

    /// The rows of all transfers that failed, those of the controls included, and how.
    pub(crate) fn ways(&self) -> impl Iterator<Item = (u32, Way)> + use<'a, 'e> {
        let cut = self.cut;
        let failed = |flight: &&Flight| !matches!(flight.cause, Cause::None | Cause::Censored);
        self.target.flights.iter().filter(failed).map(move |flight| (flight.row, way(flight, cut)))
    }

    /// The controls in which nothing expires, but for cancelled ones, each with its placebo.
    pub(crate) fn controls(&self) -> impl Iterator<Item = Sight<'e>> + use<'a, 'e> {
        let mut placebos: Vec<(u32, f64)> =
            Placebos::of(self.target).laid().map(|(flight, expiry)| (flight.row, expiry)).collect();
        placebos.sort_unstable_by_key(|(row, _)| *row);
        let placebo = move |row: u32| placebos.binary_search_by_key(&row, |(at, _)| *at).ok().map(|at| placebos[at].1);
        let controls = self.target.flights.iter().filter(|flight| flight.is_unexpiring_control() && is_seen(flight));
        let view = *self;
        controls.map(move |flight| Sight { expiry: placebo(flight.row), ..view.sight(flight) })
    }

    fn sight(&self, flight: &Flight) -> Sight<'e> {
        Sight {
            seen: &self.transfers[flight.row as usize],
            row: flight.row,
            block: flight.block,
            key: flight.key,
            control: flight.control,
            end: flight.end,
            expiry: None,
            leaves_risk: flight.body_end.map_or(flight.end, |body_end| body_end.min(flight.end)),
            rho: None,
            head_in_time: true,
            ended_in_flight: flight.ended_in_flight,
            is_cut: flight.cause == Cause::Of(Mechanism::CutAtExpiry),
        }
    }
}

fn way(flight: &Flight, cut: Window) -> Way {
    match flight.cause {
        _ if flight.has_short_link() && flight.head_in_time && cut.is_hit(flight) => Way::Cut,
        Cause::Of(Mechanism::RejectedAtCompletion) => Way::RefusedAtEnd,
        Cause::Of(Mechanism::LateStart) => Way::RefusedAtStart,
        _ => Way::Other,
    }
}

fn is_seen(flight: &Flight) -> bool {
    flight.cause != Cause::Censored
}
