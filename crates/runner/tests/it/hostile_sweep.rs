//! A whole sweep against a server that means ill each time in another way: every transfer has its row, with the outcome
//! that it deserves, the sweep goes on to the next one, and the process stays small.

use std::fs;
use std::process::Child;
use std::time::Duration;

use ttlsweep_record::Outcome;

use crate::experiment::Toml;
use crate::program::start;
use crate::server::{FORBIDDEN, OK, Peer, Server};

const USERS: usize = 4;
/// One transfer of each user after the other; the last one is answered as it should be.
const EXPECTED: [Outcome; 9] = [
    Outcome::TimedOut,
    Outcome::Malformed,
    Outcome::TimedOut,
    Outcome::Malformed,
    Outcome::TimedOut,
    Outcome::Rejected,
    Outcome::Closed,
    Outcome::Rejected,
    Outcome::Completed,
];

/// Plays S3 for whatever is not a transfer, and else does what the transfer's number says.
async fn serve(mut peer: Peer) {
    while let Some(head) = peer.head().await {
        let line = head.lines().next().unwrap_or_default();
        let done = match sequence(line) {
            Some(sequence) if line.starts_with("PUT") => {
                peer.body(1000).await;
                harm(&mut peer, sequence).await
            }
            _ if line.starts_with("HEAD") => peer.try_say("HTTP/1.1 404 Not Found\r\n\r\n").await.is_ok(),
            _ => peer.try_say(LISTING).await.is_ok(),
        };
        if !done {
            return;
        }
    }
}

/// Returns whether the connection can go on.
async fn harm(peer: &mut Peer, sequence: usize) -> bool {
    match sequence {
        1 => {
            let _ = peer.try_say("HTTP/1.1 503 Slow Down\r\n\r\n").await;
            peer.repeat(&[b'x'; 64 << 10]).await;
        }
        2 => {
            let _ = peer.try_say("HTTP/1.1 403 Forbidden\r\n").await;
            peer.repeat(&b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(512)).await;
        }
        3 => peer.trickle(b"HTTP/1.1 403 Forbidden\r\nx: ", Duration::from_millis(100)).await,
        4 => {
            let _ = peer.try_say("HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n").await;
            peer.rest().await;
        }
        5 => peer.repeat(&b"HTTP/1.1 102 Processing\r\n\r\n".repeat(512)).await,
        6 => {
            let code = "&#27;]0;owned&#7;=HYPERLINK(&quot;http://x&quot;)";
            let document = format!("<Error><Code>=1+1</Code><Message>{code}&#10;\u{202e}</Message></Error>");
            let date = "date: Fri, 31 Dec 9999 23:59:59 GMT\r\nx-amz-request-id: -2+3\r\nx-amz-id-2: @\u{80}";
            let length = document.len();
            let answer = format!("HTTP/1.1 403 Forbidden\r\n{date}\r\ncontent-length: {length}\r\n\r\n{document}");
            return peer.try_say(&answer).await.is_ok();
        }
        7 => {
            let _ = peer.try_say("HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\nabc").await;
            peer.finish();
            peer.rest().await;
        }
        8 => return peer.try_say(FORBIDDEN).await.is_ok(),
        _ => return peer.try_say(OK).await.is_ok(),
    }
    false
}

fn sequence(line: &str) -> Option<usize> {
    let path = line.split(['?', ' ']).nth(1)?;
    path.rsplit_once("-s")?.1.parse().ok()
}

const LISTING: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: 136\r\n\r\n\
    <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_sweep_against_a_hostile_server_has_all_its_rows_and_stays_small() {
    let server = Server::start(false, serve).await;
    let hostile = Toml::named("hostile").set("grid.users", USERS).set("grid.size", "1kB");
    let hostile = hostile.set("transfer.transfers_per_user", EXPECTED.len());
    let lab = hostile.set("transfer.idle_timeout", "1s").set("transfer.timeout", "2s").lab();
    let endpoint = format!("http://{}", server.addr);
    let mut command = lab.ttlsweep(&["run", "hostile.toml", "--bucket", "bucket", "--endpoint", &endpoint, "--yes"]);
    command.env("AWS_ACCESS_KEY_ID", "AK").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let (output, peak) = tokio::task::block_in_place(|| watched(start(command)));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains('\x1b') && !said.contains('\x07'), "{said:?}");

    let run = lab.run_of("hostile");
    let mut rows = run.transfers();
    rows.sort_by_key(|row| (row.user, row.sequence));
    assert_eq!(rows.len(), USERS * EXPECTED.len());
    for of_user in rows.chunks(EXPECTED.len()) {
        let outcomes: Vec<_> = of_user.iter().map(|row| row.outcome).collect();
        assert_eq!(outcomes, EXPECTED, "{:?}", of_user.iter().map(|row| &row.error).collect::<Vec<_>>());
        // Answers that come as fast as they are read keep no timeout from running out.
        assert!(of_user[4].total_us < 9_000_000, "{:?}", of_user[4]);
        assert!(of_user[0].response_bytes > 1 << 20, "a body without end was read on: {:?}", of_user[0]);
        assert_eq!(of_user[5].s3_message.as_deref(), Some("␛]0;owned␇=HYPERLINK(\"http://x\")␊\u{fffd}"));
    }
    let text = fs::read_to_string(run.path().join("transfers.csv")).unwrap();
    assert_eq!(text.lines().count(), 1 + rows.len(), "a row is a line");
    assert!(text.contains(",'=1+1,") && text.contains(",'-2+3,"), "{text}");
    if let Some(peak) = peak {
        println!("peak memory: {peak} kB");
        assert!(peak < 200 << 10, "{peak} kB");
    }
}

/// The program's end, and the most memory that it was seen to hold, in kB, where the kernel says.
fn watched(mut child: Child) -> (std::process::Output, Option<u64>) {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()));
        std::thread::sleep(Duration::from_millis(20));
    }
    (child.wait_with_output().unwrap(), peak)
}
