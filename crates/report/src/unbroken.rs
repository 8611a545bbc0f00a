//! Numbers and their units, which the end of a line must not part.

/// The words of `text` between which a line may break: a number and its unit are one.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let breaks = text.match_indices(' ').map(|(at, _)| at).filter(|at| !parts_a_unit(text, *at));
    let mut from = 0;
    breaks.chain([text.len()]).map(move |at| {
        let word = &text[from..at];
        from = at + 1;
        word
    })
}

/// `page` with a space that does not break between each number and its unit. Tags, drawings and what is meant to be copied stay
/// as they are.
pub(crate) fn bound(page: &str) -> String {
    let mut bound = String::with_capacity(page.len() + page.len() / 64);
    let mut rest = page;
    while let Some(tag) = rest.find('<') {
        put_bound(&mut bound, &rest[..tag]);
        rest = &rest[tag..];
        let name = rest[1..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let kept = if KEPT.contains(&name) { rest.find(&format!("</{name}>")) } else { rest.find('>') };
        let (before, after) = rest.split_at(kept.map_or(rest.len(), |at| at + 1));
        bound.push_str(before);
        rest = after;
    }
    put_bound(&mut bound, rest);
    bound
}

fn put_bound(bound: &mut String, text: &str) {
    for (at, character) in text.char_indices() {
        bound.push(if character == ' ' && parts_a_unit(text, at) { NO_BREAK } else { character });
    }
}

/// Whether the space at `at` stands between a number and its unit.
fn parts_a_unit(text: &str, at: usize) -> bool {
    let behind = &text[at + 1..];
    let end = behind.find(|c: char| !(c.is_alphanumeric() || matches!(c, '%' | '/'))).unwrap_or(behind.len());
    text[..at].ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&&behind[..end])
}

const NO_BREAK: char = '\u{a0}';
const UNITS: [&str; 20] = [
    "%", "s", "ms", "µs", "ns", "min", "h", "USD", "B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "kbit/s",
    "Mbit/s", "Gbit/s",
];
/// Text in these is shown as it is, or copied.
const KEPT: [&str; 4] = ["code", "pre", "style", "svg"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_unit_and_nothing_else_is_kept_together() {
        let text = "within 16 s; 100 % of 5 trials (8 Mbit/s), 3 sets  and 12";
        let expected = ["within", "16 s;", "100 %", "of", "5", "trials", "(8 Mbit/s),", "3", "sets", "", "and", "12"];
        assert_eq!(words(text).collect::<Vec<_>>(), expected);
        assert_eq!(words(text).collect::<Vec<_>>().join(" "), text);
        assert_eq!(words("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_page_is_bound_but_for_tags_and_what_is_copied() {
        let page = "<p title=\"16 s\">16 s, 1 %</p><pre>2 s <code>3 s</code></pre><code>4 s</code> 5 s<svg><text>6 s</text></svg>";
        let expected = page.replace(">16 s, 1 %<", ">16\u{a0}s, 1\u{a0}%<").replace(" 5 s<", " 5\u{a0}s<");
        assert_eq!(bound(page), expected);
        assert_eq!(bound("no end <b"), "no end <b");
    }
}
