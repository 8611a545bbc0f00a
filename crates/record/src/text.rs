//! Text that somebody else wrote, such as a server's error message, on its way to a terminal, a file or a spreadsheet.
//!
//! Two things can happen to it there: a terminal obeys its control characters, and a spreadsheet runs it as a formula.
//! [`visible`] takes the first away and [`guarded`] both; [`unguarded`] gives back what [`guarded`] added.

use std::borrow::Cow;

/// The text without control characters: in the place of each stands Unicode's picture of it (`␛` for ESC, `␊` for a line
/// break, `␀` for NUL), and `�` where there is none, which includes what turns the direction of writing around.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|char| picture(char).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|char| picture(char).unwrap_or(char)).collect())
}

/// The same for text that is meant to have lines, such as an error with its advice.
pub fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// What a cell holds in place of `text`: it is [`visible`], and an apostrophe stands before whatever a spreadsheet would
/// take for a formula's beginning, at the text's start and behind `;`, `,` and `"`, where a spreadsheet that expects other
/// separators begins a cell. Spreadsheets show such a cell as text.
pub fn guarded(text: &str) -> Cow<'_, str> {
    let text = visible(text);
    if !begins_formula_somewhere(&text) {
        return text;
    }
    let mut cell = String::with_capacity(text.len() + 1);
    for (at, char) in text.char_indices() {
        if starts_cell(&text, at) && formula_behind_apostrophes(&text[at..]) {
            cell.push('\'');
        }
        cell.push(char);
    }
    Cow::Owned(cell)
}

/// The text whose guarded form `cell` is.
pub fn unguarded(cell: &str) -> Cow<'_, str> {
    let guarded_at = |at: usize| cell[at..].starts_with('\'') && formula_behind_apostrophes(&cell[at..]);
    if !cell.contains('\'') {
        return Cow::Borrowed(cell);
    }
    let kept = cell.char_indices().filter(|(at, _)| !(starts_cell(cell, *at) && guarded_at(*at)));
    Cow::Owned(kept.map(|(_, char)| char).collect())
}

fn picture(char: char) -> Option<char> {
    match char {
        '\0'..='\x1f' => char::from_u32(0x2400 + char as u32),
        '\x7f' => Some('␡'),
        // C1 controls, line separators, marks that change the direction of writing, and the mark of byte order.
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => Some(char::REPLACEMENT_CHARACTER),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        _ => None,
    }
}

fn begins_formula_somewhere(text: &str) -> bool {
    text.char_indices().any(|(at, _)| starts_cell(text, at) && formula_behind_apostrophes(&text[at..]))
}

fn starts_cell(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|before| matches!(before, ';' | ',' | '"'))
}

/// Apostrophes that were there already count along, so that one more can be told from them.
fn formula_behind_apostrophes(text: &str) -> bool {
    let first = text.trim_start_matches('\'').chars().next();
    // The wide forms are taken for the narrow ones by some spreadsheets.
    first.is_some_and(|char| matches!(char, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_their_pictures() {
        assert_eq!(visible("a\r\nb\0\x1b[31m\x7f\u{9b}\u{202e}c"), "a␍␊b␀␛[31m␡��c");
        assert!(matches!(visible("Request has expired: ünï"), Cow::Borrowed(_)));
        assert_eq!(visible_lines("one\x1b\ntwo"), "one␛\ntwo");
    }

    #[test]
    fn what_a_spreadsheet_would_run_gets_an_apostrophe() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("\t=1", "␉=1"),
            ("＝1", "'＝1"),
            ("a;=1", "a;'=1"),
            ("a\",=1", "a\",'=1"),
            ("'=1", "''=1"),
            ("it's a-b=c", "it's a-b=c"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), cell);
        }
    }

    #[test]
    fn a_guard_comes_off_again() {
        for text in ["=1", "'=1", "''-", "a;'=1;=2,+3", "'quoted'", "'", "", ";", "it's", ";;'';@"] {
            assert_eq!(unguarded(&guarded(text)), text);
        }
    }
}
