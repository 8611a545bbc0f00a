//! `failure-rate-by-ttl.png`: does the share of failures fall as the TTL grows, and do the controls fail too?

mod x_axis;

use std::path::{Path, PathBuf};

use ttlsweep_record::Control;

use super::{About, image_path, numbered};
use crate::chart::kit::canvas::{Canvas, ChartError, Rect, paint};
use crate::chart::kit::caption::{Caption, line_height, plural};
use crate::chart::kit::lettering::{Letter, wrap};
use crate::chart::kit::theme::{FAINT, FRAME, HEADING, INK, MARGIN, RULE, SERIES, SHADE, SMALL, TEXT, WIDTH};
use crate::stats::wilson;
use crate::summary::CellSummary;
use crate::summary::axes::Axes;
use x_axis::{Place, XAxis};

/// The chart in words.
pub const ABOUT: About = About {
    name: "failure-rate-by-ttl",
    title: "Failure rate by link TTL",
    caption: "The share of transfers that failed against the TTL of their links, with 95 % intervals, the controls to the right: a cut at expiry makes it fall as the TTL grows.",
};

/// Everything that has the same settings but for users and TTL.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The settings that it stands for; empty if nothing but users and TTL varies.
    pub title: String,
    /// At most [`SERIES_LIMIT`] of them.
    pub series: Vec<Series>,
}

/// The points of one number of users.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// How many users ran at once.
    pub users: u32,
    /// The place of this number of users among all of the plan's: its look, the same in every panel.
    pub look: usize,
    /// Whether these are the late starts, which are kept apart from the transfers that were in time.
    pub late: bool,
    /// Its points, each at a place of its own.
    pub points: Vec<Point>,
}

/// One share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The control; nothing for a point of the grid.
    pub control: Option<Control>,
    /// The TTL; `None` without a link.
    pub ttl_s: Option<u32>,
    /// Failures.
    pub failures: u64,
    /// Transfers.
    pub transfers: u64,
}

/// More series than these in one panel cannot be told apart.
pub const SERIES_LIMIT: usize = SERIES.len();

