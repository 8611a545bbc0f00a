//! Sheets as SVG within a page: text stays text, and colours are variables, so that a page shows them in light and dark.

use std::collections::BTreeSet;
use std::fmt::Write;

use plotters::style::RGBColor;

use super::canvas::{Mark, Rect, Sheet};
use super::lettering::{Align, Letter};
use super::theme::{INK, Marker, PAPER, Pattern, WIDTH, in_the_dark};

/// What drawings on one page share: the colours and patterns that they use.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    colours: BTreeSet<(u8, u8, u8)>,
    patterns: BTreeSet<((u8, u8, u8), &'static str)>,
}

impl Shared {
    /// The chart itself, without the title and the small print, which the page says. `alt` is said to whom cannot see it.
    pub(crate) fn draw(&mut self, sheet: &Sheet, alt: &str) -> String {
        let (top, bottom) = sheet.body;
        let height = (bottom - top).max(1);
        let (width, class) = (sheet.width, if sheet.width < WIDTH { "narrow drawing" } else { "drawing" });
        let mut text = format!(
            "<svg class=\"{class}\" role=\"img\" aria-label=\"{}\" viewBox=\"0 {top} {width} {height}\" width=\"{width}\" \
             height=\"{height}\">",
            escaped(alt)
        );
        let marks: Vec<&Mark> = sheet.body().collect();
        // Marks of one look are one element: a chart of thousands of them stays small.
        for alike in marks.chunk_by(|one, next| is_alike(one, next)) {
            self.draw_alike(&mut text, alike);
        }
        text + "</svg>"
    }

    /// The colours of all that was drawn, for a style sheet: light, and dark on a dark screen.
    pub(crate) fn style(&self) -> String {
        let list = |shown: fn(RGBColor) -> RGBColor| {
            let one =
                |&(r, g, b): &(u8, u8, u8)| format!("--k{}:#{};", hex((r, g, b)), hex(parts(shown(RGBColor(r, g, b)))));
            self.colours.iter().map(one).collect::<String>()
        };
        format!(
            ":root{{{}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{}}}}}",
            list(|colour| colour),
            list(in_the_dark)
        )
    }

    /// The patterns of all that was drawn; they stand on the page once.
    pub(crate) fn patterns(&self) -> String {
        let mut text = String::from("<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>");
        for (colour, name) in &self.patterns {
            // On what stays bright on a dark screen, lines stay dark.
            let RGBColor(r, g, b) = in_the_dark(RGBColor(colour.0, colour.1, colour.2));
            let is_bright = u32::from(r) + u32::from(g) + u32::from(b) > 3 * 128;
            let ink = hex(parts(INK));
            let lines = if is_bright { format!("#{ink}") } else { format!("var(--k{ink})") };
            let _ = write!(
                text,
                "<pattern id=\"k{0}{name}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\"><path d=\"M0 0h8v8h-8z\" \
                 fill=\"var(--k{0})\"/><path d=\"{1}\" stroke=\"{2}\"/></pattern>",
                hex(*colour),
                pattern_path(name),
                lines,
            );
        }
        text + "</defs></svg>"
    }

    fn colour(&mut self, colour: RGBColor) -> String {
        self.colours.insert(parts(colour));
        format!("var(--k{})", hex(parts(colour)))
    }

    // Writing to a string cannot fail.
    fn draw_alike(&mut self, out: &mut String, marks: &[&Mark]) {
        match *marks[0] {
            Mark::Line { colour, width, dashed, .. } => {
                let dashes = if dashed { " stroke-dasharray=\"9 7\"" } else { "" };
                let _ = write!(
                    out,
                    "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"{dashes}/>",
                    lines(marks),
                    self.colour(colour)
                );
            }
            Mark::Fill { colour, .. } => {
                let _ = write!(out, "<path d=\"{}\" fill=\"{}\"/>", boxes(marks), self.colour(colour));
            }
            Mark::Outline { colour, .. } => {
                let _ = write!(out, "<path d=\"{}\" fill=\"none\" stroke=\"{}\"/>", boxes(marks), self.colour(colour));
            }
            Mark::Patterned { colour, pattern, .. } => {
                let fill = match pattern_name(pattern) {
                    None => self.colour(colour),
                    Some(name) => {
                        self.colour(colour);
                        self.patterns.insert((parts(colour), name));
                        format!("url(#k{}{name})", hex(parts(colour)))
                    }
                };
                let _ = write!(out, "<path d=\"{}\" fill=\"{fill}\" stroke=\"{}\"/>", boxes(marks), self.colour(INK));
            }
            Mark::Point { radius, marker, colour, hollow, .. } => {
                self.draw_points(out, marks, radius, (marker, colour, hollow))
            }
            Mark::Text { at, ref text, letter } => self.draw_text(out, at, text, letter),
        }
    }

