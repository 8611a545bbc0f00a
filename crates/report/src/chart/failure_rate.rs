//! `failure-rate-by-ttl.png`: does the share of failures fall as the TTL grows, how did they fail, and do the controls fail too?

mod x_axis;

use ttlsweep_record::units::grouped;

use crate::prose::{count, of};
use plotters::style::RGBColor;
use ttlsweep_record::{Cell, Control, Ttls};

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::legend::{Legend, Sample};
use crate::chart::kit::lettering::{Letter, wrap};
use crate::chart::kit::theme::{
    FAINT, FRAME, Form, GHOST, HEADING, INK, Marker, PALE, Pattern, RULE, SHADE, SMALL, TEXT,
};
use crate::chart::kit::ways::way_style;
use crate::stats::wilson;
use crate::summary::CellSummary;
use crate::summary::axes::Axes;
use crate::verdict::Way;
use x_axis::{Place, XAxis};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "failure-rate-by-ttl",
    title: "failure rate against link TTL",
    caption: "The share of transfers that failed against the TTL of their links, each way of failing with a mark of its own, \
              the controls to the right: a cut at expiry makes it fall as the TTL grows.",
};

/// Everything that has the same settings but for users and TTL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// The settings that it stands for; empty if nothing but users and TTL varies.
    pub title: String,
    /// What was found there; empty if that is said elsewhere.
    pub finding: String,
    /// At most [`SERIES_LIMIT`] of them.
    pub series: Vec<Series>,
}

/// The points of one number of users.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// How many users ran at once.
    pub users: u32,
    /// The place of this number of users among all of the plan's: its look, the same in every panel.
    pub look: usize,
    /// Its points, each at a place of its own.
    pub points: Vec<Point>,
}

/// One share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// The control; nothing for a point of the grid.
    pub control: Option<Control>,
    /// The TTL, or those that trials drew from; `None` without a link.
    pub ttls: Option<Ttls>,
    /// Failures.
    pub failures: u64,
    /// The failures by how they came about, in the order of `Way::ALL`.
    pub ways: [u64; Way::ALL.len()],
    /// Transfers.
    pub transfers: u64,
    /// From where to where the share would have been; `None` if the panel does not say.
    pub band: Option<(f64, f64)>,
}

/// More series than these in one panel cannot be told apart.
pub(crate) const SERIES_LIMIT: usize = LINES.len();

