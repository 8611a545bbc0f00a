//! `outcomes-by-cell.png`: what the failures of each cell were, as stacked bars with their counts.

use ttlsweep_record::units::grouped;
use ttlsweep_record::{Control, Outcome};

use super::{About, Part, pages};
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::{Letter, fit};
use crate::chart::kit::theme::{HEADING, MARGIN, PAPER, RULE, SMALL, WIDTH, outcome_style};
use crate::summary::axes::Axes;
use crate::summary::{CellSummary, Counts};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "outcomes-by-cell",
    title: "outcomes by cell",
    caption: "The outcomes of each cell's transfers as stacked bars with their counts, failures first.",
};

/// The bars below one heading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// The settings that its cells share; empty if nothing but users and TTL varies.
    pub title: String,
    /// One bar a cell.
    pub bars: Vec<Bar>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// What sets it apart from the others below the same heading.
    pub label: String,
    /// Its transfers.
    pub counts: Counts,
}

/// The bars of a summary: the grid's cells panel by panel, then each control.
pub(crate) fn groups(cells: &[CellSummary], axes: &Axes) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut sorted: Vec<&CellSummary> = cells.iter().collect();
    sorted.sort_by_key(|summary| (summary.cell.control, summary.cell.users, summary.cell.ttls()));
    // Panels in the plan's order, as in the other charts, although their cells were sorted.
    let order: Vec<String> = cells.iter().map(|summary| axes.panel(&summary.cell)).collect();
    sorted.sort_by_key(|summary| {
        let panel = axes.panel(&summary.cell);
        (summary.cell.control, order.iter().position(|known| *known == panel))
    });
    for summary in sorted {
        let panel = axes.panel(&summary.cell);
        let title = match summary.cell.control {
            None => panel,
            Some(control) if panel.is_empty() => format!("control {control}"),
            Some(control) => format!("control {control} · {panel}"),
        };
        let within = axes.within_panel(&summary.cell);
        let label = match summary.cell.control {
            Some(Control::ExpectContinue) if !within.is_empty() => within,
            // Other controls' TTLs are their own, and no values of the axis.
            Some(_) if axes.is_varied("users") => format!("users {}", summary.cell.users),
            Some(control) => control.to_string(),
            None if within.is_empty() => "the only cell".to_owned(),
            None => within,
        };
        let bar = Bar { label, counts: summary.counts };
        match groups.last_mut() {
            Some(group) if group.title == title => group.bars.push(bar),
            _ => groups.push(Group { title, bars: vec![bar] }),
        }
    }
    groups
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(groups: &[Group], caption: &Caption) -> Vec<Sheet> {
    let columns = Columns::of(groups);
    let sizes: Vec<usize> = groups.iter().map(|group| group.bars.len()).collect();
    let images = pages(&sizes, ROWS_AN_IMAGE, 1);
    let sheet = |(number, image): (usize, &Vec<Part>)| {
        let rows: i32 = image.iter().map(|part| GROUP + ROW * part.len()).sum();
        let body = LEGEND + rows + line_height(SMALL) * 2 + 16;
        caption.sheet((ABOUT, HOW), (number, images.len()), body, |canvas, top| {
            draw_legend(canvas, groups, top);
            let mut y = top + LEGEND;
            columns.draw_axis(canvas, y, y + rows);
            for part in image {
                let group = &groups[part.group];
                let continued = if part.from > 0 { " (continued)" } else { "" };
                let heading = format!("{}{continued}", if group.title.is_empty() { "the grid" } else { &group.title });
                canvas.fill(Rect { left: MARGIN, top: y + 4, right: WIDTH - MARGIN, bottom: y + GROUP - 4 }, PAPER);
                canvas.text(MARGIN, y + GROUP / 2 + 2, &fit(&heading, HEAD, WIDTH - 2 * MARGIN), HEAD);
                y += GROUP;
                for bar in &group.bars[part.from..part.to] {
                    columns.draw_bar(canvas, bar, y);
                    y += ROW;
                }
            }
        })
    };
    (1..).zip(&images).map(sheet).collect()
}

fn draw_legend(canvas: &mut Canvas, groups: &[Group], top: i32) {
    let mut x = MARGIN;
    let y = top + LEGEND / 2;
    for outcome in STACKED {
        let any = |group: &Group| group.bars.iter().any(|bar| bar.counts.outcome(outcome) > 0);
        if !groups.iter().any(any) {
            continue;
        }
        let style = outcome_style(outcome);
        canvas.pattern(Rect { left: x, top: y - 11, right: x + 36, bottom: y + 11 }, style.colour, style.pattern);
        canvas.text(x + 46, y, outcome.as_str(), TEXT);
        x += 46 + TEXT.width(outcome.as_str()) + 36;
    }
}

/// Where labels, bars and counts stand across the image.
struct Columns {
    bar_left: i32,
    bar_right: i32,
}

