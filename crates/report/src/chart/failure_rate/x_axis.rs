//! Where the TTLs and, to their right, the controls stand across a panel.

use ttlsweep_record::{Control, Ttls};

use crate::chart::kit::theme::Form;
use crate::summary::axes::format_ttls;

/// A place across the panel: a TTL of the grid, or a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A link's lifetime, or those that trials drew from.
    Ttl(Ttls),
    /// A grid cell without a link.
    NoLink,
    /// A control, with its TTL.
    Control(Control, Option<Ttls>),
}

impl Place {
    pub(super) const fn of(control: Option<Control>, ttls: Option<Ttls>) -> Self {
        match (control, ttls) {
            (Some(control), ttls) => Self::Control(control, ttls),
            (None, Some(ttls)) => Self::Ttl(ttls),
            (None, None) => Self::NoLink,
        }
    }

    /// One or two short lines.
    pub(super) fn label(self) -> Vec<String> {
        match self {
            Self::Ttl(ttls) => vec![format_ttls(ttls)],
            Self::NoLink => vec!["no".into(), "link".into()],
            Self::Control(Control::LongTtl, ttls) => {
                vec!["long ttl".into(), ttls.map(format_ttls).unwrap_or_default()]
            }
            Self::Control(Control::HeaderSigned, _) => vec!["header-".into(), "signed".into()],
            Self::Control(Control::ExpiredStart, _) => vec!["expired-".into(), "start".into()],
            Self::Control(Control::ExpectContinue, ttls) => {
                vec!["expect".into(), ttls.map(format_ttls).unwrap_or_default()]
            }
        }
    }
}

/// The positions, in pixels from the panel's left.
pub(super) struct XAxis {
    places: Vec<(Place, i32)>,
    controls_from: Option<i32>,
    log: bool,
}

impl XAxis {
    /// Places `all` over `width` pixels, at least `wanted` pixels from each other; `None` if they don't fit.
    pub(super) fn new(all: &[Place], (width, form): (i32, Form), wanted: i32, log: bool) -> Option<Self> {
        let axis = Self::laid_out(all, (width, form), wanted, log);
        let positions: Vec<i32> = axis.places.iter().map(|(_, x)| *x).collect();
        let roomy = positions.windows(2).all(|pair| pair[1] - pair[0] >= wanted);
        let inside = positions.first().is_none_or(|first| *first >= 0);
        (roomy && inside).then_some(axis)
    }

    /// Places `all` as well as it goes.
    pub(super) fn crowded(all: &[Place], width: (i32, Form)) -> Self {
        Self::laid_out(all, width, 8, false)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = (Place, i32)> {
        self.places.iter().copied()
    }

    pub(super) fn position(&self, place: &Place) -> Option<i32> {
        self.places.iter().find(|(known, _)| known == place).map(|(_, x)| *x)
    }

    /// Where the controls begin.
    pub(super) const fn controls_from(&self) -> Option<i32> {
        self.controls_from
    }

    pub(super) const fn is_log(&self) -> bool {
        self.log
    }

    /// How many TTLs of the grid it has.
    pub(super) fn ttls(&self) -> usize {
        self.places.iter().filter(|(place, _)| matches!(place, Place::Ttl(_))).count()
    }

    fn laid_out(all: &[Place], (width, form): (i32, Form), wanted: i32, log: bool) -> Self {
        let mut sorted = all.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let controls: Vec<Place> = sorted.iter().copied().filter(|place| matches!(place, Place::Control(..))).collect();
        let grid: Vec<Place> = sorted.iter().copied().filter(|place| !matches!(place, Place::Control(..))).collect();
        let control_width = wanted.max(if form == Form::NARROW { NARROW_CONTROL } else { CONTROL_WIDTH });
        let controls_width = control_width * i32::try_from(controls.len()).unwrap_or(0);
        let grid_width = width - controls_width;
        let pad = wanted / 2 + 6;
        let span = f64::from(grid_width - 2 * pad);
        let shares = shares(&grid, log);
        let mut places: Vec<(Place, i32)> =
            grid.iter().zip(shares).map(|(place, share)| (*place, pad + (share * span).round() as i32)).collect();
        for (at, control) in (0..).zip(&controls) {
            places.push((*control, grid_width + at * control_width + control_width / 2));
        }
        let controls_from = (!controls.is_empty()).then_some(grid_width);
        Self { places, controls_from, log }
    }
}

/// Each place's share of the way from the first to the last.
fn shares(places: &[Place], log: bool) -> Vec<f64> {
    let steps = places.len().saturating_sub(1);
    let even = |at: usize| if steps == 0 { 0.5 } else { at as f64 / steps as f64 };
    let ttls: Option<Vec<f64>> = places
        .iter()
        .map(|place| match place {
            // Lifetimes that are drawn stand at their middle.
            Place::Ttl(ttls) => Some((f64::from(ttls.least_s + ttls.most_s) / 2.0).max(1.0).ln()),
            _ => None,
        })
        .collect();
    match ttls.as_deref() {
        Some([first, .., last]) if log => ttls.iter().flatten().map(|ttl| (ttl - first) / (last - first)).collect(),
        _ => (0..places.len()).map(even).collect(),
    }
}

/// Wide enough for the labels of the controls.
const CONTROL_WIDTH: i32 = 88;
const NARROW_CONTROL: i32 = 74;

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(seconds: u32) -> Place {
        Place::Ttl(seconds.into())
    }

    #[test]
    fn doubling_the_ttl_is_the_same_step_everywhere() {
        let axis = XAxis::new(&[1, 2, 4, 8].map(ttl), (600, Form::WIDE), 50, true).unwrap();
        let x: Vec<i32> = axis.places().map(|(_, x)| x).collect();
        assert!((x[1] - x[0] - (x[3] - x[2])).abs() <= 1, "{x:?}");
    }

    #[test]
    fn ttls_too_close_for_a_log_scale_are_refused_there_and_stand_in_order() {
        let close = [1, 100, 101].map(ttl);
        assert!(XAxis::new(&close, (600, Form::WIDE), 50, true).is_none());
        assert!(!XAxis::new(&close, (600, Form::WIDE), 50, false).unwrap().is_log());
    }

    #[test]
    fn controls_stand_to_the_right_of_every_ttl() {
        let places = [Place::Control(Control::LongTtl, Some(3600.into())), ttl(1), ttl(7200)];
        let axis = XAxis::new(&places, (600, Form::WIDE), 50, true).unwrap();
        let last = axis.places().last().unwrap();
        assert_eq!(last.0, places[0]);
        assert!(last.1 > axis.controls_from().unwrap());
    }
}
