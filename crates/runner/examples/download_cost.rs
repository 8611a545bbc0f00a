//! What it costs to hold downloads against the object that was put: the same downloads with and without, by turns.
//!
//! ```text
//! download_cost [ROUNDS] [MB]     prints the processor time of each way, and their ratio
//! ```
//!
//! Five users download an object at once from a server in threads of its own, over TCP without TLS, which is the
//! cheapest transfer that there is: the ratio over TLS is smaller.

// An example has a terminal to itself.
#![allow(clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use http::HeaderMap;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;
use ttlsweep_record::Outcome;
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::dial::Dialer;
use ttlsweep_runner::testing::s3::link::{MadeBy, SignedRequest};
use ttlsweep_runner::testing::secret::Secret;
use ttlsweep_runner::testing::stop::StopSwitch;
use ttlsweep_runner::testing::transfer::judge::judge;
use ttlsweep_runner::testing::transfer::{self, Limits, Payload, Task};
use ttlsweep_runner::testing::wire::body::{Block, BodyFile, Source};
use ttlsweep_runner::testing::wire::endpoint::Endpoint;

const USERS: usize = 5;
const KEY: &str = "key";

/// The server's threads at work, and the processor time of those that have ended.
static SERVING: AtomicU64 = AtomicU64::new(0);
static SERVED_NANOS: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: u32 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let megabytes: u64 = arguments.next().map_or(Ok(40), |text| text.parse())?;
    let len = megabytes * 1_000_000;
    let generated = Source::Generated { block: Block::new(7), len };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let object = runtime.block_on(bytes_of(&generated))?;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&object)?;
    let body = BodyFile::new(std::fs::File::open(file.path())?)?;
    let of_file = Source::File { file: Arc::new(body), len };
    let endpoint = serve(object)?;

    let ways = [("not compared", None), ("generated", Some(&generated)), ("file", Some(&of_file))];
    let mut spent = [Duration::ZERO; 3];
    for _ in 0..rounds {
        for (spent, (_, source)) in spent.iter_mut().zip(ways) {
            let before = own_time();
            runtime.block_on(download(&endpoint, source));
            // The server's share is known once its threads have ended.
            while SERVING.load(SeqCst) > 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            *spent += own_time().saturating_sub(before);
        }
    }
    let gigabytes = f64::from(rounds) * (USERS as f64) * (len as f64) / 1e9;
    for ((name, _), time) in ways.iter().zip(spent) {
        let each = time.as_secs_f64() * 1e3 / gigabytes;
        let ratio = time.as_secs_f64() / spent[0].as_secs_f64();
        println!("{name:<13} {each:7.1} ms of a processor for each GB, {ratio:.3} of what it costs without");
    }
    Ok(())
}

/// Processor time of this process without the server's.
fn own_time() -> Duration {
    clock(ClockId::ProcessCPUTime).saturating_sub(Duration::from_nanos(SERVED_NANOS.load(SeqCst)))
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

async fn bytes_of(source: &Source) -> std::io::Result<Vec<u8>> {
    let (mut content, mut bytes) = (source.open(KEY), Vec::new());
    while let Some(chunk) = std::future::poll_fn(|cx| content.poll_chunk(cx)).await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// A server of one object, on threads of its own, so that its work is not counted.
fn serve(object: Vec<u8>) -> std::io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let object = Arc::new(object);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let object = Arc::clone(&object);
            SERVING.fetch_add(1, SeqCst);
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", object.len());
                let _ = stream.write_all(&object);
                let _ = stream.read(&mut head);
                let nanos = clock(ClockId::ThreadCPUTime).as_nanos();
                SERVED_NANOS.fetch_add(u64::try_from(nanos).unwrap_or(u64::MAX), SeqCst);
                SERVING.fetch_sub(1, SeqCst);
            });
        }
    });
    Ok(endpoint)
}

/// One download of each user at once; all must be the object where they are compared.
async fn download(endpoint: &str, source: Option<&Source>) {
    let mut users = JoinSet::new();
    for _ in 0..USERS {
        let (endpoint, source) = (endpoint.to_owned(), source.cloned());
        users.spawn(async move {
            let request = SignedRequest {
                method: http::Method::GET,
                uri: Secret::new(format!("{endpoint}/bucket/{KEY}").parse().expect("an address")),
                headers: Secret::new(HeaderMap::new()),
                presigned_at: None,
                expires_at: None,
                form: None,
                made_by: MadeBy::Us,
            };
            let dialer = Dialer::new(Endpoint::of(request.uri.expose()).expect("an endpoint"), None);
            let payload = source.as_ref().map_or(Payload::Unknown, Payload::Download);
            let limits = Limits::all(Duration::from_secs(60));
            let sample_every = Duration::from_millis(100);
            let task = Task { transfer_id: "t", sample_every, ..Task::new(&request, payload, KEY, limits) };
            let mut stop = StopSwitch::new().listen(None);
            let observed = transfer::run(&task, &dialer, &mut None, SystemClock.anchor(), &mut stop).await;
            judge(&observed).outcome
        });
    }
    while let Some(outcome) = users.join_next().await {
        assert_eq!(outcome.ok(), Some(Outcome::Completed));
    }
}
