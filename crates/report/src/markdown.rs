//! Text of others within Markdown, where it can be nothing but text.

/// Text of others on one line of Markdown, where it can be nothing but text: as it is where no reader of Markdown could take it
/// for anything else, and as code otherwise, within which nothing is obeyed.
pub(crate) fn quoted(text: &str) -> String {
    let flat = flat(text);
    let harmless = |char: char| char.is_ascii_alphanumeric() || matches!(char, ' ' | ',' | '.' | ':' | '-');
    let begins_with_letter = flat.starts_with(|char: char| char.is_ascii_alphanumeric());
    // Some readers make a link of it.
    let is_link = flat.to_ascii_lowercase().contains("www.");
    if flat.is_empty() || (begins_with_letter && !is_link && flat.chars().all(harmless)) { flat } else { code(&flat) }
}

/// A text as a span of code, between more backticks than are in it.
pub(crate) fn code(text: &str) -> String {
    let flat = flat(text);
    let longest = flat.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A blank within the fence is not shown if there is one at both ends.
    let blank = if flat.is_empty() || flat.starts_with('`') || flat.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{flat}{blank}{fence}")
}

/// Sentences that may have text of others in them: whatever Markdown would obey is escaped.
pub(crate) fn prose(text: &str) -> String {
    let flat = flat(text);
    let mut shown = String::with_capacity(flat.len());
    let mut following = flat.chars().peekable();
    while let Some(char) = following.next() {
        let next = following.peek().copied();
        let obeyed = match char {
            // What looks for those that are mentioned looks at the text as it is shown, unless it is code.
            '@' => {
                shown.push_str("`@`");
                continue;
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => true,
            // A tag, an entity and an address begin with these; `p < 0.01` does not.
            '<' => next.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            '&' => next.is_some_and(|next| next.is_ascii_alphabetic() || next == '#'),
            ':' => next == Some('/'),
            '.' => shown.to_ascii_lowercase().ends_with("www"),
            _ => false,
        };
        if obeyed || (shown.is_empty() && "#>+-=".contains(char)) {
            shown.push('\\');
        }
        shown.push(char);
    }
    shown
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "../../record/tests/common/inert.rs"]
mod inert;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether no reader of Markdown would make links, emphasis, tags or lines of it.
    fn is_inert(shown: &str) -> bool {
        let Some(plain) = inert::plain(shown) else { return false };
        let tag =
            plain.match_indices('<').any(|(at, _)| plain[at + 1..].starts_with(|next: char| !next.is_whitespace()));
        !tag && !plain.contains(['*', '_', '[', '|', '@', '\n', '\r'])
            && !plain.contains("://")
            && !plain.contains("www.")
    }

    #[test]
    fn text_of_others_is_nothing_but_text_in_markdown() {
        for text in [
            "\\[text](http://evil)",
            "[text](http://evil)",
            "\\\\[text](http://evil)",
            "*bold* _emphasis_ ~~gone~~",
            "<script>alert(1)</script>",
            "<http://evil>",
            "http://evil and https://evil",
            "www.evil.example",
            "`code` and ``more``",
            "`",
            "a | b\n| - | - |",
            "line\n# heading\r\n- item",
            "![picture](http://evil/x.png)",
            "<!-- hidden",
            "\\",
            "\\`",
            "@everyone, @org/team and me@evil.example",
            "``\\[x](http://evil)",
        ] {
            for shown in [quoted(text), code(text), prose(text)] {
                assert!(is_inert(&shown), "{text:?} gives {shown}");
            }
        }
        assert!(!is_inert("\\\\[text](http://evil)") && !is_inert("a *b*") && !is_inert("`a` <b>"));
        assert_eq!(quoted("AccessDenied"), "AccessDenied");
        assert_eq!(quoted("eu-central-1, 52.219.1.2:443"), "eu-central-1, 52.219.1.2:443");
        assert_eq!(code("it is `this`"), "`` it is `this` ``");
        assert_eq!(prose("p < 0.01 at 5 % (3 of 9)"), "p < 0.01 at 5 % (3 of 9)");
    }
}
