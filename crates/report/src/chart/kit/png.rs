//! A sheet as pixels, over plotters, in a PNG file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Mark, Rect, Sheet};
use super::lettering::set;
use super::theme::{INK, Marker, PAPER, Pattern, WIDTH};

/// A chart could not be drawn or its file not written.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ChartError {
    file: String,
    problem: String,
}

/// Writes the sheet to the PNG file `path`.
pub(crate) fn write(path: &Path, sheet: &Sheet) -> Result<(), ChartError> {
    write_marks(path, sheet.height, &sheet.marks)
}

/// Writes a sheet of the usual width with these marks.
pub(in crate::chart) fn write_marks(path: &Path, height: i32, marks: &[Mark]) -> Result<(), ChartError> {
    let (width, height) = (WIDTH.unsigned_abs(), height.max(1).unsigned_abs());
    let failed = |problem: String| ChartError { file: path.display().to_string(), problem };
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let draw = || -> Drawn<'_> {
            area.fill(&PAPER)?;
            marks.iter().try_for_each(|mark| draw_mark(&area, mark))?;
            area.present()
        };
        draw().map_err(|error| failed(error.to_string()))?;
    }
    encode(path, width, height, &pixels).map_err(|error| failed(error.to_string()))
}

fn encode(path: &Path, width: u32, height: u32, pixels: &[u8]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Charts are flat areas: with a filter, which helps photographs, the files are a fifth larger.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw_mark<'a>(area: &Area<'a>, mark: &Mark) -> Drawn<'a> {
    match *mark {
        Mark::Line { from, to, colour, width, dashed: false } => line(area, from, to, colour, width),
        Mark::Line { from, to, colour, width, dashed: true } => dashes(area, from, to, colour, width),
        Mark::Fill { rect, colour } => area.draw(&Rectangle::new(corners(rect), colour.filled())),
        Mark::Outline { rect, colour } => area.draw(&Rectangle::new(corners(rect), colour.stroke_width(1))),
        Mark::Patterned { rect, colour, pattern } => patterned(area, rect, colour, pattern),
        Mark::Point { at, radius, marker, colour, hollow } => point(area, at, radius, marker, colour, hollow),
        Mark::Text { at, ref text, letter } => {
            let mut pixels = Vec::new();
            set(text, at, letter, |pixel, coverage| pixels.push((pixel, coverage)));
            let colour = letter.colour_of();
            pixels.into_iter().try_for_each(|(pixel, coverage)| area.draw_pixel(pixel, &colour.mix(coverage)))
        }
    }
}

const fn corners(rect: Rect) -> [(i32, i32); 2] {
    [(rect.left, rect.top), (rect.right, rect.bottom)]
}

fn line<'a>(area: &Area<'a>, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) -> Drawn<'a> {
    area.draw(&PathElement::new([from, to], colour.stroke_width(width)))
}

fn dashes<'a>(area: &Area<'a>, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) -> Drawn<'a> {
    const DASH: f64 = 9.0;
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = dx.hypot(dy);
    let place = |along: f64| {
        let share = (along / length).min(1.0);
        (from.0 + (dx * share).round() as i32, from.1 + (dy * share).round() as i32)
    };
    let mut along = 0.0;
    while along < length {
        line(area, place(along), place(along + DASH), colour, width)?;
        along += DASH * 1.8;
    }
    Ok(())
}

fn patterned<'a>(area: &Area<'a>, rect: Rect, colour: RGBColor, pattern: Pattern) -> Drawn<'a> {
    const STEP: i32 = 8;
    area.draw(&Rectangle::new(corners(rect), colour.filled()))?;
    let (left, top, right, bottom) = (rect.left, rect.top, rect.right, rect.bottom);
    let height = bottom - top;
    // A line that rises meets x + y = sum, one that falls x − y = difference; both are cut to the rectangle.
    let rising = matches!(pattern, Pattern::Rising | Pattern::Crossed);
    let falling = matches!(pattern, Pattern::Falling | Pattern::Crossed);
    for start in (left - height..=right).step_by(STEP as usize) {
        let (from, to) = (start.max(left), (start + height).min(right));
        if from >= to {
            continue;
        }
        if rising {
            line(area, (from, bottom - (from - start)), (to, bottom - (to - start)), INK, 1)?;
        }
        if falling {
            line(area, (from, top + (from - start)), (to, top + (to - start)), INK, 1)?;
        }
    }
    if pattern == Pattern::Upright {
        (left + STEP / 2..right).step_by(STEP as usize).try_for_each(|x| line(area, (x, top), (x, bottom), INK, 1))?;
    }
    if pattern == Pattern::Level {
        (top + STEP / 2..bottom).step_by(STEP as usize).try_for_each(|y| line(area, (left, y), (right, y), INK, 1))?;
    }
    area.draw(&Rectangle::new(corners(rect), INK.stroke_width(1)))
}

fn point<'a>(
    area: &Area<'a>,
    (x, y): (i32, i32),
    radius: i32,
    marker: Marker,
    colour: RGBColor,
    hollow: bool,
) -> Drawn<'a> {
    let inside = if hollow { PAPER } else { colour };
    if marker == Marker::Circle {
        area.draw(&Circle::new((x, y), radius, colour.filled()))?;
        return if hollow { area.draw(&Circle::new((x, y), radius - 2, inside.filled())) } else { Ok(()) };
    }
    if let Some(corners) = marker.corners(radius) {
        let points: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        area.draw(&Polygon::new(points.clone(), inside.filled()))?;
        let closed: Vec<_> = points.iter().chain(points.first()).copied().collect();
        return area.draw(&PathElement::new(closed, colour.stroke_width(2)));
    }
    marker
        .strokes(radius)
        .into_iter()
        .try_for_each(|[from, to]| line(area, (x + from.0, y + from.1), (x + to.0, y + to.1), colour, Marker::STROKE))
}
