//! Uploads by an HTML form: when the policy that the form carries expires, and whether its signature holds.
//!
//! The service behind reads the form, verifies its signature and keeps its conditions. It holds the expiry against the
//! form once, by its own rule; the testbed's policy needs the instant itself, and finds it in the body as it passes. A
//! fault meets what would be served, and so needs to know about the signature before the service has read the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::s3::headers::header;
use crate::s3::keys::Keys;
use crate::s3::sigv2;
use crate::s3::sigv4::{ALGORITHM, Scope};

/// The beginning of a form's body, up to its file.
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

    /// Reads the next piece of the body, and tells what has been found so far.
    pub(crate) fn read(&mut self, piece: &[u8]) -> FormFields {
        self.seen.extend_from_slice(piece);
        let mut found = FormFields::default();
        let mut rest = self.seen.as_slice();
        // A part is known whole when the next delimiter has come.
        while let Some(start) = find(rest, &self.delimiter) {
            let part = &rest[start + self.delimiter.len()..];
            let Some(head_end) = find(part, b"\r\n\r\n") else { break };
            let name = name_of(&part[..head_end]).unwrap_or_default().to_ascii_lowercase();
            if name == "file" {
                // Fields behind the file count for nothing.
                found.is_whole = true;
                break;
            }
            let value = &part[head_end + 4..];
            let Some(end) = find(value, &self.delimiter) else { break };
            found.fields.push((name, String::from_utf8_lossy(&value[..end]).into_owned()));
            rest = &value[end..];
        }
        found.is_whole |= self.seen.len() > LONGEST_FIELDS;
        found
    }
}

/// The fields of a form that have come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FormFields {
    /// Names in lower case, and values.
    fields: Vec<(String, String)>,
    /// Whether no field will come that counts.
    pub(crate) is_whole: bool,
}

impl FormFields {
    /// When the policy expires; `None` if none has come, or none that can be read.
    pub(crate) fn expiry(&self) -> Option<OffsetDateTime> {
        let policy: String = self.field("policy")?.split_ascii_whitespace().collect();
        let policy: serde_json::Value = serde_json::from_slice(&STANDARD.decode(policy).ok()?).ok()?;
        OffsetDateTime::parse(policy.get("expiration")?.as_str()?, &Rfc3339).ok()
    }

    /// Whether the policy is signed with the key, by either version of signatures.
    pub(crate) fn is_signed(&self, keys: &Keys) -> bool {
        self.is_signed_v4(keys).or_else(|| self.is_signed_v2(keys)).unwrap_or(false)
    }

    fn is_signed_v4(&self, keys: &Keys) -> Option<bool> {
        let signature = self.field("x-amz-signature")?;
        let (access_key, scope_given) = self.field("x-amz-credential")?.split_once('/')?;
        let region = scope_given.split('/').nth(1)?;
        let scope = Scope { amz_date: self.field("x-amz-date")?, region };
        let is_ours = access_key == keys.access_key && self.field("x-amz-algorithm")? == ALGORITHM;
        let signed = || scope.signature(keys.secret_key.expose(), self.field("policy").unwrap_or_default());
        Some(is_ours && scope_given == scope.credential() && signature == signed())
    }

    fn is_signed_v2(&self, keys: &Keys) -> Option<bool> {
        let signature = sigv2::signature(keys.secret_key.expose(), self.field("policy")?);
        Some(self.field("awsaccesskeyid")? == keys.access_key && self.field("signature")? == signature)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
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

/// S3 takes no more than 20 KB of fields.
const LONGEST_FIELDS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use http::Request;
    use time::macros::datetime;

    use super::*;
    use crate::s3::secret::Secret;

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
        let pieces: Vec<_> = body.as_bytes().chunks(7).map(|piece| form.read(piece)).collect();
        let found = pieces.iter().position(|found| found.expiry().is_some()).unwrap();
        assert_eq!(pieces[found].expiry(), Some(datetime!(2026-11-29 10:00:00.5 UTC)));
        assert!(found * 7 < body.find("name=\"file\"").unwrap() && !pieces[found].is_whole);
    }

    #[test]
    fn a_form_without_a_policy_has_nothing_to_expire() {
        for policy in [("key", "a"), ("policy", "not base64")] {
            let found = form().read(body(&[policy, ("file", "policy")]).as_bytes());
            assert!(found.is_whole && found.expiry().is_none(), "{found:?}");
        }
    }

    #[test]
    fn a_signature_of_either_version_holds_for_its_key_and_its_policy_alone() {
        let keys = Keys { access_key: "AK".to_owned(), secret_key: Secret::from("SK"), region: "eu-west-1".to_owned() };
        let policy = STANDARD.encode("{}");
        let scope = Scope { amz_date: "20261124T100000Z", region: "us-east-1" };
        let credential = format!("AK/{}", scope.credential());
        let signature = scope.signature("SK", &policy);
        let v4 = [
            ("policy", policy.as_str()),
            ("X-Amz-Algorithm", ALGORITHM),
            ("x-amz-credential", &credential),
            ("x-amz-date", scope.amz_date),
            ("x-amz-signature", &signature),
        ];
        let signature = sigv2::signature("SK", &policy);
        let v2 = [("AWSAccessKeyId", "AK"), ("policy", policy.as_str()), ("signature", &signature)];
        let is_signed = |fields: &[(&str, &str)]| {
            let found = form().read(body(&[fields, &[("file", "x")]].concat()).as_bytes());
            found.is_whole && found.is_signed(&keys)
        };
        for fields in [&v4[..], &v2[..]] {
            assert!(is_signed(fields), "{fields:?}");
            for changed in 0..fields.len() {
                let (mut other, mut absent) = (fields.to_vec(), fields.to_vec());
                other[changed].1 = "e30";
                absent.remove(changed);
                assert!(!is_signed(&other) && !is_signed(&absent), "{:?}", fields[changed]);
            }
        }
    }
}
