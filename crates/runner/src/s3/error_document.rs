//! S3's error document: `<Error><Code>…</Code><Message>…</Message>…</Error>`.

use quick_xml::Reader;
use quick_xml::events::Event;
use ttlsweep_record::Timestamp;
use ttlsweep_record::text::{ServerText, shortened};

use crate::clock::plausible;
use crate::secret::redacted;

/// What an error document says; other servers leave much of it out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Error {
    /// `Code`
    pub code: Option<String>,
    /// `Message`
    pub message: Option<String>,
    /// `ServerTime`: with a refusal for expiry the server says what time it believes it is.
    pub server_time: Option<Timestamp>,
    /// `RequestId`
    pub request_id: Option<String>,
    /// `HostId`
    pub host_id: Option<String>,
}

impl S3Error {
    /// Reads as much as can be read; a document that breaks off or makes no sense gives what came before that.
    pub fn parse(document: &[u8]) -> Self {
        let mut error = Self::default();
        let mut reader = Reader::from_reader(document);
        let mut path: Vec<Vec<u8>> = Vec::new();
        let mut text = String::new();
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => {
                    text.clear();
                    if path.len() == DEEPEST {
                        return error;
                    }
                    path.push(tag.local_name().as_ref().to_vec());
                }
                Ok(Event::Text(part)) => text.push_str(&String::from_utf8_lossy(&part)),
                Ok(Event::GeneralRef(reference)) => {
                    let name = reference.decode().unwrap_or_default();
                    if let Ok(Some(char)) = reference.resolve_char_ref() {
                        text.push(char);
                    } else if let Some(entity) = quick_xml::escape::resolve_predefined_entity(&name) {
                        text.push_str(entity);
                    }
                }
                Ok(Event::CData(part)) => text.push_str(&String::from_utf8_lossy(&part)),
                Ok(Event::End(_)) => {
                    if let [root, name] = path.as_slice()
                        && root == b"Error"
                    {
                        error.set(name, text.trim());
                    }
                    path.pop();
                    text.clear();
                }
                Ok(Event::Eof) | Err(_) => return error,
                Ok(_) => {}
            }
        }
    }

    fn set(&mut self, name: &[u8], text: &str) {
        let value = || Some(reported(text));
        match name {
            _ if text.is_empty() => {}
            b"Code" => self.code = value(),
            b"Message" => self.message = value(),
            b"RequestId" => self.request_id = value(),
            b"HostId" => self.host_id = value(),
            b"ServerTime" => self.server_time = text.parse().ok().and_then(plausible),
            _ => {}
        }
    }
}

/// What a server says, fit for a row, a file and a terminal: secrets are taken out first, so that none is cut in two and kept;
/// then control characters; and at most [`ServerText::LONGEST`] characters stay.
pub(crate) fn reported(text: &str) -> String {
    reported_within(text, ServerText::LONGEST)
}

/// [`reported`], of at most `longest` characters.
pub(crate) fn reported_within(text: &str, longest: usize) -> String {
    let read = text.floor_char_boundary(MOST_READ);
    shortened(&redacted(&text[..read]), longest)
}

/// Deeper than any error document goes; what is deeper is not followed.
const DEEPEST: usize = 16;
/// More than this is looked at of no text, since a server may send any length.
const MOST_READ: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_link_is_read_whole() {
        let document = br#"<?xml version="1.0" encoding="UTF-8"?>
            <Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>10</X-Amz-Expires>
            <Expires>2026-11-24T19:00:10Z</Expires><ServerTime>2026-11-24T19:00:12Z</ServerTime>
            <RequestId>4442587FB7D0A2F9</RequestId><HostId>abc+/=</HostId></Error>"#;
        let error = S3Error::parse(document);
        assert_eq!(error.code.as_deref(), Some("AccessDenied"));
        assert_eq!(error.message.as_deref(), Some("Request has expired"));
        assert_eq!(error.server_time.map(|time| time.to_string()).as_deref(), Some("2026-11-24T19:00:12.000000Z"));
        assert_eq!(error.request_id.as_deref(), Some("4442587FB7D0A2F9"));
        assert_eq!(error.host_id.as_deref(), Some("abc+/="));
    }

    #[test]
    fn a_secret_that_is_longer_than_what_is_kept_is_not_cut_and_kept() {
        let text = format!("{}x-amz-security-token: {}", "x".repeat(1000), "0123456789abcdefghij".repeat(20));
        let reported = reported(&text);
        assert!(!reported.contains("0123456789ab"), "{reported}");
        assert!(reported.chars().count() <= 1024);
    }

    #[test]
    fn a_time_that_no_link_can_be_signed_by_is_not_one() {
        let error = S3Error::parse(b"<Error><ServerTime>9999-12-31T23:59:59Z</ServerTime></Error>");
        assert_eq!(error.server_time, None);
    }

    #[test]
    fn entities_are_resolved_and_what_is_broken_off_is_no_error() {
        let error = S3Error::parse(b"<Error><Code>A&amp;B&#33;</Code><Message>bro");
        assert_eq!(error.code.as_deref(), Some("A&B!"));
        assert_eq!(error.message, None);
        assert_eq!(S3Error::parse(b"<html><body>502</body></html>"), S3Error::default());
        assert_eq!(S3Error::parse(b"\xff\xfe not xml <<<"), S3Error::default());
    }
}
