//! `users-by-ttl.png`: where in the grid do transfers fail? Users against TTL, with k/n in each field.

use crate::prose::count;
use plotters::style::RGBColor;
use ttlsweep_record::{Control, Ttls};

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::theme::{FAINT, FRAME, INK, MARGIN, PAPER, Pattern, SMALL, TEXT, WIDTH};
use crate::summary::CellSummary;
use crate::summary::axes::{Axes, format_ttls};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "users-by-ttl",
    title: "failures by users and TTL",
    caption: "A table of failed over all transfers, users downward and link TTL to the right, the darker the more failed; \
              the controls stand in columns of their own.",
};

/// Everything that has the same settings but for users and TTL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// The settings that it stands for; empty if nothing but users and TTL varies.
    pub title: String,
    /// The numbers of users, one row each.
    pub users: Vec<u32>,
    /// The columns: TTLs of the grid, then the controls.
    pub columns: Vec<(Option<Control>, Option<Ttls>)>,
    /// One field a row and column, row by row; `None` if the grid has none.
    pub fields: Vec<Option<Field>>,
}

/// Failures and transfers, the late starts apart.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// Failures of transfers that were in time.
    pub failures: u64,
    /// Transfers that were in time.
    pub transfers: u64,
    /// Failures of late starts.
    pub late_failures: u64,
    /// Late starts.
    pub late: u64,
}

/// The panels of a summary, in the plan's order. None where no panel has more than one field of the grid: a table of one
/// number is not a map.
pub(crate) fn panels(cells: &[CellSummary], axes: &Axes) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for summary in cells {
        let title = axes.panel(&summary.cell);
        if !panels.iter().any(|panel| panel.title == title) {
            let here: Vec<&CellSummary> = cells.iter().filter(|other| axes.panel(&other.cell) == title).collect();
            panels.extend(parts(Panel::of(title, &here)));
        }
    }
    let is_map = |panel: &Panel| {
        let grid = panel.columns.iter().filter(|(control, _)| control.is_none()).count();
        panel.users.len().max(grid) > 1
    };
    if panels.iter().any(is_map) { panels } else { Vec::new() }
}

impl Panel {
    fn of(title: String, cells: &[&CellSummary]) -> Self {
        let mut users: Vec<u32> = cells.iter().map(|summary| summary.cell.users).collect();
        users.sort_unstable();
        users.dedup();
        let column = |summary: &CellSummary| (summary.cell.control, summary.cell.ttls());
        let mut columns: Vec<_> = cells.iter().map(|summary| column(summary)).collect();
        columns.sort_unstable();
        columns.dedup();
        let mut fields = vec![None; users.len() * columns.len()];
        for summary in cells {
            let row = users.binary_search(&summary.cell.users).unwrap_or(0);
            let place = row * columns.len() + columns.binary_search(&column(summary)).unwrap_or(0);
            let counts = &summary.counts;
            // The expired-start control is late by design; there the refusals are the point.
            let apart = summary.cell.control != Some(Control::ExpiredStart);
            let late = if apart { (counts.late_failures, counts.late_starts) } else { (0, 0) };
            let field: &mut Field = fields[place].get_or_insert_default();
            field.failures += counts.failures() - late.0;
            field.transfers += counts.transfers() - late.1;
            field.late_failures += late.0;
            field.late += late.1;
        }
        Self { title, users, columns, fields }
    }
}

/// Parts a panel whose columns do not fit beside each other.
fn parts(panel: Panel) -> Vec<Panel> {
    if panel.columns.len() <= MOST_COLUMNS {
        return vec![panel];
    }
    let all = panel.columns.len();
    let starts = (0..all).step_by(MOST_COLUMNS);
    let part = |start: usize| {
        let end = all.min(start + MOST_COLUMNS);
        let rows = panel.fields.chunks(all).flat_map(|row| row[start..end].iter().copied());
        Panel {
            title: [panel.title.as_str(), if start > 0 { "(continued)" } else { "" }].join(" ").trim().to_owned(),
            users: panel.users.clone(),
            columns: panel.columns[start..end].to_vec(),
            fields: rows.collect(),
        }
    };
    starts.map(part).collect()
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    draw_panels((ABOUT, caption, HOW), panels, heading, height, draw_panel)
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: "" }
}

