//! What only the server may read: signatures, session tokens, `Authorization` headers.
//!
//! They live in a [`Secret`], which nothing prints. Texts of others may still have one in them, as when a server repeats the
//! request that it refuses; such texts pass through [`redacted`] before anyone reads them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, MutexGuard};

use ttlsweep_record::redact::{self, Known};

pub(crate) use ttlsweep_record::redact::{REDACTED, SHORTEST};

use crate::lock::lock;

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

/// Keeps credentials in mind for as long as the process lives, so that [`redacted`] finds them in whatever notation.
pub(crate) fn remember<'a>(values: impl IntoIterator<Item = &'a str>) {
    let mut known = known();
    values.into_iter().for_each(|value| known.add("a credential", value));
}

/// The same for what is secret of one request, such as its signature: it is forgotten after thousands of others.
pub(crate) fn remember_passing<'a>(values: impl IntoIterator<Item = &'a str>) {
    let mut known = known();
    values.into_iter().for_each(|value| known.add_passing("a signed request's", value));
}

/// `text` without the secrets that were remembered (`remember`), and without the values of signatures, session tokens and
/// credentials, which are known by the names in front of them; in whatever notation they stand there: see [`redact`].
pub fn redacted(text: &str) -> Cow<'_, str> {
    redact::redacted(text, &known())
}

/// [`redacted`], and without whatever has a signature's shape: for a server's answer to a request whose signature nobody here
/// has seen, since the SDK has sent it.
pub(crate) fn redacted_answer(text: &str) -> String {
    let text = redacted(text);
    let mut clean = String::with_capacity(text.len());
    let mut rest = &*text;
    while !rest.is_empty() {
        let is_hex = |char: char| char.is_ascii_hexdigit();
        let digits = rest.find(|char| !is_hex(char)).unwrap_or(rest.len());
        clean.push_str(if digits >= SIGNATURE_DIGITS { REDACTED } else { &rest[..digits] });
        let others = rest[digits..].find(is_hex).map_or(rest.len(), |found| digits + found);
        clean.push_str(&rest[digits..others]);
        rest = &rest[others..];
    }
    clean
}

fn known() -> MutexGuard<'static, Known> {
    #[cfg(not(test))]
    return lock(&KNOWN);
    #[cfg(test)]
    lock(KNOWN.with(|known| *known))
}

/// Whatever credentials this process has had, and its latest signatures.
#[cfg(not(test))]
static KNOWN: std::sync::LazyLock<Mutex<Known>> = std::sync::LazyLock::new(Mutex::default);

// Each test has a list of its own: what a fuzzer remembers, such as a damaged proxy's password that reads `https:`, is not secret to
// the others.
#[cfg(test)]
thread_local!(static KNOWN: &'static Mutex<Known> = Box::leak(Box::default()));

/// SHA-256 in hex.
const SIGNATURE_DIGITS: usize = 64;

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