/// The panels of a summary, in the plan's order. `finding` knows of a panel's settings the target that has them alone, and what
/// was found there. `band` knows from where to where a cell's share would have been.
pub(crate) fn panels(
    cells: &[CellSummary],
    axes: &Axes,
    finding: impl Fn(&str) -> Option<(String, String)>,
    band: impl Fn(&Cell) -> Option<(f64, f64)>,
) -> Vec<Panel> {
    let mut titles: Vec<String> = Vec::new();
    for summary in cells {
        let title = axes.panel(&summary.cell);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    let panels = |title: String| {
        let (name, found) = finding(&title).unwrap_or_else(|| (title.clone(), String::new()));
        split(&name, &found, series_of(cells, axes, &title, &band))
    };
    titles.into_iter().flat_map(panels).collect()
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    let form = caption.form;
    let layout = Layout::of(panels, form);
    let legend = legend(panels, form);
    // What is a third as wide may be three times as high.
    let most = if form == Form::NARROW { 3 * IMAGE_HEIGHT } else { IMAGE_HEIGHT };
    let room = most - caption.frame_height(ABOUT, &layout.how()) - legend.height();
    let rows_an_image = (room / layout.panel_height).max(1);
    let panels_an_image = usize::try_from(rows_an_image).unwrap_or(1) * layout.columns;
    let images: Vec<&[Panel]> = panels.chunks(panels_an_image).collect();
    let sheet = |(number, shown): (usize, &&[Panel])| {
        let rows = i32::try_from(shown.len().div_ceil(layout.columns)).unwrap_or(1);
        let body = legend.height() + rows * layout.panel_height;
        caption.sheet((ABOUT, &layout.how()), (number, images.len()), body, |canvas, top| {
            legend.draw(canvas, top);
            for (at, panel) in shown.iter().enumerate() {
                let column = i32::try_from(at % layout.columns).unwrap_or(0);
                let row = i32::try_from(at / layout.columns).unwrap_or(0);
                let left = form.margin + column * (layout.panel_width + PANEL_GAP);
                layout.draw_panel(canvas, panel, left, top + legend.height() + row * layout.panel_height);
            }
        })
    };
    (1..).zip(&images).map(sheet).collect()
}

fn legend(panels: &[Panel], form: Form) -> Legend {
    let points = || panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    let mut items = Vec::new();
    for way in Way::ALL.into_iter().filter(|way| points().any(|point| point.ways[*way as usize] > 0)) {
        let style = way_style(way);
        items.push((Sample::Point(style.marker, style.colour, style.hollow), style.words.to_owned()));
    }
    if points().any(|point| point.failures == 0 && point.transfers > 0) {
        items.push((Sample::Point(Marker::Circle, INK, true), "none failed".to_owned()));
    }
    items.push((Sample::Bar(PALE, Pattern::Plain), "95 % interval".to_owned()));
    if points().any(|point| point.band.is_some()) {
        let words = "5 to 95 % of simulated runs in the world that the panel names".to_owned();
        items.push((Sample::Bar(GHOST, Pattern::Plain), words));
    }
    Legend::of(items, form)
}

fn series_of(
    cells: &[CellSummary],
    axes: &Axes,
    title: &str,
    band: impl Fn(&Cell) -> Option<(f64, f64)>,
) -> Vec<Series> {
    let here: Vec<&CellSummary> = cells.iter().filter(|summary| axes.panel(&summary.cell) == title).collect();
    let mut users: Vec<u32> = cells.iter().map(|summary| summary.cell.users).collect();
    users.sort_unstable();
    users.dedup();
    let series = |(look, users): (usize, u32)| {
        let mut series = Series { users, look, points: Vec::new() };
        for summary in here.iter().filter(|summary| summary.cell.users == users) {
            let counts = &summary.counts;
            series.add(Point {
                control: summary.cell.control,
                ttls: summary.cell.ttls(),
                failures: counts.failures(),
                ways: counts.ways,
                transfers: counts.transfers(),
                band: band(&summary.cell),
            });
        }
        series
    };
    users.into_iter().enumerate().map(series).filter(|series| !series.points.is_empty()).collect()
}

impl Series {
    /// Adds a point; two at one place, which differ in no axis, become one.
    fn add(&mut self, point: Point) {
        let same = |other: &&mut Point| other.control == point.control && other.ttls == point.ttls;
        match self.points.iter_mut().find(same) {
            Some(known) => {
                known.failures += point.failures;
                known.transfers += point.transfers;
                known.ways.iter_mut().zip(point.ways).for_each(|(sum, more)| *sum += more);
            }
            None => self.points.push(point),
        }
    }

    fn label(&self) -> String {
        count(u64::from(self.users), "user")
    }

    const fn line(&self) -> (RGBColor, u32, bool) {
        LINES[self.look % LINES.len()]
    }
}

/// Parts the series over as many panels as it takes to tell them apart.
fn split(title: &str, finding: &str, series: Vec<Series>) -> Vec<Panel> {
    let mut places: Vec<Place> =
        series.iter().flat_map(|series| &series.points).map(|point| Place::of(point.control, point.ttls)).collect();
    places.sort_unstable();
    places.dedup();
    let across = i32::try_from(places.len().max(1)).unwrap_or(i32::MAX);
    let fitting = ((panel_width(Form::WIDE, 1) - USUAL_GUTTER) / across - DODGE_SPARE) / DODGE;
    let limit = usize::try_from(fitting).unwrap_or(0).clamp(1, SERIES_LIMIT);
    let finding = finding.to_owned();
    if series.len() <= limit {
        return vec![Panel { title: title.to_owned(), finding, series }];
    }
    let part = |series: &[Series]| {
        let (first, last) = (series[0].users, series[series.len() - 1].users);
        let range = if first == last { format!("users {first}") } else { format!("users {first} to {last}") };
        let title = if title.is_empty() { range } else { format!("{title} · {range}") };
        Panel { title, finding: finding.clone(), series: series.to_vec() }
    };
    series.chunks(limit).map(part).collect()
}

/// Sizes that all panels share, so that they can be compared.
struct Layout {
    columns: usize,
    panel_width: i32,
    panel_height: i32,
    plot_height: i32,
    head_height: i32,
    gutter: i32,
    row_height: i32,
    numbers_upright: bool,
    form: Form,
    x: XAxis,
}

impl Layout {
    fn of(panels: &[Panel], form: Form) -> Self {
        let every = || panels.iter().flat_map(|panel| &panel.series);
        let points = || every().flat_map(|series| &series.points);
        let series_count = panels.iter().map(|panel| panel.series.len()).max().unwrap_or(0).max(1);
        let number_width = points().map(|point| NUMBER.bold().width(&fraction(point, form))).max().unwrap_or(0);
        let label_width = every().map(|series| ROW.width(&series.label())).max().unwrap_or(0);
        let gutter = (label_width + 12 + KEY).max(84);
        let spread = i32::try_from(series_count).unwrap_or(1) * dodge_of(form) + DODGE_SPARE;
        let places: Vec<Place> = points().map(|point| Place::of(point.control, point.ttls)).collect();
        let ticks = places.iter().filter(|place| matches!(place, Place::Ttl(_)));
        let tick_width = ticks.flat_map(|place| place.label()).map(|label| TICK.width(&label)).max().unwrap_or(0) + 10;

        // As many panels side by side as leave room for the numbers below the ticks, on a log scale if that can be.
        let most = if form == Form::NARROW { 1 } else { panels.len().clamp(1, 3) };
        let candidates = (1..=most).rev().flat_map(|columns| {
            let width = panel_width(form, columns);
            [true, false].map(|log| (columns, width, log))
        });
        let wanted = (number_width + 10).max(spread).max(tick_width);
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_by_key(|(columns, _, log)| (!log, most - columns));
        let roomy = candidates.iter().find_map(|(columns, width, log)| {
            let x = XAxis::new(&places, (width - gutter, form), wanted, *log)?;
            Some((*columns, x, false))
        });
        let (columns, x, numbers_upright) = roomy.unwrap_or_else(|| {
            let upright = line_height(SMALL).max(spread).max(tick_width);
            let width = (panel_width(form, 1) - gutter, form);
            let x = XAxis::new(&places, width, upright, true).or_else(|| XAxis::new(&places, width, upright, false));
            (1, x.unwrap_or_else(|| XAxis::crowded(&places, width)), true)
        });

        let panel_width = panel_width(form, columns);
        let head = |panel: &Panel| {
            head(panel, panel_width, columns).iter().map(|(_, size, _)| line_height(*size)).sum::<i32>()
        };
        let head_height = panels.iter().map(head).max().unwrap_or(0);
        let plot_height = match (columns, panels.len()) {
            (1, 1) => 420,
            (1, _) => 190,
            _ => 300,
        };
        let row_height = if numbers_upright { number_width + 14 } else { line_height(SMALL) + 4 };
        let rows = i32::try_from(series_count).unwrap_or(1) * row_height;
        let above = 20 + head_height + line_height(SMALL) + 11;
        let panel_height = above + plot_height + 2 * line_height(SMALL) + line_height(TEXT) + 22 + rows + 20;
        Self {
            columns,
            panel_width,
            panel_height,
            plot_height,
            head_height,
            gutter,
            row_height,
            numbers_upright,
            form,
            x,
        }
    }

    fn how(&self) -> String {
        let mut text = String::from(
            "Lines run through the share of transfers that failed, each mark stands at the share that failed in its way. \
             Numbers below: failed of transfers. Intervals: Wilson's, which take transfers as independent although those of one \
             trial share a fate. Expired starts must be refused.",
        );
        if !self.x.is_log() && self.x.ttls() > 2 {
            text +=
                " The TTLs stand at equal distances, in order, because some lie too close together for a log scale.";
        }
        text
    }

    fn draw_panel(&self, canvas: &mut Canvas, panel: &Panel, left: i32, top: i32) {
        let mut y = top + 20;
        for (line, size, letter) in head(panel, self.panel_width, self.columns) {
            canvas.text(left, y + line_height(size) / 2, &line, letter);
            y += line_height(size);
        }
        let plot_top = top + 20 + self.head_height + line_height(SMALL) + 11;
        let plot = Rect {
            left: left + self.gutter,
            top: plot_top,
            right: left + self.panel_width,
            bottom: plot_top + self.plot_height,
        };
        self.draw_frame(canvas, plot);
        let placed: Vec<Vec<(Point, i32)>> = panel
            .series
            .iter()
            .enumerate()
            .map(|(at, series)| self.placed(plot, series, dodge(at, panel.series.len(), self.form)))
            .collect();
        // What matters most lies on top.
        placed.iter().flatten().for_each(|(point, x)| draw_band(canvas, plot, point, *x));
        placed.iter().flatten().for_each(|(point, x)| draw_interval(canvas, plot, point, *x));
        for (series, points) in panel.series.iter().zip(&placed) {
            draw_line(canvas, plot, series, points);
        }
        placed.iter().flatten().for_each(|(point, x)| draw_point(canvas, plot, point, *x));
        let mut row = plot.bottom + 2 * line_height(SMALL) + line_height(TEXT) + 22;
        canvas.line((left, row - 4), (plot.right, row - 4), RULE, 1);
        for series in &panel.series {
            self.draw_numbers(canvas, plot, series, row);
            row += self.row_height;
        }
    }

    fn draw_frame(&self, canvas: &mut Canvas, plot: Rect) {
        if let Some(from) = self.x.controls_from() {
            canvas.fill(Rect { left: plot.left + from, ..plot }, SHADE);
            let middle = (plot.left + from + plot.right) / 2;
            canvas.text(middle, plot.top - line_height(SMALL) / 2 - 9, "controls", SMALL_FAINT.centre());
        }
        // Left of where a marker at 100 % can reach.
        canvas.text(plot.left - self.gutter, plot.top - line_height(SMALL) / 2 - 9, "failed", SMALL_FAINT);
        for percent in [0, 50, 100] {
            let y = height_of(f64::from(percent) / 100.0, plot);
            canvas.line((plot.left, y), (plot.right, y), if percent == 0 { FRAME } else { RULE }, 1);
            canvas.text(plot.left - 10, y, &format!("{percent} %"), Letter::size(SMALL).right());
        }
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
                let y = plot.bottom + 14 + line_height(SMALL) / 2 + line * line_height(SMALL);
                canvas.text(x, y, &text, TICK);
            }
        }
        let grid_right = self.x.controls_from().map_or(plot.right, |from| plot.left + from);
        let y = plot.bottom + 16 + 2 * line_height(SMALL) + line_height(TEXT) / 2 - 10;
        let scale = match self.x.ttls() {
            0..=2 => "link TTL",
            _ if self.x.is_log() => "link TTL (log scale)",
            _ => "link TTL (in order, not to scale)",
        };
        if self.x.ttls() > 0 {
            canvas.text((plot.left + grid_right) / 2, y, scale, Letter::size(SMALL).centre());
        }
    }

    /// The points that have transfers, from the left, each with its place.
    fn placed(&self, plot: Rect, series: &Series, offset: i32) -> Vec<(Point, i32)> {
        let shown = series.points.iter().filter(|point| point.transfers > 0);
        let mut placed: Vec<(Point, i32)> = shown
            .filter_map(|point| {
                let x = self.x.position(&Place::of(point.control, point.ttls))?;
                Some((*point, plot.left + x + offset))
            })
            .collect();
        placed.sort_by_key(|(_, x)| *x);
        placed
    }

    fn draw_numbers(&self, canvas: &mut Canvas, plot: Rect, series: &Series, top: i32) {
        let y = top + self.row_height / 2;
        let left = plot.left - self.gutter;
        let (colour, width, dashed) = series.line();
        if dashed {
            canvas.dashed((left, y), (left + KEY - 10, y), colour, width);
        } else {
            canvas.line((left, y), (left + KEY - 10, y), colour, width);
        }
        canvas.text(left + KEY, y, &series.label(), ROW);
        for point in &series.points {
            let Some(x) = self.x.position(&Place::of(point.control, point.ttls)) else { continue };
            let letter = if self.numbers_upright { NUMBER.upright() } else { NUMBER };
            let letter = if point.failures > 0 { letter.bold() } else { letter.colour(FAINT) };
            canvas.text(plot.left + x, y, &fraction(point, self.form), letter);
        }
    }
}

