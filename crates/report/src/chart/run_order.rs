//! `run-order.png`: did something change while the run went on? Each trial at its time of day, by what became of it.

use ttlsweep_record::{Outcome, Timestamp};

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{GUTTER, LOWER_AXIS, Scale, draw_upward_axis};
use crate::chart::kit::theme::{FRAME, INK, MARGIN, Marker, SHADE, SMALL, darkened, lightened, outcome_style};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "run-order",
    title: "outcomes in the order in which trials ran",
    caption: "Each trial at the time of day at which it started and at its place in its block's drawn order, marked by the \
              most frequent way in which its transfers ended: failures that keep to a stretch of time are no matter of TTL.",
};

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which run it is.
    pub title: String,
    /// How many trials it has and how many of them are shown.
    pub notes: String,
    /// The blocks, each from its first trial's start to its last trial's end.
    pub blocks: Vec<Block>,
    /// The trials that are shown.
    pub trials: Vec<Mark>,
}

/// When a block ran, in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its number.
    pub number: u32,
    /// The first start.
    pub from_us: i64,
    /// The last end.
    pub to_us: i64,
}

/// One trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When it started, in microseconds since the epoch.
    pub started_us: i64,
    /// Its place in its block's order, from 1.
    pub position: u32,
    /// The most frequent outcome of its transfers, a failure before a success where they are as frequent.
    pub outcome: Outcome,
    /// Whether its transfers ended in more than one way.
    pub mixed: bool,
    /// Whether it is a control.
    pub control: bool,
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    draw_panels((ABOUT, caption, HOW), panels, heading, |_| HEIGHT, draw_panel)
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: &panel.notes }
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect) {
    draw_legend(canvas, panel, area.top);
    let top = area.top + LEGEND + 2 * line_height(SMALL) + 8;
    let plot = Rect { left: area.left + GUTTER, top, right: area.right - 20, bottom: top + PLOT };
    let from = panel.blocks.iter().map(|block| block.from_us).min().unwrap_or(0);
    let to = panel.blocks.iter().map(|block| block.to_us).max().unwrap_or(0).max(from + 1_000_000);
    let x = Scale::new(0.0, (to - from) as f64 / 1e6, (plot.left + 12, plot.right - 12));
    let seconds = |at: i64| (at - from) as f64 / 1e6;
    let last = panel.trials.iter().map(|trial| trial.position).max().unwrap_or(1);
    let y = Scale::new(0.5, f64::from(last) + 0.5, (plot.top + 10, plot.bottom - 10));
    draw_blocks(canvas, panel, plot, |at| x.at(seconds(at)));
    draw_upward_axis(canvas, plot, y, &y.whole_ticks(8), "");
    canvas.text(area.left, plot.top - line_height(SMALL) * 3 / 2 - 6, "place in block", SMALL_LETTER);
    canvas.outline(plot, FRAME);
    draw_clock(canvas, plot, x, from);
    // Dots where there are many: markers would cover each other.
    let radius = if panel.trials.len() > MOST_MARKERS { 3 } else { 7 };
    // What failed lies on top.
    for failed in [false, true] {
        for trial in panel.trials.iter().filter(|trial| trial.outcome.is_failure() == failed) {
            let style = outcome_style(trial.outcome);
            let colour = if trial.outcome == Outcome::Completed { FRAME } else { darkened(style.colour) };
            // Expired starts are refused by design; the controls must not be read as failures of the grid.
            let radius = if trial.control { radius * 2 / 3 } else { radius };
            let colour = if trial.control { lightened(colour) } else { colour };
            let place = (x.at(seconds(trial.started_us)), y.at(f64::from(trial.position)));
            canvas.marker(place, radius, style.marker, colour, style.hollow && radius > 2);
            if trial.mixed && radius > 3 {
                canvas.line((place.0 - 9, place.1 + 10), (place.0 + 9, place.1 + 10), INK, 2);
            }
        }
    }
}

