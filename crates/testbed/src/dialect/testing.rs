//! A request's head for the tests of the dialects: what a vendor's own library signed with the testbed's keys is held against it.

use http::Request;
use time::OffsetDateTime;

use super::Dialect;
use crate::s3::errors::Failure;
use crate::s3::keys::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Keys};
use crate::s3::presigned::{Head, Presigned};
use crate::s3::query::Query;
use crate::s3::secret::Secret;

/// The host that the links are for.
pub(super) const HOST: &str = "127.0.0.1:9000";

/// The testbed's own.
pub(super) fn keys() -> Keys {
    Keys {
        access_key: DEFAULT_ACCESS_KEY.to_owned(),
        secret_key: Secret::from(DEFAULT_SECRET_KEY),
        region: "us-east-1".to_owned(),
    }
}

/// Reads and verifies a link, one minute before it expires. It is sent to [`HOST`] unless the headers name another.
pub(super) fn verified(
    dialect: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Box<dyn Presigned>, Failure> {
    let mut request = Request::builder().method(method).uri(target);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", HOST);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let query = Query::read(&parts);
    let keys = keys();
    let mut head = Head { parts: &parts, query: &query, keys: &keys, tls: false, now: OffsetDateTime::UNIX_EPOCH };
    let link = dialect.parse::<Dialect>().unwrap().read(&head)?.expect("there is a link");
    head.now = link.expires_at() - time::Duration::minutes(1);
    link.verify(&head)?;
    Ok(link)
}

/// The code that it is refused with; empty if it is let in.
pub(super) fn code(result: Result<Box<dyn Presigned>, Failure>) -> String {
    result.err().map_or_else(String::new, |failure| failure.code().to_owned())
}
