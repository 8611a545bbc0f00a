//! Signed URLs of version 4, as Alibaba documents them in "(Recommended) V4 signatures in presigned URLs":
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/add-signatures-to-urls>
//!
//! They look like S3's of that version, and differ in what is signed: the bucket stands in the path wherever the client has put it,
//! parameters without a value have no sign of equality, and whatever headers OSS reads are signed without being named.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use super::expired;
use crate::s3::errors::Failure;
use crate::s3::headers::{header, headers_with_prefix};
use crate::s3::link::{AMZ_DATE, MAX_SKEW};
use crate::s3::presigned::{Head, Presigned};
use crate::s3::query::Query;
use crate::s3::sigv4::{UNSIGNED_PAYLOAD, encode, encode_path, hex, hmac_sha256, sha256_hex};
use crate::s3::subject::Subject;

#[derive(Debug)]
pub(super) struct Link {
    access_key: String,
    /// `DATE/REGION/oss/aliyun_v4_request`
    scope: String,
    date: String,
    signed_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    /// Headers that are signed beside those that always are.
    additional: Vec<String>,
    signature: String,
}

impl Link {
    /// Reads the link in a query; `None` if there is none.
    pub(super) fn read(query: &Query) -> Result<Option<Self>, Failure> {
        if !query.names().any(|name| OWN.contains(&name)) {
            return Ok(None);
        }
        let need = |name| query.get(name).filter(|value| !value.is_empty()).ok_or_else(|| invalid(name, "is missing"));
        if need(VERSION)? != ALGORITHM {
            return Err(invalid(VERSION, "must be OSS4-HMAC-SHA256"));
        }
        let date = need("x-oss-date")?.to_owned();
        let no_date = || invalid("x-oss-date", "must be of the form YYYYMMDD'T'HHMMSS'Z'");
        let signed_at = PrimitiveDateTime::parse(&date, AMZ_DATE).map_err(|_| no_date())?.assume_utc();
        let ttl_s = need("x-oss-expires")?.parse().ok().filter(|ttl_s| (1..=WEEK_S).contains(ttl_s));
        let ttl_s = ttl_s.ok_or_else(|| invalid("x-oss-expires", "must be between 1 and 604800 seconds"))?;
        let (access_key, scope) = need(CREDENTIAL)?.split_once('/').ok_or_else(no_credential)?;
        let additional = query.get("x-oss-additional-headers").unwrap_or_default().split(';');
        Ok(Some(Self {
            access_key: access_key.to_owned(),
            scope: scope.to_owned(),
            date,
            signed_at,
            // The last days that can be written have no week behind them.
            expires_at: signed_at.checked_add(Duration::seconds(ttl_s)).ok_or_else(no_date)?,
            additional: additional.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            signature: need("x-oss-signature")?.to_owned(),
        }))
    }

    /// The one text to which both sides reduce a request.
    fn canonical(&self, head: &Head<'_>) -> String {
        let path: Vec<u8> = percent_decode_str(head.parts.uri.path()).collect();
        let bucket = Subject::of(head.parts).host_bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
        let signed = head.query.parameters().iter().filter(|(name, _)| name != "x-oss-signature");
        let mut query: Vec<_> = signed.map(|(name, value)| (encode(name), encode(value))).collect();
        query.sort();
        let pair = |(name, value): (String, String)| if value.is_empty() { name } else { format!("{name}={value}") };
        let query: Vec<_> = query.into_iter().map(pair).collect();

        let mut headers = headers_with_prefix(head.parts, "x-oss-");
        let always = ALWAYS.iter().copied().filter(|name| head.parts.headers.contains_key(*name));
        headers.extend(
            always
                .chain(self.additional.iter().map(String::as_str))
                .map(|name| (name.to_owned(), header(head.parts, name))),
        );
        headers.sort();
        headers.dedup();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        format!(
            "{}\n{bucket}{}\n{}\n{headers}\n{}\n{UNSIGNED_PAYLOAD}",
            head.parts.method,
            encode_path(&path),
            query.join("&"),
            self.additional.join(";")
        )
    }

    fn signature(&self, string_to_sign: &str, secret_key: &str) -> String {
        let parts = self.scope.split('/').chain([string_to_sign]);
        let key = format!("aliyun_v4{secret_key}").into_bytes();
        hex(&parts.fold(key, |key, part| hmac_sha256(&key, part.as_bytes())))
    }
}

impl Presigned for Link {
    fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    fn signed_at(&self) -> Option<OffsetDateTime> {
        Some(self.signed_at)
    }

