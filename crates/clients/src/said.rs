//! From what happened to a transfer to what clients would have printed of it.

use std::collections::BTreeMap;

use crate::cause::Cause;
use crate::table::{Said, table};

/// What happened, as far as it is known; what is `None` may be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Situation {
    /// What was done.
    pub cause: Cause,
    /// Whether it was a download.
    pub download: bool,
    /// Whether it went over TLS.
    pub tls: bool,
}

/// Something that a client says, how often, and of how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The text.
    pub text: &'static str,
    /// How often it said this.
    pub count: u64,
    /// Of how many times.
    pub of: u64,
}

/// The clients whose words are reported for a run: what to call them, and their names in the table.
pub const SHOWN: &[(&str, &str)] = &[
    ("Python requests", "requests"),
    ("curl", "curl"),
    ("boto3", "boto3 upload_file"),
    ("Node", "node http"),
    ("Go", "go net/http"),
    ("Java HttpClient", "java HttpClient"),
    ("a browser's fetch", "Chromium fetch"),
];

/// What the client of this name in the table says of it, the most frequent first; empty if it was never asked.
pub fn said(client: &str, situation: Situation) -> Vec<Words> {
    let mut words: BTreeMap<&'static str, u64> = BTreeMap::new();
    for said in table().iter().filter(|said| said.client == client && happened(said, situation)) {
        *words.entry(&said.text).or_default() += said.count;
    }
    let of = words.values().sum();
    let mut words: Vec<Words> = words.into_iter().map(|(text, count)| Words { text, count, of }).collect();
    words.sort_by_key(|words| (std::cmp::Reverse(words.count), words.text));
    words
}

fn happened(said: &Said, situation: Situation) -> bool {
    said.cause == situation.cause
        && said.method == if situation.download { "get" } else { "put" }
        && said.wire == if situation.tls { "tls" } else { "http" }
}

/// The few letters of a text by which people know it, such as `SSLEOFError` or `curl: (56)`.
pub fn gist(text: &str) -> &str {
    if let Some(end) = text.starts_with("curl: (").then(|| text.find(')')).flatten() {
        return &text[..=end];
    }
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    // The innermost one tells most: what is outside only wraps it.
    let mut named = words.filter(|word| {
        let error = ENDS.iter().any(|end| word.len() > end.len() && word.ends_with(end));
        let errno = word.len() > 3 && word.starts_with('E') && word.bytes().all(|letter| letter.is_ascii_uppercase());
        (error && *word != "IOException") || errno || word.starts_with("ERR_")
    });
    // Behind its last colon a text of another kind says what happened, unless only a number stands there.
    let end = match text.rsplit_once(": ") {
        Some((_, end)) if end.len() > LONGEST_NUMBER => end,
        _ => text.split_once(": ").map_or(text, |(_, end)| end),
    };
    let longest = end.char_indices().nth(LONGEST_GIST).map_or(end, |(at, _)| &end[..at]);
    named.next_back().unwrap_or(longest)
}

const ENDS: &[&str] = &["Error", "Exception", "Disconnected"];
const LONGEST_GIST: usize = 50;
const LONGEST_NUMBER: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gist_is_what_people_know_a_text_by() {
        for (text, expected) in [
            (
                "java.io.IOException: fixed content-length: N, bytes received: N",
                "fixed content-length: N, bytes received: N",
            ),
            ("curl: (56) Recv failure: Connection reset by peer", "curl: (56)"),
            ("requests.exceptions.SSLError: Max retries (Caused by SSLError(SSLEOFError(8, 'EOF')))", "SSLEOFError"),
            ("TypeError: fetch failed [cause]: Error: write EPIPE", "EPIPE"),
            ("TypeError: Failed to fetch (net::ERR_CONNECTION_RESET)", "ERR_CONNECTION_RESET"),
            (
                "java.io.IOException: HTTP/1.1 header parser received no bytes",
                "HTTP/1.1 header parser received no bytes",
            ),
            ("403 AccessDenied: Request has expired", "Request has expired"),
            ("Put \"https://HOST\": write: connection reset by peer", "connection reset by peer"),
        ] {
            assert_eq!(gist(text), expected);
        }
    }

    #[test]
    fn those_whose_words_are_told_were_asked() {
        for (_, client) in SHOWN {
            for tls in [false, true] {
                let words = said(client, Situation { cause: Cause::CutReset, download: false, tls });
                assert!(!words.is_empty(), "{client}");
                assert_eq!(words.iter().map(|words| words.count).sum::<u64>(), words[0].of);
            }
        }
    }
}
