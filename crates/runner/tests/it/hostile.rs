//! Servers that mean ill: whatever they send, a transfer ends in bounded time, keeps a bounded part of it, and says what
//! came.

use std::time::Duration;

use ttlsweep_record::{Outcome, Phase, Timestamp};
use ttlsweep_runner::testing::s3::PreflightError;

use crate::client::{Client, Story};
use crate::server::{FORBIDDEN, OK, Peer, Server};
use crate::signing::store_at;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// For the timeouts that a story is to run into.
const SHORT: Duration = Duration::from_millis(400);
/// Between single bytes: too short for an idle timeout.
const APART: Duration = Duration::from_millis(20);
/// What is kept of an error document at most.
const KEPT: usize = 64 * KIB;

/// One upload to a server that reads the request, sends `answer` whole and closes.
async fn answered(answer: impl Into<Vec<u8>>) -> Story {
    let answer = answer.into();
    let server = Server::start(false, move |mut peer: Peer| {
        let answer = answer.clone();
        async move {
            peer.head().await;
            peer.body(KIB).await;
            // A client that has had enough is a fine end of the story.
            let _ = peer.try_send(&answer).await;
            peer.finish();
            peer.rest().await;
        }
    })
    .await;
    let story = Client::of(&server).put(KIB).await;
    assert!(story.kept <= KEPT, "{} bytes kept: {:?}", story.kept, story.row);
    story
}

