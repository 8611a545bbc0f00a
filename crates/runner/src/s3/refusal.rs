//! A refusal with who reported it, and the several causes that it may have: one list for every command that is refused.

use std::fmt;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ttlsweep_record::{Method, TransferRecord};

use crate::s3::answer_text::text_of;
use crate::s3::error_document::{reported, reported_within};
use crate::secret::redacted_answer;

/// An answer that was not what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its status.
    pub status: u16,
    /// S3's code.
    pub code: Option<String>,
    message: Option<String>,
    /// What it says, if that is not S3's error document.
    answer: Option<String>,
    server: Option<String>,
    via: Option<String>,
    location: Option<String>,
    /// Whether a page for people came.
    page: bool,
    /// How its body could be read.
    body: Body,
    /// What the SDK found wrong with it.
    why: Option<String>,
}

/// What the body of an answer was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Body {
    /// It could not be read to its end, or nobody looked.
    #[default]
    Unread,
    /// An XML document, as a store's answers are.
    Xml,
    /// Something else.
    Other,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The listing before everything else.
    Listing,
    /// A put that is signed in headers.
    HeaderSigned,
    /// The beginning of a multipart upload.
    Begin,
    /// A link that has not expired; the same key was let in when it signed in headers.
    LivingLink(Method),
}

