//! `hosts.png`: host against host. Does one machine, or its network, see another failure rate than the others?

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::Caption;
use crate::chart::kit::lettering::{Letter, fit};
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{LOWER_AXIS, Scale, draw_lower_axis};
use crate::chart::kit::theme::{BLUE, FRAME, INK, MARGIN, Marker, RULE, SMALL, VERMILION};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "hosts",
    title: "each host against the others",
    caption: "For each machine that ran trials its failure rate less that of all others in the same cells, with its 95 % \
              interval over trials; a filled square where the difference is shown, a hollow circle if it is not. Hosts \
              that agree cannot be the cause of what they all see.",
};

/// The hosts of the runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// What sets it apart from others; empty if there is one only.
    pub title: String,
    /// What was found, as a sentence.
    pub notes: String,
    /// One row a host.
    pub rows: Vec<Row>,
}

/// One host, its failure rate less the others' between −1 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The host.
    pub label: String,
    /// The difference.
    pub estimate: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
    /// Whether it is shown after Holm's adjustment.
    pub shown: bool,
    /// What stands to its right.
    pub words: String,
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    draw_panels((ABOUT, caption, HOW), panels, heading, height, draw_panel)
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: &panel.notes }
}

fn rows_height(panel: &Panel) -> i32 {
    ROW * i32::try_from(panel.rows.len()).unwrap_or(1)
}

fn height(panel: &Panel) -> i32 {
    rows_height(panel) + LOWER_AXIS + 16
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect) {
    let widest = |text: fn(&Row) -> &str| panel.rows.iter().map(|row| TEXT.width(text(row))).max().unwrap_or(0);
    let labels = widest(|row| &row.label).clamp(100, 420);
    let words = widest(|row| &row.words).clamp(100, 480);
    let plot = Rect {
        left: MARGIN + labels + 24,
        right: area.right - words - 24,
        top: area.top,
        bottom: area.top + rows_height(panel) + 6,
    };
    // Of the same reach on both sides, and no wider than what there is to see: hosts mostly differ by little.
    let reach = panel.rows.iter().map(|row| row.low.abs().max(row.high.abs())).fold(LEAST_REACH, f64::max).min(1.0);
    let x = Scale::new(-100.0 * reach, 100.0 * reach, (plot.left, plot.right));
    let ticks = x.ticks(8);
    for (at, _) in &ticks {
        canvas.line((x.at(*at), plot.top), (x.at(*at), plot.bottom), RULE, 1);
    }
    canvas.line((x.at(0.0), plot.top), (x.at(0.0), plot.bottom), INK, 2);
    let ticks: Vec<_> =
        ticks.into_iter().map(|(at, label)| (at, if at > 0.0 { format!("+{label}") } else { label })).collect();
    canvas.line((plot.left, plot.bottom), (plot.right, plot.bottom), FRAME, 1);
    draw_lower_axis(canvas, plot, x, &ticks, "percentage points: this host less all others");
    for (at, row) in (0..).zip(&panel.rows) {
        let y = area.top + ROW * at + ROW / 2;
        canvas.text(plot.left - 20, y, &fit(&row.label, TEXT, labels), TEXT.right());
        let colour = if row.shown { VERMILION } else { BLUE };
        let ends = [row.low, row.high].map(|end| x.within(100.0 * end));
        canvas.line((ends[0], y), (ends[1], y), colour, 3);
        for end in ends {
            canvas.line((end, y - 6), (end, y + 6), colour, 2);
        }
        let marker = if row.shown { Marker::Square } else { Marker::Circle };
        canvas.marker((x.within(100.0 * row.estimate), y), 7, marker, colour, !row.shown);
        canvas.text(plot.right + 20, y, &fit(&row.words, TEXT, words), TEXT);
    }
}

const HOW: &str = "The unit is the trial: each counts with the share of its transfers that failed, late starts left out. Shown is the mean \
                   over the grid's own cells, each of the same weight, of this host's failure rate less that of all other \
                   hosts. Intervals: Newcombe's at 95 %, not adjusted. Square and filled: the difference is shown, Holm's p over \
                   the hosts being at most 0.01, by permutation of the hosts within each cell; round and hollow: it is not.";
const ROW: i32 = 30;
/// Narrower axes would make noise look like a finding.
const LEAST_REACH: f64 = 0.05;
const TEXT: Letter = Letter::size(SMALL);