    fn draw_points(
        &mut self,
        out: &mut String,
        marks: &[&Mark],
        radius: i32,
        (marker, colour, hollow): (Marker, RGBColor, bool),
    ) {
        let mut path = String::new();
        for mark in marks {
            let Mark::Point { at: (x, y), .. } = mark else { continue };
            let _ = match (marker, marker.corners(radius)) {
                // A line of no length with round ends.
                (Marker::Circle, _) if !hollow => write!(path, "M{x} {y}h0"),
                (Marker::Circle, _) => {
                    let r = radius - 1;
                    write!(path, "M{} {y}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 {} 0z", x - r, 2 * r, -2 * r)
                }
                (_, Some(corners)) => {
                    let corners: Vec<String> =
                        corners.iter().map(|(dx, dy)| format!("{} {}", x + dx, y + dy)).collect();
                    write!(path, "M{}z", corners.join("L"))
                }
                (_, None) => marker.strokes(radius).into_iter().try_for_each(|[from, to]| {
                    write!(path, "M{} {}L{} {}", x + from.0, y + from.1, x + to.0, y + to.1)
                }),
            };
        }
        let colour = self.colour(colour);
        let inside = if hollow { self.colour(PAPER) } else { colour.clone() };
        let _ = match marker {
            Marker::Circle if !hollow => write!(
                out,
                "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{}\" stroke-linecap=\"round\"/>",
                2 * radius
            ),
            _ if marker.corners(radius).is_none() && marker != Marker::Circle => {
                write!(out, "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{}\"/>", Marker::STROKE)
            }
            _ => write!(out, "<path d=\"{path}\" fill=\"{inside}\" stroke=\"{colour}\" stroke-width=\"2\"/>"),
        };
    }

    fn draw_text(&mut self, out: &mut String, (x, y): (i32, i32), text: &str, letter: Letter) {
        let (em, baseline) = letter.em_and_baseline();
        let anchor = match letter.align {
            Align::Left => "",
            Align::Centre => " text-anchor=\"middle\"",
            Align::Right => " text-anchor=\"end\"",
        };
        let weight = if letter.bold { " font-weight=\"700\"" } else { "" };
        let place = if letter.upright {
            format!("transform=\"translate({x} {y})rotate(-90)\" y=\"{baseline:.1}\"")
        } else {
            format!("x=\"{x}\" y=\"{:.1}\"", y as f32 + baseline)
        };
        // The reader's font may be wider than the one that the chart was laid out with.
        let _ = write!(
            out,
            "<text {place} font-size=\"{em:.1}\"{weight}{anchor} fill=\"{}\" textLength=\"{}\" \
             lengthAdjust=\"spacingAndGlyphs\">{}</text>",
            self.colour(letter.colour_of()),
            letter.width(text),
            escaped(text)
        );
    }
}

/// Whether two marks differ in their place alone.
fn is_alike(one: &Mark, next: &Mark) -> bool {
    match (one, next) {
        (Mark::Line { colour, width, dashed, .. }, Mark::Line { colour: c, width: w, dashed: d, .. }) => {
            (colour, width, dashed) == (c, w, d)
        }
        (Mark::Fill { colour, .. }, Mark::Fill { colour: c, .. })
        | (Mark::Outline { colour, .. }, Mark::Outline { colour: c, .. }) => colour == c,
        (Mark::Patterned { colour, pattern, .. }, Mark::Patterned { colour: c, pattern: p, .. }) => {
            (colour, pattern) == (c, p)
        }
        (
            Mark::Point { radius, marker, colour, hollow, .. },
            Mark::Point { radius: r, marker: m, colour: c, hollow: h, .. },
        ) => (radius, marker, colour, hollow) == (r, m, c, h),
        _ => false,
    }
}