impl Refusal {
    /// What an answer to the SDK says; `None` if nobody answered.
    pub(super) fn of_error<E>(error: &SdkError<E>) -> Option<Self>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let response = error.raw_response()?;
        let header = |name: &str| response.headers().get(name).map(|value| reported(&redacted_answer(value)));
        let all = |name: &str| {
            let values: Vec<_> = response.headers().get_all(name).collect();
            (!values.is_empty()).then(|| reported(&redacted_answer(&values.join(", "))))
        };
        let service = error.as_service_error();
        let text = |text: &str| reported(&redacted_answer(text));
        let (code, message) =
            service.map_or((None, None), |service| (service.code().map(text), service.message().map(text)));
        let bytes = response.body().bytes();
        let body = bytes.unwrap_or_default();
        let is_reported = code.is_some() || message.is_some();
        let answer =
            text_of(body).filter(|_| !is_reported).map(|text| reported_within(&redacted_answer(&text), LONGEST_ANSWER));
        Some(Self {
            status: response.status().as_u16(),
            page: !is_reported && is_page(header("content-type").as_deref(), body),
            body: match bytes {
                None => Body::Unread,
                Some(bytes) if bytes.trim_ascii_start().starts_with(b"<") => Body::Xml,
                Some(_) => Body::Other,
            },
            code,
            message,
            answer,
            server: header("server"),
            via: all("via"),
            location: header("location"),
            why: innermost(error),
        })
    }

    /// What the answer to a transfer says; `None` if nobody answered.
    pub(crate) fn of_row(row: &TransferRecord) -> Option<Self> {
        let page = row.s3_code.is_none() && is_page(row.content_type.as_deref(), b"");
        Some(Self {
            status: row.status?,
            code: row.s3_code.clone(),
            message: row.s3_message.clone(),
            answer: row.answer.clone(),
            server: row.server.clone(),
            via: row.via.clone(),
            location: None,
            page,
            body: Body::Unread,
            why: row.error.clone(),
        })
    }

    /// Whether it is not a store that speaks: a proxy that wants a login, a redirect without S3's words, a page for people.
    pub(crate) fn is_of_a_gateway(&self) -> bool {
        self.code.is_none() && (self.page || matches!(self.status, 407 | 511 | 300..=399))
    }

    /// Whether it came whole and is not XML, as what a store says is.
    pub(super) fn is_not_of_a_store(&self) -> bool {
        self.page || self.body == Body::Other
    }

    /// Whether its body could not be read to its end.
    pub(super) fn is_unread(&self) -> bool {
        self.body == Body::Unread
    }

    /// What may have caused it, and what to do about each cause.
    pub(crate) fn causes(&self, asked: Asked, parameter: Option<&str>) -> String {
        if let Some(known) = self.known(asked) {
            return known;
        }
        if self.is_of_a_gateway() {
            return self.gateway();
        }
        let off = parameter.map(|name| {
            format!(
                "the store may refuse query parameters that it does not know, such as `{name}`: write \
                     run_parameter = false below [transfer]"
            )
        });
        let mut causes: Vec<String> = Vec::new();
        match (self.status, asked) {
            (413, _) => causes.push(format!("{} takes no bodies of this size: raise its limit", self.who())),
            (401 | 403, Asked::LivingLink(_)) => {
                causes.extend(LINKS.map(str::to_owned));
                causes.extend(off);
            }
            (401 | 403, Asked::HeaderSigned | Asked::Begin) => causes.extend(PUTS.map(str::to_owned)),
            (400 | 405 | 501, Asked::LivingLink(_) | Asked::HeaderSigned) => {
                causes.extend(off);
                causes.push(HEADERS.to_owned());
                if matches!(asked, Asked::LivingLink(_)) {
                    causes.push("the store may know no presigned links".to_owned());
                }
            }
            (200..300, _) => causes.push(format!("{} does not answer as a store: check the endpoint", self.who())),
            (404, _) => causes.push("check bucket and endpoint".to_owned()),
            (500.., _) => causes.push("the server or a gateway before it is in trouble: try again later".to_owned()),
            _ => {
                causes.extend(off.filter(|_| matches!(asked, Asked::LivingLink(_) | Asked::HeaderSigned)));
                causes.push(format!("look for the cause at {}", self.who()));
            }
        }
        causes.join("; or ")
    }

    /// The codes whose causes do not hang on what was asked, or hardly.
    fn known(&self, asked: Asked) -> Option<String> {
        let text = match self.code.as_deref()? {
            "SignatureDoesNotMatch" if matches!(asked, Asked::LivingLink(_)) => {
                "the secret key is right, since a put that it signed in headers was let in: something between changes what a \
                 link signs (the Host, the path, the query, a header), or the store checks links otherwise than S3; ask the \
                 store directly, without the proxy, to tell"
            }
            "SignatureDoesNotMatch" => {
                "either the secret key does not belong to the access key (check AWS_SECRET_ACCESS_KEY, or the profile), or \
                 something between changes what is signed: the Host, the path, the query or a header, as a reverse proxy does \
                 that sets a Host of its own; to tell, ask the store directly, without the proxy: if the same key is let in, \
                 the proxy changes it"
            }
            "InvalidAccessKeyId" | "InvalidToken" => {
                "the access key is unknown there; check AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN, the profile, and the endpoint"
            }
            "ExpiredToken" | "TokenRefreshRequired" => "the session token has expired; log in again",
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                "the bucket is in another region; name it with `--region`"
            }
            "BadDigest" => {
                "a checksum below [transfer.headers] is not that of the body: write x-amz-checksum-sha256 = \"body\", and each \
                 body has its own; or something between changes bodies"
            }
            "RequestTimeTooSkewed" => "this machine's clock is wrong, or the server's; set it, for example by NTP",
            "NoSuchBucket" => "there is no such bucket; create it, or name another with `--bucket`",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn gateway(&self) -> String {
        let who = self.who();
        match self.status {
            407 => format!("a proxy wants a name and a password: {who}; write them into HTTPS_PROXY or HTTP_PROXY"),
            300..=399 => format!(
                "{who} sends elsewhere, as a login page or captive portal does, or an endpoint that is not the store's own: \
                 open a browser and log in, or name the store's own endpoint with `--endpoint`"
            ),
            _ => format!(
                "{who} answered in the store's place with a page for people: a gateway that refuses, or a captive portal that \
                 wants a login; open a browser, or check the endpoint"
            ),
        }
    }

    /// Who answered, as far as it says.
    fn who(&self) -> String {
        match &self.server {
            Some(server) => format!("the server that calls itself `{server}`"),
            None => "the server that answered (it gives no `Server`)".to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message, &self.answer) {
            (None, None, Some(answer)) => write!(f, "an answer that is not S3's, \"{answer}\"")?,
            (None, None, None) => match self.why.as_deref().filter(|_| (200..300).contains(&self.status)) {
                Some(why) => f.write_str(why)?,
                None => f.write_str("an answer without words")?,
            },
            (code, message, _) => write!(
                f,
                "{}, \"{}\"",
                code.as_deref().unwrap_or("no code"),
                message.as_deref().unwrap_or("no message")
            )?,
        }
        write!(f, " ({}", self.status)?;
        for (name, value) in [("Server", &self.server), ("Via", &self.via), ("Location", &self.location)] {
            if let Some(value) = value {
                write!(f, ", {name}: {value}")?;
            }
        }
        f.write_str(")")
    }
}