/// One upload, ended by its own timeout, to a server that reads the request, sends `first`, and then `forever`.
async fn endless(first: &'static str, forever: &'static [u8], apart: Option<Duration>) -> Story {
    let server = Server::start(false, move |mut peer: Peer| async move {
        peer.head().await;
        peer.body(KIB).await;
        peer.say(first).await;
        match apart {
            None => peer.repeat(forever).await,
            Some(apart) => peer.trickle(forever, apart).await,
        }
    })
    .await;
    let mut client = Client::of(&server);
    client.limits.total = SHORT;
    let story = client.put(KIB).await;
    assert!(story.kept <= KEPT, "{} bytes kept: {:?}", story.kept, story.row);
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_without_end_is_no_response() {
    let lines =
        endless("HTTP/1.1 403 Forbidden\r\n", b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", None).await;
    let line = endless("HTTP/1.1 403 Forbidden\r\nx-filler: ", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None).await;
    let status = endless("HTTP/1.1 403 ", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None).await;
    for story in [lines, line, status] {
        assert_eq!(story.end(), (Outcome::Malformed, Phase::ResponseHead), "{:?}", story.row);
        assert_eq!((story.row.status, story.row.s3_code), (None, None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_end_runs_into_the_timeout_and_is_not_kept() {
    let chunk = b"400\r\n0123456789abcdef\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    // Chunks of 1 KiB that are filled by what follows them: a body of nothing but bytes, for as long as anyone reads.
    for (first, forever) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n<Error><Code>AccessDenied</Code>", chunk.as_slice()),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 1099511627776\r\n\r\n", chunk.as_slice()),
        (
            "HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n",
            b"40\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".as_slice(),
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", chunk.as_slice()),
    ] {
        let story = endless(first, forever, None).await;
        assert_eq!(story.end(), (Outcome::TimedOut, Phase::ResponseBody), "{first:?}: {:?}", story.row);
        assert_eq!(story.row.error.as_deref(), Some("this side's timeout of 400 ms ran out"));
        assert!(story.row.status.is_some() && story.row.response_bytes > KEPT as u64, "{:?}", story.row);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarter_of_a_gigabyte_of_error_is_counted_and_its_beginning_read() {
    const BODY: usize = 256 * MIB;
    let server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.body(KIB).await;
        peer.say(&format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {BODY}\r\n\r\n")).await;
        let mut block = vec![b' '; MIB];
        let document = b"<Error><Code>AccessDenied</Code></Error>";
        block[..document.len()].copy_from_slice(document);
        for _ in 0..BODY / MIB {
            peer.try_send(&block).await.unwrap();
        }
        peer.rest().await;
    })
    .await;
    let story = Client::of(&server).put(KIB).await;
    assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{:?}", story.row);
    assert_eq!(story.row.response_bytes, BODY as u64);
    assert_eq!((story.kept, story.row.s3_code.as_deref()), (KEPT, Some("AccessDenied")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_end_is_read_no_further_than_its_limit() {
    let mut server = Server::start(false, async |mut peer: Peer| {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\n\r\n<ListBucketResult>").await;
        let block = vec![b' '; MIB];
        let mut sent = 0;
        while peer.try_send(&block).await.is_ok() {
            sent += MIB;
        }
        sent
    })
    .await;
    let refusal = store_at(&format!("http://{}", server.addr)).await.preflight().await.unwrap_err();
    assert!(matches!(refusal, PreflightError::Unreachable(_)), "{refusal}");
    assert!(refusal.to_string().contains("length limit exceeded"), "{refusal}");
    // The limit, and what both kernels held.
    let sent = server.reported().await;
    assert!((16 * MIB..32 * MIB).contains(&sent), "{sent} bytes were taken");
}

#[tokio::test]
async fn single_bytes_keep_nothing_but_the_idle_timeout_from_running_out() {
    let head = endless("HTTP/1.1 403 Forb", b"idden\r\nx: ", Some(APART)).await;
    assert_eq!(head.end(), (Outcome::TimedOut, Phase::ResponseHead), "{:?}", head.row);
    let body = endless("HTTP/1.1 403 Forbidden\r\n\r\n", b"<Error>", Some(APART)).await;
    assert_eq!(body.end(), (Outcome::TimedOut, Phase::ResponseBody), "{:?}", body.row);
    for story in [head, body] {
        assert_eq!(story.row.error.as_deref(), Some("this side's timeout of 400 ms ran out"));
        assert!(story.row.total_us >= 400_000, "{:?}", story.row);
    }
}

/// hyper would read on for as long as they come.
#[tokio::test]
async fn informational_responses_without_end_run_into_the_timeout() {
    for forever in [
        b"HTTP/1.1 102 Processing\r\n\r\n".as_slice(),
        b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(),
        b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n".as_slice(),
    ] {
        let story = endless("", forever, None).await;
        assert_eq!(story.row.outcome, Outcome::TimedOut, "{:?}", story.row);
        assert_eq!(
            (story.row.error.as_deref(), story.row.status),
            (Some("this side's timeout of 400 ms ran out"), None)
        );
    }
}

#[tokio::test]
async fn bad_chunks_are_malformed_and_the_status_before_them_is_kept() {
    for body in
        ["zz\r\naaaa\r\n", "-1\r\naaaa\r\n", "FFFFFFFFFFFFFFFFF\r\naaaa\r\n", "4\r\naaaab", "4;x\naaaa\r\n", "\r\n\r\n"]
    {
        let story = answered(format!("HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n{body}")).await;
        assert_eq!(story.end(), (Outcome::Malformed, Phase::ResponseBody), "{body:?}: {:?}", story.row);
        assert_eq!(story.row.status, Some(403), "{:?}", story.row);
        assert!(story.row.error.is_some());
    }
    let extension =
        [b"HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n4;".as_slice(), &[b'x'; MIB]].concat();
    let trailers = b"HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n0\r\n".as_slice();
    let trailers = [trailers, &b"x: aaaaaaaaaaaaaaaa\r\n".repeat(MIB / 16)].concat();
    for answer in [extension, trailers] {
        let story = answered(answer).await;
        assert_eq!(story.end(), (Outcome::Malformed, Phase::ResponseBody), "{:?}", story.row);
    }
}

#[tokio::test]
async fn lengths_that_cannot_be_are_no_response() {
    for length in ["-1", "99999999999999999999999999", "18446744073709551615", "12, 13", "0x10", "ten", "+5"] {
        let story = answered(format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\n\r\n")).await;
        assert_eq!(story.row.outcome, Outcome::Malformed, "{length}: {:?}", story.row);
    }
    let two = answered("HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabcde").await;
    assert_eq!(two.row.outcome, Outcome::Malformed, "{:?}", two.row);
    let vast = answered("HTTP/1.1 403 Forbidden\r\ncontent-length: 9223372036854775807\r\n\r\nabc").await;
    assert_eq!(vast.end(), (Outcome::Closed, Phase::ResponseBody), "{:?}", vast.row);
    assert_eq!((vast.row.status, vast.row.response_bytes), (Some(403), 3));
}

#[tokio::test]
async fn what_is_no_http_is_no_response() {
    for answer in [
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/3.7 200 OK\r\n\r\n",
        "HTTP/1.1 2 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "<html>hello</html>\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nbad header\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\nx: a\0b\r\n\r\n",
    ] {
        let story = answered(answer).await;
        assert_eq!(story.end(), (Outcome::Malformed, Phase::ResponseHead), "{answer:?}: {:?}", story.row);
    }
    let odd = answered("HTTP/1.1 999 Whatever\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!((odd.row.outcome, odd.row.status), (Outcome::Rejected, Some(999)), "{:?}", odd.row);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_shown_as_far_as_they_can_be() {
    let body = b"<Error><Code>A\xffB</Code><Message>\xc3\x28 and \xf0\x9f</Message></Error>";
    let head = b"HTTP/1.1 403 Forbidden\r\nx-amz-request-id: R\xff1\r\nx-amz-id-2: \xe2\x82\xac\r\ndate: \xff\r\n\r\n";
    let story = answered([head.as_slice(), body].concat()).await;
    assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{:?}", story.row);
    assert_eq!(story.row.request_id.as_deref(), Some("R\u{fffd}1"));
    assert_eq!(story.row.host_id.as_deref(), Some("€"));
    assert_eq!(story.row.s3_code.as_deref(), Some("A\u{fffd}B"));
    assert_eq!(story.row.server_time, None);
}

/// Terminals obey what begins with ESC, and a line break in a cell is another row for anyone who reads by lines.
#[tokio::test]
async fn control_characters_of_servers_are_in_no_row() {
    let story = answered(
        "HTTP/1.1 403 Forbidden\r\nx-amz-request-id: a\tb\r\n\r\n<Error><Code>&#27;[2J&#x9b;31m</Code>\
         <Message>one&#13;&#10;two\nthree\x1b]0;title\x07&#x202e;</Message><HostId>&#0;\x08</HostId></Error>",
    )
    .await;
    assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{:?}", story.row);
    let row = &story.row;
    for text in [&row.request_id, &row.s3_code, &row.s3_message, &row.host_id].into_iter().flatten() {
        assert!(!text.chars().any(char::is_control), "{row:?}");
    }
    assert_eq!(row.s3_code.as_deref(), Some("␛[2J\u{fffd}31m"));
    assert_eq!(row.s3_message.as_deref(), Some("one␍␊two␊three␛]0;title␇\u{fffd}"));
}

#[tokio::test]
async fn dates_that_cannot_be_are_no_time_and_far_ones_no_harm() {
    let date = async |date: &str| answered(format!("HTTP/1.1 403 Forbidden\r\ndate: {date}\r\n\r\n")).await;
    let long = "9".repeat(40 * KIB);
    // Links are signed by the server's clock, and there is none to sign behind the year 9999.
    let last = "Fri, 31 Dec 9999 23:59:59 GMT";
    for text in ["", "yesterday", "Tue, 99 Nov 2026 19:37:00 GMT", "Tue, 24 Nov 99999 19:37:00 GMT", last, &long] {
        let story = date(text).await;
        assert_eq!((story.row.outcome, story.row.server_time), (Outcome::Rejected, None), "{:?}", story.row);
    }
    let story = date("Thu, 31 Dec 9998 23:59:59 GMT").await;
    assert_eq!(story.row.server_time, "9998-12-31T23:59:59Z".parse::<Timestamp>().ok(), "{:?}", story.row);
    let body = "<Error><ServerTime>-9999-01-01T00:00:00Z</ServerTime></Error>";
    let story = answered(format!("HTTP/1.1 403 Forbidden\r\n\r\n{body}")).await;
    assert_eq!((story.row.outcome, story.row.server_time), (Outcome::Rejected, None), "{:?}", story.row);
}

#[tokio::test]
async fn xml_bombs_do_not_go_off() {
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]>\
         <Error><Code>&c;&c;</Code><Message>still read</Message></Error>";
    let outside = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/hostname\">]><Error><Code>&a;</Code></Error>";
    let deep = "<Error>".repeat(9_000);
    let wide = format!("<Error {}><Code>AccessDenied</Code></Error>", "a=\"b\" ".repeat(8_000));
    let long = format!("<Error><Code>{}</Code></Error>", "x".repeat(60 * KIB));
    for (document, code) in [
        (laughs, None),
        (outside, None),
        (deep.as_str(), None),
        (wide.as_str(), Some("AccessDenied".to_owned())),
        (long.as_str(), Some(format!("{}…", "x".repeat(KIB - 1)))),
    ] {
        let story =
            answered(format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n{document}", document.len())).await;
        assert_eq!(story.end(), (Outcome::Rejected, Phase::Wait), "{:?}", story.row);
        assert_eq!(story.row.s3_code, code, "{:?}", &document[..60]);
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_a_refusal_and_its_connection_is_not_kept() {
    let server = Server::start(false, async |mut peer: Peer| {
        while peer.head().await.is_some() {
            peer.body(KIB).await;
            let upgrade = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            if peer.try_say(upgrade).await.is_err() || peer.try_say("\u{81}\u{5}hello").await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut client = Client::of(&server);
    let first = client.put(KIB).await;
    assert_eq!((first.row.outcome, first.row.status), (Outcome::Rejected, Some(101)), "{:?}", first.row);
    let second = client.put(KIB).await;
    assert_eq!((second.row.outcome, second.row.reused_connection), (Outcome::Rejected, false), "{:?}", second.row);
}

#[tokio::test]
async fn an_answer_before_the_request_is_taken_for_its_answer_or_for_none() {
    for tls in [false, true] {
        let server = Server::start(tls, async |mut peer: Peer| {
            let _ = peer.try_say(FORBIDDEN).await;
            peer.rest().await;
        })
        .await;
        for _ in 0..20 {
            let story = Client::of(&server).put(MIB).await;
            let row = &story.row;
            match row.outcome {
                Outcome::Rejected => assert_eq!(row.status, Some(403), "{row:?}"),
                outcome => assert_eq!(outcome, Outcome::Malformed, "{row:?}"),
            }
        }
    }
}

/// The second of two answers to one request must not become the answer to the next request.
#[tokio::test]
async fn an_answer_too_many_is_nobodys() {
    let server = Server::start(false, async |mut peer: Peer| {
        while peer.head().await.is_some() {
            peer.body(KIB).await;
            if peer.try_say(&format!("{OK}{FORBIDDEN}")).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut client = Client::of(&server);
    for _ in 0..10 {
        let story = client.put(KIB).await;
        assert_eq!(story.end(), (Outcome::Completed, Phase::Done), "{:?}", story.row);
    }
}

#[tokio::test]
async fn a_handshake_that_trickles_runs_into_the_connect_timeout() {
    // A record that announces 16 KiB of handshake, and then comes byte by byte.
    let server = Server::start(false, async |mut peer: Peer| {
        peer.try_send(&[22, 3, 3, 0x40, 0]).await.unwrap();
        peer.trickle(&[2], APART).await;
    })
    .await;
    let trusting = Server::start(true, async |_: Peer| ()).await.tls.clone();
    let mut client = Client::at(server.addr, trusting);
    client.limits.connect = SHORT;
    let story = client.put(KIB).await;
    assert_eq!(story.end(), (Outcome::TimedOut, Phase::Tls), "{:?}", story.row);
}

#[tokio::test]
async fn tls_records_that_cannot_be_are_malformed() {
    for record in [
        // Longer than any record may be; of a type that there is not; and one that nobody can decrypt.
        [23, 3, 3, 0xff, 0xff].as_slice(),
        &[99, 3, 3, 0, 5, 1, 2, 3, 4, 5],
        &[
            23, 3, 3, 0, 32, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
            7, 7,
        ],
    ] {
        let server = Server::start(true, move |mut peer: Peer| async move {
            peer.head().await;
            peer.body(KIB).await;
            peer.say_below_tls(record);
            peer.rest().await;
        })
        .await;
        let story = Client::of(&server).put(KIB).await;
        assert_eq!(story.end(), (Outcome::Malformed, Phase::Wait), "{record:?}: {:?}", story.row);
    }
}