/// The lines above a panel, each with its size.
fn head(panel: &Panel, width: i32, columns: usize) -> Vec<(String, i32, Letter)> {
    let both = format!("{}: {}", panel.title, panel.finding);
    if columns == 1 && !panel.finding.is_empty() && HEAD.width(&both) <= width {
        return vec![(both, HEADING, HEAD)];
    }
    let title = wrap(&panel.title, HEAD, width).into_iter().map(|line| (line, HEADING, HEAD));
    title.chain(wrap(&panel.finding, ROW, width).into_iter().map(|line| (line, SMALL, ROW))).collect()
}

/// Wider than the interval, and at least high enough to be seen.
fn draw_band(canvas: &mut Canvas, plot: Rect, point: &Point, x: i32) {
    if let Some((low, high)) = point.band {
        let (low, high) = (height_of(low, plot), height_of(high, plot));
        canvas.fill(Rect { left: x - BAND, right: x + BAND, top: high - 6, bottom: low + 6 }, GHOST);
    }
}

fn draw_interval(canvas: &mut Canvas, plot: Rect, point: &Point, x: i32) {
    if let Some(interval) = wilson(point.failures, point.transfers) {
        let (low, high) = (height_of(interval.low, plot), height_of(interval.high, plot));
        canvas.fill(Rect { left: x - 4, right: x + 4, top: high, bottom: low }, PALE);
    }
}

