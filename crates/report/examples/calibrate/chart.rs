//! `docs/images/calibration.png`: a bar for each cell, by what the verdict on `cut-at-expiry` was worth.

use std::path::Path;

// The report's own sheet, letters and colours; each is private to its crate, and a picture of the docs is no reason to
// change that.
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/chart/kit/canvas.rs"]
mod canvas;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/chart/kit/lettering.rs"]
mod lettering;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/chart/kit/png.rs"]
mod png;
#[allow(dead_code, unreachable_pub)]
#[path = "../../src/chart/kit/theme.rs"]
mod theme;

use canvas::{Canvas, Rect};
use lettering::{Letter, fit};
use png::ChartError;
use theme::{BLUE, FRAME, MARGIN, ORANGE, PAPER, Pattern, RULE, VERMILION, WIDTH};

use crate::score::Score;
use crate::table::Row;

/// Draws the chart.
pub(crate) fn draw(path: &Path, rows: &[Row], foot: &str) -> Result<(), ChartError> {
    let (guilty, innocent): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.world.cuts());
    let groups = [("Servers that do not cut at expiry", innocent), ("Servers that cut at expiry", guilty)];
    let lines: i32 = groups.iter().map(|(_, rows)| HEAD + LINE * rows.len() as i32).sum();
    let mut sheet = Canvas::default();
    let canvas = &mut sheet;
    canvas.text(MARGIN, 46, "How often is the verdict on cut-at-expiry right?", Letter::size(theme::TITLE).bold());
    legend(canvas, 104);
    let mut y = TOP;
    for (title, rows) in &groups {
        canvas.text(MARGIN, y + 26, title, Letter::size(theme::HEADING).bold());
        columns(canvas, rows, y + HEAD - 20);
        y += HEAD;
        for row in rows {
            line(canvas, row, y);
            y += LINE;
        }
    }
    canvas.text(MARGIN, y + 34, AXIS, SMALL);
    canvas.text(MARGIN, y + 62, foot, SMALL);
    png::write_marks(path, TOP + lines + BOTTOM, &sheet.marks)
}

fn legend(canvas: &mut Canvas, y: i32) {
    let mut x = MARGIN;
    for (kind, words) in [
        (Kind::Right, "right"),
        (Kind::Silent, "silent (inconclusive)"),
        (Kind::Wrong, "wrong: acquitted, or invalid"),
        (Kind::Accused, "wrong: accused"),
    ] {
        kind.fill(canvas, Rect { left: x, top: y - 10, right: x + 40, bottom: y + 10 });
        canvas.text(x + 50, y, words, TEXT);
        x += 50 + TEXT.width(words) + 44;
    }
}

fn columns(canvas: &mut Canvas, rows: &[&Row], y: i32) {
    let Some(row) = rows.first() else { return };
    for (at, (sample, _)) in (0..).zip(&row.scores) {
        let slot = slot(at, row.scores.len());
        let letter = if sample.is_enough() { SMALL.bold() } else { SMALL };
        canvas.text((slot.0 + slot.1) / 2, y + 4, &sample.name(), letter.centre());
    }
}

fn line(canvas: &mut Canvas, row: &Row, top: i32) {
    canvas.text(MARGIN + LABELS - 14, top + LINE / 2, &label(row.world.name), TEXT.right());
    canvas.line((MARGIN, top), (WIDTH - MARGIN, top), RULE, 1);
    for (at, (_, score)) in (0..).zip(&row.scores) {
        let (left, right) = slot(at, row.scores.len());
        bar(canvas, score, row.world.cuts(), Rect { left, top: top + 4, right, bottom: top + LINE - 4 });
    }
}

fn label(world: &str) -> String {
    fit(world, TEXT, LABELS - 14)
}

/// What is right from the left, what is wrong from the right.
fn bar(canvas: &mut Canvas, score: &Score, guilty: bool, rect: Rect) {
    let n = score.cut.of().max(1) as f64;
    // Two pixels at least: one of a thousand must be seen.
    let pixels = |hits: u64| {
        let exact = (hits as f64 / n * f64::from(rect.width())).round() as i32;
        if hits > 0 { exact.max(2) } else { 0 }
    };
    Kind::Silent.fill(canvas, rect);
    let right = pixels(score.cut.right).min(rect.width());
    if right > 0 {
        Kind::Right.fill(canvas, Rect { right: rect.left + right, ..rect });
    }
    let accused = if guilty { 0 } else { score.accused.min(score.cut.wrong) };
    let mut end = rect.right;
    for (kind, hits) in [(Kind::Accused, accused), (Kind::Wrong, score.cut.wrong - accused)] {
        let width = pixels(hits);
        if width > 0 {
            kind.fill(canvas, Rect { left: end - width, right: end, ..rect });
            end -= width;
        }
    }
}

fn slot(at: i32, of: usize) -> (i32, i32) {
    let width = (WIDTH - 2 * MARGIN - LABELS) / of.max(1) as i32;
    let left = MARGIN + LABELS + at * width;
    (left + 3, left + width - 5)
}

/// Told apart by lightness and pattern, too.
#[derive(Clone, Copy)]
enum Kind {
    Right,
    Silent,
    Wrong,
    Accused,
}

impl Kind {
    fn fill(self, canvas: &mut Canvas, rect: Rect) {
        match self {
            Self::Right => canvas.fill(rect, BLUE),
            Self::Silent => {
                canvas.fill(rect, PAPER);
                canvas.outline(rect, FRAME);
            }
            Self::Wrong => canvas.pattern(rect, ORANGE, Pattern::Upright),
            Self::Accused => canvas.pattern(rect, VERMILION, Pattern::Crossed),
        }
    }
}

const AXIS: &str = "Columns: transfers that outlive their link / over how many trials, if nothing else stops them; bold \
                    where the goal is 99 % right. Bars: shares of the simulations of a cell.";
/// For the longest name of a world.
const LABELS: i32 = 300;
const TOP: i32 = 140;
const HEAD: i32 = 78;
const LINE: i32 = 30;
const BOTTOM: i32 = 96;
const TEXT: Letter = Letter::size(theme::TEXT);
const SMALL: Letter = Letter::size(theme::SMALL);

#[cfg(test)]
#[test]
fn every_world_has_room_for_its_name() {
    for world in ttlsweep_simulate::catalogue::worlds() {
        assert_eq!(label(world.name), world.name);
    }
}
