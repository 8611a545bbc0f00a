//! `timeline.png`: single transfers as bars, each with the instant at which its link expired.

use std::path::{Path, PathBuf};

use ttlsweep_record::Outcome;
use ttlsweep_record::units::format_micros;

use super::{About, Part, image_path, numbered, pages};
use crate::chart::kit::canvas::{Canvas, ChartError, Rect, paint};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::{Letter, fit};
use crate::chart::kit::plot::nice_step;
use crate::chart::kit::theme::{
    FRAME, INK, MARGIN, Marker, Pattern, RULE, SHADE, SMALL, WARNING, WIDTH, YELLOW, darkened, outcome_style,
};
use plotters::style::RGBColor;

/// The chart in words.
pub const ABOUT: About = About {
    name: "timeline",
    title: "Transfers against their links' expiry",
    caption: "Single transfers as bars over time, each with the instant at which its link expired, when the server answered, and how it ended.",
};

/// The transfers that are shown, and how they were chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// One group a trial that is shown.
    pub groups: Vec<Group>,
    /// How they were chosen, as a sentence.
    pub sample: String,
}

/// The transfers of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its cell and block.
    pub title: String,
    /// One bar a transfer.
    pub lanes: Vec<Lane>,
}

/// One transfer; its instants count from the instant at which its head was written, or else from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Which user's it is.
    pub label: String,
    /// When it started: negative where a connection was opened before the head could be written.
    pub started_us: i64,
    /// When it ended.
    pub ended_us: i64,
    /// When its link expired or would have; `None` without a link.
    pub expiry_us: Option<i64>,
    /// When the server's final answer began; `None` if none came.
    pub answered_us: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Draws the chart into `folder`, over as many images as it needs, and returns their paths.
///
/// # Errors
/// A file cannot be written.
pub fn draw(folder: &Path, timeline: &Timeline, caption: &Caption) -> Result<Vec<PathBuf>, ChartError> {
    let groups = &timeline.groups;
    let sizes: Vec<usize> = groups.iter().map(|group| group.lanes.len()).collect();
    let images = pages(&sizes, ROWS_AN_IMAGE, 2);
    let how = format!("{HOW} {}", timeline.sample);
    let mut paths = Vec::new();
    for (number, image) in (1..).zip(&images) {
        let path = image_path(folder, ABOUT.name, number);
        let head = caption.head_height(ABOUT.title) + legend_height(groups) + AXIS;
        let body: i32 = image.iter().map(|part| GROUP + LANE * part.len()).sum();
        let bottom = head + body.max(LANE);
        paint(&path, bottom + AXIS + caption.foot_height(&how), |canvas| {
            caption.draw_head(canvas, &numbered(ABOUT.title, number, images.len()));
            draw_legend(canvas, groups, caption.head_height(ABOUT.title));
            let axis = Axis::of(groups, image);
            axis.draw(canvas, head, bottom);
            let mut y = head;
            for part in image {
                let group = &groups[part.group];
                let continued = if part.from > 0 { " (continued)" } else { "" };
                let heading = fit(&format!("{}{continued}", group.title), HEAD, WIDTH - 2 * MARGIN);
                canvas.fill(Rect { left: MARGIN, top: y + 10, right: WIDTH - MARGIN, bottom: y + GROUP - 2 }, SHADE);
                canvas.text(MARGIN + 6, y + 4 + GROUP / 2, &heading, HEAD);
                y += GROUP;
                for lane in &group.lanes[part.from..part.to] {
                    axis.draw_lane(canvas, lane, y);
                    y += LANE;
                }
            }
            if body == 0 {
                canvas.text(WIDTH / 2, head + LANE / 2, "no transfer of a whole trial yet", HEAD.centre());
            }
            caption.draw_foot(canvas, bottom + AXIS, &how);
        })?;
        paths.push(path);
    }
    Ok(paths)
}

/// The shared time axis of one image.
struct Axis {
    left: i32,
    right: i32,
    from_us: f64,
    to_us: f64,
}

