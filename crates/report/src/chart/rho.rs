//! `failure-rate-by-rho.png`: do transfers fail that need longer than their link lives, whatever users, sizes and caps made
//! them so long?

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{GUTTER, LOWER_AXIS, Scale, draw_upward_axis};
use crate::chart::kit::theme::{BLUE, FAINT, FRAME, INK, MARGIN, Marker, RULE, SMALL, VERMILION, WIDTH};
use crate::stats::wilson;
use ttlsweep_record::units::grouped;

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "failure-rate-by-rho",
    title: "failure rate against ρ, the link's life over the time needed",
    caption: "The share of transfers that failed against ρ, the link's life left at the head over the duration that the \
              transfer needs, with 95 % intervals: a server that cuts or refuses at expiry makes a step at 1.",
};

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which target it is; empty if there is only one.
    pub title: String,
    /// What it counts and leaves out.
    pub notes: String,
    /// Every bin from the first to the last with a transfer; an edge of them is 1.
    pub bins: Vec<Bin>,
}

/// The transfers of one range of ρ.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Bin {
    /// Its edges as powers of 2: ρ from 2^low to 2^high. The outermost hold whatever lies beyond, too.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Transfers.
    pub transfers: u64,
    /// Their trials.
    pub trials: u64,
    /// Transfers that failed.
    pub failures: u64,
    /// Of these, the ones that were ended in flight: by reset, close or refusal, the body unfinished.
    pub in_flight: u64,
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    // One axis for all panels, so that they can be compared.
    let edges = |edge: fn(&Bin) -> f64| panels.iter().flat_map(|panel| &panel.bins).map(edge);
    let (from, to) = (edges(|bin| bin.low).fold(-1.0, f64::min), edges(|bin| bin.high).fold(1.0, f64::max));
    let (left, right) = (MARGIN + GUTTER + 60, WIDTH - MARGIN);
    let x = Scale::new(from, to, (left + 8, right - 8));
    let height = |panel: &Panel| FIXED + rows(panel, x).iter().map(|row| row.height + 2).sum::<i32>();
    draw_panels((ABOUT, caption, HOW), panels, heading, height, |canvas, panel, area| {
        draw_panel(canvas, panel, Rect { left, right, ..area }, x);
    })
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: &panel.notes }
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect, x: Scale) {
    draw_legend(canvas, area.top);
    let top = area.top + LEGEND + line_height(SMALL) + 10;
    let plot = Rect { top, bottom: top + PLOT, ..area };
    let y = Scale::new(0.0, 1.0, (plot.bottom, plot.top));
    let percents = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{:.0} %", share * 100.0)));
    draw_upward_axis(canvas, plot, y, &percents, "failure rate");
    draw_step(canvas, plot, x, y);
    canvas.outline(plot, FRAME);
    for power in x.from.ceil() as i32..=x.to.floor() as i32 {
        let at = x.at(f64::from(power));
        canvas.line((at, plot.bottom), (at, plot.bottom + 6), FRAME, 1);
        canvas.text(at, plot.bottom + 10 + line_height(SMALL) / 2, &power_of_two(power), SMALL_LETTER.centre());
    }
    let unit = "ρ = life left when the head was written / duration needed (log scale)";
    let axis_y = plot.bottom + 10 + line_height(SMALL) * 3 / 2;
    canvas.text((plot.left + plot.right) / 2, axis_y, unit, SMALL_LETTER.centre());
    for bin in panel.bins.iter().filter(|bin| bin.transfers > 0) {
        draw_bin(canvas, bin, x, y);
    }
    let mut y = plot.bottom + LOWER_AXIS + 8;
    for row in rows(panel, x) {
        canvas.line((MARGIN, y), (plot.right, y), RULE, 1);
        canvas.text(MARGIN, y + row.height / 2, row.name, SMALL_LETTER);
        for (middle, number) in &row.numbers {
            let letter = if row.upright { SMALL_LETTER.upright() } else { SMALL_LETTER };
            canvas.text(*middle, y + row.height / 2, number, letter.centre());
        }
        y += row.height + 2;
    }
}

/// What a row shows of each bin.
type Number = fn(&Bin) -> u64;

/// One row of numbers below the bins.
struct Row {
    name: &'static str,
    numbers: Vec<(i32, String)>,
    /// Where they would touch each other otherwise.
    upright: bool,
    height: i32,
}

