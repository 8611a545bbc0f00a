//! What a terminal would obey is taken out of all that is printed, no matter who wrote it: a server, the files of a run, an experiment
//! that came by mail.

use std::borrow::Cow;

use ttlsweep_record::text::{is_obeyed, visible};

/// Lines of data: nothing in them is obeyed but the end of a line and the tab.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    without(text, |_| None)
}

/// Lines of words, which may have colours.
pub(crate) fn coloured(text: &str) -> Cow<'_, str> {
    without(text, colour)
}

/// `kept` is the length of a sequence that may be obeyed, if the text begins with one.
fn without(text: &str, kept: impl Fn(&str) -> Option<usize>) -> Cow<'_, str> {
    let is_ill = |char: char| is_obeyed(char) && !matches!(char, '\n' | '\t');
    if !text.contains(is_ill) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(is_ill) {
        let (good, ill) = rest.split_at(at);
        shown.push_str(good);
        if let Some(length) = kept(ill) {
            shown.push_str(&ill[..length]);
            rest = &ill[length..];
        } else {
            let length = ill.chars().next().map_or(ill.len(), char::len_utf8);
            shown.push_str(&visible(&ill[..length]));
            rest = &ill[length..];
        }
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The length of the sequence that sets a colour, if the text begins with one.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|char: char| !matches!(char, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some("\u{1b}[m".len() + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_finds_nothing_to_obey_but_lines_and_our_colours() {
        let ill = "a\tb\n\u{1b}]0;PWNED\u{7}\u{1b}[2J\r\u{9b}1A\u{202e}\u{1b}[31;1mred\u{1b}[0m\u{1b}[31";
        assert_eq!(plain(ill), "a\tb\n␛]0;PWNED␇␛[2J␍�1A�␛[31;1mred␛[0m␛[31");
        assert_eq!(coloured(ill), "a\tb\n␛]0;PWNED␇␛[2J␍�1A�\u{1b}[31;1mred\u{1b}[0m␛[31");
        assert!(matches!(plain("ünï\n"), Cow::Borrowed(_)));
    }
}
