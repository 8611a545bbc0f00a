//! Fuzzing on stable Rust: damaged experiment files, error documents and responses. `just fuzz SECONDS` runs them for longer;
//! a failure prints a seed, and the input that it stands for becomes a test of its own.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arbtest::arbtest;
use ttlsweep_record::Outcome;
use ttlsweep_record::redact::{Known, redacted};
use ttlsweep_runner::testing::experiment::{LoadOptions, load};
use ttlsweep_runner::testing::plan::Plan;
use ttlsweep_runner::testing::s3::error_document::S3Error;

use crate::client::Client;
use crate::mutate::{budget, mutated};
use crate::notations::{notations, still_there};
use crate::server::{FORBIDDEN, OK, Peer, Server};

#[test]
fn damaged_experiment_files_are_refused_with_words_or_make_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fuzz.toml");
    let corpus = experiments();
    let (done, loaded_ones) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let text = mutated(u, &corpus, TOML)?;
        fs::write(&path, &text).unwrap();
        done.set(done.get() + 1);
        match load(&path, &LoadOptions::default()) {
            Err(report) => assert!(!format!("{report:?}").is_empty()),
            Ok(loaded) => {
                loaded_ones.set(loaded_ones.get() + 1);
                fs::write(&path, &loaded.frozen).unwrap();
                let again = load(&path, &LoadOptions::default());
                let again = again.unwrap_or_else(|report| panic!("frozen: {}\n{report:?}", loaded.frozen));
                assert_eq!(again.experiment.plan_hash(), loaded.experiment.plan_hash());
                let trials = loaded.experiment.cells.len() * loaded.experiment.repetitions as usize;
                if trials < 1_000 {
                    assert_eq!(Plan::new(&loaded.experiment).trials.len(), trials);
                }
            }
        }
        Ok(())
    })
    .budget(budget())
    .run();
    println!("experiment files: {} tried, {} of them loaded", done.get(), loaded_ones.get());
    assert!(loaded_ones.get() > 0, "none was valid: the damage is too great to be worth anything");
}

#[test]
fn damaged_error_documents_give_short_visible_text() {
    let corpus = [
        FORBIDDEN.split_once("\r\n\r\n").unwrap().1.as_bytes().to_vec(),
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message>\
          <ServerTime>2026-11-24T19:00:12Z</ServerTime><RequestId>44A2</RequestId><HostId>abc+/=</HostId></Error>"
            .to_vec(),
        b"<!DOCTYPE x [<!ENTITY a \"b\">]><Error><!-- c --><Code><![CDATA[x]]>&a;&#10;</Code></Error>".to_vec(),
    ];
    let done = Cell::new(0u64);
    arbtest(|u| {
        let error = S3Error::parse(&mutated(u, &corpus, XML)?);
        done.set(done.get() + 1);
        for text in [&error.code, &error.message, &error.request_id, &error.host_id].into_iter().flatten() {
            assert!(text.chars().count() <= 1024 && !text.chars().any(char::is_control), "{error:?}");
        }
        Ok(())
    })
    .budget(budget())
    .run();
    println!("error documents: {} tried", done.get());
}