fn rows(panel: &Panel, x: Scale) -> Vec<Row> {
    let kinds: [(&str, Number); 4] = [
        ("transfers", |bin| bin.transfers),
        ("failed", |bin| bin.failures),
        ("in flight", |bin| bin.in_flight),
        ("trials", |bin| bin.trials),
    ];
    let room = x.at(x.from + 0.5) - x.at(x.from) - 8;
    let row = |(name, number): (&'static str, Number)| {
        let shown = panel.bins.iter().filter(|bin| bin.transfers > 0);
        let numbers: Vec<_> = shown.map(|bin| ((x.at(bin.low) + x.at(bin.high)) / 2, grouped(number(bin)))).collect();
        let widest = numbers.iter().map(|(_, text)| SMALL_LETTER.width(text)).max().unwrap_or(0);
        let upright = widest > room;
        Row { name, numbers, upright, height: if upright { widest + 12 } else { line_height(SMALL) } }
    };
    kinds.map(row).into()
}

/// What a server does that cuts, or refuses, whatever outlives its link.
fn draw_step(canvas: &mut Canvas, plot: Rect, x: Scale, y: Scale) {
    let one = x.at(0.0);
    canvas.line((one, plot.top), (one, plot.bottom), INK, 3);
    canvas.dashed((plot.left, y.at(1.0) + 4), (one, y.at(1.0) + 4), FAINT, 2);
    canvas.dashed((one, y.at(0.0) - 4), (plot.right, y.at(0.0) - 4), FAINT, 2);
    let label = plot.top - line_height(SMALL) / 2 - 6;
    canvas.text(one - 12, label, "the link expires first", SMALL_LETTER.right());
    canvas.text(one + 12, label, "the transfer is done first", SMALL_LETTER);
}

fn draw_bin(canvas: &mut Canvas, bin: &Bin, x: Scale, y: Scale) {
    let (left, right) = (x.at(bin.low) + 2, x.at(bin.high) - 2);
    let middle = (left + right) / 2;
    let rate = |hits: u64| y.at(hits as f64 / bin.transfers as f64);
    canvas.line((left, rate(bin.failures)), (right, rate(bin.failures)), BLUE, 2);
    let series = [(bin.failures, BLUE, Marker::Circle, -9, false), (bin.in_flight, VERMILION, Marker::Square, 9, true)];
    for (hits, colour, marker, aside, hollow) in series {
        let at = middle + aside;
        if let Some(interval) = wilson(hits, bin.transfers) {
            let (low, high) = (y.at(interval.low), y.at(interval.high));
            canvas.line((at, low), (at, high), colour, 2);
            canvas.line((at - 5, low), (at + 5, low), colour, 2);
            canvas.line((at - 5, high), (at + 5, high), colour, 2);
        }
        canvas.marker((at, rate(hits)), 6, marker, colour, hollow);
    }
}

fn draw_legend(canvas: &mut Canvas, top: i32) {
    let y = top + LEGEND / 2;
    let mut left = MARGIN + 8;
    let items = [
        (BLUE, Marker::Circle, false, "failed in any way"),
        (VERMILION, Marker::Square, true, "ended in flight: reset, closed or refused with its body unfinished"),
    ];
    for (colour, marker, hollow, text) in items {
        canvas.marker((left, y), 6, marker, colour, hollow);
        canvas.text(left + 16, y, text, SMALL_LETTER);
        left += 16 + SMALL_LETTER.width(text) + 40;
    }
    canvas.dashed((left, y), (left + 50, y), FAINT, 2);
    canvas.text(left + 60, y, "what a cut or a refusal at expiry would make", SMALL_LETTER);
}

fn power_of_two(power: i32) -> String {
    if power >= 0 { (1u64 << power.min(62)).to_string() } else { format!("1/{}", 1u64 << (-power).min(62)) }
}

const HOW: &str = "Points: share of the bin's transfers that failed, with 95 % Wilson intervals, which take transfers as \
                   independent although those of one trial share a fate. The duration needed is the median of the long-TTL \
                   control of the same settings and block, never the failed transfer's own. Late starts are not part of it.";
const LEGEND: i32 = 34;
const PLOT: i32 = 330;
/// All but the rows of numbers.
const FIXED: i32 = LEGEND + line_height(SMALL) + 10 + PLOT + LOWER_AXIS + 8 + 16;
const SMALL_LETTER: Letter = Letter::size(SMALL);
