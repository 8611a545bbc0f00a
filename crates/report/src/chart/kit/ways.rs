//! How ways of failing are drawn.

use plotters::style::RGBColor;

use super::theme::{BLUE, FAINT, INK, Marker, VERMILION};
use crate::verdict::Way;

/// How a way of failing is drawn: told apart by shape alone, too.
#[derive(Debug, Clone, Copy)]
pub(in crate::chart) struct WayStyle {
    pub(in crate::chart) colour: RGBColor,
    pub(in crate::chart) marker: Marker,
    pub(in crate::chart) hollow: bool,
    pub(in crate::chart) words: &'static str,
}

pub(in crate::chart) const fn way_style(way: Way) -> WayStyle {
    let (colour, marker, hollow, words) = match way {
        Way::Cut => (VERMILION, Marker::Cross, false, "cut at expiry"),
        Way::RefusedAtEnd => (BLUE, Marker::Square, false, "refused at the end"),
        Way::RefusedAtStart => (FAINT, Marker::Triangle, true, "came after expiry and was refused"),
        Way::Other => (INK, Marker::Diamond, false, "failed otherwise"),
    };
    WayStyle { colour, marker, hollow, words }
}
