//! Fuzzing on stable Rust of what minters give and of when it expires. `just fuzz SECONDS` runs it for longer.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout)]

use std::cell::Cell;

use arbtest::arbtest;

use super::answer::Answer;
use crate::expiry::{expiry_of, expiry_of_form};
use crate::fuzz::mutate::{budget, mutated};

/// So many bytes of a link in a message would repeat a secret.
const TELLING: usize = 16;

/// Whatever is damaged: a link is refused with words that repeat nothing of its query, or all its instants lie between 1970 and
/// the year 10000.
#[test]
fn damaged_links_of_others_say_when_they_expire_or_are_refused_without_a_secret() {
    let shapes = include_str!("../expiry/shapes.txt").lines().filter(|line| !line.starts_with('#'));
    let links: Vec<_> = shapes.map(|line| line.split(" | ").nth(1).unwrap().as_bytes().to_vec()).collect();
    let (done, known) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let line = String::from_utf8_lossy(&mutated(u, &links, PIECES)?).into_owned();
        done.set(done.get() + 1);
        let refused = match Answer::parse(&line) {
            Err(refused) => refused,
            Ok(answer) => match expiry_of(&answer.uri) {
                Err(refused) => refused.to_string(),
                Ok(read) => {
                    known.set(known.get() + 1);
                    let life = read.life;
                    for instant in [Some(life.expires), life.made, life.begins].into_iter().flatten() {
                        assert!((0..LATEST_US).contains(&instant.unix_micros()), "{line}: {read:?}");
                    }
                    return Ok(());
                }
            },
        };
        assert!(!refused.is_empty() && !refused.chars().any(char::is_control), "{line}: {refused}");
        let query = line.split_once('?').map_or("", |(_, query)| query).as_bytes();
        let told = query.windows(TELLING).find(|piece| refused.as_bytes().windows(TELLING).any(|said| said == *piece));
        assert!(told.is_none(), "{line}: {refused}");
        Ok(())
    })
    .budget(budget())
    .run();
    println!("links of others: {} tried, {} of them with an expiry", done.get(), known.get());
    assert!(known.get() > 0);
}

/// What a minter says in JSON: a link with what belongs to it, or words.
#[test]
fn damaged_answers_of_minters_give_a_link_or_words() {
    let answers: [&[u8]; 4] = [
        br#"{"url": "https://h/a?Expires=1796119200&Signature=s&AWSAccessKeyId=a", "expires_at": "2026-11-30T12:00:00Z"}"#,
        br#"{"url": "https://h/a", "method": "put", "headers": {"x-ms-blob-type": "BlockBlob"}, "expires_at": 1796119200.5}"#,
        br#"{"url": "https://h/", "fields": {"key": "a", "policy": "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMzBUMTI6MDA6MDBaIn0=",
            "x-amz-date": "20261130T110000Z"}, "transfer_id": "t-1"}"#,
        br#"{"error": "no link for https://h/a?sig=hush"}"#,
    ];
    let corpus = answers.map(|answer| answer.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect());
    let (done, good) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let line = String::from_utf8_lossy(&mutated(u, &corpus, PIECES)?).into_owned();
        done.set(done.get() + 1);
        match Answer::parse(&line) {
            Err(refused) => assert!(!refused.is_empty() && !refused.chars().any(char::is_control), "{line}: {refused}"),
            Ok(answer) => {
                good.set(good.get() + 1);
                if let Some(form) = &answer.form {
                    let _ = expiry_of_form(|name| form.expose().field(name));
                    assert!(!format!("{answer:?}").contains("eyJleHBpcmF0aW9u"), "{line}");
                }
            }
        }
        Ok(())
    })
    .budget(budget())
    .run();
    println!("answers of minters: {} tried, {} of them good", done.get(), good.get());
    assert!(good.get() > 0);
}

/// The year 10000.
const LATEST_US: i64 = 253_402_300_800_000_000;

const PIECES: &[&[u8]] = &[
    b"&",
    b"=",
    b"?",
    b"#",
    b"%",
    b"%00",
    b"%2",
    b"%26",
    b"%ff",
    b"+",
    b"://",
    b"@",
    b"{",
    b"}",
    b"\"",
    b"\\u0000",
    b": ",
    b", ",
    b"null",
    b"1e400",
    b"-1",
    b"9223372036854775807",
    b"18446744073709551616",
    b"4294967295",
    b"Expires=",
    b"Expires=253402300799",
    b"X-Amz-Date=99991231T235959Z",
    b"X-Amz-Expires=4294967295",
    b"X-Goog-Date=00000101T000000Z",
    b"se=9999-12-31T23:59:59Z",
    b"se=2026-11-30",
    b"ske=",
    b"Policy=",
    b"Key-Pair-Id=",
    b"token=eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3OTYxMTkyMDB9.",
    b"token=",
    b"e30=",
    b"\xff",
    b"\xc3\xa9",
    b"\t",
];
