//! `progress.png`: how far did a failed transfer come, and a matched control in the same time, with the kernel's view of the
//! path below?

use plotters::style::RGBColor;
use ttlsweep_record::Outcome;

use super::About;
use crate::chart::kit::canvas::{Canvas, Rect, Sheet};
use crate::chart::kit::caption::{Caption, line_height};
use crate::chart::kit::lettering::Letter;
use crate::chart::kit::panels::{Heading, draw_panels};
use crate::chart::kit::plot::{GUTTER, LOWER_AXIS, Scale, draw_lower_axis, draw_upward_axis};
use crate::chart::kit::theme::{BLUE, FRAME, INK, MARGIN, Marker, SMALL, VERMILION, WARNING, darkened, outcome_style};

/// The chart in words.
pub(crate) const ABOUT: About = About {
    name: "progress",
    title: "bytes over time of a failed transfer and its control",
    caption: "The bytes of one failed transfer and of one control with the same users, size, cap and block that the peer's \
              kernel had confirmed over time, round-trip time and segments sent again below, the failed one's expiry marked.",
};

/// A failed transfer beside its control.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Which target and settings they share.
    pub title: String,
    /// Which two transfers they are.
    pub notes: String,
    /// What the upper axis counts.
    pub unit: String,
    /// The failed transfer.
    pub failed: Track,
    /// The control.
    pub control: Track,
    /// The failed transfer's expiry, in seconds since its head was written.
    pub expiry: f64,
    /// When the failed transfer's answer began, if one came.
    pub answered: Option<f64>,
}

/// One transfer as the kernel saw its connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    /// Its samples, in the order of time.
    pub samples: Vec<Sample>,
    /// When it ended, in seconds since its head was written.
    pub ended: f64,
    /// How it ended.
    pub outcome: Outcome,
}

/// The kernel's view at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Seconds since the head was written.
    pub at: f64,
    /// Megabytes since the transfer's first sample.
    pub megabytes: f64,
    /// The smoothed round-trip time in milliseconds.
    pub rtt_ms: f64,
    /// Segments sent again since the transfer's first sample.
    pub retransmits: f64,
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
    let tracks = [&panel.control, &panel.failed];
    let samples = || tracks.into_iter().flat_map(|track| &track.samples);
    let first = samples().map(|sample| sample.at).fold(0.0, f64::min);
    // The expiry belongs to the picture unless it lies far beyond it.
    let last = tracks.into_iter().map(|track| track.ended).chain(samples().map(|sample| sample.at)).fold(0.1, f64::max);
    let last = if panel.expiry < 2.0 * last { last.max(panel.expiry) } else { last };
    let ends = (first.max(-last / 4.0), last * 1.02);
    let plot =
        |top: i32, height: i32| Rect { left: area.left + GUTTER, top, right: area.right - 20, bottom: top + height };
    let series: [(&str, i32, Value); 3] = [
        (&panel.unit, BYTES, |sample| sample.megabytes),
        ("round-trip time, ms", SMALL_PLOT, |sample| sample.rtt_ms),
        ("segments sent again", SMALL_PLOT, |sample| sample.retransmits),
    ];
    let mut top = area.top + LEGEND + UNIT;
    for (at, (unit, height, value)) in series.into_iter().enumerate() {
        let plot = plot(top, height);
        let x = Scale::new(ends.0, ends.1, (plot.left, plot.right));
        let most = samples().map(value).fold(0.0, f64::max);
        let y = Scale::new(0.0, if most > 0.0 { most * 1.08 } else { 1.0 }, (plot.bottom, plot.top));
        let ticks = if at == 2 { y.whole_ticks(3) } else { y.ticks(if at == 0 { 6 } else { 3 }) };
        draw_upward_axis(canvas, plot, y, &ticks, unit);
        canvas.outline(plot, FRAME);
        draw_track(canvas, &panel.control, (x, y), value, (BLUE, Marker::Circle, true));
        draw_track(canvas, &panel.failed, (x, y), value, (VERMILION, Marker::Square, false));
        if (ends.0..=ends.1).contains(&panel.expiry) {
            canvas.line((x.at(panel.expiry), plot.top), (x.at(panel.expiry), plot.bottom), WARNING, 4);
        }
        if let Some(answered) = panel.answered.filter(|at| (ends.0..=ends.1).contains(at)) {
            canvas.line((x.at(answered), plot.top), (x.at(answered), plot.bottom), INK, 1);
            canvas.marker((x.at(answered), plot.top + 8), 6, Marker::TriangleDown, INK, false);
        }
        if at == 0 {
            for track in tracks {
                let style = outcome_style(track.outcome);
                let colour = if track.outcome == Outcome::Completed { INK } else { darkened(style.colour) };
                let height = track.samples.last().map_or(0.0, value);
                canvas.marker((x.within(track.ended), y.at(height)), 9, style.marker, colour, style.hollow);
            }
        }
        if at == 2 {
            draw_lower_axis(canvas, plot, x, &x.ticks(10), "seconds since the request's head was written");
        }
        top = plot.bottom + if at == 2 { 0 } else { UNIT + 8 };
    }
}

