//! Fuzzing on stable Rust of what reads requests here: links and headers of both versions of the signature, and forms.
//! `just fuzz SECONDS` runs it for longer.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout)]

#[path = "../../record/tests/common/mutate.rs"]
pub(crate) mod mutate;

use std::cell::Cell;

use arbtest::arbtest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::request::Parts;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::dialect::strip;
use crate::s3::form::{Form, FormFields};
use crate::s3::header_auth;
use crate::s3::keys::Keys;
use crate::s3::link::Link;
use crate::s3::presigned::{Head, Presigned};
use crate::s3::query::Query;
use crate::s3::secret::Secret;
use crate::s3::sigv2;
use crate::s3::sigv4::{ALGORITHM, Presigner, Scope, SignedRequest, UNSIGNED_PAYLOAD};
use mutate::{budget, mutated};

const NOW: OffsetDateTime = datetime!(2026-11-24 10:00:05 UTC);
const AMZ_DATE: &str = "20261124T100000Z";
const PATH: &str = "/bucket/a%20key%2Bplus";

fn keys() -> Keys {
    Keys { access_key: "AK".to_owned(), secret_key: Secret::from("SK"), region: "eu-west-1".to_owned() }
}

fn parts(target: &[u8], headers: &[(&str, &[u8])]) -> Option<Parts> {
    let mut request = Request::put(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

fn sorted(query: &Query) -> Vec<(String, String)> {
    let unsigned = |name: &str| matches!(name, "X-Amz-Signature" | "Signature");
    let mut all: Vec<_> = query.parameters().iter().filter(|(name, _)| !unsigned(name)).cloned().collect();
    all.sort();
    all
}

/// A link is good if what it says is what was signed, however it is written; and whatever else it says hurts nobody.
#[test]
fn damaged_links_are_refused_or_say_what_was_signed() {
    let signer = Presigner { access_key: "AK", secret_key: "SK", region: "eu-west-1" };
    let v4 = signer.presign("PUT", PATH, &[("x-run", "t 1/2")], &[("host", "h:1")], AMZ_DATE, 10);
    let of_v2 = sigv2::SignedRequest {
        method: "PUT",
        host_bucket: None,
        path: PATH,
        query: &[("acl".to_owned(), String::new())],
        content_md5: "",
        content_type: "",
        date: "1795514415",
        amz_headers: &[],
    };
    let signature = of_v2.signature("SK").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let v2 = format!("{PATH}?acl&AWSAccessKeyId=AK&Expires={}&Signature={signature}", of_v2.date);
    let corpus = [v4, v2].map(String::into_bytes);
    let whole: Vec<_> = corpus.iter().map(|link| parts(link, &[("host", b"h:1")]).unwrap()).collect();
    let whole: Vec<_> = whole.iter().map(Query::read).collect();
    let expiry = whole.iter().map(|query| Link::read(query).unwrap().unwrap().expires_at()).collect::<Vec<_>>();
    let (done, good) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let target = mutated(u, &corpus, LINK)?;
        done.set(done.get() + 1);
        let Some(mut parts) = parts(&target, &[("host", b"h:1")]) else { return Ok(()) };
        let shown = String::from_utf8_lossy(&target);
        let query = Query::read(&parts);
        let Ok(Some(link)) = Link::read(&query) else { return Ok(()) };
        let _ = link.expired(NOW);
        if link.verify(&Head { parts: &parts, query: &query, keys: &keys(), tls: false, now: NOW }).is_err() {
            return Ok(());
        }
        good.set(good.get() + 1);
        let version = usize::from(link.signed_at().is_none());
        assert_eq!(link.expires_at(), expiry[version], "{shown}");
        // Version 2 covers some parameters only.
        assert!(version == 1 || sorted(&query) == sorted(&whole[0]), "{shown}");
        strip(&mut parts, &link);
        let left = Query::read(&parts);
        let unsigned = |name: &str| !name.starts_with("X-Amz-") && !["Signature", "AWSAccessKeyId"].contains(&name);
        assert!(version == 1 || left.names().all(unsigned), "{shown} leaves {}", parts.uri);
        Ok(())
    })
    .budget(budget())
    .run();
    println!("links: {} tried, {} of them good", done.get(), good.get());
    assert!(good.get() > 0);
}