fn draw_line(canvas: &mut Canvas, plot: Rect, series: &Series, points: &[(Point, i32)]) {
    let (colour, width, dashed) = series.line();
    let place = |(point, x): &(Point, i32)| (*x, height_of(share(point.failures, point), plot));
    for pair in points.windows(2).filter(|pair| pair.iter().all(|(point, _)| point.control.is_none())) {
        if dashed {
            canvas.dashed(place(&pair[0]), place(&pair[1]), colour, width);
        } else {
            canvas.line(place(&pair[0]), place(&pair[1]), colour, width);
        }
    }
}

fn draw_point(canvas: &mut Canvas, plot: Rect, point: &Point, x: i32) {
    if point.failures == 0 {
        canvas.marker((x, height_of(0.0, plot)), RADIUS, Marker::Circle, INK, true);
        return;
    }
    let ways = || Way::ALL.into_iter().map(|way| (way, point.ways[way as usize])).filter(|(_, count)| *count > 0);
    if ways().count() > 1 {
        canvas.marker((x, height_of(share(point.failures, point), plot)), 4, Marker::Circle, INK, false);
    }
    let mut taken: Vec<i32> = Vec::new();
    for (way, count) in ways() {
        let style = way_style(way);
        let y = height_of(share(count, point), plot);
        // Two ways that are as frequent stand side by side.
        let aside = i32::try_from(taken.iter().filter(|known| (*known - y).abs() < RADIUS).count()).unwrap_or(0);
        taken.push(y);
        canvas.marker((x + 2 * RADIUS * aside, y), RADIUS, style.marker, style.colour, style.hollow);
    }
}

