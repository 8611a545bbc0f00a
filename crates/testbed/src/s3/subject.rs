//! What a request is about, as far as its head tells: a bucket or an object, and whether the object's bytes are carried.

use http::Method;
use http::header::HOST;
use http::request::Parts;

use crate::s3::form::is_form;
use crate::s3::query::Query;

/// What a request's host and path name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    /// The bucket that the host names; `None` if the path names it.
    pub(crate) host_bucket: Option<&'a str>,
    /// Whether an object is named.
    pub(crate) is_object: bool,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(parts: &'a Parts) -> Self {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host_bucket = bucket_of_host(host);
        let path = parts.uri.path().trim_start_matches('/');
        let key = match host_bucket {
            Some(_) => path,
            None => path.split_once('/').map_or("", |(_, key)| key),
        };
        Self { host_bucket, is_object: !key.is_empty() }
    }
}

/// `bucket.localhost` is a bucket's host, and every other name the endpoint's own.
pub(crate) fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    name.strip_suffix(".localhost")
}

/// Whether a request carries the bytes of an object or of a part, one way or the other: a transfer, which faults meet,
/// anyone who signed it.
pub(crate) fn is_transfer(parts: &Parts, query: &Query) -> bool {
    if is_form(parts) {
        return !Subject::of(parts).is_object;
    }
    let beside: &[&str] = match parts.method {
        Method::PUT if !parts.headers.contains_key("x-amz-copy-source") => &["partNumber", "uploadId"],
        Method::GET => &["partNumber", "versionId"],
        _ => return false,
    };
    Subject::of(parts).is_object && !query.names().any(|name| SUB_RESOURCES.contains(&name) && !beside.contains(&name))
}

/// Query parameters that ask for something else than the object's bytes, or for a certain part or version of them.
const SUB_RESOURCES: [&str; 13] = [
    "acl",
    "attributes",
    "legal-hold",
    "partNumber",
    "renameObject",
    "restore",
    "retention",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
];

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_one(method: &str, host: &str, target: &str) -> bool {
        let request = Request::builder().method(method).uri(target).header("host", host);
        let parts = request.body(()).unwrap().into_parts().0;
        is_transfer(&parts, &Query::read(&parts))
    }

    #[test]
    fn each_put_and_get_of_an_object_or_part_is_a_transfer() {
        for host in ["127.0.0.1:9000", "localhost", "h"] {
            assert!(is_one("PUT", host, "/bucket/key"));
            assert!(is_one("GET", host, "/bucket/a/key?response-content-type=x"));
            assert!(is_one("PUT", host, "/bucket/key?partNumber=1&uploadId=u"));
            assert!(!is_one("PUT", host, "/bucket"));
            assert!(!is_one("GET", host, "/bucket/?list-type=2"));
            assert!(!is_one("GET", host, "/bucket/key?uploadId=u"));
            assert!(!is_one("HEAD", host, "/bucket/key"));
            assert!(!is_one("POST", host, "/bucket/key?uploads"));
        }
        assert!(is_one("PUT", "bucket.localhost:9000", "/key"));
        assert!(!is_one("POST", "h", "/bucket?delete"));
        assert!(!is_one("GET", "bucket.localhost:9000", "/"));
    }

    #[test]
    fn an_upload_by_a_form_is_a_transfer() {
        let form = Request::post("/bucket").header("content-type", "multipart/form-data; boundary=x");
        let parts = form.body(()).unwrap().into_parts().0;
        assert!(is_transfer(&parts, &Query::read(&parts)));
    }
}