/// What a plot shows of each sample.
type Value = fn(&Sample) -> f64;

fn draw_track(
    canvas: &mut Canvas,
    track: &Track,
    (x, y): (Scale, Scale),
    value: Value,
    (colour, marker, dashes): (RGBColor, Marker, bool),
) {
    let places: Vec<(i32, i32)> = track
        .samples
        .iter()
        .filter(|sample| sample.at >= x.from)
        .map(|sample| (x.within(sample.at), y.at(value(sample))))
        .collect();
    for pair in places.windows(2).filter(|pair| pair[0] != pair[1]) {
        if dashes {
            canvas.dashed(pair[0], pair[1], colour, 2);
        } else {
            canvas.line(pair[0], pair[1], colour, 3);
        }
    }
    // A marker a sample as long as they can be told apart.
    let mut free = i32::MIN;
    for place in places {
        if place.0 >= free {
            canvas.marker(place, 4, marker, colour, dashes);
            free = place.0 + 24;
        }
    }
}

fn draw_legend(canvas: &mut Canvas, panel: &Panel, top: i32) {
    let y = top + LEGEND / 2;
    let mut x = MARGIN;
    canvas.line((x, y), (x + 50, y), VERMILION, 3);
    canvas.marker((x + 25, y), 5, Marker::Square, VERMILION, false);
    let failed = format!("the failed transfer ({})", panel.failed.outcome);
    canvas.text(x + 60, y, &failed, SMALL_LETTER);
    x += 60 + SMALL_LETTER.width(&failed) + 36;
    canvas.dashed((x, y), (x + 50, y), BLUE, 2);
    canvas.marker((x + 25, y), 5, Marker::Circle, BLUE, true);
    let control = format!("the control ({})", panel.control.outcome);
    canvas.text(x + 60, y, &control, SMALL_LETTER);
    x += 60 + SMALL_LETTER.width(&control) + 36;
    canvas.line((x + 4, y - 12), (x + 4, y + 12), WARNING, 4);
    canvas.text(x + 16, y, EXPIRY, SMALL_LETTER);
    x += 16 + SMALL_LETTER.width(EXPIRY) + 36;
    if panel.answered.is_some() {
        canvas.line((x + 4, y - 12), (x + 4, y + 12), INK, 1);
        canvas.marker((x + 4, y - 6), 6, Marker::TriangleDown, INK, false);
        canvas.text(x + 18, y, "its answer began", SMALL_LETTER);
    }
}

const EXPIRY: &str = "the failed one's link expires";
const HOW: &str = "Samples of TCP_INFO: bytes on the connection since the transfer's first sample, TLS included. Expiry is the \
                   server's, moved onto this machine's clock. One pair a \
                   target: the first transfer that was cut at expiry (else the first that failed in flight, else the first \
                   failure) for which samples and a completed long-TTL control of the same settings and block exist; single \
                   observations, no statistic.";
const LEGEND: i32 = 36;
const UNIT: i32 = line_height(SMALL) + 12;
const BYTES: i32 = 320;
const SMALL_PLOT: i32 = 110;
const HEIGHT: i32 = LEGEND + UNIT + BYTES + 2 * (UNIT + 8 + SMALL_PLOT) + LOWER_AXIS + 16;
const SMALL_LETTER: Letter = Letter::size(SMALL);
