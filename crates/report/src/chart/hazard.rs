//! `cumulative-hazard.png`: does the risk of being ended in flight rise at expiry, or is it the age of the transfer alone?

use plotters::style::RGBColor;
use ttlsweep_record::units::grouped;

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{GUTTER, LOWER_AXIS, Scale, draw_lower_axis, draw_upward_axis};
use crate::chart::kit::theme::{BLUE, FRAME, MARGIN, RULE, SHADE, SMALL, VERMILION, WARNING};
use crate::stats::CumulativeHazard;

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "cumulative-hazard",
    title: "cumulative hazard of being ended in flight, around expiry",
    caption: "The risk of being ended in flight, added up over the time before and after expiry, for transfers whose link \
              expires and for controls of the same age without an expiry: a cut at expiry makes the first rise at 0 and \
              leaves the second flat.",
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
    /// The axis's ends, in seconds from expiry.
    pub from: f64,
    /// See `from`.
    pub to: f64,
    /// Transfers whose link expires.
    pub grid: Vec<CumulativeHazard>,
    /// Controls, against a placebo expiry.
    pub controls: Vec<CumulativeHazard>,
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
    let plot = Rect { left: area.left + GUTTER + 40, top, right: area.right - 20, bottom: top + PLOT };
    let x = Scale::new(panel.from, panel.to, (plot.left, plot.right));
    let curves = || panel.grid.iter().chain(&panel.controls);
    // An upper end without a bound must not press the curves flat.
    let most = curves().map(|step| step.hazard * 1.6).fold(0.0, f64::max);
    let most = curves().map(|step| step.high.min(most)).fold(most / 1.5, f64::max);
    let y = Scale::new(0.0, if most > 0.0 { most * 1.05 } else { 1.0 }, (plot.bottom, plot.top));
    canvas.fill(
        Rect { left: x.within(-panel.delta), right: x.within(panel.delta).max(x.within(-panel.delta) + 2), ..plot },
        SHADE,
    );
    draw_upward_axis(canvas, plot, y, &y.ticks(6), "cumulative hazard");
    canvas.line((x.within(0.0), plot.top), (x.within(0.0), plot.bottom), WARNING, 3);
    canvas.outline(plot, FRAME);
    let ticks = x.ticks(10);
    draw_lower_axis(
        canvas,
        plot,
        x,
        &ticks,
        "seconds from expiry (of the controls: from a placebo expiry at the same age)",
    );
    draw_curve(canvas, &panel.grid, (x, y), (VERMILION, 6, false));
    if let Some(last) = panel.grid.iter().rposition(|step| step.at_risk > 0).and_then(|last| panel.grid.get(last + 1)) {
        let (left, top) = (x.within(last.time) + END + 10, y.within(last.hazard));
        if left + SMALL_LETTER.width(NOBODY) < plot.right {
            canvas.text(left, top, NOBODY, SMALL_LETTER);
        }
    }
    // On top and thinner, so that both are seen where they agree.
    draw_curve(canvas, &panel.controls, (x, y), (BLUE, 3, true));
    if most <= 0.0 {
        let text = "nothing ended in flight, neither of the grid nor of the controls";
        canvas.text((plot.left + x.within(0.0)) / 2, (plot.top + plot.bottom) / 2, text, SMALL_LETTER.centre());
    }
    draw_at_risk(canvas, panel, (x, &ticks), area.left, plot.bottom + LOWER_AXIS + 6);
}

/// What a line shows of each step.
type Value = fn(&CumulativeHazard) -> f64;