#[test]
fn damaged_signatures_in_headers_are_refused_or_are_the_ones_that_were_made() {
    let scope = Scope { amz_date: AMZ_DATE, region: "eu-west-1" };
    let headers = [("host".to_owned(), "h:1".to_owned()), ("x-amz-date".to_owned(), AMZ_DATE.to_owned())];
    let request = SignedRequest {
        method: "PUT",
        path: PATH,
        query: Vec::new(),
        headers: headers.into(),
        payload: UNSIGNED_PAYLOAD,
    };
    let signature = scope.signature("SK", &scope.string_to_sign(&request.canonical()));
    let credential = scope.credential();
    let v4 = format!("{ALGORITHM} Credential=AK/{credential}, SignedHeaders=host;x-amz-date, Signature={signature}");
    let of_v2 = sigv2::SignedRequest {
        method: "PUT",
        host_bucket: None,
        path: PATH,
        query: &[],
        content_md5: "",
        content_type: "",
        date: "",
        amz_headers: &[
            ("x-amz-content-sha256".to_owned(), UNSIGNED_PAYLOAD.to_owned()),
            ("x-amz-date".to_owned(), AMZ_DATE.to_owned()),
        ],
    };
    let signature_v2 = of_v2.signature("SK");
    let corpus = [v4, format!("AWS AK:{signature_v2}")].map(String::into_bytes);
    let dates = [AMZ_DATE, "Tue, 24 Nov 2026 10:00:00 GMT", "20261124T100000"].map(|date| date.as_bytes().to_vec());
    let (done, good) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let authorization = mutated(u, &corpus, LINK)?;
        let dated = if u.ratio(1, 2)? { AMZ_DATE.as_bytes().to_vec() } else { mutated(u, &dates, LINK)? };
        done.set(done.get() + 1);
        let hash = UNSIGNED_PAYLOAD.as_bytes();
        let headers: [(&str, &[u8]); 5] = [
            ("host", b"h:1"),
            ("authorization", &authorization),
            ("x-amz-date", &dated),
            ("date", &dated),
            ("x-amz-content-sha256", hash),
        ];
        let Some(mut parts) = parts(PATH.as_bytes(), &headers) else { return Ok(()) };
        let query = Query::read(&parts);
        if header_auth::verify(&parts, &query, &keys(), NOW).is_ok() {
            good.set(good.get() + 1);
            let shown = String::from_utf8_lossy(&authorization);
            assert!(shown.contains(&signature) || shown.contains(&signature_v2), "{shown}");
            assert_eq!(dated.trim_ascii(), AMZ_DATE.as_bytes(), "{shown}");
        }
        header_auth::complete(&mut parts);
        Ok(())
    })
    .budget(budget())
    .run();
    println!("signatures in headers: {} tried, {} of them good", done.get(), good.get());
    assert!(good.get() > 0);
}

/// What is found in a form does not depend on where the network divides it.
#[test]
fn damaged_forms_are_read_alike_in_whatever_pieces_they_come() {
    let policy = STANDARD.encode("{\"expiration\": \"2026-11-29T10:00:00.500Z\", \"conditions\": []}");
    let field = |name: &str, value: &str| {
        format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields = [field("key", "a"), field("Policy", &policy), field("file", "data")].concat();
    let corpus = [format!("{fields}--xyz--\r\n").into_bytes()];
    let types = [b"multipart/form-data; boundary=xyz".to_vec(), b"multipart/form-data; boundary=\"xyz\"; a=b".to_vec()];
    let (done, found) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let body = mutated(u, &corpus, FORM)?;
        let content_type = if u.ratio(4, 5)? { types[0].clone() } else { mutated(u, &types, FORM)? };
        done.set(done.get() + 1);
        let request = || Request::post("/b").header("content-type", content_type.as_slice()).body(());
        let Ok(request) = request() else { return Ok(()) };
        let parts = request.into_parts().0;
        let (Some(mut at_once), Some(mut in_pieces)) = (Form::of(&parts), Form::of(&parts)) else { return Ok(()) };
        let whole = at_once.read(&body);
        let mut reported = FormFields::default();
        let mut rest = body.as_slice();
        while !reported.is_whole && !rest.is_empty() {
            let piece;
            (piece, rest) = rest.split_at(u.int_in_range(1..=rest.len().min(200))?);
            reported = in_pieces.read(piece);
        }
        found.set(found.get() + u64::from(whole.expiry().is_some()));
        assert_eq!(
            reported,
            whole,
            "{:?} as {:?}",
            String::from_utf8_lossy(&body),
            String::from_utf8_lossy(&content_type)
        );
        Ok(())
    })
    .budget(budget())
    .run();
    println!("forms: {} tried, {} of them with an expiry", done.get(), found.get());
    assert!(found.get() > 0);
}

const LINK: &[&[u8]] = &[
    b"&",
    b"=",
    b"?",
    b"%",
    b"%00",
    b"%2",
    b"%2F",
    b"%6e",
    b"%ff",
    b"+",
    b" ",
    b";",
    b",",
    b"/",
    b"//",
    b"..",
    b"X-Amz-Expires=",
    b"X-Amz-Date=99991231T235959Z",
    b"X-Amz-Date=00000101T000000Z",
    b"X-Amz-SignedHeaders=host",
    b"X-Amz-Signature=",
    b"Expires=",
    b"9223372036854775807",
    b"18446744073709551616",
    b"-1",
    b"Signature=",
    b"AWSAccessKeyId=AK",
    b"AWS AK:",
    b"AWS4-HMAC-SHA256 ",
    b"Credential=",
    b"\xff",
    b"\xc3\xa9",
    b"\t",
];
const FORM: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"--xyz",
    b"\r\n--xyz\r\n",
    b"--",
    b"Content-Disposition: form-data; name=\"policy\"\r\n\r\n",
    b"Content-Disposition: form-data; name=file\r\n\r\n",
    b"content-disposition:",
    b"name=",
    b"\"",
    b";",
    b"boundary=",
    b"e30=",
    b"eyJleHBpcmF0aW9uIjogIjk5OTktMTItMzFUMjM6NTk6NTlaIn0=",
    b"\xff",
    b"\0",
    b" ",
];
