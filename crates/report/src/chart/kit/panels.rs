//! Panels below each other, each with a heading and a line of notes, over as many images as they need.

use super::canvas::{Canvas, Rect, Sheet};
use super::caption::{Caption, line_height};
use super::lettering::{Letter, wrap};
use super::theme::{FAINT, HEADING, MARGIN, SMALL, WIDTH};
use crate::chart::About;

/// What stands above a panel.
pub(in crate::chart) struct Heading<'a> {
    /// What it stands for; empty if there is only one panel.
    pub(in crate::chart) title: &'a str,
    /// Its numbers, and what it leaves out.
    pub(in crate::chart) notes: &'a str,
}

impl Heading<'_> {
    fn title_lines(&self) -> Vec<String> {
        wrap(self.title, TITLE, WIDTH - 2 * MARGIN)
    }

    fn note_lines(&self) -> Vec<String> {
        wrap(self.notes, NOTE, WIDTH - 2 * MARGIN)
    }

    fn height(&self) -> i32 {
        let lines = |count: usize| i32::try_from(count).unwrap_or(0);
        GAP + lines(self.title_lines().len()) * line_height(HEADING)
            + lines(self.note_lines().len()) * line_height(SMALL)
            + 8
    }

    fn draw(&self, canvas: &mut Canvas, top: i32) {
        let mut y = top + GAP;
        for line in self.title_lines() {
            canvas.text(MARGIN, y + line_height(HEADING) / 2, &line, TITLE);
            y += line_height(HEADING);
        }
        for line in self.note_lines() {
            canvas.text(MARGIN, y + line_height(SMALL) / 2, &line, NOTE);
            y += line_height(SMALL);
        }
    }
}

/// Draws `panels`, each `height` pixels high below its heading.
pub(in crate::chart) fn draw_panels<P>(
    (about, caption, how): (About, &Caption, &str),
    panels: &[P],
    heading: impl Fn(&P) -> Heading<'_>,
    height: impl Fn(&P) -> i32,
    draw: impl Fn(&mut Canvas, &P, Rect),
) -> Vec<Sheet> {
    let frame = caption.frame_height(about, how);
    let tall = |panel: &P| heading(panel).height() + height(panel);
    let mut images: Vec<Vec<&P>> = vec![Vec::new()];
    let mut used = frame;
    for panel in panels {
        if used + tall(panel) > IMAGE_HEIGHT && images.last().is_some_and(|image| !image.is_empty()) {
            images.push(Vec::new());
            used = frame;
        }
        used += tall(panel);
        images.last_mut().expect("there is an image").push(panel);
    }
    let sheet = |(number, image): (usize, &Vec<&P>)| {
        let body = image.iter().map(|panel| tall(panel)).sum::<i32>();
        caption.sheet((about, how), (number, images.len()), body, |canvas, mut top| {
            for panel in image {
                heading(panel).draw(canvas, top);
                let body = top + heading(panel).height();
                let area = Rect { left: MARGIN, top: body, right: WIDTH - MARGIN, bottom: body + height(panel) };
                draw(canvas, panel, area);
                top = area.bottom;
            }
        })
    };
    (1..).zip(&images).map(sheet).collect()
}

const IMAGE_HEIGHT: i32 = 2200;
const GAP: i32 = 18;
const TITLE: Letter = Letter::size(HEADING).bold();
const NOTE: Letter = Letter::size(SMALL).colour(FAINT);
