//! "Which client said what": a section of the page, as one piece of HTML.

use askama::Template;
use ttlsweep_clients::said::{Situation, Words};

use ttlsweep_record::units::grouped;

use crate::load::Runs;
use crate::said::{Seen, seen};

/// The section; empty if nothing failed that the table knows.
pub(super) fn section(runs: &Runs) -> Result<String, askama::Error> {
    let seen = seen(runs);
    if seen.is_empty() { Ok(String::new()) } else { Section { seen: &seen }.render() }
}

#[derive(Template)]
#[template(path = "clients.html")]
struct Section<'a> {
    seen: &'a [Seen],
}

// The template asks for these as methods.
#[allow(clippy::unused_self, reason = "askama calls methods, and these need nothing of the section")]
impl Section<'_> {
    fn title(&self, situation: &Situation) -> String {
        let Situation { cause, download, tls } = situation;
        let what = if *download { "download, " } else { "" };
        format!("{what}{}, over {}", cause.meaning(), if *tls { "TLS" } else { "plain HTTP" })
    }

    fn counted(&self, count: &u64) -> String {
        grouped(*count)
    }

    /// The words that came most often; a race of many has a tail that nobody reads.
    fn shown<'a>(&self, words: &'a [Words]) -> &'a [Words] {
        &words[..words.len().min(MOST_WORDS)]
    }
}

const MOST_WORDS: usize = 3;