    fn verify(&self, head: &Head<'_>) -> Result<Option<String>, Failure> {
        let scope: Vec<_> = self.scope.split('/').collect();
        let [day, region, "oss", "aliyun_v4_request"] = scope[..] else { return Err(no_credential()) };
        if !self.date.starts_with(day) || day.len() != 8 {
            return Err(no_credential());
        }
        if region != head.keys.region {
            return Err(invalid(CREDENTIAL, "has another region than the bucket").with("EC", "0002-00000226"));
        }
        super::known(&self.access_key, head)?;
        if self.signed_at - head.now > MAX_SKEW {
            return Err(Failure::forbidden("AccessDenied", "Request is not yet valid.").with("EC", "0002-00000235"));
        }
        let canonical = self.canonical(head);
        let string_to_sign =
            format!("{ALGORITHM}\n{}\n{}\n{}", self.date, self.scope, sha256_hex(canonical.as_bytes()));
        if self.signature(&string_to_sign, head.keys.secret_key.expose()) == self.signature {
            return Ok(None);
        }
        Err(super::mismatch(&self.access_key, &self.signature, &string_to_sign).with("CanonicalRequest", canonical))
    }

    fn expired(&self, now: OffsetDateTime) -> Failure {
        expired(self.expires_at, now)
    }

    fn has(&self, parameter: &str) -> bool {
        OWN.contains(&parameter)
    }
}

fn invalid(parameter: &'static str, problem: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "InvalidArgument", format!("{parameter} {problem}."))
        .with("ArgumentName", parameter)
}

fn no_credential() -> Failure {
    let problem = "must be an access key with DATE/REGION/oss/aliyun_v4_request";
    invalid(CREDENTIAL, problem).with("EC", "0002-00000224")
}

const VERSION: &str = "x-oss-signature-version";
const CREDENTIAL: &str = "x-oss-credential";
const ALGORITHM: &str = "OSS4-HMAC-SHA256";
const WEEK_S: i64 = 604_800;

/// The headers that are signed wherever they are sent, beside those that begin with `x-oss-`.
const ALWAYS: [&str; 2] = ["content-md5", "content-type"];

const OWN: [&str; 7] = [
    VERSION,
    CREDENTIAL,
    "x-oss-date",
    "x-oss-expires",
    "x-oss-signature",
    "x-oss-additional-headers",
    "x-oss-security-token",
];

#[cfg(test)]
pub(in crate::dialect) mod tests {
    use super::super::super::testing::{code, verified};

    // Signed by alibabacloud-oss-v2 1.4.1 with the testbed's key.
    pub(in crate::dialect) const PUT: &str = "/ttlsweep/dir/a%20b.bin?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-d\
         ate=20261201T090000Z&x-oss-expires=3600&x-oss-credential=ttlsweep-testbed%2F20261201%2Fus-east-1%2Foss%2Faliy\
         un_v4_request&x-oss-signature=13467be7a7ca7a25f0d8777568be5549a7a099b875dde18c7086ec16c835d13d";
    pub(in crate::dialect) const HEADERS: &str = "/ttlsweep/key?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20\
         261201T090000Z&x-oss-expires=3600&x-oss-credential=ttlsweep-testbed%2F20261201%2Fus-east-1%2Foss%2Faliyun_v4_\
         request&x-oss-signature=c11da1568268d5efdba91a4371b3d23a646e046efcbf75ae5ff9f96de3f8e53a";
    pub(in crate::dialect) const GET: &str = "/ttlsweep/key?response-content-disposition=attachment%3B%20filename%3D%2\
         2%C3%A4%20b.txt%22&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20261201T090000Z&x-oss-expires=3600&x-\
         oss-credential=ttlsweep-testbed%2F20261201%2Fus-east-1%2Foss%2Faliyun_v4_request&x-oss-signature=2ae951e79922\
         f1d45a41c123aa6cb49683fddc0b6bd24768de298134c80a5835";
    pub(in crate::dialect) const TOKEN: &str = "/ttlsweep/key?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=2026\
         1201T090000Z&x-oss-expires=3600&x-oss-credential=ttlsweep-testbed%2F20261201%2Fus-east-1%2Foss%2Faliyun_v4_re\
         quest&x-oss-security-token=token%2Fof%2Bit%3D%3D&x-oss-signature=0143d3cf046ee5116786f65af8dea1b9276a77e25cd7\
         dd967a3c195a77abf52e";
    // And by oss2 2.19.1, whose link to `PUT` has the same signature.
    pub(in crate::dialect) const OLDER: &str = "/ttlsweep/dir/a%20b.bin?x-oss-date=20261201T090000Z&x-oss-expires=3600\
         &x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=ttlsweep-testbed%2F20261201%2Fus-east-1%2Foss%2Fal\
         iyun_v4_request&x-oss-signature=13467be7a7ca7a25f0d8777568be5549a7a099b875dde18c7086ec16c835d13d";
    pub(in crate::dialect) const ADDITIONAL: &str = "/ttlsweep/key?x-oss-date=20261201T090000Z&x-oss-expires=3600&x-os\
         s-signature-version=OSS4-HMAC-SHA256&x-oss-credential=ttlsweep-testbed%2F20261201%2Fus-east-1%2Foss%2Faliyun_\
         v4_request&x-oss-additional-headers=cache-control&x-oss-signature=e4c78e5969ebed8f595868bc8f204e6f85b0f67453b\
         e70e034e39d56c5d8f9e3";
    pub(in crate::dialect) const TYPE_AND_META: &[(&str, &str)] =
        &[("content-type", "text/plain"), ("x-oss-meta-a", "b")];
    pub(in crate::dialect) const ALSO_CACHE: &[(&str, &str)] =
        &[("content-type", "text/plain"), ("x-oss-meta-a", "b"), ("cache-control", "no-store")];