/// A secret in any notation, among others' words and cut wherever: nothing of it stays, what is clean stays clean, and no text
/// makes the search fail.
#[test]
fn damaged_texts_keep_no_secret() {
    const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    const TOKEN: &str =
        "FwoGZXIvYXdzEJr//////////wEaDKq3xTz8Rb0vWn1+YiLtAVmBq0cXg5/0pKd9sQ4tJhL2eU7oZaWxNcR1fTy6+Ib8m==";
    let mut known = Known::new();
    known.add("the signature", SIGNATURE);
    known.add("the token", TOKEN);
    let secrets = [SIGNATURE, TOKEN].map(|secret| (secret, notations(secret)));
    let corpus = [FORBIDDEN.as_bytes().to_vec(), b"{\"headers\": {\"x-amz-date\": \"20261124T000000Z\"}}".to_vec()];
    let done = Cell::new(0u64);
    arbtest(|u| {
        let (secret, forms) = u.choose(&secrets)?;
        let (name, hidden) = u.choose(forms)?;
        let around = String::from_utf8_lossy(&mutated(u, &corpus, TEXT)?).into_owned();
        let (before, behind) = around.split_at(around.floor_char_boundary(u.choose_index(around.len() + 1)?));
        // Signs that no alphabet has, so that what is around it changes none of its own letters.
        let text = format!("{before} | {hidden} | {behind}");
        let clean = redacted(&text, &known);
        assert!(!still_there(&clean, hidden, secret), "{name}: {text:?} gives {clean:?}");
        let again = redacted(&clean, &known);
        assert_eq!(again, clean, "{name}: what is clean is not touched again: {text:?}");
        // Whatever the damage is, it must not fail.
        let _ = redacted(&String::from_utf8_lossy(&mutated(u, &[text.into_bytes()], TEXT)?), &known);
        done.set(done.get() + 1);
        Ok(())
    })
    .budget(budget())
    .run();
    println!("texts with a secret: {} tried", done.get());
}

/// The whole stack, from the socket to the row.
#[test]
fn damaged_responses_end_in_a_row_that_blames_the_peer() {
    let chunked = "HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\ndate: Tue, 24 Nov 2026 19:37:00 GMT\r\n\r\n\
                   4;x=y\r\n<Err\r\n2\r\nor\r\n0\r\nx-trailer: y\r\n\r\n";
    let early = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n{OK}");
    let corpus = [FORBIDDEN, OK, chunked, &early].map(|answer| answer.as_bytes().to_vec());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = Arc::new(Mutex::new(Vec::new()));
    let server = runtime.block_on(Server::start(false, {
        let answer = Arc::clone(&answer);
        move |mut peer: Peer| {
            let answer = answer.lock().unwrap().clone();
            async move {
                peer.head().await;
                let _ = peer.try_send(&answer).await;
                peer.finish();
                peer.rest().await;
            }
        }
    }));
    let done = Cell::new(0u64);
    arbtest(|u| {
        let bytes = mutated(u, &corpus, HTTP)?;
        bytes.clone_into(&mut answer.lock().unwrap());
        let story = runtime.block_on(async { Client::of(&server).put(100).await });
        done.set(done.get() + 1);
        let row = &story.row;
        let shown = String::from_utf8_lossy(&bytes);
        let blamed = [Outcome::Completed, Outcome::Rejected, Outcome::Closed, Outcome::Reset, Outcome::Malformed];
        assert!(blamed.contains(&row.outcome), "{shown:?}: {row:?}");
        assert!(story.kept <= 64 << 10);
        let whole = matches!(row.outcome, Outcome::Completed | Outcome::Rejected);
        assert!(!whole || row.status.is_some(), "{shown:?}: {row:?}");
        assert_eq!(row.outcome == Outcome::Completed, whole && row.status.is_some_and(|status| status / 100 == 2));
        Ok(())
    })
    .budget(budget())
    .size_max(4096)
    .run();
    println!("responses: {} tried", done.get());
}

