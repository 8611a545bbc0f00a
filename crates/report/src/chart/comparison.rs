//! `comparison.png`: by how much do two runs, or two targets, differ in their failure rates?

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::{Letter, fit};
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::theme::{BLUE, FRAME, INK, MARGIN, Marker, RULE, SHADE, SMALL, VERMILION};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "comparison",
    title: "differences of failure rates, cell by cell",
    caption: "For each pair of cells with the same settings the second failure rate less the first, with its 95 % interval over \
              trials; a filled marker where the difference is shown, a hollow one if it is not.",
};

/// The second of two runs or targets against the first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which two.
    pub title: String,
    /// What was found, as a sentence.
    pub notes: String,
    /// The mean over the grid's cells, then one row per cell.
    pub rows: Vec<Row>,
}

/// One difference, between −1 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The cell.
    pub label: String,
    /// The difference.
    pub estimate: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
    /// Whether it is the mean, not a cell.
    pub is_mean: bool,
    /// Whether it is shown after Holm's adjustment.
    pub shown: bool,
    /// What stands to its right.
    pub words: String,
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    let parts: Vec<Panel> = panels.iter().flat_map(parts).collect();
    draw_panels((ABOUT, caption, HOW), &parts, heading, height, draw_panel)
}

/// A panel of more rows than an image holds goes on in another.
fn parts(panel: &Panel) -> Vec<Panel> {
    let part = |(at, rows): (usize, &[Row])| Panel {
        title: if at == 0 { panel.title.clone() } else { format!("{} (continued)", panel.title) },
        notes: if at == 0 { panel.notes.clone() } else { String::new() },
        rows: rows.to_vec(),
    };
    let parts = panel.rows.len().div_ceil(MOST_ROWS).max(1);
    panel.rows.chunks(panel.rows.len().div_ceil(parts).max(1)).enumerate().map(part).collect()
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: &panel.notes }
}

fn height(panel: &Panel) -> i32 {
    ROW * i32::try_from(panel.rows.len()).unwrap_or(1) + 2 * line_height(SMALL) + 26
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect) {
    let labels = panel.rows.iter().map(|row| TEXT.width(&row.label)).max().unwrap_or(0).clamp(120, 480);
    let words = panel.rows.iter().map(|row| TEXT.width(&row.words)).max().unwrap_or(0).clamp(100, 420);
    let (left, right) = (MARGIN + labels + 24, area.right - words - 24);
    let x = |difference: f64| left + ((difference + 1.0) / 2.0 * f64::from(right - left)).round() as i32;
    let bottom = area.top + ROW * i32::try_from(panel.rows.len()).unwrap_or(1) + 6;
    if panel.rows.first().is_some_and(|row| row.is_mean) {
        canvas.fill(Rect { left: MARGIN, right: area.right, top: area.top, bottom: area.top + ROW }, SHADE);
    }
    for percent in [-100, -50, 0, 50, 100] {
        let at = x(f64::from(percent) / 100.0);
        canvas.line(
            (at, area.top),
            (at, bottom),
            if percent == 0 { INK } else { RULE },
            if percent == 0 { 2 } else { 1 },
        );
        let label = if percent > 0 { format!("+{percent}") } else { percent.to_string().replace('-', "−") };
        canvas.text(at, bottom + 6 + line_height(SMALL) / 2, &label, TEXT.centre());
    }
    let unit = "percentage points: second less first";
    canvas.text((left + right) / 2, bottom + 6 + line_height(SMALL) * 3 / 2, unit, TEXT.centre());
    for (at, row) in (0..).zip(&panel.rows) {
        let y = area.top + ROW * at + ROW / 2;
        canvas.text(left - 20, y, &fit(&row.label, TEXT, labels), TEXT.right());
        let colour = if row.shown { VERMILION } else { BLUE };
        canvas.line((x(row.low), y), (x(row.high), y), colour, 3);
        for end in [row.low, row.high] {
            canvas.line((x(end), y - 6), (x(end), y + 6), colour, 2);
        }
        canvas.marker(
            (x(row.estimate), y),
            7,
            if row.shown { Marker::Square } else { Marker::Circle },
            colour,
            !row.shown,
        );
        canvas.text(right + 20, y, &fit(&row.words, TEXT, words), TEXT);
    }
    canvas.line((left, bottom), (right, bottom), FRAME, 1);
}

const HOW: &str = "The unit is the trial: each counts with the share of its transfers that failed, late starts left out. Intervals: \
                   Newcombe's at 95 %, not adjusted. Square and filled: the difference is shown, Holm's p over everything \
                   compared here being at most 0.01; round and hollow: it is not. To the right failed of transfers, the second \
                   against the first. The shaded row is the mean over the grid's own cells.";
const ROW: i32 = 30;
const MOST_ROWS: usize = 48;
const TEXT: Letter = Letter::size(SMALL);