/// The panels of a summary, in the plan's order.
pub fn panels(cells: &[CellSummary], axes: &Axes) -> Vec<Panel> {
    let mut titles: Vec<String> = Vec::new();
    for summary in cells {
        let title = axes.panel(&summary.cell);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    titles.into_iter().flat_map(|title| split(&title, series_of(cells, axes, &title))).collect()
}

/// Draws the chart into `folder`, over as many images as it needs, and returns their paths.
///
/// # Errors
/// A file cannot be written.
pub fn draw(folder: &Path, panels: &[Panel], caption: &Caption) -> Result<Vec<PathBuf>, ChartError> {
    let layout = Layout::of(panels);
    let head = caption.head_height(ABOUT.title);
    let foot = caption.foot_height(&layout.how());
    let rows_an_image = ((IMAGE_HEIGHT - head - foot) / layout.panel_height).max(1);
    let panels_an_image = usize::try_from(rows_an_image).unwrap_or(1) * layout.columns;
    let images: Vec<&[Panel]> = if panels.is_empty() { vec![panels] } else { panels.chunks(panels_an_image).collect() };
    let mut paths = Vec::new();
    for (number, shown) in (1..).zip(&images) {
        let path = image_path(folder, ABOUT.name, number);
        let rows = i32::try_from(shown.len().div_ceil(layout.columns)).unwrap_or(1);
        let bottom = head + rows * layout.panel_height;
        paint(&path, bottom + foot, |canvas| {
            caption.draw_head(canvas, &numbered(ABOUT.title, number, images.len()));
            for (at, panel) in shown.iter().enumerate() {
                let column = i32::try_from(at % layout.columns).unwrap_or(0);
                let row = i32::try_from(at / layout.columns).unwrap_or(0);
                let left = MARGIN + column * (layout.panel_width + PANEL_GAP);
                layout.draw_panel(canvas, panel, left, head + row * layout.panel_height);
            }
            caption.draw_foot(canvas, bottom, &layout.how());
        })?;
        paths.push(path);
    }
    Ok(paths)
}

fn series_of(cells: &[CellSummary], axes: &Axes, title: &str) -> Vec<Series> {
    let here: Vec<&CellSummary> = cells.iter().filter(|summary| axes.panel(&summary.cell) == title).collect();
    let mut users: Vec<u32> = cells.iter().map(|summary| summary.cell.users).collect();
    users.sort_unstable();
    users.dedup();
    let mut all = Vec::new();
    for (look, users) in users.into_iter().enumerate() {
        let mut in_time = Series { users, look, late: false, points: Vec::new() };
        let mut late = Series { users, look, late: true, points: Vec::new() };
        for summary in here.iter().filter(|summary| summary.cell.users == users) {
            let (control, ttl_s) = (summary.cell.control, summary.cell.ttl_s);
            let counts = &summary.counts;
            let (mut failures, mut transfers) = (counts.failures(), counts.transfers());
            // The expired-start control is late by design; there the refusals are the point.
            if control != Some(Control::ExpiredStart) && counts.late_starts > 0 {
                failures -= counts.late_failures;
                transfers -= counts.late_starts;
                late.add(Point { control, ttl_s, failures: counts.late_failures, transfers: counts.late_starts });
            }
            in_time.add(Point { control, ttl_s, failures, transfers });
        }
        if !in_time.points.is_empty() {
            all.push(in_time);
        }
        if !late.points.is_empty() {
            all.push(late);
        }
    }
    all
}

impl Series {
    /// Adds a point; two at one place, which differ in no axis, become one.
    fn add(&mut self, point: Point) {
        let same = |other: &&mut Point| other.control == point.control && other.ttl_s == point.ttl_s;
        match self.points.iter_mut().find(same) {
            Some(known) => {
                known.failures += point.failures;
                known.transfers += point.transfers;
            }
            None => self.points.push(point),
        }
    }

    fn label(&self) -> String {
        let late = if self.late { ", late" } else { "" };
        format!("{}{late}", plural(u64::from(self.users), "user"))
    }
}

/// Parts the series over as many panels as it takes to tell them apart; a number of users stays with its late starts.
fn split(title: &str, series: Vec<Series>) -> Vec<Panel> {
    let mut places: Vec<Place> =
        series.iter().flat_map(|series| &series.points).map(|point| Place::of(point.control, point.ttl_s)).collect();
    places.sort_unstable();
    places.dedup();
    let across = i32::try_from(places.len().max(1)).unwrap_or(i32::MAX);
    let fitting = ((panel_width(1) - USUAL_GUTTER) / across - DODGE_SPARE) / DODGE;
    let limit = usize::try_from(fitting).unwrap_or(0).clamp(1, SERIES_LIMIT);
    if series.len() <= limit {
        return vec![Panel { title: title.to_owned(), series }];
    }
    let mut parts: Vec<Vec<Series>> = Vec::new();
    for same_users in series.chunk_by(|one, next| one.users == next.users) {
        match parts.last_mut() {
            Some(part) if part.len() + same_users.len() <= limit => part.extend_from_slice(same_users),
            _ => parts.push(same_users.to_vec()),
        }
    }
    let titled = parts.into_iter().map(|series| {
        let (first, last) = (series[0].users, series[series.len() - 1].users);
        let range = if first == last { format!("users {first}") } else { format!("users {first} to {last}") };
        let title = if title.is_empty() { range } else { format!("{title} · {range}") };
        Panel { title, series }
    });
    titled.collect()
}

/// Sizes that all panels share, so that they can be compared.
struct Layout {
    columns: usize,
    panel_width: i32,
    panel_height: i32,
    plot_height: i32,
    heading_lines: i32,
    gutter: i32,
    row_height: i32,
    numbers_upright: bool,
    has_late: bool,
    has_controls: bool,
    x: XAxis,
}

impl Layout {
    fn of(panels: &[Panel]) -> Self {
        let every = || panels.iter().flat_map(|panel| &panel.series);
        let points = || every().flat_map(|series| &series.points);
        let series_count = panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0).max(1);
        let number_width = points().map(|point| NUMBER.width(&fraction(point))).max().unwrap_or(0);
        let label_width = every().map(|series| ROW.width(&series.label())).max().unwrap_or(0);
        let gutter = (label_width + 40).max(84);
        let spread = i32::try_from(series_count).unwrap_or(1) * DODGE + DODGE_SPARE;
        let places: Vec<Place> = points().map(|point| Place::of(point.control, point.ttl_s)).collect();
        let ticks = places.iter().filter(|place| matches!(place, Place::Ttl(_)));
        let tick_width = ticks.flat_map(|place| place.label()).map(|label| TICK.width(&label)).max().unwrap_or(0) + 10;

        // As many panels side by side as leave room for the numbers below the ticks, on a log scale if that can be.
        let most = panels.len().clamp(1, 3);
        let candidates = (1..=most).rev().flat_map(|columns| {
            let width = panel_width(columns);
            [true, false].map(|log| (columns, width, log))
        });
        let wanted = (number_width + 12).max(spread).max(tick_width);
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_by_key(|(columns, _, log)| (!log, most - columns));
        let roomy = candidates.iter().find_map(|(columns, width, log)| {
            let x = XAxis::new(&places, width - gutter, wanted, *log)?;
            Some((*columns, x, false))
        });
        let (columns, x, numbers_upright) = roomy.unwrap_or_else(|| {
            let upright = line_height(SMALL).max(spread).max(tick_width);
            let width = panel_width(1) - gutter;
            let x = XAxis::new(&places, width, upright, true).or_else(|| XAxis::new(&places, width, upright, false));
            (1, x.unwrap_or_else(|| XAxis::crowded(&places, width)), true)
        });

        let panel_width = panel_width(columns);
        let heading_lines = panels.iter().map(|panel| wrap(&panel.title, HEAD, panel_width).len()).max().unwrap_or(0);
        let heading_lines = i32::try_from(heading_lines).unwrap_or(1);
        let plot_height = if columns == 1 && panels.len() == 1 { 520 } else { 330 };
        let row_height = if numbers_upright { number_width + 14 } else { line_height(SMALL) + 2 };
        let rows = i32::try_from(series_count).unwrap_or(1) * row_height;
        let above = 20 + heading_lines * line_height(HEADING) + line_height(SMALL) + 11;
        let panel_height = above + plot_height + 2 * line_height(SMALL) + line_height(TEXT) + 22 + rows + 24;
        Self {
            columns,
            panel_width,
            panel_height,
            plot_height,
            heading_lines,
            gutter,
            row_height,
            numbers_upright,
            has_late: every().any(|series| series.late),
            has_controls: points().any(|point| point.control.is_some()),
            x,
        }
    }

    fn how(&self) -> String {
        let mut text = String::from(
            "Points: failed / transfers, numbers below each panel. Whiskers: 95 % Wilson intervals, which take transfers \
             as independent although those of one trial share a fate; 0 of n still has an upper end.",
        );
        if self.has_late {
            text += " Hollow: late starts (head written at or after expiry), kept apart from the others.";
        }
        if self.has_controls {
            text += " Shaded: the controls; expired-start is expected to be refused.";
        }
        if !self.x.is_log() {
            text +=
                " The TTLs stand at equal distances, in order, because some lie too close together for a log scale.";
        }
        text
    }

    fn draw_panel(&self, canvas: &mut Canvas<'_>, panel: &Panel, left: i32, top: i32) {
        let mut y = top + 20;
        for line in wrap(&panel.title, HEAD, self.panel_width) {
            canvas.text(left, y + line_height(HEADING) / 2, &line, HEAD);
            y += line_height(HEADING);
        }
        let plot_top = top + 20 + self.heading_lines * line_height(HEADING) + line_height(SMALL) + 11;
        let plot = Rect {
            left: left + self.gutter,
            top: plot_top,
            right: left + self.panel_width,
            bottom: plot_top + self.plot_height,
        };
        self.draw_frame(canvas, plot);
        let mut row = plot.bottom + 2 * line_height(SMALL) + line_height(TEXT) + 22;
        canvas.line((left, row - 4), (plot.right, row - 4), RULE, 1);
        for (at, series) in panel.series.iter().enumerate() {
            let offset = dodge(at, panel.series.len());
            self.draw_series(canvas, plot, series, offset);
            self.draw_numbers(canvas, plot, series, row);
            row += self.row_height;
        }
    }

    fn draw_frame(&self, canvas: &mut Canvas<'_>, plot: Rect) {
        if let Some(from) = self.x.controls_from() {
            canvas.fill(Rect { left: plot.left + from, ..plot }, SHADE);
            let middle = (plot.left + from + plot.right) / 2;
            canvas.text(middle, plot.top - line_height(SMALL) / 2 - 9, "controls", SMALL_FAINT.centre());
        }
        // Left of where a marker at 100 % can reach.
        canvas.text(plot.left - self.gutter, plot.top - line_height(SMALL) / 2 - 9, "failure rate", SMALL_FAINT);
        for percent in [0, 25, 50, 75, 100] {
            let y = height_of(f64::from(percent) / 100.0, plot);
            canvas.line((plot.left, y), (plot.right, y), RULE, 1);
            canvas.text(plot.left - 10, y, &format!("{percent} %"), Letter::size(SMALL).right());
        }
        canvas.outline(plot, FRAME);
        let mut labelled_to = i32::MIN;
        for (place, x) in self.x.places() {
            let x = plot.left + x;
            canvas.line((x, plot.bottom), (x, plot.bottom + 6), FRAME, 1);
            let lines = place.label();
            let half = lines.iter().map(|line| TICK.width(line)).max().unwrap_or(0) / 2;
            // Only where there are more TTLs than any panel has room for.
            if x - half <= labelled_to {
                continue;
            }
            labelled_to = x + half;
            for (line, text) in (0..).zip(lines) {
                let y = plot.bottom + 10 + line_height(SMALL) / 2 + line * line_height(SMALL);
                canvas.text(x, y, &text, TICK);
            }
        }
        let grid_right = self.x.controls_from().map_or(plot.right, |from| plot.left + from);
        let y = plot.bottom + 12 + 2 * line_height(SMALL) + line_height(TEXT) / 2 - 10;
        let scale = match self.x.ttls() {
            0 | 1 => "link TTL",
            _ if self.x.is_log() => "link TTL (log scale)",
            _ => "link TTL (in order, not to scale)",
        };
        if self.x.ttls() > 0 {
            canvas.text((plot.left + grid_right) / 2, y, scale, Letter::size(SMALL).centre());
        }
    }

    fn draw_series(&self, canvas: &mut Canvas<'_>, plot: Rect, series: &Series, offset: i32) {
        let (colour, marker) = SERIES[series.look % SERIES.len()];
        let mut drawn: Vec<(Point, i32, i32)> = Vec::new();
        for point in series.points.iter().filter(|point| point.transfers > 0) {
            let Some(x) = self.x.position(&Place::of(point.control, point.ttl_s)) else { continue };
            let rate = point.failures as f64 / point.transfers as f64;
            drawn.push((*point, plot.left + x + offset, height_of(rate, plot)));
        }
        drawn.sort_by_key(|(_, x, _)| *x);
        for pair in drawn.windows(2) {
            if let [(first, x1, y1), (second, x2, y2)] = pair
                && first.control.is_none()
                && second.control.is_none()
                && !series.late
            {
                canvas.line((*x1, *y1), (*x2, *y2), colour, 1);
            }
        }
        for (point, x, y) in drawn {
            if let Some(interval) = wilson(point.failures, point.transfers) {
                let (low, high) = (height_of(interval.low, plot), height_of(interval.high, plot));
                canvas.line((x, low), (x, high), colour, 2);
                canvas.line((x - 5, low), (x + 5, low), colour, 2);
                canvas.line((x - 5, high), (x + 5, high), colour, 2);
            }
            canvas.marker((x, y), RADIUS, marker, colour, series.late);
        }
    }

    fn draw_numbers(&self, canvas: &mut Canvas<'_>, plot: Rect, series: &Series, top: i32) {
        let (colour, marker) = SERIES[series.look % SERIES.len()];
        let y = top + self.row_height / 2;
        let label_x = plot.left - self.gutter + 26;
        canvas.marker((label_x - 14, y), RADIUS, marker, colour, series.late);
        canvas.text(label_x, y, &series.label(), ROW);
        for point in &series.points {
            let Some(x) = self.x.position(&Place::of(point.control, point.ttl_s)) else { continue };
            let letter = if self.numbers_upright { NUMBER.upright() } else { NUMBER };
            canvas.text(plot.left + x, y, &fraction(point), letter);
        }
    }
}

