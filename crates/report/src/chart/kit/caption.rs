//! What stands above and below every chart, so that an image which travels alone still says what was measured.

use super::canvas::{Canvas, Sheet};
use super::lettering::{Letter, wrap};
use super::theme::{FAINT, Form, MARGIN, SMALL, TITLE, WARNING, WIDTH};
use crate::chart::About;
use crate::prose::count;

/// What a chart says of the runs it shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caption {
    /// What was found, by the verdict's own counts: a chart's title begins with it.
    pub finding: String,
    /// The experiment's name.
    pub experiment: String,
    /// The runs' names.
    pub runs: Vec<String>,
    /// How many transfers it is about.
    pub transfers: u64,
    /// Whole trials.
    pub trials: u64,
    /// The plan's seed.
    pub seed: u64,
    /// The version (and revision) of ttlsweep that made the run.
    pub version: String,
    /// The plan's hash, short.
    pub plan: String,
    /// What must be known before any chart is believed; `None` if nothing is.
    pub warning: Option<String>,
    /// What was left out of every chart or is missing; `None` if nothing is.
    pub left_out: Option<String>,
    /// What this chart has nothing to show of; `None` if it shows all.
    pub without: Option<String>,
    /// How wide it is.
    pub form: Form,
}

impl Caption {
    /// Lays out a chart's image, the `number`th of `of`: its title, then the chart as `draw` puts it below the given height,
    /// `body` high, then the small print. `how` says how to read it, with the statistic used.
    pub(in crate::chart) fn sheet(
        &self,
        (about, how): (About, &str),
        (number, of): (usize, usize),
        body: i32,
        draw: impl FnOnce(&mut Canvas, i32),
    ) -> Sheet {
        let title = self.title(about, number, of);
        let mut canvas = Canvas::default();
        let mut top = MARGIN - 4;
        for line in wrap(&title, TITLE_LETTER, USABLE) {
            canvas.text(MARGIN, top + line_height(TITLE) / 2, &line, TITLE_LETTER);
            top += line_height(TITLE);
        }
        top += 12;
        let bottom = top + body;
        draw(&mut canvas, top);
        let mut y = bottom + 16;
        canvas.line((MARGIN, bottom + 8), (WIDTH - MARGIN, bottom + 8), FAINT, 1);
        for (line, letter) in self.small_print(how) {
            canvas.text(MARGIN, y + line_height(SMALL) / 2, &line, letter);
            y += line_height(SMALL);
        }
        Sheet {
            name: if number == 1 { about.name.to_owned() } else { format!("{}-{number}", about.name) },
            title,
            how: [how, self.without.as_deref().unwrap_or_default()].join(" ").trim().to_owned(),
            width: self.form.width,
            height: y + MARGIN,
            body: (top, bottom),
            marks: canvas.marks,
        }
    }

    /// How much of an image title and small print take.
    pub(in crate::chart) fn frame_height(&self, about: About, how: &str) -> i32 {
        let lines = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let title = lines(wrap(&self.title(about, 1, 2), TITLE_LETTER, USABLE).len()) * line_height(TITLE);
        title + lines(self.small_print(how).len()) * line_height(SMALL) + 2 * MARGIN + 24
    }

    fn title(&self, about: About, number: usize, of: usize) -> String {
        let part = if of == 1 { String::new() } else { format!(", {number} of {of}") };
        let variable = format!("{}{part}", about.title);
        if self.finding.is_empty() { variable } else { format!("{} ({variable})", self.finding) }
    }

    fn small_print(&self, how: &str) -> Vec<(String, Letter)> {
        let small = Letter::size(SMALL);
        let runs = match self.runs.as_slice() {
            [one] => format!("run {one}"),
            // Names of many runs would push the chart off its own page.
            many if many.len() > 4 => format!("{} runs, {} to {}", many.len(), many[0], many[many.len() - 1]),
            many => format!("runs {}", many.join(", ")),
        };
        let identity = format!(
            "{} · {runs} · n = {} in {} · seed {} · ttlsweep {} · plan {}",
            self.experiment,
            count(self.transfers, "transfer"),
            count(self.trials, "whole trial"),
            self.seed,
            self.version,
            self.plan,
        );
        [
            (how, small),
            (self.warning.as_deref().unwrap_or_default(), small.bold().colour(WARNING)),
            (self.without.as_deref().unwrap_or_default(), small),
            (self.left_out.as_deref().unwrap_or_default(), small),
            (identity.as_str(), small.colour(FAINT)),
        ]
        .into_iter()
        .flat_map(|(text, letter)| wrap(text, letter, USABLE).into_iter().map(move |line| (line, letter)))
        .collect()
    }
}

/// The distance from one line of text to the next.
pub(in crate::chart) const fn line_height(size: i32) -> i32 {
    size * 4 / 3
}

const USABLE: i32 = WIDTH - 2 * MARGIN;
const TITLE_LETTER: Letter = Letter::size(TITLE).bold();