/// The steps as a thick line, the ends of their intervals as thin ones, as far as somebody is at risk; dashed for the
/// controls.
fn draw_curve(
    canvas: &mut Canvas,
    steps: &[CumulativeHazard],
    (x, y): (Scale, Scale),
    (colour, width, dashes): (RGBColor, u32, bool),
) {
    let lines: [(Value, u32); 3] = [(|step| step.low, 1), (|step| step.high, 1), (|step| step.hazard, width)];
    // The step after the last one at risk holds the events that left nobody.
    let shown = steps.iter().rposition(|step| step.at_risk > 0).map_or(0, |last| (last + 2).min(steps.len()));
    if shown == 0 {
        return;
    }
    for (value, width) in lines {
        let mut corners = vec![(x.at(x.from), y.at(0.0))];
        for step in &steps[..shown] {
            let (next, last) = ((x.within(step.time), y.within(value(step))), corners[corners.len() - 1]);
            if next.1 != last.1 {
                corners.extend([(next.0, last.1), next]);
            }
        }
        let end = steps[..shown].last().map_or(x.from, |step| step.time);
        // A little further than there was anybody at risk: a curve that ends in its step would show no height.
        corners.push(((x.within(end) + END).min(x.at(x.to)), corners[corners.len() - 1].1));
        for pair in corners.windows(2).filter(|pair| pair[0] != pair[1]) {
            if dashes {
                canvas.dashed(pair[0], pair[1], colour, width);
            } else {
                canvas.line(pair[0], pair[1], colour, width);
            }
        }
    }
}

/// How many are left at risk, as below a survival curve.
fn draw_at_risk(canvas: &mut Canvas, panel: &Panel, (x, ticks): (Scale, &[(f64, String)]), left: i32, top: i32) {
    let rows = [("grid", &panel.grid), ("controls", &panel.controls)];
    canvas.line((left, top), (x.at(x.to), top), RULE, 1);
    for (row, (name, steps)) in (0..).zip(rows) {
        let y = top + 4 + line_height(SMALL) * row + line_height(SMALL) / 2;
        canvas.text(left, y, &format!("{name} at risk"), SMALL_LETTER);
        for (at, _) in ticks {
            let next = steps.iter().find(|step| step.time >= *at - 1e-9);
            let text = next.map_or_else(|| "0".to_owned(), |step| grouped(step.at_risk));
            if x.at(*at) > left + SMALL_LETTER.width("controls at risk") + 20 {
                canvas.text(x.at(*at), y, &text, SMALL_LETTER.centre());
            }
        }
    }
}

fn draw_legend(canvas: &mut Canvas, area: Rect) {
    let y = area.top + LEGEND / 2;
    let mut left = MARGIN;
    canvas.line((left, y), (left + 50, y), VERMILION, 6);
    canvas.text(left + 60, y, GRID_WORDS, SMALL_LETTER);
    left += 60 + SMALL_LETTER.width(GRID_WORDS) + 40;
    canvas.dashed((left, y), (left + 50, y), BLUE, 3);
    canvas.text(left + 60, y, CONTROL_WORDS, SMALL_LETTER);
    left += 60 + SMALL_LETTER.width(CONTROL_WORDS) + 40;
    canvas.line((left + 4, y - 12), (left + 4, y + 12), WARNING, 3);
    canvas.text(left + 16, y, "expiry, with δ beside it", SMALL_LETTER);
}

const GRID_WORDS: &str = "transfers whose link expires";
const CONTROL_WORDS: &str = "controls of the same age, nothing expires";
const HOW: &str = "Nelson and Aalen's estimate: at each end in flight, one over the number of transfers still at risk, added \
                   up. At risk: from the head to the end, or to the body's end; heads that were not certainly in time are \
                   left out. Thin lines: 95 % intervals, with whole trials as the units. A timer or a poor network raises \
                   both curves alike.";
const NOBODY: &str = "nobody of the grid is left at risk";
/// How far a curve goes on after its end.
const END: i32 = 36;
const LEGEND: i32 = 36;
const PLOT: i32 = 330;
const HEIGHT: i32 = LEGEND + line_height(SMALL) + 12 + PLOT + LOWER_AXIS + 6 + 2 * line_height(SMALL) + 16;
const SMALL_LETTER: Letter = Letter::size(SMALL);