fn fraction(point: &Point) -> String {
    if point.transfers == 0 { "–".to_owned() } else { format!("{}/{}", point.failures, point.transfers) }
}

/// Series stand side by side at each tick, so that none hides another.
fn dodge(at: usize, of: usize) -> i32 {
    let (at, of) = (i32::try_from(at).unwrap_or(0), i32::try_from(of).unwrap_or(1));
    (2 * at - (of - 1)) * DODGE / 2
}

fn height_of(rate: f64, plot: Rect) -> i32 {
    plot.bottom - (rate * f64::from(plot.bottom - plot.top)).round() as i32
}

fn panel_width(columns: usize) -> i32 {
    let columns = i32::try_from(columns).unwrap_or(1);
    (WIDTH - 2 * MARGIN - (columns - 1) * PANEL_GAP) / columns
}

const IMAGE_HEIGHT: i32 = 2200;
const PANEL_GAP: i32 = 36;
const DODGE: i32 = 18;
/// Room beside the outermost series of a tick.
const DODGE_SPARE: i32 = 8;
/// What labels of rows take to the left of a panel, about.
const USUAL_GUTTER: i32 = 160;
const RADIUS: i32 = 6;
const HEAD: Letter = Letter::size(HEADING).bold();
const ROW: Letter = Letter::size(SMALL);
const TICK: Letter = Letter::size(SMALL).centre();
const NUMBER: Letter = Letter::size(SMALL).centre().colour(INK);
const SMALL_FAINT: Letter = Letter::size(SMALL).colour(FAINT);