fn height(panel: &Panel) -> i32 {
    HEAD + ROW * i32::try_from(panel.users.len()).unwrap_or(1) + 20
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect) {
    let columns = i32::try_from(panel.columns.len()).unwrap_or(1);
    let width = ((area.right - area.left - LABELS - APART) / columns).min(WIDEST);
    let left = area.left + LABELS;
    let grid = panel.columns.iter().filter(|(control, _)| control.is_none()).count();
    // Controls are no TTLs of the axis; a gap keeps them from being read as such.
    let at = |column: usize| {
        let apart = if column >= grid { APART } else { 0 };
        left + apart + i32::try_from(column).unwrap_or(0) * width
    };
    if grid > 0 {
        let middle = (at(0) + at(grid - 1) + width) / 2;
        canvas.text(middle, area.top + line_height(SMALL) / 2, "link TTL", SMALL_LETTER.colour(FAINT).centre());
    }
    if grid < panel.columns.len() {
        let middle = (at(grid) + at(panel.columns.len() - 1) + width) / 2;
        canvas.text(middle, area.top + line_height(SMALL) / 2, "controls", SMALL_LETTER.colour(FAINT).centre());
    }
    for (column, (control, ttls)) in panel.columns.iter().enumerate() {
        let middle = at(column) + width / 2;
        let ttl = ttls.map_or_else(|| "no link".to_owned(), format_ttls);
        let lines = match control {
            None => vec![ttl],
            Some(Control::LongTtl) => vec!["long-ttl".to_owned(), ttl],
            Some(Control::HeaderSigned) => vec!["header-".to_owned(), "signed".to_owned()],
            Some(Control::ExpiredStart) => vec!["expired-".to_owned(), "start".to_owned()],
            Some(Control::ExpectContinue) => vec!["expect".to_owned(), ttl],
        };
        for (line, text) in (0..).zip(lines) {
            let y = area.top + line_height(SMALL) * (line + 1) + line_height(SMALL) / 2;
            canvas.text(middle, y, &text, SMALL_LETTER.centre());
        }
    }
    for (row, users) in panel.users.iter().enumerate() {
        let top = area.top + HEAD + ROW * i32::try_from(row).unwrap_or(0);
        canvas.text(left - 14, top + ROW / 2, &count(u64::from(*users), "user"), SMALL_LETTER.right());
        for column in 0..panel.columns.len() {
            let field = panel.fields[row * panel.columns.len() + column];
            let rect = Rect { left: at(column), right: at(column) + width, top, bottom: top + ROW };
            draw_field(canvas, rect, field);
        }
    }
}

fn draw_field(canvas: &mut Canvas, rect: Rect, field: Option<Field>) {
    let (x, y) = ((rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2);
    let Some(field) = field else {
        canvas.outline(rect, FRAME);
        return;
    };
    let late = (field.late > 0).then(|| format!("late {}/{}", field.late_failures, field.late));
    if field.transfers == 0 {
        canvas.pattern(rect, PAPER, Pattern::Rising);
        let text = late.unwrap_or_else(|| "none ran".to_owned());
        let half = SMALL_LETTER.width(&text) / 2 + 4;
        canvas.fill(Rect { left: x - half, right: x + half, top: y - 13, bottom: y + 13 }, PAPER);
        canvas.text(x, y, &text, SMALL_LETTER.centre());
        return;
    }
    let share = field.failures as f64 / field.transfers as f64;
    canvas.fill(rect, shade(share));
    canvas.outline(rect, FRAME);
    let ink = if share > 0.5 { PAPER } else { INK };
    let text = format!("{}/{}", field.failures, field.transfers);
    let letter = if TEXT_LETTER.width(&text) + 8 > rect.width() { SMALL_LETTER } else { TEXT_LETTER };
    let y = if late.is_some() { y - line_height(SMALL) / 2 } else { y };
    canvas.text(x, y, &text, letter.colour(ink).centre());
    if let Some(late) = late {
        canvas.text(x, y + line_height(SMALL), &late, SMALL_LETTER.colour(ink).centre());
    }
}

/// From paper to a dark blue by lightness alone, so that it reads the same without colours.
fn shade(share: f64) -> RGBColor {
    let mix = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
    RGBColor(mix(255, 8), mix(255, 48), mix(255, 96))
}

const HOW: &str = "Each field: failed / transfers, the stronger its shade, the larger the share; \
                   counts without intervals. Late starts (head written at or after expiry) stand on a line of their own and \
                   give no shade. The controls to the right are shaded alike; expired-start is expected to be refused.";
const MOST_COLUMNS: usize = 16;
const LABELS: i32 = 130;
const APART: i32 = 26;
const WIDEST: i32 = 150;
const ROW: i32 = 62;
const HEAD: i32 = 3 * line_height(SMALL) + 8;
const SMALL_LETTER: Letter = Letter::size(SMALL);
const TEXT_LETTER: Letter = Letter::size(TEXT);
const _: () = assert!(MARGIN * 2 + LABELS + APART + 80 * 16 <= WIDTH);