impl Columns {
    fn of(groups: &[Group]) -> Self {
        let bars = || groups.iter().flat_map(|group| &group.bars);
        let labels = bars().map(|bar| TEXT.width(&bar.label)).max().unwrap_or(0);
        let counts = bars().map(|bar| TEXT.width(&counts_in_words(&bar.counts))).max().unwrap_or(0);
        Self { bar_left: MARGIN + labels.clamp(60, 420) + 18, bar_right: WIDTH - MARGIN - counts.clamp(60, 560) - 18 }
    }

    fn draw_axis(&self, canvas: &mut Canvas, top: i32, bottom: i32) {
        for percent in [0, 25, 50, 75, 100] {
            let x = self.at(f64::from(percent) / 100.0);
            canvas.line((x, top + GROUP), (x, bottom + 6), RULE, 1);
            canvas.text(x, bottom + 8 + line_height(SMALL) / 2, &format!("{percent} %"), SMALL_LETTER.centre());
        }
        let middle = (self.bar_left + self.bar_right) / 2;
        let y = bottom + 8 + line_height(SMALL) * 3 / 2;
        canvas.text(middle, y, "share of the cell's transfers", SMALL_LETTER.centre());
    }

    fn draw_bar(&self, canvas: &mut Canvas, bar: &Bar, top: i32) {
        let middle = top + ROW / 2;
        canvas.text(self.bar_left - 18, middle, &fit(&bar.label, TEXT, self.bar_left - 18 - MARGIN), TEXT.right());
        let room = WIDTH - MARGIN - self.bar_right - 18;
        canvas.text(self.bar_right + 18, middle, &fit(&counts_in_words(&bar.counts), TEXT, room), TEXT);
        let transfers = bar.counts.transfers();
        if transfers == 0 {
            return;
        }
        let mut before = 0;
        for outcome in STACKED {
            let count = bar.counts.outcome(outcome);
            if count == 0 {
                continue;
            }
            let share = |number: u64| number as f64 / transfers as f64;
            // Two pixels at least: one failure of ten thousand must still be seen.
            let left = self.at(share(before));
            let right = self.at(share(before + count)).max(left + 2);
            before += count;
            let style = outcome_style(outcome);
            let segment = Rect { left, top: top + 3, right, bottom: top + ROW - 4 };
            canvas.pattern(segment, style.colour, style.pattern);
            let text = grouped(count);
            let width = SMALL_LETTER.width(&text);
            if segment.width() > width + 14 {
                let centre = (left + right) / 2;
                let plate = Rect {
                    left: centre - width / 2 - 4,
                    top: top + 5,
                    right: centre + width / 2 + 4,
                    bottom: top + ROW - 6,
                };
                canvas.fill(plate, PAPER);
                canvas.text(centre, middle, &text, SMALL_LETTER.centre());
            }
        }
    }

    fn at(&self, share: f64) -> i32 {
        self.bar_left + (share * f64::from(self.bar_right - self.bar_left)).round() as i32
    }
}

/// `3/12: reset 2, closed 1 (+1 cancelled)`
fn counts_in_words(counts: &Counts) -> String {
    let mut text = format!("{}/{} failed", grouped(counts.failures()), grouped(counts.transfers()));
    let parts: Vec<String> = STACKED
        .into_iter()
        .filter(|outcome| outcome.is_failure() && counts.outcome(*outcome) > 0)
        .map(|outcome| format!("{outcome} {}", grouped(counts.outcome(outcome))))
        .collect();
    // With one kind of failure its name is enough: the number stands there already.
    match parts.as_slice() {
        [] => {}
        [one] => text += &format!(": {}", one.split(' ').next().unwrap_or_default()),
        many => text += &format!(": {}", many.join(", ")),
    }
    for apart in [Outcome::Cancelled, Outcome::FailedLocally] {
        if counts.outcome(apart) > 0 {
            text += &format!(" (+{} {apart})", grouped(counts.outcome(apart)));
        }
    }
    text
}

/// From the left: the failures, then what completed.
const STACKED: [Outcome; 7] = [
    Outcome::Rejected,
    Outcome::Reset,
    Outcome::Closed,
    Outcome::Malformed,
    Outcome::TimedOut,
    Outcome::Unconnected,
    Outcome::Completed,
];

const HOW: &str = "Bars: shares of a cell's transfers by outcome, failures first; counts within and to the right, \
                   without intervals. Cancelled transfers and this machine's own failures are not part of the shares.";
const ROWS_AN_IMAGE: usize = 44;
const ROW: i32 = 32;
const GROUP: i32 = 46;
const LEGEND: i32 = 48;
const HEAD: Letter = Letter::size(HEADING).bold();
const TEXT: Letter = Letter::size(crate::chart::kit::theme::TEXT);
const SMALL_LETTER: Letter = Letter::size(SMALL);
