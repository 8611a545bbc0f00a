//! A signed request: a presigned link, or a request signed in its headers.

use std::borrow::Cow;

use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use ttlsweep_record::Timestamp;
use ttlsweep_record::redact::has_pieces;

use super::form::Form;
use crate::expiry::{self, NoExpiry, is_time};
use crate::secret::{REDACTED, SHORTEST, Secret, redacted, remember_passing};

/// A request that is ready to be sent. Its signature is a secret for as long as it lives, and so are a session token and the
/// `authorization` header: they are in [`Secret`]s, which nothing prints.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// The HTTP method.
    pub method: http::Method,
    /// Scheme, host and port, the path, and for a link the query with its signature.
    pub uri: Secret<Uri>,
    /// The headers that were signed, `host` apart, and the `authorization` of a header-signed request.
    pub headers: Secret<HeaderMap>,
    /// The form that the body travels in; `None` for a body of its own.
    pub form: Option<Secret<Form>>,
    /// When the link was made; `None` without a link.
    pub presigned_at: Option<Timestamp>,
    /// When the link expires; `None` without a link.
    pub expires_at: Option<Timestamp>,
    /// Who signed it.
    pub made_by: MadeBy,
}

/// Who signed a request, and so what of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadeBy {
    /// This program: it knows which parts are secret.
    Us,
    /// Somebody else: every value of the query is secret, but for instants, which the rows tell anyway, and the transfer's own
    /// name, which the minter may have put there.
    Others {
        /// The name.
        transfer_id: String,
    },
}

impl SignedRequest {
    /// How many bytes of its form stand around the body.
    pub(crate) fn form_bytes(&self) -> u64 {
        self.form.as_ref().map_or(0, |form| form.expose().len())
    }

    /// Keeps what is secret of this request in mind, so that it is taken out of whatever is written from now on.
    pub(crate) fn remember(&self) {
        remember_passing(self.secrets().iter().map(String::as_str));
    }

    /// Takes what is secret of this request out of texts that a server or a library wrote: where it is named, and where its
    /// value stands in whatever surroundings and notation.
    pub(crate) fn redact<'a>(&self, texts: impl IntoIterator<Item = &'a mut String>) {
        let mut texts = texts.into_iter().filter(|text| text.len() >= SHORTEST).peekable();
        if texts.peek().is_none() {
            return;
        }
        let mut secrets = self.secrets();
        remember_passing(secrets.iter().map(String::as_str));
        // An access key of a store of one's own may be a short word: it is taken out of what was reported to this request, and stays
        // everywhere else.
        secrets.retain(|secret| !has_pieces(secret));
        for text in texts {
            if let Cow::Owned(clean) = redacted(text) {
                *text = clean;
            }
            for secret in &secrets {
                if text.contains(secret) {
                    *text = text.replace(secret, REDACTED);
                }
            }
        }
    }

    /// Signature, session token and access key, as they are sent and as they read when decoded.
    fn secrets(&self) -> Vec<String> {
        let (uri, headers) = (self.uri.expose(), self.headers.expose());
        let parameters = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let mut secrets: Vec<_> = parameters
            .filter(|(name, value)| match &self.made_by {
                MadeBy::Us => SECRET_PARAMETERS.contains(name),
                MadeBy::Others { transfer_id } => !is_time(name) && value != transfer_id,
            })
            .map(|(_, value)| value.to_owned())
            .collect();
        if self.made_by != MadeBy::Us {
            let is_secret = |name: &str| SECRET_IN_HEADERS.iter().any(|word| name.contains(word));
            let values = headers.iter().filter(|(name, _)| is_secret(name.as_str()));
            secrets.extend(values.filter_map(|(_, value)| value.to_str().ok()).map(str::to_owned));
        }
        let fields = self.form.iter().flat_map(|form| form.expose().fields());
        secrets.extend(fields.filter(|(name, _)| !is_plain_field(name)).map(|(_, value)| value.clone()));
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        secrets.extend(header("x-amz-security-token").map(str::to_owned));
        let authorization = header("authorization").unwrap_or_default();
        secrets.extend(authorization.split([' ', ',']).filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            matches!(name, "Credential" | "Signature").then(|| value.to_owned())
        }));
        let decoded = secrets.iter().map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let mut all: Vec<_> = decoded.chain(secrets.iter().cloned()).collect();
        // The scope of a credential is not a secret, and its access key may stand alone. The `https:` of a link that goes back
        // somewhere stands in many a text.
        let keys = secrets.iter().filter_map(|text| text.split(['/', '%']).next()).filter(|key| !key.ends_with(':'));
        all.extend(keys.map(str::to_owned));
        all.retain(|secret| secret.len() >= SHORTEST);
        // A longer one first: what is left of it would no longer be found.
        all.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        all
    }
}

