//! What makes two error texts alike: their words and pairs of words, without what names one transfer.

use std::collections::{BTreeMap, BTreeSet};

/// The words of a text and the pairs of neighbours among them.
pub(crate) type Features = BTreeSet<String>;

/// The features of one stretch of text.
pub(crate) fn features(text: &str) -> Features {
    let mut features = Features::new();
    let mut before: Option<String> = None;
    for word in words(text) {
        if let Some(before) = before {
            features.insert(format!("{before} {word}"));
        }
        features.insert(word.clone());
        before = Some(word);
    }
    for (phrase, meaning) in SAME {
        if contains(text, phrase) {
            features.insert((*meaning).to_owned());
        }
    }
    features
}

/// Words in lower case; addresses, links, counts and placeholders are none.
fn words(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    // A link's query says nothing about what happened.
    while let Some(at) = text.find("X-Amz-") {
        let end = text[at..].find([' ', '\'', '"', ')', '\n']).map_or(text.len(), |length| at + length);
        text.replace_range(at..end, " ");
    }
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty() && !PLACEHOLDERS.contains(word) && !names_one_transfer(word))
        .map(str::to_lowercase)
        .collect()
}

/// Ports, process ids, byte counts, places in memory, request ids.
fn names_one_transfer(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    digits >= 4 || (word.starts_with("0x") && word.len() > 2) || word.len() > 60
}

fn contains(text: &str, phrase: &str) -> bool {
    // Bytes, so that a text in another script is cut nowhere.
    text.as_bytes().windows(phrase.len()).any(|window| window.eq_ignore_ascii_case(phrase.as_bytes()))
}

/// How much each feature tells: what few texts have tells most.
#[derive(Debug)]
pub(crate) struct Weights {
    texts: f64,
    in_texts: BTreeMap<String, u32>,
}

impl Weights {
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a Features>) -> Self {
        let mut weights = Self { texts: 0.0, in_texts: BTreeMap::new() };
        for features in texts {
            weights.texts += 1.0;
            for feature in features {
                *weights.in_texts.entry(feature.clone()).or_default() += 1;
            }
        }
        weights
    }

    /// The weight of a feature; `None` if no text of the table has it.
    pub(crate) fn weight(&self, feature: &str) -> Option<f64> {
        let in_texts = *self.in_texts.get(feature)?;
        let rare = (1.0 + self.texts / f64::from(in_texts)).ln();
        // Pairs follow from their words for the most part; the meaning of a phrase is what one version words as another.
        let kind = if feature.starts_with('=') {
            1.5
        } else if feature.contains(' ') {
            0.5
        } else {
            1.0
        };
        Some(rare * kind)
    }

    pub(crate) fn sum<'a>(&self, features: impl Iterator<Item = &'a String>) -> f64 {
        features.filter_map(|feature| self.weight(feature)).sum()
    }
}

/// What programs, systems and versions word differently and mean alike.
const SAME: &[(&str, &str)] = &[
    ("connection reset", "=reset"),
    ("ECONNRESET", "=reset"),
    ("Errno 104", "=reset"),
    ("Errno 54", "=reset"),
    ("10054", "=reset"),
    ("forcibly closed by the remote host", "=reset"),
    ("ERR_CONNECTION_RESET", "=reset"),
    ("os error 104", "=reset"),
    ("broken pipe", "=pipe"),
    ("BrokenPipe", "=pipe"),
    ("EPIPE", "=pipe"),
    ("Errno 32", "=pipe"),
    ("os error 32", "=pipe"),
    ("connection abort", "=aborted"),
    ("ECONNABORTED", "=aborted"),
    ("10053", "=aborted"),
    ("EOF occurred in violation of protocol", "=tls-eof"),
    ("UNEXPECTED_EOF_WHILE_READING", "=tls-eof"),
    ("unexpected eof while reading", "=tls-eof"),
    ("SSLEOFError", "=tls-eof"),
    ("SSLZeroReturnError", "=tls-eof"),
    ("timed out", "=timeout"),
    ("timeout", "=timeout"),
    ("TimedOut", "=timeout"),
    ("request has expired", "=expired"),
    ("SlowDown", "=slow-down"),
    ("reduce your request rate", "=slow-down"),
    ("Failed to fetch", "=fetch-failed"),
    // Of other browsers than the one that was measured.
    ("NetworkError when attempting to fetch resource", "=fetch-failed"),
    ("Load failed", "=fetch-failed"),
];

/// What stands in the table in the place of what was taken out of a text.
const PLACEHOLDERS: &[&str] = &["HOST", "PORT", "BUCKET", "KEY", "FILE", "TIME", "N", "http", "https"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_systems_that_word_it_differently_are_alike() {
        let shared = |one: &str, other: &str| {
            features(one).intersection(&features(other)).filter(|word| word.starts_with('=')).count()
        };
        assert_eq!(shared("[Errno 104] Connection reset by peer", "read ECONNRESET"), 1);
        assert_eq!(shared("[WinError 10054] An existing connection was forcibly closed", "read ECONNRESET"), 1);
        assert_eq!(shared("BrokenPipeError(32, 'Broken pipe')", "write EPIPE"), 1);
        assert_eq!(shared("[SSL: UNEXPECTED_EOF_WHILE_READING]", "SSLEOFError(8, 'EOF occurred in violation"), 1);
        assert_eq!(shared("socket hang up", "write EPIPE"), 0);
    }

    #[test]
    fn what_names_one_transfer_is_no_feature() {
        let one = features("PUT http://127.0.0.1:40577/b/k?X-Amz-Signature=0123abcd failed after 16000000 bytes");
        let other = features("PUT http://127.0.0.1:55555/b/k?X-Amz-Signature=ffff0000 failed after 23456 bytes");
        assert_eq!(one, other);
        assert!(one.contains("failed after"));
    }
}
