//! A sheet with the few marks that charts need. Drawing only lists them: `png` and `svg` put the list on pixels and into
//! text, and tests read it.

use plotters::style::RGBColor;

use super::lettering::Letter;
use super::theme::{Marker, Pattern};

/// A rectangle, both corners within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chart) struct Rect {
    pub(in crate::chart) left: i32,
    pub(in crate::chart) top: i32,
    pub(in crate::chart) right: i32,
    pub(in crate::chart) bottom: i32,
}

impl Rect {
    pub(in crate::chart) const fn width(self) -> i32 {
        self.right - self.left
    }
}

/// One thing that is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chart) enum Mark {
    /// A straight line.
    Line { from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32, dashed: bool },
    /// A filled rectangle.
    Fill { rect: Rect, colour: RGBColor },
    /// A rectangle's edge.
    Outline { rect: Rect, colour: RGBColor },
    /// A filled rectangle with a pattern over it and an edge around it.
    Patterned { rect: Rect, colour: RGBColor, pattern: Pattern },
    /// A point's marker; a hollow one shows the paper within.
    Point { at: (i32, i32), radius: i32, marker: Marker, colour: RGBColor, hollow: bool },
    /// A text, centred on its point across its line of reading.
    Text { at: (i32, i32), text: String, letter: Letter },
}

/// A chart's image before it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The image's name, without its ending.
    pub name: String,
    /// What it shows, the finding first.
    pub title: String,
    /// How to read it.
    pub how: String,
    /// Its width.
    pub(in crate::chart) width: i32,
    /// Its height, of an image that stands alone.
    pub(in crate::chart) height: i32,
    /// Where the chart itself begins and ends: above stands the title, below the small print.
    pub(in crate::chart) body: (i32, i32),
    pub(in crate::chart) marks: Vec<Mark>,
}

impl Sheet {
    /// The marks of the chart itself, without title and small print.
    pub(in crate::chart) fn body(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().filter(|mark| (self.body.0..=self.body.1).contains(&mark.top()))
    }

    /// Every text on it, title and small print included.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Mark {
    /// The highest of its defining points.
    fn top(&self) -> i32 {
        match self {
            Self::Line { from, to, .. } => from.1.min(to.1),
            Self::Fill { rect, .. } | Self::Outline { rect, .. } | Self::Patterned { rect, .. } => rect.top,
            Self::Point { at, .. } | Self::Text { at, .. } => at.1,
        }
    }
}

#[cfg(test)]
impl Sheet {
    /// The texts and bars of the chart itself that reach beyond its left or right edge.
    pub(in crate::chart) fn beyond(&self) -> Vec<String> {
        use super::lettering::Align;
        let reach = |mark: &Mark| match mark {
            Mark::Text { letter, .. } if letter.upright => None,
            Mark::Text { at: (x, _), text, letter } => {
                let width = letter.width(text);
                let left = match letter.align {
                    Align::Left => *x,
                    Align::Centre => x - width / 2,
                    Align::Right => x - width,
                };
                Some((text.clone(), left, left + width))
            }
            Mark::Fill { rect, .. } | Mark::Patterned { rect, .. } => {
                Some((format!("{rect:?}"), rect.left, rect.right))
            }
            _ => None,
        };
        self.body()
            .filter_map(reach)
            .filter(|(_, left, right)| *left < 0 || *right > self.width)
            .map(|(what, ..)| what)
            .collect()
    }
}

/// The list that drawing adds to.
#[derive(Debug, Default)]
pub(in crate::chart) struct Canvas {
    pub(in crate::chart) marks: Vec<Mark>,
}

impl Canvas {
    /// Sets `text` at a point, which it is centred on across its line of reading.
    pub(in crate::chart) fn text(&mut self, x: i32, y: i32, text: &str, letter: Letter) {
        if !text.is_empty() {
            self.marks.push(Mark::Text { at: (x, y), text: text.to_owned(), letter });
        }
    }

    pub(in crate::chart) fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) {
        self.marks.push(Mark::Line { from, to, colour, width, dashed: false });
    }

    pub(in crate::chart) fn dashed(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) {
        self.marks.push(Mark::Line { from, to, colour, width, dashed: true });
    }

    pub(in crate::chart) fn fill(&mut self, rect: Rect, colour: RGBColor) {
        self.marks.push(Mark::Fill { rect, colour });
    }

    pub(in crate::chart) fn outline(&mut self, rect: Rect, colour: RGBColor) {
        self.marks.push(Mark::Outline { rect, colour });
    }

    /// Fills `rect` and draws the pattern over it in dark lines.
    pub(in crate::chart) fn pattern(&mut self, rect: Rect, colour: RGBColor, pattern: Pattern) {
        self.marks.push(Mark::Patterned { rect, colour, pattern });
    }

    /// A point's marker, `radius` pixels around `at`.
    pub(in crate::chart) fn marker(
        &mut self,
        at: (i32, i32),
        radius: i32,
        marker: Marker,
        colour: RGBColor,
        hollow: bool,
    ) {
        self.marks.push(Mark::Point { at, radius, marker, colour, hollow });
    }
}