    #[test]
    fn what_alibabas_own_libraries_sign_is_let_in() {
        for (method, link, headers) in [
            ("PUT", PUT, &[][..]),
            ("PUT", HEADERS, TYPE_AND_META),
            ("GET", GET, &[]),
            ("PUT", TOKEN, &[]),
            ("PUT", OLDER, &[]),
            ("PUT", ADDITIONAL, ALSO_CACHE),
        ] {
            let read = verified("oss", method, link, headers).unwrap_or_else(|failure| panic!("{failure:?}: {link}"));
            assert_eq!(read.expires_at(), time::macros::datetime!(2026-12-01 10:00 UTC));
            assert_eq!(read.signed_at(), Some(time::macros::datetime!(2026-12-01 9:00 UTC)));
        }
    }

    #[test]
    fn what_was_not_signed_so_is_refused() {
        let other = |from: &str, to: &str| {
            assert!(PUT.contains(from), "{from}");
            PUT.replace(from, to)
        };
        for (link, refused) in [
            (other("b.bin", "c.bin"), "SignatureDoesNotMatch"),
            (other("expires=3600", "expires=3601"), "SignatureDoesNotMatch"),
            (other("T090000Z", "T090001Z"), "SignatureDoesNotMatch"),
            (format!("{PUT}&x-oss-meta-a=b"), "SignatureDoesNotMatch"),
            (format!("{PUT}&x-oss-additional-headers=host"), "SignatureDoesNotMatch"),
            (other("ttlsweep-testbed", "somebody"), "InvalidAccessKeyId"),
            (other("us-east-1", "cn-hangzhou"), "InvalidArgument"),
            (other("aliyun_v4_request", "aws4_request"), "InvalidArgument"),
            (other("%2F20261201", "%2F20261202"), "InvalidArgument"),
            (other("OSS4-HMAC-SHA256", "OSS2"), "InvalidArgument"),
            (other("expires=3600", "expires=604801"), "InvalidArgument"),
            (other("expires=3600", "expires=0"), "InvalidArgument"),
            (other("&x-oss-signature=", "&x-oss-unsigned="), "InvalidArgument"),
        ] {
            assert_eq!(code(verified("oss", "PUT", &link, &[])), refused, "{link}");
        }
        // Whatever headers OSS reads are signed, if they are sent.
        for header in [("x-oss-object-acl", "public-read"), ("content-type", "text/html")] {
            assert_eq!(code(verified("oss", "PUT", PUT, &[header])), "SignatureDoesNotMatch", "{header:?}");
        }
        assert_eq!(code(verified("oss", "PUT", ADDITIONAL, TYPE_AND_META)), "SignatureDoesNotMatch");
        assert_eq!(code(verified("oss", "GET", PUT, &[])), "SignatureDoesNotMatch");
    }

    #[test]
    fn a_bucket_in_the_host_is_signed_in_the_path() {
        let link = PUT.strip_prefix("/ttlsweep").unwrap();
        let sent = |host| code(verified("oss", "PUT", link, &[("host", host)]));
        assert_eq!(sent("ttlsweep.localhost:9000"), "");
        assert_eq!(sent("other.localhost:9000"), "SignatureDoesNotMatch");
    }
}
