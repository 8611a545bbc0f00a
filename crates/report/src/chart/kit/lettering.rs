//! Text: how wide it is, where its lines break, and which pixels it covers. The font is part of the program, so that
//! charts look the same on every machine, with or without fonts of its own.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};
use plotters::style::RGBColor;

use super::theme::INK;
use crate::unbroken::words;

/// Size, weight, colour and place of a text. Across the line of reading it is always centred on its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chart) struct Letter {
    pub(in crate::chart) size: i32,
    pub(in crate::chart) bold: bool,
    colour: RGBColor,
    pub(in crate::chart) align: Align,
    pub(in crate::chart) upright: bool,
}

/// Where a text stands along its line of reading, relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chart) enum Align {
    Left,
    Centre,
    Right,
}

impl Letter {
    pub(in crate::chart) const fn size(size: i32) -> Self {
        Self { size, bold: false, colour: INK, align: Align::Left, upright: false }
    }

    pub(in crate::chart) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(in crate::chart) const fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    pub(in crate::chart) const fn centre(self) -> Self {
        Self { align: Align::Centre, ..self }
    }

    pub(in crate::chart) const fn right(self) -> Self {
        Self { align: Align::Right, ..self }
    }

    /// Read from below.
    pub(in crate::chart) const fn upright(self) -> Self {
        Self { upright: true, ..self }
    }

    pub(in crate::chart) const fn colour_of(self) -> RGBColor {
        self.colour
    }

    /// How many pixels `text` takes along its line.
    pub(in crate::chart) fn width(self, text: &str) -> i32 {
        self.glyphs(text).1.ceil() as i32
    }

    /// The size as every other program counts it, in pixels an em, and how far below its point a text's baseline lies.
    pub(in crate::chart) fn em_and_baseline(self) -> (f32, f32) {
        let em = self.size as f32 * EM_SHARE;
        // Capitals and figures reach from the baseline to 0.73 em; half of that below its point centres a text on it.
        (em, em * 0.365)
    }

    /// The glyphs of `text` with their places, and where the next one would stand.
    fn glyphs(self, text: &str) -> (Vec<(GlyphId, f32)>, f32) {
        let font = self.font().as_scaled(self.scale());
        let mut at = 0.0;
        let mut last = None;
        let mut glyphs = Vec::new();
        for character in text.chars() {
            let glyph = font.glyph_id(character);
            if let Some(last) = last {
                at += font.kern(last, glyph);
            }
            glyphs.push((glyph, at));
            at += font.h_advance(glyph);
            last = Some(glyph);
        }
        (glyphs, at)
    }

    fn font(self) -> &'static FontRef<'static> {
        if self.bold { &BOLD } else { &REGULAR }
    }

    /// ab_glyph scales by the height from ascent to descent; sizes here are pixels an em, as everywhere else.
    fn scale(self) -> PxScale {
        let font = self.font();
        let units = font.units_per_em().unwrap_or(1000.0);
        PxScale::from(self.size as f32 * EM_SHARE * font.height_unscaled() / units)
    }
}

/// Calls `paint` with every pixel that `text` covers, and how much of it.
pub(in crate::chart) fn set(text: &str, (x, y): (i32, i32), letter: Letter, mut paint: impl FnMut((i32, i32), f64)) {
    let (glyphs, length) = letter.glyphs(text);
    let start = match letter.align {
        Align::Left => 0.0,
        Align::Centre => -length / 2.0,
        Align::Right => -length,
    };
    let font = letter.font();
    let (_, baseline) = letter.em_and_baseline();
    for (glyph, at) in glyphs {
        let placed = glyph.with_scale_and_position(letter.scale(), point(start + at, baseline));
        let Some(outline) = font.outline_glyph(placed) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|column, row, coverage| {
            let along = corner.x as i32 + column as i32;
            let down = corner.y as i32 + row as i32;
            let pixel = if letter.upright { (x + down, y - along) } else { (x + along, y + down) };
            if coverage > 0.01 {
                paint(pixel, f64::from(coverage));
            }
        });
    }
}

/// Breaks `text` into lines of at most `width` pixels, between words.
pub(in crate::chart) fn wrap(text: &str, letter: Letter, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text).filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if letter.width(&format!("{line} {word}")) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Cuts `text` to at most `width` pixels, with an ellipsis where it was longer.
pub(in crate::chart) fn fit(text: &str, letter: Letter, width: i32) -> String {
    if letter.width(text) <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shortened = format!("{}…", kept.iter().collect::<String>().trim_end());
        if letter.width(&shortened) <= width {
            return shortened;
        }
    }
    String::new()
}

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| font(include_bytes!("../../../assets/fonts/DejaVuSans.ttf")));
static BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| font(include_bytes!("../../../assets/fonts/DejaVuSans-Bold.ttf")));

fn font(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the font is part of this program and can be read")
}

/// The theme's sizes are heights of a line's letters with their descenders; an em is a little less.
const EM_SHARE: f32 = 0.88;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Letter = Letter::size(20);

    #[test]
    fn letters_stand_beside_each_other() {
        // The bearings were lost once: the two bars of `ll` then lay upon each other.
        let mut columns = std::collections::BTreeSet::new();
        set("ll", (100, 100), TEXT, |(x, _), coverage| {
            if coverage > 0.5 {
                columns.insert(x);
            }
        });
        let (first, last) = (columns.first().unwrap(), columns.last().unwrap());
        assert!((first + 1..*last).any(|x| !columns.contains(&x)), "{columns:?}");
    }

    #[test]
    fn bold_is_wider() {
        assert!(TEXT.bold().width("failure") > TEXT.width("failure"));
    }

    #[test]
    fn lines_break_between_words_and_lose_none() {
        let text = "whiskers are intervals which take transfers as independent";
        let lines = wrap(text, TEXT, 200);
        assert!(lines.len() > 2 && lines.iter().all(|line| TEXT.width(line) <= 200));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn a_text_that_is_too_long_ends_in_an_ellipsis() {
        let cut = fit("a very long label of a cell", TEXT, 100);
        assert!(cut.ends_with('…') && TEXT.width(&cut) <= 100);
        assert_eq!(fit("short", TEXT, 100), "short");
    }
}
