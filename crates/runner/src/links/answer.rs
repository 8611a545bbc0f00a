//! What a minter answers: a line of JSON, or a URL alone.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use ttlsweep_record::Timestamp;

use crate::expiry;
use crate::s3::form::Form;
use crate::secret::Secret;
use crate::wire::endpoint::Endpoint;

/// A link as it was given.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) uri: Uri,
    /// The request's method; `None` if it was not said.
    pub(super) method: Option<Method>,
    /// What is to be sent with it.
    pub(super) headers: HeaderMap,
    /// The form that the body is to travel in; `None` for a body of its own.
    pub(super) form: Option<Secret<Form>>,
    /// When it expires, if that was said beside the link.
    pub(super) expires_at: Option<Timestamp>,
    /// Which transfer it is for, if that was said.
    pub(super) transfer_id: Option<String>,
}

impl Answer {
    /// Reads a line. Nothing of it is in the error: a link that cannot be used may be one that works elsewhere.
    ///
    /// # Errors
    /// It is not a link, or says something that cannot be done; in words.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if !line.starts_with('{') {
            let (uri, headers) = (url(line, "what it gave")?, HeaderMap::new());
            return Ok(Self { uri, method: None, headers, form: None, expires_at: None, transfer_id: None });
        }
        let answer: Value =
            serde_json::from_str(line).map_err(|error| format!("its answer is not JSON in one line: {error}"))?;
        let text = |name: &str| match &answer[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_str())),
            _ => Err(format!("the `{name}` of its answer is not text")),
        };
        if let Some(error) = text("error")? {
            return Err(format!("it says: {}", crate::s3::error_document::reported(&without_queries(error))));
        }
        let uri = url(text("url")?.ok_or("its answer has no `url`")?, "the `url` of its answer")?;
        let method = match text("method")? {
            None => None,
            Some(name) => Some(
                name.to_ascii_uppercase().parse().map_err(|_| "the `method` of its answer is not an HTTP method")?,
            ),
        };
        let (headers, expires_at) = (headers(&answer["headers"])?, expires_at(&answer["expires_at"])?);
        let form = form(&answer["fields"])?;
        Ok(Self { uri, method, headers, form, expires_at, transfer_id: text("transfer_id")?.map(str::to_owned) })
    }
}

fn url(text: &str, what: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{what} is not a URL: {error}"))?;
    if Endpoint::of(&uri).is_err() {
        return Err(format!("{what} is not a URL that begins with http:// or https:// and a host"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(format!("{what} has a user in front of its host, which is not supported"));
    }
    Ok(uri)
}

fn headers(value: &Value) -> Result<HeaderMap, String> {
    let pairs = match value {
        Value::Null => return Ok(HeaderMap::new()),
        Value::Object(pairs) => pairs,
        _ => return Err("the `headers` of its answer are not an object of names and texts".to_owned()),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let shown = crate::s3::error_document::reported(name);
        let known: HeaderName =
            name.parse().map_err(|_| format!("`{shown}` in the `headers` of its answer is not a header's name"))?;
        if OWN_HEADERS.contains(&known.as_str()) {
            return Err(format!("its answer sets the header `{shown}`, which ttlsweep sends itself: leave it out"));
        }
        let text = value.as_str().ok_or_else(|| format!("the header `{shown}` of its answer is not text"))?;
        let text =
            HeaderValue::from_str(text).map_err(|_| format!("the header `{shown}` of its answer cannot be sent"))?;
        headers.append(known, text);
    }
    Ok(headers)
}

/// The fields of a form, as libraries that make POST policies give them.
fn form(value: &Value) -> Result<Option<Secret<Form>>, String> {
    let pairs = match value {
        Value::Null => return Ok(None),
        Value::Object(pairs) => pairs,
        _ => return Err("the `fields` of its answer are not an object of names and texts".to_owned()),
    };
    let mut fields = Vec::new();
    for (name, value) in pairs {
        let shown = crate::s3::error_document::reported(name);
        let text = value.as_str().ok_or_else(|| format!("the field `{shown}` of its answer is not text"))?;
        if name.contains(['"', '\r', '\n']) || text.contains(['\r', '\n']) || name.eq_ignore_ascii_case("file") {
            return Err(format!("the field `{shown}` of its answer cannot be sent"));
        }
        fields.push((name.clone(), text.to_owned()));
    }
    Ok(Some(Secret::new(Form::new(fields))))
}

/// RFC 3339, or seconds since 1970.
fn expires_at(value: &Value) -> Result<Option<Timestamp>, String> {
    let read = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse().ok(),
        number => number.as_f64().and_then(expiry::seconds),
    };
    match read {
        Some(instant) => Ok(Some(instant)),
        None => {
            Err("the `expires_at` of its answer is neither a date such as \"2026-11-30T12:00:00Z\" nor seconds since \
                     1970"
                .to_owned())
        }
    }
}

/// A text of the minter's without the queries of the URLs in it: it may speak of the link that it could not make.
pub(super) fn without_queries(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at);
        clean.push_str(before);
        let end = url.find(|char: char| char.is_whitespace() || "\"'<>`".contains(char)).unwrap_or(url.len());
        let (url, behind) = url.split_at(end);
        match url.split_once('?') {
            Some((address, _)) => clean.extend([address, "?REDACTED"]),
            None => clean.push_str(url),
        }
        rest = behind;
    }
    clean.push_str(rest);
    crate::secret::redacted_answer(&clean)
}

