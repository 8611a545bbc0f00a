//! Scales and ticks that charts with numbers on both axes share.

use super::canvas::{Canvas, Rect};
use super::caption::line_height;
use super::lettering::Letter;
use super::theme::{FAINT, FRAME, RULE, SMALL};

/// From numbers to pixels along one axis.
#[derive(Debug, Clone, Copy)]
pub(in crate::chart) struct Scale {
    pub(in crate::chart) from: f64,
    pub(in crate::chart) to: f64,
    /// The pixel of `from`; for an axis that goes up it lies below that of `to`.
    start: i32,
    end: i32,
}

impl Scale {
    pub(in crate::chart) fn new(from: f64, to: f64, (start, end): (i32, i32)) -> Self {
        // Nothing can be placed on an axis without a length.
        let to = if to > from { to } else { from + 1.0 };
        Self { from, to, start, end }
    }

    /// The pixel of `value`, on the axis or beside it.
    pub(in crate::chart) fn at(self, value: f64) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        self.start + (share * f64::from(self.end - self.start)).round() as i32
    }

    /// The pixel of `value`, at the axis's end where it lies beyond.
    pub(in crate::chart) fn within(self, value: f64) -> i32 {
        self.at(value.clamp(self.from, self.to))
    }

    /// About `most` round numbers on the axis, as many decimals as their distance asks for.
    pub(in crate::chart) fn ticks(self, most: u32) -> Vec<(f64, String)> {
        let step = nice_step((self.to - self.from) / f64::from(most.max(1)));
        let (first, last) = ((self.from / step - 1e-9).ceil() as i64, (self.to / step + 1e-9).floor() as i64);
        (first..=last).map(|tick| tick as f64 * step).map(|at| (at, format_step(at, step))).collect()
    }

    /// As [`Self::ticks`], of whole numbers: counts have no others.
    pub(in crate::chart) fn whole_ticks(self, most: u32) -> Vec<(f64, String)> {
        let ticks = self.ticks(most);
        if ticks.len() > 1 && ticks[1].0 - ticks[0].0 < 1.0 {
            let (first, last) = (self.from.ceil() as i64, self.to.floor() as i64);
            return (first..=last).map(|at| (at as f64, at.to_string())).collect();
        }
        ticks
    }
}

/// The 1, 2 or 5 times a power of ten that is next above `raw`.
pub(in crate::chart) fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw).unwrap_or(power)
}

/// As many decimals as the distance of the ticks asks for.
pub(in crate::chart) fn format_step(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    // A rounded nothing keeps its sign otherwise.
    if text.trim_start_matches('-').chars().all(|digit| matches!(digit, '0' | '.')) {
        return text.trim_start_matches('-').to_owned();
    }
    text.replace('-', "−")
}

/// Rules and labels of an upward axis, left of the plot, with its unit above.
pub(in crate::chart) fn draw_upward_axis(
    canvas: &mut Canvas,
    plot: Rect,
    y: Scale,
    ticks: &[(f64, String)],
    unit: &str,
) {
    for (at, label) in ticks {
        let y = y.at(*at);
        canvas.line((plot.left, y), (plot.right, y), RULE, 1);
        canvas.text(plot.left - 10, y, label, TICK.right());
    }
    let y = plot.top - line_height(SMALL) / 2 - 6;
    canvas.text(plot.left - GUTTER, y, unit, TICK.colour(FAINT));
}

/// Ticks and labels of an axis along the plot's lower edge.
pub(in crate::chart) fn draw_lower_axis(
    canvas: &mut Canvas,
    plot: Rect,
    x: Scale,
    ticks: &[(f64, String)],
    unit: &str,
) {
    for (at, label) in ticks {
        let x = x.at(*at);
        canvas.line((x, plot.bottom), (x, plot.bottom + 6), FRAME, 1);
        canvas.text(x, plot.bottom + 10 + line_height(SMALL) / 2, label, TICK.centre());
    }
    let y = plot.bottom + 10 + line_height(SMALL) * 3 / 2;
    canvas.text((plot.left + plot.right) / 2, y, unit, TICK.centre());
}

/// What labels of an upward axis take.
pub(in crate::chart) const GUTTER: i32 = 100;
/// What labels and unit of a lower axis take.
pub(in crate::chart) const LOWER_AXIS: i32 = 2 * line_height(SMALL) + 14;
const TICK: Letter = Letter::size(SMALL);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_maps_its_ends_to_its_pixels_and_keeps_what_lies_beyond_at_its_edge() {
        let x = Scale::new(-2.0, 2.0, (100, 500));
        assert_eq!((x.at(-2.0), x.at(0.0), x.at(2.0)), (100, 300, 500));
        assert_eq!((x.within(9.0), x.within(-9.0)), (500, 100));
    }

    #[test]
    fn ticks_are_round_numbers_that_lie_on_the_axis() {
        let labels = |scale: Scale, most| scale.ticks(most).into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(Scale::new(-0.2, 0.21, (0, 9)), 4), ["−0.2", "0.0", "0.2"]);
        assert_eq!(labels(Scale::new(0.0, 23.0, (0, 9)), 5), ["0", "5", "10", "15", "20"]);
        let counts = Scale::new(0.0, 2.0, (0, 9)).whole_ticks(8);
        assert_eq!(counts.into_iter().map(|(_, label)| label).collect::<Vec<_>>(), ["0", "1", "2"]);
    }
}
