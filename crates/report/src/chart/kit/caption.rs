//! What stands above and below every chart, so that an image which travels alone still says what was measured.

use super::canvas::Canvas;
use super::lettering::{Letter, wrap};
use super::theme::{FAINT, INK, MARGIN, SMALL, TEXT, TITLE, WARNING, WIDTH};

/// What a chart says of the runs it shows.
#[derive(Debug, Clone, Default)]
pub struct Caption {
    /// The experiment's name.
    pub experiment: String,
    /// The experiment's question.
    pub question: String,
    /// The runs' names.
    pub runs: Vec<String>,
    /// How many transfers failed, and of how many: of the grid, of the controls, and the expired starts.
    pub counts: String,
    /// Whole trials.
    pub trials: u64,
    /// The plan's seed.
    pub seed: u64,
    /// The version (and revision) of ttlsweep that made the run.
    pub version: String,
    /// The plan's hash, short.
    pub plan: String,
    /// The settings that were the same everywhere.
    pub fixed: String,
    /// What is known of the target's enforcement of expiry.
    pub enforcement: String,
    /// Whether some target lets expired links through.
    pub invalid: bool,
    /// What was left out or is missing, where anything was.
    pub left_out: Option<String>,
}

impl Caption {
    /// The lines above the chart take this many pixels.
    pub(in crate::chart) fn head_height(&self, title: &str) -> i32 {
        MARGIN
            + line_height(TITLE) * count(&wrap(title, TITLE_LETTER, USABLE))
            + line_height(TEXT) * count(&self.question_lines())
            + 8
    }

    /// Draws title and question; below lies the chart.
    pub(in crate::chart) fn draw_head(&self, canvas: &mut Canvas<'_>, title: &str) {
        let mut y = MARGIN - 4;
        for line in wrap(title, TITLE_LETTER, USABLE) {
            canvas.text(MARGIN, y + line_height(TITLE) / 2, &line, TITLE_LETTER);
            y += line_height(TITLE);
        }
        for line in self.question_lines() {
            canvas.text(MARGIN, y + line_height(TEXT) / 2, &line, QUESTION_LETTER);
            y += line_height(TEXT);
        }
    }

    /// The lines below the chart take this many pixels. `how` says how to read it, with the statistic used.
    pub(in crate::chart) fn foot_height(&self, how: &str) -> i32 {
        count(&self.foot(how)) * line_height(SMALL) + MARGIN + 16
    }

    /// Draws the lines below the chart, from `top` on.
    pub(in crate::chart) fn draw_foot(&self, canvas: &mut Canvas<'_>, top: i32, how: &str) {
        canvas.line((MARGIN, top + 8), (WIDTH - MARGIN, top + 8), FAINT, 1);
        let mut y = top + 16;
        for (line, letter) in self.foot(how) {
            canvas.text(MARGIN, y + line_height(SMALL) / 2, &line, letter);
            y += line_height(SMALL);
        }
    }

    fn question_lines(&self) -> Vec<String> {
        let question = &self.question;
        let both =
            if question.is_empty() { self.experiment.clone() } else { format!("{}: {question}", self.experiment) };
        wrap(&both, QUESTION_LETTER, USABLE)
    }

    fn foot(&self, how: &str) -> Vec<(String, Letter)> {
        let small = Letter::size(SMALL);
        let enforcement = if self.invalid { small.bold().colour(WARNING) } else { small };
        let runs = match self.runs.as_slice() {
            [one] => format!("run {one}"),
            // Names of many runs would push the chart off its own page.
            many if many.len() > 4 => format!("{} runs, {} to {}", many.len(), many[0], many[many.len() - 1]),
            many => format!("runs {}", many.join(", ")),
        };
        let identity = format!(
            "experiment {} · {runs} · n: {} {}. · seed {} · ttlsweep {} · plan {}",
            self.experiment,
            self.counts,
            plural(self.trials, "whole trial"),
            self.seed,
            self.version,
            self.plan,
        );
        let fixed = if self.fixed.is_empty() { String::new() } else { format!("same everywhere: {}", self.fixed) };
        let left_out = self.left_out.clone().unwrap_or_default();
        [
            (how.to_owned(), small),
            (self.enforcement.clone(), enforcement),
            (left_out, small),
            (fixed, small.colour(FAINT)),
            (identity, small.colour(FAINT)),
        ]
        .into_iter()
        .filter(|(text, _)| !text.is_empty())
        .flat_map(|(text, letter)| wrap(&text, letter, USABLE).into_iter().map(move |line| (line, letter)))
        .collect()
    }
}

/// `1234567` as `1 234 567`, with spaces that don't break.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// `1 user`, `4 users`.
pub fn plural(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(number)) }
}

/// The distance from one line of text to the next.
pub(in crate::chart) const fn line_height(size: i32) -> i32 {
    size * 4 / 3
}

fn count<T>(lines: &[T]) -> i32 {
    i32::try_from(lines.len()).unwrap_or(i32::MAX)
}

const USABLE: i32 = WIDTH - 2 * MARGIN;
const TITLE_LETTER: Letter = Letter::size(TITLE).bold();
const QUESTION_LETTER: Letter = Letter::size(TEXT).colour(INK);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1\u{a0}234\u{a0}567");
    }
}