fn share(count: u64, point: &Point) -> f64 {
    count as f64 / point.transfers as f64
}

fn fraction(point: &Point, form: Form) -> String {
    if point.transfers == 0 {
        return "–".to_owned();
    }
    if form == Form::NARROW {
        return format!("{}/{}", grouped(point.failures), grouped(point.transfers));
    }
    of(point.failures, point.transfers)
}

/// From one series' points to the next one's.
fn dodge_of(form: Form) -> i32 {
    if form == Form::NARROW { NARROW_DODGE } else { DODGE }
}

fn dodge(at: usize, of: usize, form: Form) -> i32 {
    let (at, of) = (i32::try_from(at).unwrap_or(0), i32::try_from(of).unwrap_or(1));
    (2 * at - (of - 1)) * dodge_of(form) / 2
}

fn height_of(rate: f64, plot: Rect) -> i32 {
    plot.bottom - (rate * f64::from(plot.bottom - plot.top)).round() as i32
}

fn panel_width(form: Form, columns: usize) -> i32 {
    let columns = i32::try_from(columns).unwrap_or(1);
    (form.usable() - (columns - 1) * PANEL_GAP) / columns
}

const IMAGE_HEIGHT: i32 = 2200;
const PANEL_GAP: i32 = 36;
const DODGE: i32 = 22;
const NARROW_DODGE: i32 = 14;
/// Room beside the outermost series of a tick.
const DODGE_SPARE: i32 = 8;
/// What labels of rows take to the left of a panel, about.
const USUAL_GUTTER: i32 = 160;
const RADIUS: i32 = 8;
/// Half of a band's width.
const BAND: i32 = 10;
/// What the piece of line before a series' name takes.
const KEY: i32 = 50;
/// How the line of the n-th number of users looks; colours tell how transfers failed.
const LINES: [(RGBColor, u32, bool); 6] =
    [(INK, 3, false), (INK, 3, true), (FRAME, 4, false), (FRAME, 4, true), (INK, 1, false), (INK, 1, true)];