impl Axis {
    fn of(groups: &[Group], image: &[Part]) -> Self {
        let lanes = || image.iter().flat_map(|part| &groups[part.group].lanes[part.from..part.to]);
        let mut ends: Vec<i64> = lanes().map(|lane| lane.ended_us).collect();
        ends.sort_unstable();
        let longest = ends.last().copied().unwrap_or(0);
        // One transfer that hung for minutes must not squeeze all others to nothing: its bar is broken at the edge.
        let usual = ends.get(ends.len() * 9 / 10).copied().unwrap_or(longest);
        let end = longest.min(usual.saturating_mul(4)).max(1000);
        let near = lanes().filter_map(|lane| lane.expiry_us).filter(|expiry| *expiry <= end + end / 4).max();
        let before = lanes().map(|lane| lane.started_us).min().unwrap_or(0).max(-end / 4).min(0);
        let early = lanes().filter_map(|lane| lane.expiry_us).filter(|expiry| *expiry >= -end / 4).min().unwrap_or(0);
        let from_us = before.min(early) as f64;
        let to_us = end.max(near.unwrap_or(0)) as f64;
        let margin = (to_us - from_us) * 0.02;
        let labels = lanes().map(|lane| SMALL_LETTER.width(&lane.label)).max().unwrap_or(0);
        let ends = lanes().map(|lane| SMALL_LETTER.width(&end_in_words(lane))).max().unwrap_or(0);
        Self {
            left: MARGIN + labels.clamp(40, 300) + 20,
            right: WIDTH - MARGIN - ends.clamp(40, 480) - 26,
            from_us: from_us - margin,
            to_us: to_us + margin,
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, top: i32, bottom: i32) {
        let step = nice_step((self.to_us - self.from_us) / 10.0);
        let first = (self.from_us / step).ceil() as i64;
        let last = (self.to_us / step).floor() as i64;
        for tick in first..=last {
            let at = tick as f64 * step;
            let x = self.x(at);
            let label = format_seconds(at, step);
            canvas.line((x, top - 4), (x, bottom + 4), if tick == 0 { FRAME } else { RULE }, 1);
            canvas.text(x, top - 6 - line_height(SMALL) / 2, &label, SMALL_LETTER.centre());
            canvas.text(x, bottom + 8 + line_height(SMALL) / 2, &label, SMALL_LETTER.centre());
        }
        let y = bottom + 8 + line_height(SMALL) * 3 / 2;
        canvas.text(
            (self.left + self.right) / 2,
            y,
            "seconds since the request's head was written",
            SMALL_LETTER.centre(),
        );
    }

    fn draw_lane(&self, canvas: &mut Canvas<'_>, lane: &Lane, top: i32) {
        let middle = top + LANE / 2;
        let (bar_top, bar_bottom) = (top + 5, top + LANE - 5);
        canvas.text(
            self.left - 12,
            middle,
            &fit(&lane.label, SMALL_LETTER, self.left - 12 - MARGIN),
            SMALL_LETTER.right(),
        );
        let bar = |from: i64, to: i64| Rect {
            left: self.x(from as f64).max(self.left),
            right: self.x(to as f64).min(self.right),
            top: bar_top,
            bottom: bar_bottom,
        };
        if lane.started_us < 0 {
            canvas.pattern(bar(lane.started_us, 0), RULE, Pattern::Plain);
        }
        let alive_until = lane.expiry_us.unwrap_or(i64::MAX).clamp(0, lane.ended_us.max(0));
        if alive_until > 0 {
            canvas.pattern(bar(0, alive_until), LIGHT_BLUE, Pattern::Plain);
        }
        if alive_until < lane.ended_us {
            canvas.pattern(bar(alive_until, lane.ended_us), YELLOW, Pattern::Rising);
        }
        if let Some(expiry) = lane.expiry_us.map(|expiry| expiry as f64) {
            if (self.from_us..=self.to_us).contains(&expiry) {
                let x = self.x(expiry);
                canvas.line((x, top + 1), (x, top + LANE - 1), WARNING, 4);
            } else {
                let (x, tip) = if expiry > self.to_us { (self.right, 8) } else { (self.left, -8) };
                canvas.line((x, middle - 6), (x + tip, middle), WARNING, 2);
                canvas.line((x, middle + 6), (x + tip, middle), WARNING, 2);
            }
        }
        if let Some(answered) = lane.answered_us.map(|at| self.x(at as f64)).filter(|x| *x <= self.right) {
            draw_answer(canvas, (answered, bar_top));
        }
        let style = outcome_style(lane.outcome);
        let colour = if lane.outcome == Outcome::Completed { INK } else { darkened(style.colour) };
        let end = self.x(lane.ended_us as f64);
        if end > self.right {
            canvas.text(self.right - 18, middle, "//", HEAD.centre());
        }
        canvas.marker((end.min(self.right), middle), 6, style.marker, colour, style.hollow);
        let room = WIDTH - MARGIN - self.right - 22;
        canvas.text(self.right + 22, middle, &fit(&end_in_words(lane), SMALL_LETTER, room), SMALL_LETTER);
    }

    fn x(&self, micros: f64) -> i32 {
        let share = (micros - self.from_us) / (self.to_us - self.from_us);
        self.left + (share * f64::from(self.right - self.left)).round() as i32
    }
}

fn draw_legend(canvas: &mut Canvas<'_>, groups: &[Group], top: i32) {
    let mut x = MARGIN;
    let mut y = top + LEGEND / 2;
    let bars = [(RULE, Pattern::Plain), (LIGHT_BLUE, Pattern::Plain), (YELLOW, Pattern::Rising)];
    for (text, (colour, pattern)) in BAR_WORDS.into_iter().zip(bars) {
        canvas.pattern(Rect { left: x, top: y - 8, right: x + 36, bottom: y + 8 }, colour, pattern);
        canvas.text(x + 46, y, text, SMALL_LETTER);
        x += 46 + SMALL_LETTER.width(text) + 30;
    }
    canvas.line((x + 4, y - 12), (x + 4, y + 12), WARNING, 4);
    canvas.text(x + 16, y, EXPIRY_WORDS, SMALL_LETTER);
    x += 16 + SMALL_LETTER.width(EXPIRY_WORDS) + 36;
    if groups.iter().flat_map(|group| &group.lanes).any(|lane| lane.answered_us.is_some()) {
        draw_answer(canvas, (x, y - 6));
        canvas.text(x + 16, y, "the server's answer begins", SMALL_LETTER);
    }
    x = MARGIN;
    y += LEGEND;
    canvas.text(x, y, "ended:", SMALL_LETTER);
    x += SMALL_LETTER.width("ended:") + 24;
    for outcome in shown_outcomes(groups) {
        let style = outcome_style(outcome);
        let colour = if outcome == Outcome::Completed { INK } else { darkened(style.colour) };
        canvas.marker((x, y), 7, style.marker, colour, style.hollow);
        canvas.text(x + 16, y, outcome.as_str(), SMALL_LETTER);
        x += 16 + SMALL_LETTER.width(outcome.as_str()) + 34;
    }
}

/// A flag above the bar: where the answer began, the end's marker mostly lies, too.
fn draw_answer(canvas: &mut Canvas<'_>, (x, bar_top): (i32, i32)) {
    canvas.marker((x, bar_top), 5, Marker::TriangleDown, INK, false);
}

fn legend_height(groups: &[Group]) -> i32 {
    if shown_outcomes(groups).is_empty() { LEGEND } else { 2 * LEGEND }
}

fn shown_outcomes(groups: &[Group]) -> Vec<Outcome> {
    let shown = |outcome: &Outcome| groups.iter().flat_map(|group| &group.lanes).any(|lane| lane.outcome == *outcome);
    Outcome::ALL.iter().copied().filter(shown).collect()
}

/// `reset 12.0ms after expiry`, `completed 3.20s before expiry`, `completed`.
fn end_in_words(lane: &Lane) -> String {
    let Some(expiry) = lane.expiry_us else { return lane.outcome.to_string() };
    let margin = lane.ended_us - expiry;
    let side = if margin < 0 { "before" } else { "after" };
    format!("{} {} {side} expiry", lane.outcome, format_micros(margin.unsigned_abs()))
}

/// As many decimals as the ticks' distance asks for.
fn format_seconds(micros: f64, step: f64) -> String {
    let decimals = (6.0 - step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{:.decimals$}", micros / 1e6)
}

const HOW: &str = "One bar a transfer; no statistic: these are single observations by this machine's clock. An arrow at \
                   the edge: the expiry lies beyond it. A bar that is broken off with // went on for longer.";
const BAR_WORDS: [&str; 3] = ["connecting", "in flight, link alive", "in flight, link expired"];
const EXPIRY_WORDS: &str = "link expires";
const LIGHT_BLUE: RGBColor = RGBColor(0xb5, 0xdc, 0xf4);
const ROWS_AN_IMAGE: usize = 64;
const LANE: i32 = 27;
const GROUP: i32 = 46;
const AXIS: i32 = 62;
const LEGEND: i32 = 40;
const HEAD: Letter = Letter::size(SMALL + 1).bold();
const SMALL_LETTER: Letter = Letter::size(SMALL);
