//! Uploads by an HTML form: when the policy that the form carries expires.
//!
//! The service behind reads the form, verifies its signature and keeps its conditions. It holds the expiry against the
//! form once, by its own rule; the testbed's policy needs the instant itself, and finds it in the body as it passes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::s3::link::header;

/// The beginning of a form's body, up to its policy.
#[derive(Debug)]
pub(crate) struct Form {
    delimiter: Vec<u8>,
    seen: Vec<u8>,
}

/// Whether a request is a form.
pub(crate) fn is_form(parts: &Parts) -> bool {
    Form::of(parts).is_some()
}

impl Form {
    /// `None` if the request is not a form.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        let content_type = header(parts, CONTENT_TYPE.as_str());
        let is_form = parts.method == Method::POST && content_type.starts_with("multipart/form-data");
        let (_, boundary) = content_type.split_once("boundary=").filter(|_| is_form)?;
        let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
        Some(Self { delimiter: format!("\r\n--{boundary}").into_bytes(), seen: b"\r\n".to_vec() })
    }

    /// Reads the next piece of the body.
    pub(crate) fn read(&mut self, piece: &[u8]) -> FormPolicy {
        self.seen.extend_from_slice(piece);
        let mut rest = self.seen.as_slice();
        // A part is known whole when the next delimiter has come.
        while let Some(start) = find(rest, &self.delimiter) {
            let part = &rest[start + self.delimiter.len()..];
            let Some(head_end) = find(part, b"\r\n\r\n") else { break };
            let name = name_of(&part[..head_end]);
            if name.as_deref() == Some("file") {
                // Fields behind the file count for nothing.
                return FormPolicy::Nothing;
            }
            let value = &part[head_end + 4..];
            let Some(end) = find(value, &self.delimiter) else { break };
            if name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("policy")) {
                return expiration(&value[..end]).map_or(FormPolicy::Nothing, FormPolicy::Expiry);
            }
            rest = &value[end..];
        }
        if self.seen.len() > LONGEST_FIELDS { FormPolicy::Nothing } else { FormPolicy::NotYet }
    }
}

/// What has been found so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormPolicy {
    NotYet,
    Expiry(OffsetDateTime),
    /// There is no policy, or none that can be read, and none will come.
    Nothing,
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The field that a part's head names.
fn name_of(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = line.split(';').find_map(|parameter| parameter.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

fn expiration(policy: &[u8]) -> Option<OffsetDateTime> {
    let policy: Vec<u8> = policy.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let policy: serde_json::Value = serde_json::from_slice(&STANDARD.decode(policy).ok()?).ok()?;
    OffsetDateTime::parse(policy.get("expiration")?.as_str()?, &Rfc3339).ok()
}

/// S3 takes no more than 20 KB of fields.
const LONGEST_FIELDS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use http::Request;
    use time::macros::datetime;

    use super::*;

    fn form() -> Form {
        let request = Request::post("/b").header("content-type", "multipart/form-data; boundary=xyz");
        Form::of(&request.body(()).unwrap().into_parts().0).unwrap()
    }

    fn body(fields: &[(&str, &str)]) -> String {
        let part = |(name, value): &(&str, &str)| {
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        fields.iter().map(part).chain(["--xyz--\r\n".to_owned()]).collect()
    }

    #[test]
    fn the_policys_expiration_is_found_as_soon_as_its_field_is_whole() {
        let policy = STANDARD.encode("{\"expiration\": \"2026-11-29T10:00:00.500Z\", \"conditions\": []}");
        let body = body(&[("key", "a"), ("policy", &policy), ("file", "data")]);
        let mut form = form();
        let pieces: Vec<FormPolicy> = body.as_bytes().chunks(7).map(|piece| form.read(piece)).collect();
        let found = pieces.iter().position(|found| *found != FormPolicy::NotYet).unwrap();
        assert_eq!(pieces[found], FormPolicy::Expiry(datetime!(2026-11-29 10:00:00.5 UTC)));
        assert!(found * 7 < body.find("name=\"file\"").unwrap());
    }

    #[test]
    fn a_form_without_a_policy_has_nothing_to_expire() {
        assert_eq!(form().read(body(&[("key", "a"), ("file", "policy")]).as_bytes()), FormPolicy::Nothing);
        assert_eq!(form().read(body(&[("policy", "not base64"), ("file", "x")]).as_bytes()), FormPolicy::Nothing);
    }
}
