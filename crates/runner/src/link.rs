//! A signed request: a presigned link, or a request signed in its headers.

use std::fmt;

use http::{HeaderMap, Uri};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use ttlsweep_record::Timestamp;

/// A request that is ready to be sent. Its signature is a secret for as long as it lives: `Debug` shows none of it.
#[derive(Clone)]
pub struct SignedRequest {
    /// The HTTP method.
    pub method: http::Method,
    /// Scheme, host and port, the path, and for a link the query with its signature.
    pub uri: Uri,
    /// The headers that were signed, `host` apart, and the `authorization` of a header-signed request.
    pub headers: HeaderMap,
    /// When the link was made; nothing where there is no link.
    pub presigned_at: Option<Timestamp>,
    /// When the link expires; nothing where there is no link.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .field("presigned_at", &self.presigned_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A link from which its expiry cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the presigned URL has no readable {0}")]
pub struct NoExpiry(&'static str);

/// `X-Amz-Date` + `X-Amz-Expires`, read from the URL itself: the date is cut to whole seconds, so a link signed for T
/// seconds lives between T−1 and T, and only its own text says which.
///
/// # Errors
/// One of the two parameters is missing or unreadable.
pub fn expiry_of(uri: &Uri) -> Result<Timestamp, NoExpiry> {
    let parameter = |name: &'static str| {
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value).ok_or(NoExpiry(name))
    };
    let date = PrimitiveDateTime::parse(parameter("X-Amz-Date")?, AMZ_DATE).map_err(|_| NoExpiry("X-Amz-Date"))?;
    let seconds: u32 = parameter("X-Amz-Expires")?.parse().map_err(|_| NoExpiry("X-Amz-Expires"))?;
    let expires = date.assume_utc().unix_timestamp() + i64::from(seconds);
    Ok(Timestamp::from_unix_micros(expires * 1_000_000))
}

const AMZ_DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

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
        assert_eq!(expiry_of(&uri).unwrap_err().to_string(), "the presigned URL has no readable X-Amz-Date");
    }

    #[test]
    fn debug_shows_no_signature() {
        let request = SignedRequest {
            method: http::Method::PUT,
            uri: "https://host/key?X-Amz-Signature=secret".parse().unwrap(),
            headers: HeaderMap::new(),
            presigned_at: None,
            expires_at: None,
        };
        assert!(!format!("{request:?}").contains("secret"));
    }
}
