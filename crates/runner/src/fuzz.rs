//! Fuzzing on stable Rust of what reads others' text within this crate: pages in the place of answers, headers to be signed,
//! and the environment's proxies. `just fuzz SECONDS` runs it for longer, as it does the targets over sockets in `tests/it`.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout)]

#[path = "../../record/tests/common/mutate.rs"]
pub(crate) mod mutate;

use std::cell::Cell;

use arbtest::arbtest;
use http::Uri;

use crate::dial::proxy::{Proxies, Way};
use crate::experiment::example_cell;
use crate::experiment::extras::{Bearer, Extras, RunParameter, SignedHeaders};
use crate::s3::answer_text::text_of;
use crate::s3::error_document::reported_within;
use crate::secret::redacted_answer;
use crate::wire::endpoint::Endpoint;
use mutate::{budget, mutated};

#[test]
fn damaged_pages_give_folded_text_that_fits_a_cell() {
    let pages: [&[u8]; 6] = [
        b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity Too \
          Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>",
        b"<!DOCTYPE html><html><head><meta charset=utf-8><TITLE>Hotel &amp; WLAN</TITLE><script>if (a < b) { no(); }</script>\
          </head><body><!-- <p>hidden</p> --><p>Please <b>log</b>&nbsp;in&#33; 1 < 2</p></body></html>",
        b"{\"message\": \"no <b>\",\n  \"code\": 7}",
        b"<?xml version=\"1.0\"?><fault><reason>no quota</reason></fault>",
        b"error code: 524",
        "<p>\u{e9}t\u{e9} \u{2028} \u{202e} &#x202e;&#0;&#27;</p>".as_bytes(),
    ];
    let corpus = pages.map(<[u8]>::to_vec);
    let (done, reported) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let page = mutated(u, &corpus, PAGE)?;
        done.set(done.get() + 1);
        let Some(text) = text_of(&page) else { return Ok(()) };
        reported.set(reported.get() + 1);
        assert_eq!(text, text.split_whitespace().collect::<Vec<_>>().join(" "), "{page:?}");
        let most = String::from_utf8_lossy(&page).chars().count();
        assert!(!text.is_empty() && text.chars().count() <= most, "{page:?} gives {text:?}");
        let cell = reported_within(&redacted_answer(&text), 200);
        let is_fit = |char: char| !char.is_control() && !('\u{202a}'..='\u{202e}').contains(&char);
        assert!(cell.chars().count() <= 200 && cell.chars().all(is_fit), "{page:?} gives {cell:?}");
        Ok(())
    })
    .budget(budget())
    .run();
    println!("pages: {} tried, {} of them with text", done.get(), reported.get());
    assert!(reported.get() > 0);
}

/// What is taken comes back from its cell and goes to the store as it was written; what is not is refused with words.
#[test]
fn damaged_headers_are_refused_or_signed_as_they_are() {
    let names = ["content-type", "x-amz-acl", "X-Amz-Meta-A", "x-amz-checksum-sha256", "x-tenant", "Range", "host"];
    let names = names.map(|name| name.as_bytes().to_vec());
    let values: [&[u8]; 5] = [b"text/plain; charset=utf-8", b"aws:kms", b"a\\; b: c\\\\", b"=1", b"\"quoted\", 'it'"];
    let values = values.map(<[u8]>::to_vec);
    let parameters = [b"x-run".to_vec(), b"X-Trace_1".to_vec()];
    let cells = [b"content-type: text/plain\\; charset=utf-8; x-a: =1; x-amz-meta-a: b\\\\\\; c: d".to_vec()];
    let (done, taken) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        done.set(done.get() + 1);
        let mut headers = SignedHeaders::default();
        for _ in 0..u.int_in_range(1..=4)? {
            let name = String::from_utf8_lossy(&mutated(u, &names, HEADER)?).into_owned();
            let value = String::from_utf8_lossy(&mutated(u, &values, HEADER)?).into_owned();
            let is_taken = headers.add(&name, &value).is_ok();
            taken.set(taken.get() + u64::from(is_taken));
            assert!(!is_taken || headers.pairs().any(|pair| pair == (name.to_ascii_lowercase().as_str(), &value)));
        }
        check_cell(headers.cell(), &headers);
        // A cell that a hand has changed gives other headers, which are still headers.
        let damaged = String::from_utf8_lossy(&mutated(u, &cells, HEADER)?).into_owned();
        let read = of_cell(Some(damaged), None).headers;
        check_cell(read.cell(), &read);
        let parameter = String::from_utf8_lossy(&mutated(u, &parameters, HEADER)?).into_owned();
        let Some(parameter) = RunParameter::named(&parameter) else { return Ok(()) };
        let extras = of_cell(None, parameter.cell());
        assert_eq!(extras.run_parameter, parameter);
        let link = extras.named("http://h/bucket/key?x-id=PutObject", Bearer::Put, "b01-c001-a1-u1-s1");
        let uri: Uri = link.parse().unwrap_or_else(|error| panic!("{link}: {error}"));
        let named = format!("{}=b01-c001-a1-u1-s1", parameter.name().unwrap());
        assert!(uri.query().unwrap().split('&').any(|pair| pair == named), "{link}");
        Ok(())
    })
    .budget(budget())
    .run();
    println!("sets of headers: {} tried, {} headers taken", done.get(), taken.get());
    assert!(taken.get() > 0);
}

