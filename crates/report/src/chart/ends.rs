//! `ends-against-expiry.png`: do failures gather at expiry, and do those of transfers without an expiry gather there, too?

use plotters::style::RGBColor;

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{GUTTER, LOWER_AXIS, Scale, draw_lower_axis, draw_upward_axis};
use crate::chart::kit::theme::{BLUE, FRAME, INK, ORANGE, Pattern, SHADE, SMALL, VERMILION, WARNING};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "ends-against-expiry",
    title: "failures by when they ended against expiry",
    caption: "How many failures ended how long before or after expiry, and below them, upside down, the placebo: failures of \
              controls without an expiry against the expiry of the grid's links; a cut fills the window around 0 above and \
              leaves it empty below.",
};

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which target it is; empty if there is only one.
    pub title: String,
    /// What it counts and leaves out.
    pub notes: String,
    /// δ in seconds.
    pub delta: f64,
    /// The whole of it: bins as wide as the window (2 δ, or a whole multiple of it).
    pub wide: Histogram,
    /// The surroundings of the window alone, in narrow bins.
    pub near: Histogram,
    /// What stands beside the placebo where it has no failure.
    pub placebo: String,
}

/// Failures by when they ended, counted in bins of one width; expiry is at 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    /// The first bin's lower edge, in seconds.
    pub from: f64,
    /// A bin's width, in seconds.
    pub width: f64,
    /// The grid's failures.
    pub grid: Vec<Count>,
    /// The controls' failures, as many bins.
    pub placebo: Vec<Count>,
}

/// Failures of one bin.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Ended in flight.
    pub in_flight: u64,
    /// Refused at the end: the whole body was taken before.
    pub at_end: u64,
    /// Failed otherwise: refused at the start, timed out, or by what nobody can tell.
    pub otherwise: u64,
}

impl Count {
    const fn all(self) -> u64 {
        self.in_flight + self.at_end + self.otherwise
    }
}

impl Histogram {
    fn to(&self) -> f64 {
        self.from + self.width * self.grid.len() as f64
    }
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    draw_panels((ABOUT, caption, HOW), panels, heading, |_| HEIGHT, draw_panel)
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: &panel.notes }
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect) {
    draw_legend(canvas, area);
    let top = area.top + LEGEND + line_height(SMALL) + 12;
    let split = area.left + (area.right - area.left) * 64 / 100;
    let wide = Rect { left: area.left + GUTTER, top, right: split - 20, bottom: top + PLOT };
    let near = Rect { left: split + GUTTER - 20, right: area.right - 10, ..wide };
    let width = |histogram: &Histogram| format!("seconds from expiry, {} a bin", seconds(histogram.width));
    draw_histogram(canvas, wide, panel, &panel.wide, &width(&panel.wide));
    draw_histogram(canvas, near, panel, &panel.near, &width(&panel.near));
}

