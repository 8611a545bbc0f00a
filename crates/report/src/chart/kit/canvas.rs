//! A sheet of pixels with the few strokes that charts need, over plotters.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::lettering::{Letter, set};
use super::theme::{INK, Marker, PAPER, Pattern, WIDTH};

/// A chart could not be drawn or its file not written.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ChartError {
    file: String,
    problem: String,
}

/// A rectangle in pixels, both corners within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chart) struct Rect {
    pub(in crate::chart) left: i32,
    pub(in crate::chart) top: i32,
    pub(in crate::chart) right: i32,
    pub(in crate::chart) bottom: i32,
}

impl Rect {
    pub(in crate::chart) const fn width(self) -> i32 {
        self.right - self.left
    }
}

/// The sheet. What goes wrong while drawing is kept until its end, so that drawing reads as drawing.
pub(in crate::chart) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
    problem: Option<String>,
}

/// Draws on a white sheet of the usual width and writes it to the PNG file `path`.
pub(in crate::chart) fn paint(path: &Path, height: i32, draw: impl FnOnce(&mut Canvas<'_>)) -> Result<(), ChartError> {
    let (width, height) = (WIDTH.unsigned_abs(), height.max(1).unsigned_abs());
    let failed = |problem: String| ChartError { file: path.display().to_string(), problem };
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let mut canvas = Canvas { area, problem: None };
        canvas.keep(|area| area.fill(&PAPER));
        draw(&mut canvas);
        canvas.keep(|area| area.present());
        if let Some(problem) = canvas.problem {
            return Err(failed(problem));
        }
    }
    write_png(path, width, height, &pixels).map_err(|error| failed(error.to_string()))
}

fn write_png(path: &Path, width: u32, height: u32, pixels: &[u8]) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Charts are flat areas: with a filter, which helps photographs, the files are a fifth larger.
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Default);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

impl<'a> Canvas<'a> {
    /// Sets `text` at a point, which it is centred on across its lines of reading.
    pub(in crate::chart) fn text(&mut self, x: i32, y: i32, text: &str, letter: Letter) {
        let mut pixels = Vec::new();
        set(text, (x, y), letter, |pixel, coverage| pixels.push((pixel, coverage)));
        let colour = letter.colour_of();
        self.keep(|area| {
            pixels.iter().try_for_each(|(pixel, coverage)| area.draw_pixel(*pixel, &colour.mix(*coverage)))
        });
    }

    pub(in crate::chart) fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) {
        self.keep(|area| area.draw(&PathElement::new([from, to], colour.stroke_width(width))));
    }

    pub(in crate::chart) fn fill(&mut self, rect: Rect, colour: RGBColor) {
        let corners = [(rect.left, rect.top), (rect.right, rect.bottom)];
        self.keep(|area| area.draw(&Rectangle::new(corners, colour.filled())));
    }

    pub(in crate::chart) fn outline(&mut self, rect: Rect, colour: RGBColor) {
        let corners = [(rect.left, rect.top), (rect.right, rect.bottom)];
        self.keep(|area| area.draw(&Rectangle::new(corners, colour.stroke_width(1))));
    }

    /// Fills `rect` and draws the pattern over it in dark lines.
    pub(in crate::chart) fn pattern(&mut self, rect: Rect, colour: RGBColor, pattern: Pattern) {
        const STEP: i32 = 8;
        self.fill(rect, colour);
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
                self.line((from, bottom - (from - start)), (to, bottom - (to - start)), INK, 1);
            }
            if falling {
                self.line((from, top + (from - start)), (to, top + (to - start)), INK, 1);
            }
        }
        if pattern == Pattern::Upright {
            for x in (left + STEP / 2..right).step_by(STEP as usize) {
                self.line((x, top), (x, bottom), INK, 1);
            }
        }
        if pattern == Pattern::Level {
            for y in (top + STEP / 2..bottom).step_by(STEP as usize) {
                self.line((left, y), (right, y), INK, 1);
            }
        }
        self.outline(rect, INK);
    }

    /// A point's marker, `radius` pixels around `(x, y)`; a hollow one shows the paper within.
    pub(in crate::chart) fn marker(
        &mut self,
        (x, y): (i32, i32),
        radius: i32,
        marker: Marker,
        colour: RGBColor,
        hollow: bool,
    ) {
        let r = radius;
        match marker {
            Marker::Circle => {
                let inside = if hollow { PAPER } else { colour };
                self.keep(|area| area.draw(&Circle::new((x, y), r, colour.filled())));
                if hollow {
                    self.keep(|area| area.draw(&Circle::new((x, y), r - 2, inside.filled())));
                }
            }
            Marker::Square => self.shape(&[(-r, -r), (r, -r), (r, r), (-r, r)], (x, y), colour, hollow),
            Marker::Triangle => self.shape(&[(0, -r - 1), (r + 1, r), (-r - 1, r)], (x, y), colour, hollow),
            Marker::TriangleDown => self.shape(&[(0, r + 1), (r + 1, -r), (-r - 1, -r)], (x, y), colour, hollow),
            Marker::Diamond => self.shape(&[(0, -r - 2), (r + 2, 0), (0, r + 2), (-r - 2, 0)], (x, y), colour, hollow),
            Marker::Cross => {
                self.line((x - r, y - r), (x + r, y + r), colour, 3);
                self.line((x - r, y + r), (x + r, y - r), colour, 3);
            }
            Marker::Plus => {
                self.line((x - r, y), (x + r, y), colour, 3);
                self.line((x, y - r), (x, y + r), colour, 3);
            }
            Marker::Bar => self.line((x, y - r), (x, y + r), colour, 4),
        }
    }

    fn shape(&mut self, corners: &[(i32, i32)], (x, y): (i32, i32), colour: RGBColor, hollow: bool) {
        let points: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        let inside = if hollow { PAPER } else { colour };
        self.keep(|area| area.draw(&Polygon::new(points.clone(), inside.filled())));
        let closed: Vec<_> = points.iter().chain(points.first()).copied().collect();
        self.keep(|area| area.draw(&PathElement::new(closed, colour.stroke_width(2))));
    }

    fn keep<E: std::fmt::Display>(
        &mut self,
        draw: impl FnOnce(&DrawingArea<BitMapBackend<'a>, Shift>) -> Result<(), E>,
    ) {
        if let Err(error) = draw(&self.area) {
            self.problem.get_or_insert_with(|| error.to_string());
        }
    }
}
