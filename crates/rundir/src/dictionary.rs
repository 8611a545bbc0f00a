//! The data dictionary: the documentation of every column, generated from the row types.

use std::fmt::Write;

use ttlsweep_record::row::{Column, Row};
use ttlsweep_record::rows::{ComparisonRecord, SummaryRecord};
use ttlsweep_record::words::{
    ClockEntry, Control, EventKind, LogSource, ObjectChange, ObjectState, Outcome, PeerClose, Phase, TargetAnswer,
    TrialState,
};

use crate::files;

/// The dictionary as Markdown; `docs/data-dictionary.md` is this text, and a test compares the two.
pub fn markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for file in &files::ROWS {
        table(&mut text, file.name, file.about, file.columns);
    }
    table(&mut text, SummaryRecord::FILE, "One row per cell, written by the report.", SummaryRecord::COLUMNS);
    table(
        &mut text,
        ComparisonRecord::FILE,
        "One row per pair of matching cells of two runs or targets, written by the report if there are several.",
        ComparisonRecord::COLUMNS,
    );
    text.push_str("\n## Words\n\n| column | words |\n| --- | --- |\n");
    for (column, words) in [
        ("outcome", Outcome::WORDS),
        ("phase", Phase::WORDS),
        ("peer_close", PeerClose::WORDS),
        ("object_state", ObjectState::WORDS),
        ("change", ObjectChange::WORDS),
        ("entry", ClockEntry::WORDS),
        ("control", Control::WORDS),
        ("state", TrialState::WORDS),
        ("target_answer", TargetAnswer::WORDS),
        ("event", EventKind::WORDS),
        ("source", LogSource::WORDS),
    ] {
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        let _ = writeln!(text, "| `{column}` | {} |", words.join(" "));
    }
    text
}

fn table(text: &mut String, file: &str, what: &str, columns: &[Column]) {
    let _ = write!(text, "\n## {file}\n\n{what}\n\n| column | holds |\n| --- | --- |\n");
    for column in columns {
        let _ = writeln!(text, "| `{}` | {} |", column.name, column.doc.trim().replace('|', "\\|"));
    }
}

const INTRODUCTION: &str = "\
# Data dictionary

What each column of a run's CSV files holds. The files are RFC 4180 and UTF-8, with a header always. An empty field means
not known or did not happen, never zero. Integers are in the unit that the column's name ends with. Instants are RFC 3339
in UTC with microseconds. This page is generated from the row types (`just dictionary`).

Text in a cell may come from a malicious server. So control characters stand as their pictures: `␊` for a line break, `␀`
for NUL, `␛` for ESC, `�` where Unicode has none. An apostrophe stands before `=`, `+`, `-` and `@` (and their wide forms) at
the beginning of a text, and behind `;`, `,` and `\"` in it. So no spreadsheet takes any of it for a formula: `'=1+1` is what a
server sent as `=1+1`. Numbers have no apostrophe: a negative `margin_us` is a number. ttlsweep and its report take the
apostrophe off as they read; `re.sub(r\"(^|[;,\\\"])'(?='*[=+\\-@＝＋－＠])\", r\"\\1\", text)` does so elsewhere. What came
as `'=` stands as `''=`.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_this_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/data-dictionary.md");
        let page = std::fs::read_to_string(path).expect("docs/data-dictionary.md; `just dictionary` writes it");
        assert!(page == markdown(), "docs/data-dictionary.md is stale; `just dictionary` rewrites it");
    }
}