fn draw_histogram(canvas: &mut Canvas, plot: Rect, panel: &Panel, histogram: &Histogram, unit: &str) {
    let x = Scale::new(histogram.from, histogram.to(), (plot.left, plot.right));
    let most = histogram.grid.iter().chain(&histogram.placebo).map(|count| count.all()).max().unwrap_or(0).max(1);
    // One scale for both halves: the placebo's bars can be held against the grid's.
    let up = Scale::new(0.0, most as f64 * 1.08, (plot.top + GRID_SHARE, plot.top));
    let down = Scale::new(0.0, most as f64 * 1.08, (plot.top + GRID_SHARE, plot.top + 2 * GRID_SHARE));
    let below = Rect { top: plot.top + GRID_SHARE, ..plot };
    let window =
        Rect { left: x.within(-panel.delta), right: x.within(panel.delta).max(x.within(-panel.delta) + 2), ..plot };
    canvas.fill(window, SHADE);
    let ticks = up.whole_ticks(4);
    draw_upward_axis(canvas, Rect { bottom: below.top, ..plot }, up, &ticks, "failures");
    draw_upward_axis(canvas, plot, down, ticks.get(1..).unwrap_or_default(), "");
    for at in [window.left, window.right] {
        canvas.line((at, plot.top), (at, plot.bottom), FRAME, 1);
    }
    // Behind the bars: most of a cut's lie on it.
    canvas.line((x.within(0.0), plot.top), (x.within(0.0), plot.bottom), WARNING, 3);
    for (counts, y) in [(&histogram.grid, up), (&histogram.placebo, down)] {
        for (at, count) in counts.iter().enumerate().filter(|(_, count)| count.all() > 0) {
            let edge = |at: usize| x.at(histogram.from + histogram.width * at as f64);
            let (left, right) = (edge(at), (edge(at + 1) - 1).max(edge(at) + 2));
            let mut below = 0;
            for ((colour, pattern, _), part) in PARTS.into_iter().zip([count.in_flight, count.at_end, count.otherwise])
            {
                let ends = (y.at(below as f64), y.at((below + part) as f64));
                draw_bar(canvas, (left, right), ends, part, colour, pattern);
                below += part;
            }
        }
    }
    canvas.line((plot.left, below.top), (plot.right, below.top), INK, 2);
    canvas.outline(plot, FRAME);
    // In the narrow part it would cross the window.
    if plot.width() > 600 && histogram.placebo.iter().all(|count| count.all() == 0) {
        let room = (plot.width() / 2 - 40).max(200);
        for (line, text) in (0..).zip(crate::chart::kit::lettering::wrap(&panel.placebo, SMALL_LETTER, room)) {
            canvas.text(plot.left + 10, below.top + 22 + line * line_height(SMALL), &text, SMALL_LETTER);
        }
    }
    draw_lower_axis(canvas, plot, x, &x.ticks(if plot.width() > 600 { 9 } else { 5 }), unit);
}

/// A bar of at least three pixels: one failure among thousands must still be seen.
fn draw_bar(
    canvas: &mut Canvas,
    (left, right): (i32, i32),
    (from, to): (i32, i32),
    count: u64,
    colour: RGBColor,
    pattern: Pattern,
) {
    if count == 0 {
        return;
    }
    let to = if to <= from { to.min(from - 3) } else { to.max(from + 3) };
    canvas.pattern(Rect { left, right, top: from.min(to), bottom: from.max(to) }, colour, pattern);
}

fn draw_legend(canvas: &mut Canvas, area: Rect) {
    let y = area.top + LEGEND / 2;
    let mut left = area.left;
    for (colour, pattern, text) in PARTS {
        canvas.pattern(Rect { left, top: y - 9, right: left + 34, bottom: y + 9 }, colour, pattern);
        canvas.text(left + 44, y, text, SMALL_LETTER);
        left += 44 + SMALL_LETTER.width(text) + 30;
    }
    canvas.line((left + 4, y - 12), (left + 4, y + 12), WARNING, 3);
    canvas.text(left + 16, y, "expiry", SMALL_LETTER);
    left += 16 + SMALL_LETTER.width("expiry") + 30;
    canvas.fill(Rect { left, top: y - 9, right: left + 34, bottom: y + 9 }, SHADE);
    canvas.outline(Rect { left, top: y - 9, right: left + 34, bottom: y + 9 }, FRAME);
    canvas.text(left + 44, y, "within δ of it", SMALL_LETTER);
}

/// `0.1 s`, `2 ms`.
fn seconds(value: f64) -> String {
    if value < 0.1 { format!("{} ms", round(value * 1e3)) } else { format!("{} s", round(value)) }
}

fn round(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const HOW: &str = "Above the line: failures of the grid by when they ended, expiry being the server's, moved onto this \
                   machine's clock. Below it, upside down and on the same scale: the placebo, failures of controls without an \
                   expiry, each against the expiry of one of the grid's transfers of the same settings. To the right the \
                   window's surroundings, enlarged. Counts of transfers, without intervals; the test is made on trials.";
/// What a bar is made of, from the line on.
const PARTS: [(RGBColor, Pattern, &str); 3] = [
    (VERMILION, Pattern::Plain, "ended in flight"),
    (BLUE, Pattern::Falling, "refused at the end"),
    (ORANGE, Pattern::Rising, "failed otherwise (late start, timeout, undecidable)"),
];
const LEGEND: i32 = 36;
const GRID_SHARE: i32 = 190;
const PLOT: i32 = 2 * GRID_SHARE;
const HEIGHT: i32 = LEGEND + line_height(SMALL) + 12 + PLOT + LOWER_AXIS + 10;
const SMALL_LETTER: Letter = Letter::size(SMALL);
