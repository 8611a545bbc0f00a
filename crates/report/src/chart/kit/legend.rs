//! Samples with their words in a row, over as many lines as they need.

use plotters::style::RGBColor;

use super::canvas::{Canvas, Rect};
use super::lettering::Letter;
use super::theme::{Form, INK, Marker, Pattern, SMALL};

/// What stands before a legend's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chart) enum Sample {
    /// A piece of a bar.
    Bar(RGBColor, Pattern),
    /// A line that goes up.
    Upright(RGBColor),
    /// A marker; hollow or not.
    Point(Marker, RGBColor, bool),
}

impl Sample {
    const fn width(&self) -> i32 {
        match self {
            Self::Bar(..) => 46,
            Self::Upright(..) | Self::Point(..) => 24,
        }
    }

    fn draw(&self, canvas: &mut Canvas, x: i32, y: i32) {
        match *self {
            Self::Bar(colour, pattern) => {
                canvas.pattern(Rect { left: x, top: y - 8, right: x + 36, bottom: y + 8 }, colour, pattern);
            }
            Self::Upright(colour) => canvas.line((x + 8, y - 12), (x + 8, y + 12), colour, 4),
            Self::Point(marker, colour, hollow) => canvas.marker((x + 8, y), 8, marker, colour, hollow),
        }
    }
}

/// A legend, laid out.
pub(in crate::chart) struct Legend {
    /// Each sample with its words, where they stand, and on which line.
    items: Vec<(Sample, String, i32, i32)>,
}

impl Legend {
    pub(in crate::chart) fn of(items: Vec<(Sample, String)>, form: Form) -> Self {
        let (mut x, mut line) = (form.margin, 0);
        let place = |(sample, words): (Sample, String)| {
            let width = sample.width() + LETTER.width(&words);
            if x > form.margin && x + width > form.width - form.margin {
                (x, line) = (form.margin, line + 1);
            }
            let placed = (sample, words, x, line);
            x += width + 34;
            placed
        };
        Self { items: items.into_iter().map(place).collect() }
    }

    pub(in crate::chart) fn height(&self) -> i32 {
        self.items.last().map_or(0, |(.., line)| (line + 1) * LINE)
    }

    pub(in crate::chart) fn draw(&self, canvas: &mut Canvas, top: i32) {
        for (sample, words, x, line) in &self.items {
            let y = top + line * LINE + LINE / 2;
            sample.draw(canvas, *x, y);
            canvas.text(x + sample.width(), y, words, LETTER);
        }
    }
}

const LINE: i32 = 32;
const LETTER: Letter = Letter::size(SMALL).colour(INK);
