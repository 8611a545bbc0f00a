//! How charts look: one place for font, sizes, colours, markers and patterns.

use plotters::style::RGBColor;
use ttlsweep_record::Outcome;

pub(in crate::chart) const WIDTH: i32 = 1600;
pub(in crate::chart) const MARGIN: i32 = 40;

/// How wide a chart is laid out. Letters have one size, so a narrow one can be read on a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(in crate::chart) width: i32,
    pub(in crate::chart) margin: i32,
}

impl Form {
    /// For a desk, for paper and for an image that stands alone.
    pub(crate) const WIDE: Self = Self { width: WIDTH, margin: MARGIN };
    /// For a phone: a third, all below each other.
    pub(crate) const NARROW: Self = Self { width: 580, margin: 6 };

    pub(in crate::chart) const fn usable(self) -> i32 {
        self.width - 2 * self.margin
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::WIDE
    }
}

pub(in crate::chart) const TITLE: i32 = 30;
pub(in crate::chart) const HEADING: i32 = 25;
pub(in crate::chart) const TEXT: i32 = 21;
pub(in crate::chart) const SMALL: i32 = 19;

pub(in crate::chart) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(in crate::chart) const FAINT: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub(in crate::chart) const RULE: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
pub(in crate::chart) const FRAME: RGBColor = RGBColor(0x99, 0x99, 0x99);
pub(in crate::chart) const SHADE: RGBColor = RGBColor(0xf3, 0xf3, 0xf3);
pub(in crate::chart) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(in crate::chart) const WARNING: RGBColor = RGBColor(0xb0, 0x00, 0x20);

/// What lies behind points: how sure they are.
pub(in crate::chart) const PALE: RGBColor = RGBColor(0xe2, 0xe6, 0xea);
/// What a simulation says would have been: pale, and the colour of nothing else.
pub(in crate::chart) const GHOST: RGBColor = RGBColor(0xf0, 0xcb, 0xa6);
/// A transfer in flight with a link that lives.
pub(in crate::chart) const LIVING: RGBColor = RGBColor(0xb5, 0xdc, 0xf4);

/// Okabe and Ito's palette, which stays apart for the colour-blind.
pub(in crate::chart) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(in crate::chart) const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
pub(in crate::chart) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(in crate::chart) const SKY: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
pub(in crate::chart) const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
pub(in crate::chart) const YELLOW: RGBColor = RGBColor(0xf0, 0xe4, 0x42);

/// A point's shape: told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chart) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Cross,
    Plus,
    Bar,
}

impl Marker {
    /// How wide the strokes of a marker without an inside are.
    pub(in crate::chart) const STROKE: u32 = 4;

    /// The corners of a marker that has an inside, around its point; `None` of a circle and of what consists of strokes.
    pub(in crate::chart) fn corners(self, r: i32) -> Option<Vec<(i32, i32)>> {
        Some(match self {
            Self::Square => vec![(-r, -r), (r, -r), (r, r), (-r, r)],
            Self::Triangle => vec![(0, -r - 1), (r + 1, r), (-r - 1, r)],
            Self::TriangleDown => vec![(0, r + 1), (r + 1, -r), (-r - 1, -r)],
            Self::Diamond => vec![(0, -r - 2), (r + 2, 0), (0, r + 2), (-r - 2, 0)],
            Self::Circle | Self::Cross | Self::Plus | Self::Bar => return None,
        })
    }

    /// The strokes of a marker that has no inside.
    pub(in crate::chart) fn strokes(self, r: i32) -> Vec<[(i32, i32); 2]> {
        match self {
            Self::Cross => vec![[(-r, -r), (r, r)], [(-r, r), (r, -r)]],
            Self::Plus => vec![[(-r, 0), (r, 0)], [(0, -r), (0, r)]],
            Self::Bar => vec![[(0, -r), (0, r)]],
            Self::Circle | Self::Square | Self::Triangle | Self::TriangleDown | Self::Diamond => Vec::new(),
        }
    }
}

/// A filling: told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chart) enum Pattern {
    Plain,
    Rising,
    Falling,
    Upright,
    Level,
    Crossed,
}

/// How an outcome is drawn, in bars and at the ends of transfers.
#[derive(Debug, Clone, Copy)]
pub(in crate::chart) struct OutcomeStyle {
    pub(in crate::chart) colour: RGBColor,
    pub(in crate::chart) pattern: Pattern,
    pub(in crate::chart) marker: Marker,
    pub(in crate::chart) hollow: bool,
}