/// What the transfer itself decides.
const OWN_HEADERS: [&str; 7] = ["host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_alone_and_a_line_of_json_are_read() {
        let bare = Answer::parse(" https://h/k?X-Amz-Date=1 ").unwrap();
        assert_eq!((bare.uri.path(), bare.method, bare.expires_at), ("/k", None, None));
        let line = r#"{"url":"http://[::1]:9/k?sig=s","method":"put","headers":{"x-ms-blob-type":"BlockBlob"},
            "expires_at":"2026-11-30T13:00:00+01:00","more":[1]}"#;
        let answer = Answer::parse(line).unwrap();
        assert_eq!(answer.method, Some(Method::PUT));
        assert_eq!(answer.headers["x-ms-blob-type"], "BlockBlob");
        assert_eq!(answer.expires_at.unwrap().to_string(), "2026-11-30T12:00:00.000000Z");
        let epoch = Answer::parse(r#"{"url":"http://h/","expires_at":1796040000.5}"#).unwrap();
        assert_eq!(epoch.expires_at.unwrap().to_string(), "2026-11-30T12:00:00.500000Z");
    }

    #[test]
    fn what_cannot_be_used_is_told_and_shows_nothing_of_the_link() {
        for (line, says) in [
            ("", "what it gave is not a URL"),
            ("not a url?sig=hush", "what it gave is not a URL"),
            ("/key?sig=hush", "is not a URL that begins with http"),
            ("ftp://h/k?sig=hush", "is not a URL that begins with http"),
            ("https://user:hush@h/k", "has a user in front of its host"),
            (r#"{"url":"#, "is not JSON in one line"),
            (r#"{"link":"https://h/?sig=hush"}"#, "has no `url`"),
            (r#"{"url":17}"#, "the `url` of its answer is not text"),
            (r#"{"url":"h?sig=hush"}"#, "the `url` of its answer is not a URL"),
            (r#"{"url":"http://h/","method":"P UT"}"#, "the `method` of its answer is not an HTTP method"),
            (r#"{"url":"http://h/","headers":["hush"]}"#, "are not an object"),
            (
                r#"{"url":"http://h/","headers":{"a b":"hush"}}"#,
                "`a b` in the `headers` of its answer is not a header's name",
            ),
            (r#"{"url":"http://h/","headers":{"Content-Length":"5"}}"#, "which ttlsweep sends itself"),
            (r#"{"url":"http://h/","headers":{"a":5}}"#, "the header `a` of its answer is not text"),
            (r#"{"url":"http://h/","headers":{"a":"hush\nb"}}"#, "the header `a` of its answer cannot be sent"),
            (r#"{"url":"http://h/","fields":["hush"]}"#, "the `fields` of its answer are not an object"),
            (r#"{"url":"http://h/","fields":{"a":5}}"#, "the field `a` of its answer is not text"),
            (r#"{"url":"http://h/","fields":{"a":"hush\nb"}}"#, "the field `a` of its answer cannot be sent"),
            (r#"{"url":"http://h/","fields":{"file":"hush"}}"#, "the field `file` of its answer cannot be sent"),
            (r#"{"url":"http://h/","expires_at":"soon"}"#, "the `expires_at` of its answer is neither"),
            (r#"{"url":"http://h/","expires_at":1796040000000}"#, "the `expires_at` of its answer is neither"),
            (r#"{"error":"no quota for https://h/k?sig=hush-hush"}"#, "it says: no quota for https://h/k?REDACTED"),
        ] {
            let error = Answer::parse(line).unwrap_err();
            assert!(error.contains(says) && !error.contains("hush"), "{line}: {error}");
        }
    }
}