const HEAD: Letter = Letter::size(HEADING).bold();
const ROW: Letter = Letter::size(SMALL);
const TICK: Letter = Letter::size(SMALL).centre();
const NUMBER: Letter = Letter::size(SMALL).centre().colour(INK);
const SMALL_FAINT: Letter = Letter::size(SMALL).colour(FAINT);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::kit::canvas::Mark;

    fn point(ttl_s: u32, ways: [u64; 4], transfers: u64) -> Point {
        Point { control: None, ttls: Some(ttl_s.into()), failures: ways.iter().sum(), ways, transfers, band: None }
    }

    fn panel(points: Vec<Point>) -> Panel {
        let series = vec![Series { users: 1, look: 0, points }];
        Panel { title: String::new(), finding: String::new(), series }
    }

    /// The marks of the points themselves, without the legend's: from the left, each with its share in percent.
    fn marked(points: Vec<Point>) -> Vec<(Marker, RGBColor, bool, i32)> {
        let sheets = draw(&[panel(points)], &Caption::default());
        let rules: Vec<i32> = sheets[0]
            .body()
            .filter_map(|mark| match mark {
                Mark::Line { from, to, colour: FRAME | RULE, .. } if from.1 == to.1 && to.0 - from.0 > 1000 => {
                    Some(from.1)
                }
                _ => None,
            })
            .collect();
        let (bottom, top) = (rules[0], rules[2]);
        let mut found: Vec<_> = sheets[0]
            .body()
            .filter_map(|mark| match *mark {
                Mark::Point { at, marker, colour, hollow, .. } if at.1 >= top => {
                    Some((at.0, (marker, colour, hollow, (bottom - at.1) * 100 / (bottom - top))))
                }
                _ => None,
            })
            .collect();
        found.sort_by_key(|(x, _)| *x);
        found.into_iter().map(|(_, mark)| mark).collect()
    }

    #[test]
    fn each_way_of_failing_has_a_mark_of_its_own_at_its_share_and_none_is_an_open_circle_on_the_axis() {
        let cut = way_style(Way::Cut);
        let end = way_style(Way::RefusedAtEnd);
        let marks = marked(vec![point(1, [5, 0, 0, 0], 5), point(2, [0, 5, 0, 0], 5), point(4, [0; 4], 15)]);
        assert_eq!(
            marks,
            [
                (cut.marker, cut.colour, false, 100),
                (end.marker, end.colour, false, 100),
                (Marker::Circle, INK, true, 0)
            ]
        );
        assert_ne!(cut.marker, end.marker, "told apart in grey print, too");
    }

    #[test]
    fn ways_of_one_cell_stand_at_their_own_shares_and_side_by_side_if_these_are_the_same() {
        let marks = marked(vec![point(1, [2, 0, 0, 2], 4)]);
        let shares: Vec<_> = marks.iter().map(|(marker, _, _, share)| (*marker, *share)).collect();
        assert_eq!(shares, [(Marker::Circle, 100), (Marker::Cross, 50), (Marker::Diamond, 50)]);
    }

    #[test]
    fn on_a_phone_panels_stand_below_each_other_and_nothing_reaches_beyond_the_edge() {
        let control = |control| Point { control: Some(control), ..point(3600, [0; 4], 15) };
        let points = || {
            let grid = [1, 2, 4, 6, 12].map(|ttl_s| point(ttl_s, [3, 0, 0, 0], 15));
            grid.into_iter().chain(Control::ALL.iter().copied().map(control)).collect::<Vec<_>>()
        };
        // As many as make the numbers stand upright, and the panels high.
        let many = |points: Vec<Point>| points.into_iter().map(|point| Point { transfers: 123_456, ..point }).collect();
        let mut panels = [panel(points()), panel(many(points())), panel(points())];
        for panel in &mut panels {
            panel.series.push(Series { users: 4, look: 1, points: points() });
        }
        let sheets = draw(&panels, &Caption { form: Form::NARROW, ..Caption::default() });
        assert_eq!(sheets.len(), 1);
        assert_eq!(sheets[0].beyond(), Vec::<String>::new());
        let percents =
            sheets[0].body().filter(|mark| matches!(mark, Mark::Text { text, .. } if text == "100 %")).count();
        assert_eq!(percents, 3);
    }

    #[test]
    fn numbers_are_said_in_words_and_what_failed_is_bold() {
        let sheets = draw(&[panel(vec![point(1, [5, 0, 0, 0], 5), point(4, [0; 4], 15)])], &Caption::default());
        let numbers: Vec<_> = sheets[0]
            .body()
            .filter_map(|mark| match mark {
                Mark::Text { text, letter, .. } if text.contains(" of ") => Some((text.as_str(), letter.bold)),
                _ => None,
            })
            .collect();
        assert_eq!(numbers, [("5 of 5", true), ("0 of 15", false)]);
    }
}
