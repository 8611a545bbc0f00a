//! What a reader of Markdown may obey: for tests of texts that others wrote.

/// The Markdown without its spans of code and without what a backslash makes a mere sign; `None` if a span has no end.
pub(crate) fn plain(markdown: &str) -> Option<String> {
    let mut rest = markdown;
    let mut plain = String::new();
    while let Some(char) = rest.chars().next() {
        if char == '\\' {
            rest = &rest[1 + rest[1..].chars().next().map_or(0, char::len_utf8)..];
            plain.push('\u{1}');
        } else if char == '`' {
            let fence = rest.len() - rest.trim_start_matches('`').len();
            let end = code_end(&rest[fence..], fence)?;
            rest = &rest[fence + end + fence..];
        } else {
            plain.push(char);
            rest = &rest[char.len_utf8()..];
        }
    }
    Some(plain)
}

fn code_end(rest: &str, fence: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = rest[at..].find('`') {
        let run = rest[at + found..].len() - rest[at + found..].trim_start_matches('`').len();
        if run == fence {
            return Some(at + found);
        }
        at += found + run;
    }
    None
}