fn lines(marks: &[&Mark]) -> String {
    let mut path = String::new();
    let mut last = None;
    for mark in marks {
        let Mark::Line { from, to, .. } = mark else { continue };
        if last != Some(*from) {
            let _ = write!(path, "M{} {}", from.0, from.1);
        }
        let _ = write!(path, "L{} {}", to.0, to.1);
        last = Some(*to);
    }
    path
}

fn boxes(marks: &[&Mark]) -> String {
    let mut path = String::new();
    for mark in marks {
        if let Mark::Fill { rect, .. } | Mark::Outline { rect, .. } | Mark::Patterned { rect, .. } = mark {
            let Rect { left, top, right, bottom } = *rect;
            let _ = write!(path, "M{left} {top}H{right}V{bottom}H{left}z");
        }
    }
    path
}

const fn pattern_name(pattern: Pattern) -> Option<&'static str> {
    match pattern {
        Pattern::Plain => None,
        Pattern::Rising => Some("rising"),
        Pattern::Falling => Some("falling"),
        Pattern::Upright => Some("upright"),
        Pattern::Level => Some("level"),
        Pattern::Crossed => Some("crossed"),
    }
}

/// One tile's lines; those that lean go a little beyond its corners, where they would be cut otherwise.
fn pattern_path(name: &str) -> &'static str {
    match name {
        "rising" => "M-1 9L9 -1M-1 1L1 -1M7 9L9 7",
        "falling" => "M-1 -1L9 9M7 -1L9 1M-1 7L1 9",
        "upright" => "M4 0V8",
        "level" => "M0 4H8",
        _ => "M-1 9L9 -1M-1 -1L9 9",
    }
}

const fn parts(colour: RGBColor) -> (u8, u8, u8) {
    (colour.0, colour.1, colour.2)
}

fn hex((r, g, b): (u8, u8, u8)) -> String {
    format!("{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::kit::canvas::Canvas;

    fn sheet(draw: impl FnOnce(&mut Canvas)) -> Sheet {
        let mut canvas = Canvas::default();
        draw(&mut canvas);
        let (title, how) = (String::new(), String::new());
        Sheet { name: "x".into(), title, how, width: WIDTH, height: 100, body: (0, 100), marks: canvas.marks }
    }

    #[test]
    fn what_a_server_called_itself_is_text_and_no_tag() {
        let sheet = sheet(|canvas| canvas.text(1, 2, "<script>&\"", Letter::size(20)));
        let text = Shared::default().draw(&sheet, "\"><b>");
        assert!(
            text.contains(">&lt;script&gt;&amp;&quot;</text>") && text.contains("aria-label=\"&quot;&gt;&lt;b&gt;\"")
        );
    }

    #[test]
    fn thousands_of_marks_of_one_look_are_one_short_path() {
        let sheet = sheet(|canvas| (0..4000).for_each(|at| canvas.marker((at, 50), 3, Marker::Circle, INK, false)));
        let text = Shared::default().draw(&sheet, "");
        assert_eq!(text.matches("<path").count(), 1);
        assert_eq!(text.matches("h0").count(), 4000);
    }

    #[test]
    fn what_stands_above_and_below_the_chart_is_left_to_the_page() {
        let mut sheet = sheet(|canvas| {
            [10, 50, 90].into_iter().for_each(|y| canvas.text(0, y, &format!("at {y}"), Letter::size(20)))
        });
        sheet.body = (20, 80);
        let text = Shared::default().draw(&sheet, "");
        assert!(text.contains("at 50") && !text.contains("at 10") && !text.contains("at 90"));
    }

    #[test]
    fn each_colour_has_one_for_dark_screens_in_which_ink_is_light() {
        let mut shared = Shared::default();
        shared.draw(&sheet(|canvas| canvas.line((0, 0), (9, 9), INK, 1)), "");
        let style = shared.style();
        assert!(style.contains("--k222222:#222222;}") && style.contains("--k222222:#e"), "{style}");
    }
}
