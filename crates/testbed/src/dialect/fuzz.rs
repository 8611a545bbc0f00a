//! Fuzzing on stable Rust of what reads other vendors' links. `just fuzz SECONDS` runs it for longer.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout)]

use std::cell::Cell;

use arbtest::arbtest;
use http::Request;
use time::macros::datetime;

use super::testing::{HOST, keys};
use super::{Dialect, azure, cloudfront, gcs, oss, strip};
use crate::fuzz::mutate::{budget, mutated};
use crate::s3::presigned::Head;
use crate::s3::query::Query;

/// A link that a vendor's own library signed, until [`EXPIRY`].
struct Signed {
    dialect: &'static str,
    method: &'static str,
    link: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

const fn signed(
    dialect: &'static str,
    method: &'static str,
    link: &'static str,
    headers: &'static [(&'static str, &'static str)],
) -> Signed {
    Signed { dialect, method, link, headers }
}

const LINKS: [Signed; 17] = [
    signed("azure", "PUT", azure::tests::BLOB, &[azure::tests::TYPE]),
    signed("azure", "GET", azure::tests::READ, &[]),
    signed("azure", "PUT", azure::tests::CONTAINER, &[azure::tests::TYPE]),
    signed("cloudfront", "GET", cloudfront::tests::CANNED, &[]),
    signed("cloudfront", "GET", cloudfront::tests::CUSTOM, &[]),
    signed("cloudfront", "GET", cloudfront::tests::SHA256, &[]),
    signed("gcs", "PUT", gcs::tests::V4_RSA, &[gcs::tests::META]),
    signed("gcs", "PUT", gcs::tests::V2_RSA, &[]),
    signed("gcs", "PUT", gcs::tests::V2_HEADERS, &[("content-type", "text/plain"), gcs::tests::META]),
    signed("gcs", "PUT", gcs::tests::V4_HMAC, &[]),
    signed("oss", "PUT", oss::tests::PUT, &[]),
    signed("oss", "PUT", oss::tests::HEADERS, &[("content-type", "text/plain"), ("x-oss-meta-a", "b")]),
    signed("oss", "PUT", oss::tests::v4::PUT, &[]),
    signed("oss", "PUT", oss::tests::v4::HEADERS, oss::tests::v4::TYPE_AND_META),
    signed("oss", "GET", oss::tests::v4::GET, &[]),
    signed("oss", "PUT", oss::tests::v4::TOKEN, &[]),
    signed("oss", "PUT", oss::tests::v4::ADDITIONAL, oss::tests::v4::ALSO_CACHE),
];

const EXPIRY: time::OffsetDateTime = datetime!(2026-12-01 10:00 UTC);

/// Whatever is damaged: no reader fails, in whichever dialect it is read, and no link that is let in lives on for longer than it was
/// signed for, or leaves something of itself to the service behind.
#[test]
fn damaged_links_of_vendors_are_refused_or_expire_when_they_were_signed_to() {
    let (done, good) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let signed = u.choose(&LINKS)?;
        let corpus = [signed.link.as_bytes().to_vec()];
        let target = mutated(u, &corpus, PIECES)?;
        done.set(done.get() + 1);
        let dialect = if u.ratio(9, 10)? { signed.dialect } else { u.choose(Dialect::WORDS)? };
        let dialect: Dialect = dialect.parse().unwrap();
        let mut request = Request::builder().method(signed.method).uri(target.as_slice()).header("host", HOST);
        for (name, value) in signed.headers {
            let damaged =
                if u.ratio(1, 20)? { mutated(u, &[value.as_bytes().to_vec()], PIECES)? } else { (*value).into() };
            request = request.header(*name, damaged);
        }
        let Ok(request) = request.body(()) else { return Ok(()) };
        let mut parts = request.into_parts().0;
        let query = Query::read(&parts);
        let now = EXPIRY - time::Duration::minutes(1);
        let keys = keys();
        let Ok(Some(link)) = dialect.read(&Head { parts: &parts, query: &query, keys: &keys, tls: false, now }) else {
            return Ok(());
        };
        let _ = (link.expired(now), link.signed_at());
        let head = Head { parts: &parts, query: &query, keys: &keys, tls: false, now };
        if link.verify(&head).is_err() {
            return Ok(());
        }
        good.set(good.get() + 1);
        let shown = String::from_utf8_lossy(&target);
        assert_eq!(link.expires_at(), EXPIRY, "{dialect}: {shown}");
        strip(&mut parts, link.as_ref());
        assert!(!Query::read(&parts).names().any(|name| link.has(name)), "{dialect}: {shown} leaves {}", parts.uri);
        Ok(())
    })
    .budget(budget())
    .run();
    println!("links of vendors: {} tried, {} of them good", done.get(), good.get());
    assert!(good.get() > 0);
}

const PIECES: &[&[u8]] = &[
    b"&",
    b"=",
    b"?",
    b"%",
    b"%00",
    b"%2",
    b"%2F",
    b"%ff",
    b"+",
    b"~",
    b"_",
    b"/",
    b"..",
    b"se=2026-12-01",
    b"se=9999-12-31T23:59:59.9999999Z",
    b"se=",
    b"sig=",
    b"sr=c",
    b"si=x",
    b"sip=",
    b"spr=https",
    b"Expires=",
    b"Expires=18446744073709551616",
    b"Policy=e30_",
    b"Policy=",
    b"Key-Pair-Id=",
    b"Signature=",
    b"Hash-Algorithm=SHA256",
    b"X-Goog-Date=99991231T235959Z",
    b"X-Goog-Expires=604800",
    b"X-Goog-SignedHeaders=host",
    b"X-Goog-Signature=",
    b"GoogleAccessId=",
    b"OSSAccessKeyId=",
    b"x-oss-date=99991231T235959Z",
    b"x-oss-expires=604800",
    b"x-oss-additional-headers=host",
    b"x-oss-signature-version=OSS2",
    b"x-oss-signature=",
    b"-1",
    b"9223372036854775807",
    b"\xc3\xa9",
    b"\xff",
    b"\t",
];