/// The innermost cause of an error; `None` if it has none.
pub(super) fn innermost<E>(error: &SdkError<E>) -> Option<String>
where
    E: std::error::Error + 'static,
{
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.last().map(|cause| reported(&redacted_answer(cause.to_string().trim_end_matches(SDKS_GUESS))))
}

fn is_page(content_type: Option<&str>, body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(512)]).to_ascii_lowercase();
    content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
        || ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| start.contains(tag))
}

/// Why links are refused where the same key's header-signed requests are not.
const LINKS: [&str; 4] = [
    "the bucket's policy may refuse links (s3:authType, or s3:signatureAge with a short age), or demand them from another \
     network",
    HEADERS,
    "a proxy may change what a link signs, or keep query strings with signatures out: ask the store directly, without it, to \
     tell",
    "this machine's clock may be so far off that the link is not valid yet, or expired: see `clock`",
];

/// Why puts are refused.
const PUTS: [&str; 3] = [
    "allow this key s3:PutObject on the prefix",
    HEADERS,
    "something between may refuse it, if `Server` is not the store's name",
];

const HEADERS: &str = "the bucket's policy may demand headers (encryption, acl, content type, checksum): give them below \
                       [transfer.headers], a checksum as x-amz-checksum-sha256 = \"body\"";

/// What the SDK adds to the message about an answer that it cannot read.
const SDKS_GUESS: &str = " This is likely a bug in the SDK.";

/// Characters of an answer that is not S3's.
const LONGEST_ANSWER: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal_of(status: u16, code: Option<&str>, page: bool) -> Refusal {
        Refusal {
            status,
            code: code.map(str::to_owned),
            page,
            server: Some("nginx/1.22".to_owned()),
            ..Refusal::default()
        }
    }

    #[test]
    fn a_signature_that_does_not_match_has_two_causes_and_a_way_to_tell_them_apart() {
        let causes = refusal_of(403, Some("SignatureDoesNotMatch"), false).causes(Asked::Listing, None);
        for part in ["AWS_SECRET_ACCESS_KEY", "something between changes", "ask the store directly, without the proxy"]
        {
            assert!(causes.contains(part), "{causes}");
        }
    }

    #[test]
    fn a_denied_put_may_lack_a_permission_or_a_header_and_a_denied_link_may_be_unwanted() {
        let denied = refusal_of(403, Some("AccessDenied"), false);
        let put = denied.causes(Asked::HeaderSigned, Some("x-run"));
        assert!(put.contains("s3:PutObject") && put.contains("[transfer.headers]"), "{put}");
        let link = denied.causes(Asked::LivingLink(Method::Put), Some("x-run"));
        for part in
            ["s3:authType", "s3:signatureAge", "[transfer.headers]", "a proxy may change", "run_parameter = false"]
        {
            assert!(link.contains(part), "{part}: {link}");
        }
        let unknown = refusal_of(501, Some("NotImplemented"), false);
        assert!(
            unknown.causes(Asked::HeaderSigned, Some("x-trace")).contains("`x-trace`: write run_parameter = false")
        );
        assert!(!unknown.causes(Asked::HeaderSigned, None).contains("run_parameter"));
    }

    #[test]
    fn who_answers_in_the_stores_place_is_named() {
        for (status, page, part) in
            [(407, false, "a name and a password"), (302, false, "captive portal"), (200, true, "page for people")]
        {
            let refusal = refusal_of(status, None, page);
            assert!(refusal.is_of_a_gateway());
            let causes = refusal.causes(Asked::Listing, None);
            assert!(causes.contains(part) && causes.contains("nginx/1.22"), "{causes}");
        }
        assert!(!refusal_of(403, Some("AccessDenied"), false).is_of_a_gateway());
        assert_eq!(refusal_of(502, None, false).to_string(), "an answer without words (502, Server: nginx/1.22)");
    }
}
