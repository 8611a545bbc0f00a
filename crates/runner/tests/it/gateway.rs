//! What answers in the store's place: its name and its words are in the row, and its 200 does not make an object.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ttlsweep_record::{EventKind, ObjectState, Outcome, Phase};

use crate::client::Client;
use crate::experiment::Toml;
use crate::program::{Lab, words};
use crate::server::{FORBIDDEN, Peer, Server};

const MIB: usize = 1 << 20;

/// What a proxy answers that takes no bodies of this size.
const TOO_LARGE: &str = "HTTP/1.1 413 Request Entity Too Large\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n\
    Via: 1.1 one\r\nvia: 1.0 two (Varnish)\r\nconnection: close\r\n\r\n<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n\
    <body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n";

/// One upload that is told `answer` once its head has come.
async fn refused(answer: String, query: &str) -> crate::client::Story {
    let server = Server::start(false, move |mut peer: Peer| {
        let answer = answer.clone();
        async move {
            peer.head().await;
            let _ = peer.try_say(&answer).await;
            peer.finish();
            peer.rest().await;
        }
    })
    .await;
    let mut client = Client::of(&server);
    client.query = query.to_owned();
    client.put(MIB).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_refused_and_in_which_words_is_in_the_row() {
    let row = refused(TOO_LARGE.to_owned(), "").await.row;
    assert_eq!((row.outcome, row.status), (Outcome::Rejected, Some(413)), "{row:?}");
    assert_eq!(row.server.as_deref(), Some("nginx/1.22.1"));
    assert_eq!(row.via.as_deref(), Some("1.1 one, 1.0 two (Varnish)"));
    assert_eq!(row.content_type.as_deref(), Some("text/html"));
    assert_eq!(row.answer.as_deref(), Some("413 Request Entity Too Large nginx/1.22.1"));
    assert_eq!((row.request_id, row.s3_code, row.s3_message), (None, None, None));

    let json =
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\r\n{\"message\":\n  \"no <b>such</b> route\"}";
    let row = refused(json.to_owned(), "").await.row;
    assert_eq!(row.answer.as_deref(), Some("{\"message\": \"no <b>such</b> route\"}"), "{row:?}");

    // S3's own document has its columns.
    let row = refused(FORBIDDEN.to_owned(), "").await.row;
    assert_eq!((row.s3_code.as_deref(), row.answer), (Some("AccessDenied"), None));
    assert_eq!(row.content_type.as_deref(), Some("application/xml"));

    // Nothing, and nothing that could be read.
    let row = refused("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".to_owned(), "").await.row;
    assert_eq!((row.outcome, row.server, row.answer), (Outcome::Rejected, None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_cut_behind_what_is_taken_out_of_it_and_obeyed_by_nobody() {
    let signature = "5e1f00d5c0ffee".repeat(4);
    let filler = "x".repeat(180);
    let page =
        format!("<html><body>{filler} <i>you sent</i> {signature}\u{1b}[2J\u{202e} {}</body></html>", "y".repeat(500));
    let head = format!("HTTP/1.1 403 Forbidden\r\nserver: proxy {signature}\r\n\r\n{page}");
    let row = refused(head, &format!("&X-Amz-Signature={signature}")).await.row;
    let answer = row.answer.clone().unwrap();
    assert_eq!(answer.chars().count(), 200, "{answer}");
    assert!(answer.contains("you sent RE") && !format!("{row:?}").contains("5e1f00d5"), "{row:?}");
    assert!(!answer.chars().any(char::is_control), "{answer:?}");
}

const PORTAL: &str = "HTTP/1.1 200 OK\r\nserver: captive\r\ncontent-type: text/html\r\ncontent-length: 36\r\n\r\n\
    <html><title>Log in</title>ok</html>";
const STORED: &str = "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n";
const ABSENT: &str = "HTTP/1.1 404 Not Found\r\n\r\n";
const LISTING: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: 136\r\n\r\n\
    <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>";

/// What a transfer is told, and what its look-up is.
type Reported = HashMap<usize, (&'static str, String)>;

/// Plays S3 for whatever is not a transfer; tells each transfer, and anyone who looks its object up, what the story says. Notes
/// which objects were looked up.
async fn portal(mut peer: Peer, reported: Arc<Reported>, early: bool, looked: Arc<Mutex<Vec<usize>>>) {
    while let Some(head) = peer.head().await {
        let line = head.lines().next().unwrap_or_default().to_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let length = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let done = match (sequence(&line), line.split(' ').next()) {
            (Some(sequence), Some("PUT")) if early => {
                let said = peer.try_say(reported[&sequence].0).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                peer.body(length).await;
                said
            }
            (Some(sequence), Some("PUT")) => {
                peer.body(length).await;
                peer.try_say(reported[&sequence].0).await
            }
            (Some(sequence), Some("HEAD")) => {
                looked.lock().unwrap().push(sequence);
                let _ = peer.try_say(&reported[&sequence].1).await;
                return;
            }
            (None, Some("PUT")) => {
                peer.body(length).await;
                peer.try_say(STORED).await
            }
            _ => peer.try_say(LISTING).await,
        };
        if done.is_err() {
            return;
        }
    }
}

fn sequence(line: &str) -> Option<usize> {
    let path = line.split(['?', ' ']).nth(1)?;
    path.rsplit_once("-s")?.1.parse().ok()
}

/// Sweeps one user against a portal; its rows in their order, and which objects were looked up.
async fn swept(reported: Reported, early: bool, size: &str) -> (crate::program::Run, Vec<usize>, Lab) {
    let (reported, looked) = (Arc::new(reported), Arc::new(Mutex::new(Vec::new())));
    let transfers = reported.len();
    let stats = Arc::clone(&looked);
    let server =
        Server::start(false, move |peer: Peer| portal(peer, Arc::clone(&reported), early, Arc::clone(&looked))).await;
    let lab = Toml::named("portal").set("grid.size", size).set("transfer.transfers_per_user", transfers).lab();
    let endpoint = format!("http://{}", server.addr);
    let mut command = lab.ttlsweep(&["run", "portal.toml", "--bucket", "bucket", "--endpoint", &endpoint, "--yes"]);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
    let looked = stats.lock().unwrap().clone();
    (lab.run_of("portal"), looked, lab)
}

fn present(bytes: usize) -> String {
    format!("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {bytes}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_that_is_not_signed_by_a_store_counts_if_the_object_is_there() {
    let reported = HashMap::from([
        (1, (PORTAL, ABSENT.to_owned())),
        (2, (PORTAL, present(1000))),
        (3, (PORTAL, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_owned())),
        (4, (PORTAL, present(500))),
        (5, (STORED, ABSENT.to_owned())),
    ]);
    let (run, mut looked, _lab) = swept(reported, false, "1kB").await;
    let mut rows = run.transfers();
    rows.sort_by_key(|row| row.sequence);
    let ends: Vec<_> = rows.iter().map(|row| (row.outcome, row.phase, row.object_state)).collect();
    let (absent, present) = (Some(ObjectState::Absent), Some(ObjectState::Present));
    assert_eq!(
        ends,
        [
            (Outcome::Altered, Phase::Wait, absent),
            (Outcome::Completed, Phase::Done, present),
            // Whoever answers everything with 200 has answered the look-up, too.
            (Outcome::Completed, Phase::Done, Some(ObjectState::Unknown)),
            (Outcome::Altered, Phase::Wait, present),
            // The store's own word needs no look-up.
            (Outcome::Completed, Phase::Done, None),
        ],
        "{rows:?}"
    );
    let errors: Vec<_> = rows.iter().map(|row| row.error.as_deref()).collect();
    let unsigned = "answered 200 without ETag and request id, and its object";
    assert_eq!(errors[0], Some(&*format!("{unsigned} is not there")));
    assert_eq!(errors[3], Some(&*format!("{unsigned} has 500 of 1000 bytes")));
    assert_eq!([errors[1], errors[2], errors[4]], [None; 3]);
    assert_eq!((rows[0].answer.as_deref(), rows[0].server.as_deref()), (Some("Log in ok"), Some("captive")));
    assert_eq!(rows[1].answer, None);
    looked.dedup();
    assert_eq!(looked, [1, 2, 3, 4]);
    // Row and tape tell the same.
    let tape = run.events();
    let end = tape.iter().find(|event| event.event == EventKind::End && event.transfer_id == rows[0].transfer_id);
    assert_eq!(end.and_then(|event| event.value.as_deref()), Some("altered"));
}

/// Nobody can have stored what had not arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_before_the_body_counts_if_the_object_is_there_afterwards() {
    let early = "HTTP/1.1 200 OK\r\nx-amz-request-id: R\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n";
    let reported = HashMap::from([(1, (early, ABSENT.to_owned())), (2, (early, present(16_000_000)))]);
    let (run, looked, _lab) = swept(reported, true, "16MB").await;
    let mut rows = run.transfers();
    rows.sort_by_key(|row| row.sequence);
    assert!(rows.iter().all(|row| row.early_response == Some(true)), "{rows:?}");
    assert_eq!((rows[0].outcome, rows[0].phase), (Outcome::Altered, Phase::RequestBody), "{rows:?}");
    let reported = "answered 200 before the body had been sent, and its object is not there";
    assert_eq!(rows[0].error.as_deref(), Some(reported));
    assert!(looked.iter().filter(|sequence| **sequence == 1).count() > 1, "it was looked for but once");
    assert_eq!((rows[1].outcome, rows[1].object_state), (Outcome::Completed, Some(ObjectState::Present)));
}

/// As [`portal`], for the parts of an upload: a 200 before each part's body, then what ListParts has of it.
async fn hasty_store(mut peer: Peer, looked: Arc<Mutex<Vec<usize>>>) {
    let document = |root: &str, inner: &str| {
        let document = format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</{root}>");
        format!("HTTP/1.1 200 OK\r\nx-amz-request-id: R\r\ncontent-length: {}\r\n\r\n{document}", document.len())
    };
    while let Some(head) = peer.head().await {
        let line = head.lines().next().unwrap_or_default();
        let number = |name: &str| {
            let value = line.split(['?', '&', ' ']).find_map(|pair| pair.strip_prefix(name));
            value.and_then(|value| value.parse::<usize>().ok())
        };
        let done =
            match (line.split(' ').next().unwrap_or_default(), number("partNumber="), number("part-number-marker=")) {
                ("POST", ..) if line.contains("uploads") => {
                    let begun = "<Bucket>bucket</Bucket><Key>k</Key><UploadId>U</UploadId>";
                    peer.try_say(&document("InitiateMultipartUploadResult", begun)).await
                }
                ("PUT", Some(_), _) => {
                    let early = "HTTP/1.1 200 OK\r\nx-amz-request-id: R\r\netag: \"1\"\r\ncontent-length: 0\r\n\r\n";
                    let said = peer.try_say(early).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    peer.body(16_000_000).await;
                    said
                }
                ("GET", _, Some(marker)) => {
                    looked.lock().unwrap().push(marker + 1);
                    let part = |bytes: usize| {
                        format!(
                            "<Part><PartNumber>{}</PartNumber><ETag>\"1\"</ETag><Size>{bytes}</Size></Part>",
                            marker + 1
                        )
                    };
                    let parts = match marker + 1 {
                        1 => part(16_000_000),
                        2 => part(8_000_000),
                        _ => String::new(),
                    };
                    peer.try_say(&document("ListPartsResult", &parts)).await
                }
                ("DELETE", ..) => peer.try_say("HTTP/1.1 204 No Content\r\n\r\n").await,
                ("PUT", ..) => {
                    peer.body(0).await;
                    let _ = peer.try_say(STORED).await;
                    return;
                }
                _ => peer.try_say(LISTING).await,
            };
        if done.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_before_a_parts_body_counts_if_the_part_is_listed_afterwards() {
    let looked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&looked);
    let server = Server::start(false, move |peer: Peer| hasty_store(peer, Arc::clone(&looked))).await;
    let parts = Toml::named("parts").set("grid.size", "16MB").set("transfer.method", "upload-part");
    let lab = parts.set("transfer.transfers_per_user", 3).lab();
    let endpoint = format!("http://{}", server.addr);
    let mut command = lab.ttlsweep(&["run", "parts.toml", "--bucket", "bucket", "--endpoint", &endpoint, "--yes"]);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
    let mut rows = lab.run_of("parts").transfers();
    rows.sort_by_key(|row| row.sequence);
    assert!(rows.iter().all(|row| row.early_response == Some(true)), "{rows:?}");
    let ends: Vec<_> = rows.iter().map(|row| (row.outcome, row.object_state)).collect();
    let (present, absent) = (Some(ObjectState::Present), Some(ObjectState::Absent));
    let expected = [(Outcome::Completed, present), (Outcome::Altered, present), (Outcome::Altered, absent)];
    assert_eq!(ends, expected, "{rows:?}");
    let reported = "answered 200 before the body had been sent, and its";
    assert!(rows[1].error.as_ref().unwrap().contains("8000000 of 16000000 bytes"), "{rows:?}");
    assert!(rows[2].error.as_ref().unwrap().starts_with(reported), "{rows:?}");
    let looked = seen.lock().unwrap();
    assert!(looked.iter().filter(|part| **part == 3).count() > 1, "it was looked for but once: {looked:?}");
}

/// The whole of case "half an object": a server that stores what is put, and gives half of it in HTTP/1.0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_of_downloads_tells_half_an_object_from_a_whole_one() {
    let object = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start(false, move |mut peer: Peer| {
        let object = Arc::clone(&object);
        async move {
            while let Some(head) = peer.head().await {
                if head.starts_with("PUT") && head.contains("/download-") {
                    let body = peer.take_body(300_000).await;
                    *object.lock().unwrap() = body;
                    peer.say(STORED).await;
                } else if head.starts_with("HEAD") {
                    let _ = peer.try_say(&present(300_000)).await;
                    return;
                } else if head.starts_with("GET") && head.contains("/download-") {
                    let whole = head.contains("-s2");
                    let body = object.lock().unwrap()[..if whole { 300_000 } else { 150_000 }].to_vec();
                    let _ = peer.try_send(&[b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), &body].concat()).await;
                    return;
                } else {
                    peer.say(LISTING).await;
                }
            }
        }
    })
    .await;
    let half = Toml::named("half").set("grid.size", "300kB").set("transfer.method", "get");
    let lab = half.set("transfer.transfers_per_user", 3).lab();
    let endpoint = format!("http://{}", server.addr);
    let mut command = lab.ttlsweep(&["run", "half.toml", "--bucket", "bucket", "--endpoint", &endpoint, "--yes"]);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
    let mut rows = lab.run_of("half").transfers();
    rows.sort_by_key(|row| row.sequence);
    let ends: Vec<_> = rows.iter().map(|row| (row.outcome, row.error.as_deref())).collect();
    let half = (Outcome::Truncated, Some("150000 of 300000 bytes"));
    assert_eq!(ends, [half, (Outcome::Completed, None), half], "{rows:?}");
}

/// Else each download would be blamed on the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_is_not_begun_if_its_object_is_not_there() {
    let server = Server::start(false, |mut peer: Peer| async move {
        while let Some(head) = peer.head().await {
            let answer = match head.split(' ').next() {
                Some("PUT") => {
                    peer.body(1000).await;
                    PORTAL
                }
                Some("HEAD") => ABSENT,
                _ => LISTING,
            };
            if peer.try_say(answer).await.is_err() || answer == ABSENT {
                return;
            }
        }
    })
    .await;
    let lab = Toml::named("none").set("grid.size", "1kB").set("transfer.method", "get").lab();
    let endpoint = format!("http://{}", server.addr);
    let mut command = lab.ttlsweep(&["run", "none.toml", "--bucket", "bucket", "--endpoint", &endpoint, "--yes"]);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let (code, said) = words(&output);
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains("answered 200 without a request id, and the object is not there"), "{said}");
}
