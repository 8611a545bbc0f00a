//! Text that somebody else wrote, such as a server's error message, on its way to a terminal, a file or a spreadsheet.
//!
//! Two things can happen to it there: a terminal obeys its control characters, and a spreadsheet runs it as a formula.
//! [`visible`] takes the first away and [`guarded`] both; [`unguarded`] gives back what [`guarded`] added. A [`ServerText`]
//! shows itself in no other way than neutralised, so that a message which quotes it needs no further care.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// What somebody else said, such as a server's message or its name for an upload. Whatever shows it ([`Display`](fmt::Display),
/// [`Debug`], JSON) shows one line without control characters, of at most [`ServerText::LONGEST`] characters.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerText(String);

impl ServerText {
    /// How many characters are shown; S3's own texts are far shorter.
    pub const LONGEST: usize = 1024;

    /// Keeps what was said.
    pub fn new(raw: impl Into<String>) -> Self {
        Self(raw.into())
    }

    /// The text as it was said: to be sent back to who said it, or to be compared. Nothing else may have it.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text as it is shown.
    pub(crate) fn shown(&self) -> String {
        shortened(&self.0, Self::LONGEST)
    }
}

/// The beginning of `text`, [`visible`], of at most `longest` characters. An ellipsis is the last of them where some are left out.
pub fn shortened(text: &str, longest: usize) -> String {
    let visible = visible(text);
    let Some((end, _)) = visible.char_indices().nth(longest) else { return visible.into_owned() };
    let last = visible[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    format!("{}…", &visible[..last])
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown(), f)
    }
}

impl Serialize for ServerText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl From<String> for ServerText {
    fn from(raw: String) -> Self {
        Self(raw)
    }
}

impl From<&str> for ServerText {
    fn from(raw: &str) -> Self {
        Self(raw.to_owned())
    }
}

/// The text without control characters: in the place of each stands Unicode's picture of it (`␛` for ESC, `␊` for a line
/// break, `␀` for NUL), and `�` if there is none, which includes what turns the direction of writing around and what nobody
/// sees.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|char| picture(char).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|char| picture(char).unwrap_or(char)).collect())
}

/// Whether a terminal or a page does not show the character, but obeys or hides it.
pub fn is_obeyed(char: char) -> bool {
    picture(char).is_some()
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
        // C1 controls, line separators, marks that change the direction of writing, the mark of byte order, and two that no XML
        // may hold.
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}' => Some(char::REPLACEMENT_CHARACTER),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        // What nobody sees, so that two names look like one. The joiners that some scripts and pictures need stay.
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => {
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
        assert_eq!(visible("a\r\nb\0\x1b[31m\x7f\u{9b}\u{202e}\u{ffff}c"), "a␍␊b␀␛[31m␡���c");
        assert_eq!(visible("my\u{200b}-\u{ad}buck\u{2060}et\u{e0061}"), "my�-�buck�et�");
        assert!(matches!(visible("Request has expired: ünï"), Cow::Borrowed(_)));
        assert_eq!(visible_lines("one\x1b\ntwo"), "one␛\ntwo");
    }

    #[test]
    fn a_servers_text_obeys_nobody_however_it_is_shown() {
        let text = ServerText::new("a\x1b]0;PWNED\x07\r\nall objects deleted\u{202e}");
        let shown = "a␛]0;PWNED␇␍␊all objects deleted�";
        assert_eq!(text.to_string(), shown);
        assert_eq!(format!("{text:?}"), format!("{shown:?}"));
        assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{shown}\""));
        assert!(text.raw().contains('\x1b'));
        let long = ServerText::new("ü".repeat(5000)).to_string();
        assert_eq!((long.chars().count(), long.ends_with("ü…")), (ServerText::LONGEST, true));
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert_eq!(shortened("", 0), "");
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