/// The parameters of a link whose values are secret.
const SECRET_PARAMETERS: [&str; 6] = [
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Credential",
    "Signature",
    "x-amz-security-token",
    "AWSAccessKeyId",
];

/// Whether the field of a form says nothing but what the row says anyway, or what any form says.
fn is_plain_field(name: &str) -> bool {
    is_time(name) || PLAIN_FIELDS.iter().any(|plain| name.eq_ignore_ascii_case(plain))
}

const PLAIN_FIELDS: [&str; 8] = [
    "key",
    "bucket",
    "acl",
    "content-type",
    "success_action_status",
    "x-amz-algorithm",
    "x-goog-algorithm",
    "x-oss-signature-version",
];

/// What the name of a header has in it if its value is secret, where somebody else chose the headers.
const SECRET_IN_HEADERS: [&str; 6] = ["auth", "cookie", "token", "signature", "key", "secret"];

/// `X-Amz-Date` + `X-Amz-Expires`, read from the URL itself: the date is cut to whole seconds, so a link signed for T
/// seconds lives between T−1 and T, and only its own text says which.
///
/// # Errors
/// One of the two parameters is missing or unreadable.
pub fn expiry_of(uri: &Uri) -> Result<Timestamp, NoExpiry> {
    Ok(expiry::expiry_of(uri)?.life.expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_read_from_the_url_to_the_second() {
        // The example of the S3 documentation, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
        let uri: Uri = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
            &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bb"
            .parse()
            .unwrap();
        assert_eq!(expiry_of(&uri).unwrap().to_string(), "2013-05-25T00:00:00.000000Z");
    }

    #[test]
    fn a_link_without_a_date_is_told_apart() {
        let uri: Uri = "https://host/key?X-Amz-Expires=10".parse().unwrap();
        assert_eq!(
            expiry_of(&uri).unwrap_err().to_string(),
            "the link has the form of S3, Signature Version 4, and it has no `X-Amz-Date`; looked for X-Amz-Date with \
             X-Amz-Expires"
        );
    }

    fn request(uri: &'static str, headers: &[(&'static str, &'static str)]) -> SignedRequest {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        SignedRequest {
            method: http::Method::PUT,
            uri: Secret::new(Uri::from_static(uri)),
            headers: Secret::new(headers.collect()),
            form: None,
            presigned_at: None,
            expires_at: None,
            made_by: MadeBy::Us,
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let request = request("https://host/key?X-Amz-Signature=secret", &[("authorization", "secret")]);
        assert!(!format!("{request:?}").contains("secret"));
    }

    #[test]
    fn what_a_server_repeats_of_a_request_is_taken_out_whatever_it_calls_it() {
        let link = request(
            "https://h/k?X-Amz-Credential=AKIDEXAMPLE%2F20261124%2Fr&X-Amz-Security-Token=to%2Fken%3D%3D&X-Amz-Signature=5e1f00d5",
            &[],
        );
        let headers = request(
            "https://h/k",
            &[
                ("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/r, Signature=5e1f00d5"),
                ("x-amz-security-token", "to/ken=="),
            ],
        );
        for request in [link, headers] {
            let mut text = "we got 5e1f00d5 with to/ken== by AKIDEXAMPLE (AKIDEXAMPLE/20261124/r)".to_owned();
            request.redact([&mut text]);
            assert_eq!(text, "we got REDACTED with REDACTED by REDACTED (REDACTED)");
            let mut other = "Request has expired".to_owned();
            request.redact([&mut other]);
            assert_eq!(other, "Request has expired");
        }
    }

    #[test]
    fn the_scheme_of_an_address_within_a_link_stays_in_texts() {
        let mut request = request("https://h/k?sig=hush-hush&back=https://h.test/1", &[]);
        request.made_by = MadeBy::Others { transfer_id: "b01-c001-a1-u1-s1".to_owned() };
        let mut text = "hush-hush was not signed for https://h.test/1, see https://store.test/docs".to_owned();
        request.redact([&mut text]);
        assert_eq!(text, "REDACTED was not signed for REDACTED, see https://store.test/docs");
    }
}
