//! What only the server may read: signatures, session tokens, `Authorization` headers.
//!
//! They live in a [`Secret`], which nothing prints. Texts of others may still have one in them, as when a server repeats the
//! request that it refuses; such texts pass through [`redacted`] before anyone reads them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A value that is not printed. (The secret key itself is never here: the AWS SDK keeps it, and wipes it from memory.)
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Keeps a value from being printed.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the wire and nothing else.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Keeps credentials in mind, so that [`redacted`] finds them whatever surrounds them.
pub fn remember<'a>(values: impl IntoIterator<Item = &'a str>) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for value in values.into_iter().filter(|value| value.len() >= SHORTEST) {
        let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        for notation in [value.to_owned(), encoded] {
            if !known.contains(&notation) {
                known.push(notation);
            }
        }
    }
}

/// `text` without the credentials that were [remembered](remember), and without the values of signatures, session tokens and
/// credentials, which are known by the names in front of them: as parameters of a link (`X-Amz-Signature=…`), in an
/// `Authorization` header, and as such a header's name and value.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut text = without_named(text);
    for known in KNOWN.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(known) {
            text = Cow::Owned(text.replace(known, REDACTED));
        }
    }
    text
}

/// [`redacted`], and without whatever has a signature's shape: for a server's answer to a request whose signature nobody here
/// has seen, since the SDK has sent it.
pub fn redacted_answer(text: &str) -> String {
    let text = redacted(text);
    let mut clean = String::with_capacity(text.len());
    let mut rest = &*text;
    while !rest.is_empty() {
        let is_hex = |char: char| matches!(char, '0'..='9' | 'a'..='f');
        let digits = rest.find(|char| !is_hex(char)).unwrap_or(rest.len());
        clean.push_str(if digits >= SIGNATURE_DIGITS { REDACTED } else { &rest[..digits] });
        let others = rest[digits..].find(is_hex).map_or(rest.len(), |found| digits + found);
        clean.push_str(&rest[digits..others]);
        rest = &rest[others..];
    }
    clean
}

/// Whatever credentials this process has had.
static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keys of S3-compatible stores may be short words; replaced within other words they would spoil a text, and what is this
/// short is no secret.
pub const SHORTEST: usize = 6;

/// SHA-256 in hex.
const SIGNATURE_DIGITS: usize = 64;

fn without_named(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut kept = 0;
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    while let Some((value, ends)) = next_value(&lower, from) {
        clean.push_str(&text[kept..value]);
        clean.push_str(REDACTED);
        (kept, from) = (ends, ends);
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[kept..]);
    Cow::Owned(clean)
}

/// Where the next secret value stands, in a text in lower case.
fn next_value(lower: &str, from: usize) -> Option<(usize, usize)> {
    let found = NAMES.iter().filter_map(|name| Some(from + lower[from..].find(name)? + name.len()));
    // Of two names that end at one place, one is the other's end; what is empty would be found again and again.
    let mut starts: Vec<_> = found.collect();
    starts.sort_unstable();
    for start in starts {
        let value = &lower[start..];
        let quoted = value.trim_start_matches([' ', '"', '\'']);
        let start = start + value.len() - quoted.len();
        let ends = quoted.find(ENDS).map_or(lower.len(), |end| start + end);
        if ends > start {
            return Some((start, ends));
        }
    }
    None
}

/// What stands in the place of a secret.
pub const REDACTED: &str = "REDACTED";

/// Names with what divides them from their values; in a link that was encoded once more, `=` is `%3d`.
const NAMES: &[&str] = &[
    "signature=",
    "signature%3d",
    "security-token=",
    "security-token%3d",
    "security-token:",
    "security-token\":",
    "credential=",
    "credential%3d",
    "authorization: aws4-hmac-sha256",
    "authorization\": \"aws4-hmac-sha256",
    "signatureprovided>",
    "awsaccesskeyid>",
];

/// What ends a value.
const ENDS: [char; 12] = ['&', ' ', '"', '\'', '<', '>', ',', ';', '\n', '\r', '\t', ')'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "Secret(..)");
        assert_eq!(format!("{:?}", Some(Secret::new(vec![1]))), "Some(Secret(..))");
    }

    #[test]
    fn what_a_text_of_others_repeats_is_taken_out() {
        for text in [
            "refused: PUT /b/k?X-Amz-Date=D&X-Amz-Signature=hush1&x-run=t HTTP/1.1",
            "x-amz-signature=hush2",
            "GET https%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3Dhush3",
            "Authorization: AWS4-HMAC-SHA256 Credential=hush4/20261124/r/s3/aws4_request, Signature=hush5",
            "{\"x-amz-security-token\": \"hush6\"}",
            "x-amz-security-token: hush7\r\nhost: h",
            "<AWSAccessKeyId>hush8</AWSAccessKeyId>",
            "X-Amz-Security-Token=hush9%2Fhush10&a=b X-Amz-Signature=hush11",
        ] {
            let clean = redacted(text);
            assert!(!clean.contains("hush") && clean.contains(REDACTED), "{clean}");
        }
        let clean = redacted("PUT /k?X-Amz-Signature=hush&x-run=t-1: \"no\"");
        assert_eq!(clean, "PUT /k?X-Amz-Signature=REDACTED&x-run=t-1: \"no\"");
    }

    #[test]
    fn what_was_remembered_and_what_looks_like_a_signature_is_taken_out_of_answers() {
        remember(["hush-hush/known", "id"]);
        assert_eq!(redacted("id hush-hush/known hush%2Dhush%2Fknown"), "id REDACTED REDACTED");
        let signature = "0123456789abcdef".repeat(4);
        assert_eq!(redacted_answer(&format!("got {signature}, ünï")), "got REDACTED, ünï");
        assert_eq!(redacted_answer("a dead beef 4442587FB7D0A2F9"), "a dead beef 4442587FB7D0A2F9");
        assert_eq!(redacted_answer(""), "");
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", "signature=", "Signature= ", "the request signature we calculated does not match", "ünï=& \""]
        {
            assert_eq!(redacted(text), text);
        }
    }
}
