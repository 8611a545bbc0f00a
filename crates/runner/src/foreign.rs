//! What libraries warn of, such as the AWS SDK of a configuration that it cannot read: said as theirs, without their code's names.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes a line: `warning: the AWS SDK says: failed to parse profile: …`.
pub(crate) struct Warning;

impl<S, N> FormatEvent<S, N> for Warning
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let krate = event.metadata().target().split("::").next().unwrap_or_default();
        let library = if krate.starts_with("aws") { "the AWS SDK" } else { krate };
        let Said { message, error } = said;
        let separator = if error.is_empty() { "" } else { ": " };
        writeln!(line, "warning: {library} says: {message}{separator}{error}")
    }
}

#[derive(Default)]
struct Said {
    message: String,
    error: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "err" | "error" => self.error = in_words(&format!("{value:?}")).to_owned(),
            _ => {}
        }
    }
}

/// An error of the SDK without its code's own form, which follows the words in brackets: `no such file (Error { … })`.
fn in_words(error: &str) -> &str {
    let mut starts = error.match_indices(" (").map(|(at, _)| at);
    let is_code = |at: &usize| {
        let rest = &error[at + 2..];
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        rest.starts_with(|c: char| c.is_ascii_uppercase()) && (name.starts_with('(') || name.starts_with(" {"))
    };
    starts.find(is_code).map_or(error, |at| &error[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_loses_its_codes_form_and_keeps_its_own_brackets() {
        let error = "could not parse ~/.aws/config on line 1:\n  it ends (ParseError(EnvConfigParseError { line: 1 }))";
        assert_eq!(in_words(error), "could not parse ~/.aws/config on line 1:\n  it ends");
        let unknown = "unknown value \"foo\" (EnvConfigError { property_source: \"x\" })";
        assert_eq!(in_words(unknown), "unknown value \"foo\"");
        let ours = "sections (other than [default]) need a prefix (See there)";
        assert_eq!(in_words(ours), ours);
    }
}
