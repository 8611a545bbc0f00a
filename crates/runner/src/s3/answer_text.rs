//! What an answer that is not S3's says, in a line for people: the text of a proxy's page, a portal's, or a gateway's JSON.
//!
//! The text of a page is what a browser would show of it, its title first. Everything here works on text that somebody else
//! wrote: the result is still to be redacted, neutralised and cut, in this order.

/// The text of a document, white space folded; `None` if there is none, or the document is not text.
pub(crate) fn text_of(document: &[u8]) -> Option<String> {
    // What is packed or encrypted is not text, and the beginning of a text may end within a character.
    let text = String::from_utf8_lossy(document);
    let strange = text.chars().filter(|char| *char == char::REPLACEMENT_CHARACTER || is_binary(*char)).count();
    if strange > 1 + text.chars().count() / 10 {
        return None;
    }
    let text = if looks_like_markup(&text) { shown(&text) } else { text.into_owned() };
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!folded.is_empty()).then_some(folded)
}

fn is_binary(char: char) -> bool {
    char.is_control() && !char.is_whitespace() && char != '\u{1b}' && char != '\u{8}'
}

fn looks_like_markup(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.starts_with('<') || has_prefix_of_page(text)
}

/// Some pages begin with a line of text.
fn has_prefix_of_page(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("<html") || lower.contains("<body") || lower.contains("<title")
}

/// What a browser shows of a page: its title, unless the page begins with the same words, and its text.
fn shown(page: &str) -> String {
    let mut title = String::new();
    let mut body = String::new();
    let mut rest = page;
    let mut in_title = false;
    while let Some(start) = rest.find('<') {
        let into = if in_title { &mut title } else { &mut body };
        push_decoded(into, &rest[..start]);
        rest = &rest[start..];
        let name = tag_name(rest);
        let after = if rest.starts_with("<!--") {
            behind(rest, "-->")
        } else if ["script", "style", "template", "noscript"].contains(&name.as_str()) {
            behind_element(rest, &name)
        } else if name.is_empty() && !rest.starts_with("<!") && !rest.starts_with("<?") {
            // A lone `<` is text.
            push_decoded(into, "<");
            &rest[1..]
        } else {
            if !INLINE.contains(&name.trim_start_matches('/')) {
                into.push(' ');
            }
            behind(rest, ">")
        };
        in_title = match name.as_str() {
            "title" => true,
            "/title" | "/head" | "body" => false,
            _ => in_title,
        };
        rest = after;
    }
    push_decoded(if in_title { &mut title } else { &mut body }, rest);
    let (title, body) = (fold(&title), fold(&body));
    if body.starts_with(&title) { body } else { format!("{title} {body}") }
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of the tag that `text` begins with, in lower case, `/` included; empty if it is not a tag.
fn tag_name(text: &str) -> String {
    let name = &text[1..];
    let slash = usize::from(name.starts_with('/'));
    let ends = name[slash..].find(|char: char| !char.is_ascii_alphanumeric()).map_or(name.len(), |end| slash + end);
    if ends == slash { String::new() } else { name[..ends].to_ascii_lowercase() }
}

/// What stands behind the next `end`; `None` if it never comes.
fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// What stands behind the end of an element whose content is not shown.
fn behind_element<'a>(text: &'a str, name: &str) -> &'a str {
    let is_end = |at: usize| text.get(at + 2..at + 2 + name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name));
    let end = text.match_indices("</").map(|(at, _)| at).find(|at| is_end(*at));
    end.map_or("", |at| behind(&text[at..], ">"))
}

/// Adds `text` with the usual entities resolved.
fn push_decoded(into: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        into.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.char_indices().take(LONGEST_ENTITY).find(|(_, char)| *char == ';').map(|(end, _)| end);
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((char, end)) => {
                into.push(char);
                rest = &rest[end + 1..];
            }
            None => {
                into.push('&');
                rest = &rest[1..];
            }
        }
    }
    into.push_str(rest);
}

fn entity(name: &str) -> Option<char> {
    let number = name.strip_prefix('#').map(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    match (number, name) {
        (Some(code), _) => code.and_then(char::from_u32),
        (None, "amp") => Some('&'),
        (None, "lt") => Some('<'),
        (None, "gt") => Some('>'),
        (None, "quot") => Some('"'),
        (None, "apos") => Some('\''),
        (None, "nbsp") => Some(' '),
        _ => None,
    }
}

/// Elements that part no words.
const INLINE: [&str; 12] = ["a", "b", "code", "em", "font", "i", "small", "span", "strong", "sub", "tt", "u"];

const LONGEST_ENTITY: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &str) -> String {
        text_of(document.as_bytes()).unwrap_or_default()
    }

    #[test]
    fn a_proxys_page_is_read_as_a_browser_shows_it() {
        let nginx = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n\
            <center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>";
        assert_eq!(text(nginx), "413 Request Entity Too Large nginx/1.22.1");
        let haproxy = "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n</body></html>\n";
        assert_eq!(text(haproxy), "504 Gateway Time-out The server didn't respond in time.");
        let portal = "<!DOCTYPE html><html><head><meta charset=utf-8><TITLE>Hotel &amp; WLAN</TITLE>\
            <script>if (a < b) { document.write('<p>no</p>'); }</script><STYLE>p { color: red }</STYLE></head>\
            <body><!-- <p>hidden</p> --><p>Please <b>log</b>&nbsp;in&#33; 1 < 2</p></body></html>";
        assert_eq!(text(portal), "Hotel & WLAN Please log in! 1 < 2");
        assert_eq!(text("Sorry\n<html><body>no <i>way</i></body></html>"), "Sorry no way");
    }

    #[test]
    fn what_is_not_a_page_stays_as_it_is() {
        assert_eq!(text("{\"message\": \"no <b>\",\n  \"code\": 7}"), "{\"message\": \"no <b>\", \"code\": 7}");
        assert_eq!(text("error code: 524"), "error code: 524");
        assert_eq!(text("<?xml version=\"1.0\"?><fault><reason>no quota</reason></fault>"), "no quota");
    }

    #[test]
    fn what_breaks_off_or_makes_no_sense_is_read_as_far_as_it_can_be() {
        assert_eq!(text("<html><head><title>502 Bad"), "502 Bad");
        assert_eq!(text("<html><script>var a"), "");
        assert_eq!(text("<p>a &unknown; &#xffffffff; &b <"), "a &unknown; &#xffffffff; &b <");
        assert_eq!(text("<!-- never ends"), "");
        assert_eq!(
            text_of("é".repeat(50).as_bytes().split_last().unwrap().1).as_deref().map(|text| text.chars().count()),
            Some(50)
        );
    }

    #[test]
    fn what_is_packed_has_no_text() {
        let packed: Vec<u8> = (0..2_000u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(text_of(&packed), None);
        assert_eq!(text_of(b""), None);
        assert_eq!(text_of(b" \r\n\t"), None);
    }
}
