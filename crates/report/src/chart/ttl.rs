//! `ttl-needed.png`: which TTL is long enough, and how sure is that?

use plotters::style::RGBColor;

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{GUTTER, LOWER_AXIS, Scale, draw_lower_axis, draw_upward_axis};
use crate::chart::kit::theme::{BLUE, FAINT, FRAME, MARGIN, SMALL, VERMILION, WARNING, WIDTH};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "ttl-needed",
    title: "TTL against the share of trials that it may be too short for",
    caption: "For each cell the upper 95 % bound on the share of trials refused, against the link's TTL, for a store that checks at \
              the head and for one that checks at the end: where a line falls below the risk asked for, the TTL is long enough.",
};

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which cell it is.
    pub title: String,
    /// Its numbers.
    pub notes: String,
    /// The risk that was asked for.
    pub risk: f64,
    /// The TTLs that ran, in seconds.
    pub ttls: Vec<f64>,
    /// If the store checks at the head.
    pub head: Line,
    /// If it checks at the end.
    pub end: Line,
}

/// What the trials show under one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Line {
    /// TTL in seconds, and the bound from there on.
    pub steps: Vec<(f64, f64)>,
    /// Beyond the data, where there is no bound: TTL in seconds, and the share by the fitted tail.
    pub tail: Vec<(f64, f64)>,
}

/// Draws the chart, over as many images as it needs.
pub(crate) fn draw(panels: &[Panel], caption: &Caption) -> Vec<Sheet> {
    draw_panels((ABOUT, caption, HOW), panels, heading, |_| HEIGHT, draw_panel)
}

fn heading(panel: &Panel) -> Heading<'_> {
    Heading { title: &panel.title, notes: &panel.notes }
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel, area: Rect) {
    let lines = [(&panel.head, BLUE, "checked at the head"), (&panel.end, VERMILION, "checked at the end, or cut")];
    let mut left = MARGIN + 8;
    for (_, colour, name) in lines {
        left = draw_key(canvas, (left, area.top + LEGEND / 2), colour, name, false);
    }
    draw_key(canvas, (left, area.top + LEGEND / 2), FAINT, "a tail fitted beyond the data: a guess, not a bound", true);
    let top = area.top + LEGEND + line_height(SMALL) + 12;
    let plot = Rect { left: area.left + GUTTER + 40, top, right: WIDTH - MARGIN - 20, bottom: top + PLOT };
    let points = || lines.iter().flat_map(|(line, ..)| line.steps.iter().chain(&line.tail));
    let seconds = || points().map(|(ttl, _)| *ttl).chain(panel.ttls.iter().copied()).filter(|ttl| *ttl > 0.0);
    let from = seconds().fold(1.0, f64::min).log10() - 0.05;
    // A TTL of a day among seconds would press everything else flat.
    let most = points().map(|(ttl, _)| *ttl).fold(10.0, f64::max).min(MOST_S);
    let x = Scale::new(from, most.log10() + 0.1, (plot.left, plot.right));
    let least = points().map(|(_, share)| *share).fold(panel.risk, f64::min).max(LEAST_SHARE);
    let y = Scale::new((least / 1.5).log10(), 0.0, (plot.bottom, plot.top));
    draw_upward_axis(canvas, plot, y, &ticks(SHARES, y), "share of trials refused, at most");
    draw_lower_axis(canvas, plot, x, &ticks(TIMES, x), "TTL (log scale)");
    canvas.outline(plot, FRAME);
    let risk = y.within(panel.risk.log10());
    canvas.line((plot.left, risk), (plot.right, risk), WARNING, 2);
    canvas.text(plot.left + 8, risk - line_height(SMALL) / 2, "the risk asked for", SMALL_LETTER.colour(WARNING));
    for ttl in panel.ttls.iter().map(|ttl| ttl.log10()).filter(|ttl| (x.from..=x.to).contains(ttl)) {
        canvas.line((x.at(ttl), plot.top), (x.at(ttl), plot.top + 14), FAINT, 3);
    }
    for (line, colour, _) in lines {
        draw_line(canvas, line, colour, (x, y));
    }
}

fn draw_line(canvas: &mut Canvas, line: &Line, colour: RGBColor, (x, y): (Scale, Scale)) {
    let place = |(ttl, share): &(f64, f64)| (x.within(ttl.log10()), y.within(share.max(LEAST_SHARE).log10()));
    let mut last = (x.at(x.from), y.at(0.0));
    for next in line.steps.iter().map(place) {
        canvas.line(last, (next.0, last.1), colour, 3);
        canvas.line((next.0, last.1), next, colour, 3);
        last = next;
    }
    canvas.line(last, (x.at(x.to), last.1), colour, 3);
    for pair in line.tail.windows(2).map(|pair| (place(&pair[0]), place(&pair[1]))).filter(|(one, next)| one != next) {
        canvas.dashed(pair.0, pair.1, colour, 2);
    }
}

/// Draws a key of the legend, and says where the next one begins.
fn draw_key(canvas: &mut Canvas, (left, y): (i32, i32), colour: RGBColor, name: &str, is_dashed: bool) -> i32 {
    if is_dashed {
        canvas.dashed((left, y), (left + 44, y), colour, 2);
    } else {
        canvas.line((left, y), (left + 44, y), colour, 3);
    }
    canvas.text(left + 54, y, name, SMALL_LETTER);
    left + 54 + SMALL_LETTER.width(name) + 36
}

/// The labels that lie on a logarithmic axis.
fn ticks(labels: &[(f64, &str)], axis: Scale) -> Vec<(f64, String)> {
    let placed = labels.iter().map(|(value, label)| (value.log10(), (*label).to_owned()));
    placed.filter(|(at, _)| (axis.from..=axis.to).contains(at)).collect()
}

const SHARES: &[(f64, &str)] =
    &[(1.0, "100 %"), (0.5, "50 %"), (0.2, "20 %"), (0.1, "10 %"), (0.05, "5 %"), (0.01, "1 %"), (0.001, "0.1 %")];
const TIMES: &[(f64, &str)] = &[
    (1.0, "1 s"),
    (2.0, "2 s"),
    (5.0, "5 s"),
    (10.0, "10 s"),
    (20.0, "20 s"),
    (60.0, "1 min"),
    (120.0, "2 min"),
    (300.0, "5 min"),
    (900.0, "15 min"),
    (3_600.0, "1 h"),
    (14_400.0, "4 h"),
    (86_400.0, "1 day"),
    (604_800.0, "7 days"),
];
/// No link lives longer.
const MOST_S: f64 = 604_800.0;
const LEAST_SHARE: f64 = 0.0005;
const HOW: &str = "Steps: the one-sided 95 % bound by Clopper and Pearson over trials, a trial being late if any of its transfers \
                   is. TTLs include the second that dates are cut to and the server's clock at its worst. Each step holds for a \
                   TTL that is chosen beforehand. Ticks above: the TTLs that ran. Only trials whose links outlive their transfers \
                   count.";
const LEGEND: i32 = 34;
const PLOT: i32 = 300;
const HEIGHT: i32 = LEGEND + line_height(SMALL) + 12 + PLOT + LOWER_AXIS + 20;
const SMALL_LETTER: Letter = Letter::size(SMALL);