fn of_cell(headers: Option<String>, run_parameter: Option<String>) -> Extras {
    Extras::of(&ttlsweep_record::Cell { headers, run_parameter, ..example_cell() })
}

fn check_cell(cell: Option<String>, headers: &SignedHeaders) {
    assert_eq!(&of_cell(cell.clone(), None).headers, headers, "{cell:?}");
    for bearer in [Bearer::Put, Bearer::Begin, Bearer::Part, Bearer::Get] {
        for (name, value) in &headers.of(bearer) {
            let pair = (name.as_str(), value.to_str().unwrap());
            assert!(headers.pairs().any(|known| known == pair), "{pair:?} of {cell:?}");
        }
    }
}

/// Each variable is followed, passed over or refused, and its password stands in nothing that is printed.
#[test]
fn damaged_proxy_variables_give_a_way_or_words_and_no_password() {
    const PASSWORD: &str = "hush8Kq3v0Wn1";
    let proxies = [
        format!("http://user:{PASSWORD}@proxy.example:3128"),
        format!("user:{PASSWORD}@[2001:db8::7]:8080"),
        format!("https://{PASSWORD}@10.0.0.1/"),
        format!("socks5h://user:{PASSWORD}@p:1080"),
    ];
    let rules = ["store.example,.other.example", "192.0.2.0/24 2001:db8::/32", "*.example:443,[::1]:80", "*"];
    let (proxies, rules) = (proxies.map(String::into_bytes), rules.map(|rule| rule.as_bytes().to_vec()));
    let endpoints = ["https://store.example", "http://192.0.2.7:9000", "http://[2001:db8::7]:80", "http://localhost:1"];
    let endpoints = endpoints.map(|url| Endpoint::of(&url.parse().unwrap()).unwrap());
    let (done, through) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        done.set(done.get() + 1);
        let mut set = Vec::new();
        for name in ["https_proxy", "HTTP_PROXY", "all_proxy", "NO_PROXY"] {
            if u.ratio(2, 3)? {
                let corpus = if name == "NO_PROXY" { &rules } else { &proxies };
                set.push((name, String::from_utf8_lossy(&mutated(u, corpus, PROXY)?).into_owned()));
            }
        }
        let of = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let found = Proxies::of(of);
        let mut said = vec![format!("{found:?}")];
        said.extend(found.ignored(&endpoints));
        for endpoint in &endpoints {
            match found.way_to(endpoint) {
                Ok(Way::Through(proxy)) => {
                    through.set(through.get() + 1);
                    said.push(format!("{proxy} {proxy:?} {}", proxy.server()));
                }
                Ok(way) => said.push(format!("{way:?}")),
                Err(error) => said.push(format!("{error} {error:?}")),
            }
        }
        // Without an `@` behind it, it is not a password.
        let is_one = |(name, value): &(&str, String)| {
            *name == "NO_PROXY" || value.match_indices(PASSWORD).all(|(at, _)| value[at..].contains('@'))
        };
        if set.iter().all(is_one) {
            assert!(!said.concat().contains(PASSWORD), "{set:?}: {said:?}");
        }
        assert!(!said.concat().contains(|char: char| char.is_control()), "{set:?}: {said:?}");
        Ok(())
    })
    .budget(budget())
    .run();
    println!("environments: {} tried, {} ways through a proxy", done.get(), through.get());
    assert!(through.get() > 0);
}

const PAGE: &[&[u8]] = &[
    b"<",
    b">",
    b"</",
    b"<!--",
    b"-->",
    b"<script",
    b"</script>",
    b"<style>",
    b"</STYLE",
    b"<title>",
    b"</title>",
    b"<body>",
    b"<html",
    b"<!DOCTYPE",
    b"<?",
    b"&",
    b"&#",
    b"&#x1b;",
    b"&#x202e;",
    b"&nbsp;",
    b"&amp;amp;",
    b"\xff",
    b"\xc3",
    b"\0",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"  \t\r\n",
    b"\xe2\x80\xa8",
];
const HEADER: &[&[u8]] = &[
    b":",
    b": ",
    b";",
    b"; ",
    b"\\",
    b"\\\\",
    b"\\;",
    b"  ",
    b"\t",
    b"\r\nx-b: c",
    b"\xff",
    b"\xc3\xa9",
    b"x-amz-",
    b"X-",
    b"x-id",
    b"Content-Length",
    b"authorization",
    b"=",
    b"&",
    b"?",
    b"%0d",
    b"\"",
    b"\0",
    b"\x7f",
];
const PROXY: &[&[u8]] = &[
    b"@",
    b":",
    b"//",
    b"://",
    b"/",
    b"?",
    b"#",
    b"%",
    b"%40",
    b"%zz",
    b"http://",
    b"HTTPS://",
    b"socks4://",
    b"[",
    b"]",
    b"[::1]",
    b":0",
    b":65536",
    b",",
    b" ",
    b"*",
    b".",
    b"..",
    b"/33",
    b"0.0.0.0/0",
    b"::/0",
    b"localhost",
    b"store.example",
    b"\\",
    b"\xff",
    b"\xc3\xa9",
    b"\0",
    b"\x1b[2J",
    b"\r\n",
];