/// What a proxy says before its tunnel stands, and what it passes on then.
#[test]
fn damaged_answers_of_a_proxy_end_in_a_row() {
    let corpus = [
        "HTTP/1.1 200 Connection established\r\nvia: double\r\n\r\n",
        "HTTP/1.0 200 OK\n\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 2\r\n\r\nno",
    ];
    let corpus = corpus.map(|answer| answer.as_bytes().to_vec());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = Arc::new(Mutex::new(Vec::new()));
    let server = runtime.block_on(Server::start(false, {
        let answer = Arc::clone(&answer);
        move |mut peer: Peer| {
            let answer = answer.lock().unwrap().clone();
            async move {
                peer.head().await;
                let _ = peer.try_send(&answer).await;
                let _ = peer.try_send(OK.as_bytes()).await;
                peer.finish();
                peer.rest().await;
            }
        }
    }));
    let (done, through) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let bytes = mutated(u, &corpus, HTTP)?;
        bytes.clone_into(&mut answer.lock().unwrap());
        let route = crate::proxies::through("HTTP_PROXY", format!("http://user:hush-hush@{}", server.addr));
        let client = Client::named("store.invalid:80", None).on(route);
        let story = runtime.block_on(async { { client }.put(100).await });
        let (row, shown) = (&story.row, String::from_utf8_lossy(&bytes));
        done.set(done.get() + 1);
        through.set(through.get() + u64::from(row.outcome != Outcome::Unconnected));
        let values = story.events.iter().filter_map(|event| event.value.as_deref());
        for said in row.error.as_deref().into_iter().chain(values) {
            assert!(!said.chars().any(char::is_control) && said.chars().count() < 600, "{shown:?}: {said:?}");
        }
        assert!(row.outcome != Outcome::FailedLocally && !format!("{story:?}").contains("hush"), "{shown:?}: {row:?}");
        Ok(())
    })
    .budget(budget())
    .run();
    println!("a proxy's answers: {} tried, {} of them opened a tunnel", done.get(), through.get());
    assert!(through.get() > 0);
}

fn experiments() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| fs::read(path).unwrap())
        .collect()
}

const TOML: &[&[u8]] = &[
    b"\"1s\"",
    b"-1",
    b"0",
    b"1e400",
    b"18446744073709551616",
    b"[]",
    b"[[[[[[",
    b"\"\"",
    b"true",
    b"nan",
    b"{}",
    b"\n[grid]\n",
    b"[target]\nkind = \"s3\"\n",
    b"users = [1, 2]\n",
    b"ttl = [\"1s\", \"8s\"]\n",
    b"size = { file = \"/dev/zero\" }\n",
    b"bandwidth = \"1bit/s\"\n",
    b"repetitions = 100000\n",
    b"duration = \"1us\"\n",
    b"\"\\u0000\"",
    b"\xff",
    b"'''",
    b"=",
    b"fault = \"reset@50%\"\n",
    b"\"999999999999999999h\"",
    b"\"0.0000000001MB\"",
    b"\r\n",
    b"name = \"../..\"\n",
    b"#",
];
const TEXT: &[&[u8]] = &[
    b"%",
    b"%2",
    b"%25",
    b"\\",
    b"\\u00",
    b"\\u{",
    b"\\x4",
    b"&",
    b"&#",
    b"&#x",
    b"&amp;",
    b"\"",
    b"=",
    b": ",
    b" => Array\n(\n",
    b"[0] => ",
    b"<StringToSign>",
    b"</",
    b"<![CDATA[",
    b"X-Amz-Signature=",
    b"x-amz-security-token",
    b"Authorization: AWS4-HMAC-SHA256 ",
    b"AKIA",
    b"REDACTED",
    b"0x41, ",
    b"65, 66, ",
    b"QUFB",
    b"\xef\xbc\xa1",
    b"\xe2\x80\x8b",
    b"\xff",
    b"\0",
    b"\r\n",
];
const XML: &[&[u8]] = &[
    b"<",
    b">",
    b"&",
    b"&#",
    b"&#27;",
    b"&#x110000;",
    b"&amp;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?",
    b"<!DOCTYPE",
    b"</",
    b"<Error>",
    b"</Error>",
    b"<Code>",
    b"</Code>",
    b"\xff",
    b"\0",
    b"\x1b[2J",
    b"<Message/>",
    b"=\"",
];
const HTTP: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"HTTP/1.1 ",
    b"HTTP/1.0 200 OK\r\n",
    b"100",
    b"204",
    b"101",
    b"304",
    b"content-length: 0\r\n",
    b"content-length: 18446744073709551615\r\n",
    b"transfer-encoding: chunked\r\n",
    b"connection: close\r\n",
    b"0\r\n\r\n",
    b"\0",
    b"ffffffffffffffff\r\n",
    b"connection: upgrade\r\nupgrade: x\r\n",
    b"-1",
    b" ",
    b":",
    b"\xff",
    b"x: y\r\n",
];