/// Every other block is shaded; each has its number above, where there is room.
fn draw_blocks(canvas: &mut Canvas, panel: &Panel, plot: Rect, x: impl Fn(i64) -> i32) {
    let y = plot.top - line_height(SMALL) / 2 - 6;
    let mut free = plot.left;
    for (at, block) in panel.blocks.iter().enumerate() {
        let next = panel.blocks.get(at + 1).map_or(plot.right, |next| x(next.from_us));
        let (left, right) = (x(block.from_us).max(plot.left), next.min(plot.right));
        if at % 2 == 1 {
            canvas.fill(Rect { left, right, ..plot }, SHADE);
        }
        if panel.blocks.len() <= 60 {
            canvas.line((left, plot.top), (left, plot.bottom), FRAME, 1);
        }
        let label = format!("block {}", block.number);
        if left >= free {
            canvas.text(left + 4, y, &label, SMALL_LETTER);
            free = left + SMALL_LETTER.width(&label) + 24;
        }
    }
}

/// Ticks at round times of day, UTC.
fn draw_clock(canvas: &mut Canvas, plot: Rect, x: Scale, from_us: i64) {
    let step = CLOCK_STEPS.into_iter().find(|step| (x.to - x.from) / f64::from(*step) <= 8.0).unwrap_or(365 * 86_400);
    let step = i64::from(step);
    let first = from_us.div_euclid(1_000_000 * step) + 1;
    for tick in 0.. {
        let second = (first + tick) * step;
        let at = second as f64 - from_us as f64 / 1e6;
        if at > x.to {
            break;
        }
        let day = second.rem_euclid(86_400);
        let label = if step < 60 {
            format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
        } else if step < 86_400 {
            format!("{:02}:{:02}", day / 3600, day / 60 % 60)
        } else {
            let date = Timestamp::from_unix_micros(second * 1_000_000).to_string();
            date.split('T').next().unwrap_or_default().to_owned()
        };
        let at = x.at(at);
        canvas.line((at, plot.bottom), (at, plot.bottom + 6), FRAME, 1);
        canvas.text(at, plot.bottom + 10 + line_height(SMALL) / 2, &label, SMALL_LETTER.centre());
    }
    let y = plot.bottom + 10 + line_height(SMALL) * 3 / 2;
    canvas.text((plot.left + plot.right) / 2, y, "time of day at the trial's start (UTC)", SMALL_LETTER.centre());
}

fn draw_legend(canvas: &mut Canvas, panel: &Panel, top: i32) {
    let y = top + LEGEND / 2;
    let mut x = MARGIN + 8;
    for outcome in Outcome::ALL.iter().filter(|known| panel.trials.iter().any(|trial| trial.outcome == **known)) {
        let style = outcome_style(*outcome);
        let colour = if *outcome == Outcome::Completed { FRAME } else { darkened(style.colour) };
        canvas.marker((x, y), 7, style.marker, colour, style.hollow);
        canvas.text(x + 16, y, outcome.as_str(), SMALL_LETTER);
        x += 16 + SMALL_LETTER.width(outcome.as_str()) + 34;
    }
    if panel.trials.iter().any(|trial| trial.control) {
        canvas.marker((x, y), 5, Marker::Square, lightened(INK), false);
        canvas.text(x + 16, y, CONTROLS, SMALL_LETTER);
        x += 16 + SMALL_LETTER.width(CONTROLS) + 34;
    }
    if panel.trials.len() <= MOST_MARKERS && panel.trials.iter().any(|trial| trial.mixed) {
        canvas.line((x, y + 4), (x + 18, y + 4), INK, 2);
        canvas.text(x + 28, y, "not all of its transfers ended so", SMALL_LETTER);
    }
}

const CONTROLS: &str = "small and light: controls (an expired start is refused by design)";
const HOW: &str = "One mark a trial, at the time at which it started and at its place in the block's shuffled order, counted \
                   from the top; its shape is the most frequent outcome of its transfers. Shaded: every other block. No \
                   statistic: a stretch of time in which everything fails, whatever the cell, points away from expiry.";
/// More trials than these are shown as dots.
const MOST_MARKERS: usize = 1500;
/// Seconds between ticks of a clock.
const CLOCK_STEPS: [u32; 22] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21_600, 86_400, 172_800, 604_800, 1_209_600,
    2_592_000, 7_776_000,
];
const LEGEND: i32 = 36;
const PLOT: i32 = 420;
const HEIGHT: i32 = LEGEND + 2 * line_height(SMALL) + 8 + PLOT + LOWER_AXIS + 12;
const SMALL_LETTER: Letter = Letter::size(SMALL);
