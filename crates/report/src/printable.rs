//! Text from servers and files, made fit to be shown: what would act on a reader's screen instead of being read is replaced.

use std::fmt::{self, Write};

use ttlsweep_record::text::is_obeyed;

/// Passes text on to `W` with control characters replaced by `�`, tabs and line breaks excepted. So are the marks that turn
/// the direction of writing, by which a text can be made to look like another one.
#[derive(Debug)]
pub(crate) struct Printable<W>(pub(crate) W);

impl<W: Write> Write for Printable<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut from = 0;
        for (at, character) in text.char_indices().filter(|(_, character)| acts(*character)) {
            self.0.write_str(&text[from..at])?;
            self.0.write_char(char::REPLACEMENT_CHARACTER)?;
            from = at + character.len_utf8();
        }
        self.0.write_str(&text[from..])
    }
}

/// Whether the character does something instead of showing something.
fn acts(character: char) -> bool {
    is_obeyed(character) && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_replaced_and_what_shows_is_kept() {
        let mut shown = Printable(String::new());
        shown.write_str("a\u{0}b\u{1b}[31mc\u{202e}d\r\ne\tü – 日本").unwrap();
        assert_eq!(shown.0, "a\u{fffd}b\u{fffd}[31mc\u{fffd}d\u{fffd}\ne\tü – 日本");
    }
}
