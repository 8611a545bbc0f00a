//! What a terminal would obey is taken out of all that is printed, no matter who wrote it: a server, the files of a run, an experiment
//! that came by mail. So is what a pipeline would obey that keeps the log: GitHub, Azure and TeamCity read commands in it, which set
//! variables or end masking.

use std::borrow::Cow;

use ttlsweep_record::text::{is_obeyed, visible};

/// Lines of data: nothing in them is obeyed but the end of a line and the tab.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    uncommanded(without(text, |_| None))
}

/// Lines of words, which may have colours.
pub(crate) fn coloured(text: &str) -> Cow<'_, str> {
    uncommanded(without(text, colour))
}

/// Lines that are no commands of GitHub's: these begin with two colons and a letter. Those that are meant go to
/// [`Stdout`](crate::say::Stdout).
pub(crate) fn unannotated(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| {
        let word = line.trim_start().strip_prefix("::");
        word.is_some_and(|word| word.starts_with(|char: char| char.is_ascii_alphabetic()))
    };
    if !text.lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let wide = |line: &str| if is_command(line) { line.replacen("::", "：:", 1) } else { line.to_owned() };
    Cow::Owned(text.split_inclusive('\n').map(wide).collect())
}

/// Without Azure's and TeamCity's commands, which may stand anywhere: `##vso[…]`.
fn uncommanded(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_command = |at: usize| {
        let word = text[at..].strip_prefix("##").unwrap_or_default();
        word.trim_start_matches(|char: char| char.is_ascii_alphabetic()).starts_with('[')
    };
    let commands: Vec<usize> = text.match_indices('#').map(|(at, _)| at).filter(|at| is_command(*at)).collect();
    if commands.is_empty() {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 2 * commands.len());
    let mut from = 0;
    for at in commands {
        shown.push_str(&text[from..at]);
        shown.push('＃');
        from = at + 1;
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
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

    #[test]
    fn a_pipeline_finds_no_command_in_its_log() {
        let ill = "no: ##vso[task.setvariable variable=PATH]/tmp ###[group]x ##teamcity[y] ## z";
        assert_eq!(plain(ill), "no: ＃#vso[task.setvariable variable=PATH]/tmp #＃#[group]x ＃#teamcity[y] ## z");
        assert_eq!(coloured("##[error]x"), "＃#[error]x");
        assert_eq!(unannotated("a\n ::add-mask::b\n::1\nc ::d"), "a\n ：:add-mask::b\n::1\nc ::d");
    }
}
