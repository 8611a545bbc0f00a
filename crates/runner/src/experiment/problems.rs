//! What is wrong with an experiment, said where it stands: each problem points at its text and says what to write.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode, SourceSpan,
};

use ttlsweep_record::text::{is_obeyed, visible, visible_lines};

/// A piece of text that a problem can point at: in the file, or in an option of the command line.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    source: Arc<Source>,
    span: SourceSpan,
}

/// The text for a terminal to show, of the same length in bytes, so that what points at it still does.
fn shown(text: &str) -> String {
    let stand_in = |char: char| match (char, char.len_utf8()) {
        ('\n' | '\t', _) => char,
        (_, 1) => '?',
        (_, 2) => '·',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.replace("\r\n", " \n").chars().map(|char| if is_obeyed(char) { stand_in(char) } else { char }).collect()
}

impl Place {
    pub(crate) fn new(source: &Arc<Source>, span: std::ops::Range<usize>) -> Self {
        Self { source: Arc::clone(source), span: span.into() }
    }

    /// Another piece of the same text.
    pub(crate) fn elsewhere(&self, span: std::ops::Range<usize>) -> Self {
        Self::new(&self.source, span)
    }

    /// Whether the text was given on the command line.
    pub(crate) fn is_option(&self) -> bool {
        self.source.rank > 0
    }

    /// The text pointed at.
    pub(crate) fn text(&self) -> &str {
        let text = &self.source.text;
        text.get(self.span.offset()..self.span.offset() + self.span.len()).unwrap_or_default()
    }

    fn order(&self) -> (usize, usize) {
        (self.source.rank, self.span.offset())
    }
}

/// A text with a name: the experiment file, or one option of the command line.
#[derive(Debug)]
pub(crate) struct Source {
    text: String,
    shown: NamedSource<String>,
    /// Problems are listed in this order: the file first, then the options as they were given.
    rank: usize,
}

impl Source {
    pub(crate) fn new(name: &str, text: impl Into<String>, rank: usize) -> Arc<Self> {
        let text = text.into();
        Arc::new(Self { shown: NamedSource::new(visible(name), shown(&text)), text, rank })
    }

    /// The text's length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }
}

/// One thing that is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    labels: Vec<(Place, String)>,
    help: Option<String>,
    /// What has to be pointed at in other texts than the first label's.
    elsewhere: Vec<(Place, String)>,
    severity: Severity,
}

impl Problem {
    /// A problem that is said in `message` and shown at `place`, where `label` says what was expected or found.
    pub(crate) fn at(place: &Place, label: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: visible_lines(&message.into()),
            labels: vec![(place.clone(), visible_lines(&label.into()))],
            help: None,
            elsewhere: Vec::new(),
            severity: Severity::Error,
        }
    }

    /// A problem with a file as a whole, so that there is no text to show.
    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        let message = visible_lines(&message.into());
        Self { message, labels: Vec::new(), help: None, elsewhere: Vec::new(), severity: Severity::Error }
    }

    /// The same as something to be warned of.
    #[must_use]
    pub(crate) fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The message alone.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Points at a second place too.
    #[must_use]
    pub(crate) fn and_at(mut self, place: &Place, label: impl Into<String>) -> Self {
        let same_text = self.labels.first().is_some_and(|(first, _)| Arc::ptr_eq(&first.source, &place.source));
        let label = visible_lines(&label.into());
        if same_text {
            self.labels.push((place.clone(), label));
        } else {
            self.elsewhere.push((place.clone(), label));
        }
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(visible_lines(&help.into()));
        self
    }

    fn order(&self) -> (usize, usize) {
        self.labels.first().map_or((0, 0), |(place, _)| place.order())
    }

    /// The message behind `mark`, the text with its labels, and the help; then the places in other texts.
    pub(crate) fn render(&self, mark: &str, theme: &GraphicalTheme, width: usize) -> String {
        let rendered = |problem: &Self, mark: &str| {
            let mut theme = theme.clone();
            mark.clone_into(&mut theme.characters.error);
            mark.clone_into(&mut theme.characters.warning);
            let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(width);
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = handler.render_report(&mut text, problem);
            text
        };
        let mut text = rendered(self, mark).trim_start().to_owned();
        for (at, (place, label)) in (1..).zip(&self.elsewhere) {
            let help = self.help.clone().filter(|_| at == self.elsewhere.len());
            let other = rendered(&Self { help, ..Self::at(place, label, "") }, "");
            // It has no message of its own, which leaves a line empty.
            text.extend(other.split_inclusive('\n').skip_while(|line| line.trim().is_empty()));
        }
        text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        // It stands below the last place.
        let help = self.help.as_ref().filter(|_| self.elsewhere.is_empty())?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.labels.first().map(|(place, _)| &place.source.shown as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter();
        Some(Box::new(labels.map(|(place, label)| LabeledSpan::new_with_span(Some(label.clone()), place.span))))
    }
}

/// Everything that is wrong, so that one look at the report is enough to mend the file.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// The value of a result; its problem, where it has one, is kept for the report.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All problems, in the order of the text.
    pub(crate) fn into_error(mut self, name: &str) -> LoadError {
        self.0.sort_by_key(Problem::order);
        LoadError { name: name.to_owned(), problems: self.0 }
    }
}

/// Why an experiment cannot be loaded: everything that is wrong with its file and with the options that change it.
///
/// Shown, it is the first problem's message or how many there are, and then each problem where it stands.
pub struct LoadError {
    name: String,
    problems: Vec<Problem>,
}

impl LoadError {
    /// The error of a single problem.
    pub(crate) fn of(problem: Problem) -> Self {
        Self { name: String::new(), problems: vec![problem] }
    }

    /// The problems as text, wrapped to `width` characters. Several of them are numbered.
    pub(crate) fn render(&self, theme: &GraphicalTheme, width: usize) -> String {
        if let [problem] = self.problems.as_slice() {
            return problem.render("", theme, width);
        }
        let count = self.problems.len();
        let numbered = (1..).zip(&self.problems);
        let rendered = numbered.map(|(number, problem)| problem.render(&format!("{number}."), theme, width));
        let parts: Vec<String> =
            [format!("{} has {count} problems\n", self.name)].into_iter().chain(rendered).collect();
        parts.join("\n")
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(&theme(), width()).trim_end())
    }
}

/// What a test that unwraps it shows.
impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for LoadError {}

/// What the terminal behind stderr can show.
pub(crate) fn theme() -> GraphicalTheme {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_dumb = variable("TERM") == "dumb";
    let charset = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().map(variable).find(|value| !value.is_empty());
    let has_unicode =
        charset.is_some_and(|locale| locale.to_lowercase().replace('-', "").ends_with("utf8")) && !is_dumb;
    match (has_unicode, io::stderr().is_terminal() && variable("NO_COLOR").is_empty() && !is_dumb) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme::ascii(),
        (false, false) => GraphicalTheme::none(),
    }
}

/// How many characters a line of the terminal has.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(100, |(width, _)| usize::from(width.0).clamp(40, 120))
}

/// The nearest of the `known` words, where one is near enough to be what was meant.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&found, &word.replace('-', "_")), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Why a file could not be read, in words.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_stranger_is_not() {
        let keys = ["timeout", "idle_timeout", "ttl", "users"];
        assert_eq!(nearest("timeot", keys), Some("timeout"));
        assert_eq!(nearest("idle-timeout", keys), Some("idle_timeout"));
        assert_eq!(nearest("tll", keys), Some("ttl"));
        assert_eq!(nearest("faults", keys), None);
    }
}