pub(in crate::chart) fn outcome_style(outcome: Outcome) -> OutcomeStyle {
    let (colour, pattern, marker, hollow) = match outcome {
        Outcome::Completed => (PAPER, Pattern::Plain, Marker::Circle, true),
        Outcome::Rejected => (ORANGE, Pattern::Rising, Marker::Square, false),
        Outcome::Reset => (VERMILION, Pattern::Plain, Marker::Cross, false),
        Outcome::Closed => (BLUE, Pattern::Falling, Marker::Triangle, false),
        Outcome::Malformed => (PURPLE, Pattern::Crossed, Marker::Diamond, false),
        Outcome::TimedOut => (YELLOW, Pattern::Upright, Marker::TriangleDown, false),
        Outcome::Unconnected => (SKY, Pattern::Level, Marker::Plus, false),
        Outcome::Cancelled => (FRAME, Pattern::Plain, Marker::Bar, false),
        Outcome::FailedLocally => (FRAME, Pattern::Crossed, Marker::Square, true),
        Outcome::Truncated => (BLUE, Pattern::Rising, Marker::Triangle, true),
        Outcome::Altered => (PURPLE, Pattern::Level, Marker::Diamond, true),
    };
    OutcomeStyle { colour, pattern, marker, hollow }
}

/// Light colours make good bars and poor lines.
pub(in crate::chart) fn darkened(colour: RGBColor) -> RGBColor {
    let part = |value: u8| (u16::from(value) * 3 / 4) as u8;
    RGBColor(part(colour.0), part(colour.1), part(colour.2))
}

/// Half way to paper.
pub(in crate::chart) fn lightened(colour: RGBColor) -> RGBColor {
    let part = |value: u8| 128 + value / 2;
    RGBColor(part(colour.0), part(colour.1), part(colour.2))
}

/// The same on a dark page: what is light becomes dark and the other way round, and strong colours stay strong.
pub(in crate::chart) fn in_the_dark(colour: RGBColor) -> RGBColor {
    match colour {
        // Turned round, these two would be as dark as the page, and like each other.
        PALE => return RGBColor(0x4c, 0x52, 0x58),
        LIVING => return RGBColor(0x2b, 0x6a, 0x94),
        _ => {}
    }
    let parts = [colour.0, colour.1, colour.2].map(f64::from);
    let (least, most) = (parts[0].min(parts[1]).min(parts[2]), parts[0].max(parts[1]).max(parts[2]));
    let lightness = (least + most) / 510.0;
    let wanted = if most - least > 60.0 && (0.2..0.8).contains(&lightness) {
        // As text, too, it has to be read: a contrast of 4.5 with the page (WCAG 2.2, 1.4.3).
        lightness.max(0.6)
    } else {
        // Paper becomes 0.086, which is the dark page's.
        1.0 - lightness * 0.914
    };
    // Towards white or black, which keeps the hue.
    let mix = |part: f64| {
        let share = if wanted >= lightness {
            (wanted - lightness) / (1.0 - lightness).max(1e-9)
        } else {
            wanted / lightness - 1.0
        };
        let goal = if share >= 0.0 { 255.0 } else { 0.0 };
        (part + (goal - part) * share.abs()).round() as u8
    };
    RGBColor(mix(parts[0]), mix(parts[1]), mix(parts[2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours (WCAG 2.2).
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let luminance = |colour: RGBColor| {
            let linear = |part: u8| match f64::from(part) / 255.0 {
                dark if dark <= 0.04045 => dark / 12.92,
                light => ((light + 0.055) / 1.055).powf(2.4),
            };
            0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn what_is_written_can_be_read_on_a_light_page_and_on_a_dark_one() {
        for colour in [INK, FAINT, WARNING, BLUE, darkened(VERMILION)] {
            assert!(contrast(colour, PAPER) >= 4.5, "{colour:?} on paper");
        }
        for colour in [INK, FAINT, WARNING, BLUE, VERMILION, ORANGE, SKY, PURPLE, YELLOW] {
            let (dark, page) = (in_the_dark(colour), in_the_dark(PAPER));
            assert!(contrast(dark, page) >= 4.5, "{dark:?}: {:.2}", contrast(dark, page));
        }
    }

    #[test]
    fn on_a_dark_page_intervals_are_seen_and_a_living_link_is_not_taken_for_a_connection_being_made() {
        let contrasts = |one, other| contrast(in_the_dark(one), in_the_dark(other));
        assert!(contrasts(PALE, PAPER) >= 2.0, "{:.2}", contrasts(PALE, PAPER));
        assert!(contrasts(LIVING, RULE) >= 1.8, "{:.2}", contrasts(LIVING, RULE));
        assert!(contrasts(LIVING, PAPER) >= 3.0, "{:.2}", contrasts(LIVING, PAPER));
    }
}
