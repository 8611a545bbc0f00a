//! The fault matrix: every fault of the testbed × put and get × TCP and TLS × capped and uncapped × fresh and reused
//! connection, many times, each row held against what the testbed was told to do.
//!
//! ```text
//! fault_matrix [REPETITIONS]     prints Markdown; exit 1 where any row contradicts the fault
//! ```
//!
//! Beside it, the same early answers through plain hyper, without the held error.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::{TlsConnector, rustls};
use ttlsweep_record::{BitRate, ByteCount, Cell, EarlyClose, Fault, Method, Outcome, PeerClose, Phase, TransferRecord};
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::dial::{Connection, Dialer, SocketOptions};
use ttlsweep_runner::testing::experiment::{LoadOptions, load};
use ttlsweep_runner::testing::s3::link::{MadeBy, SignedRequest, expiry_of};
use ttlsweep_runner::testing::secret::Secret;
use ttlsweep_runner::testing::stop::StopSwitch;
use ttlsweep_runner::testing::transfer::{self, Limits, Payload, Task, record};
use ttlsweep_runner::testing::wire::body::{Block, RequestBody, Source};
use ttlsweep_runner::testing::wire::endpoint::Endpoint;
use ttlsweep_runner::testing::wire::limiter::Limiter;
use ttlsweep_runner::testing::wire::marks::HttpMarks;
use ttlsweep_runner::testing::wire::tls::MaybeTls;
use ttlsweep_runner::testing::wire::{Side, SocketStats};
use ttlsweep_testbed::sigv4::Presigner;
use ttlsweep_testbed::{Testbed, TestbedConfig};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    ttlsweep_runner::testing::host::machine::raise_descriptor_limit();
    let repetitions: u32 = std::env::args().nth(1).map_or(Ok(31), |text| text.parse())?;
    let template = template_cell()?;
    let mut matrix = Matrix::default();
    for case in cases() {
        let stats = run_case(&case, repetitions, &template).await?;
        for row in stats {
            matrix.add(&case, &row);
        }
    }
    matrix.print();
    println!("\n## The same early answers through plain hyper\n");
    println!("| fault | early close | | answers seen by ttlsweep | by plain hyper |\n| --- | --- | --- | --- | --- |");
    for case in cases().into_iter().filter(|case| case.is_plain_comparison()) {
        let plain = plain_hyper(&case, repetitions).await?;
        let ours = matrix.answered(&case);
        let wire = if case.tls { "TLS" } else { "TCP" };
        println!(
            "| `{}` | {} | {wire} | {} of {} | {plain} of {repetitions} |",
            case.fault, case.early_close, ours.0, ours.1
        );
    }
    Ok(if matrix.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One cell of the matrix's product.
#[derive(Debug, Clone)]
struct Case {
    fault: &'static str,
    early_close: EarlyClose,
    method: Method,
    tls: bool,
    capped: bool,
    reused: bool,
}

/// What the row must say.
struct Expected {
    outcome: Outcome,
    phases: &'static [Phase],
    status: Option<u16>,
    early: Option<bool>,
    peer_closes: &'static [PeerClose],
    errno: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for tls in [false, true] {
        for capped in [false, true] {
            for reused in [false, true] {
                let mut add = |fault, early_close, method| {
                    cases.push(Case { fault, early_close, method, tls, capped, reused });
                };
                for fault in EARLY {
                    for early_close in EarlyClose::ALL {
                        add(fault, *early_close, Method::Put);
                    }
                }
                UPLOAD.iter().for_each(|fault| add(fault, EarlyClose::Close, Method::Put));
                DOWNLOAD.iter().for_each(|fault| add(fault, EarlyClose::Close, Method::Get));
                if !reused {
                    for method in [Method::Put, Method::Get] {
                        CONNECTION.iter().for_each(|fault| add(fault, EarlyClose::Close, method));
                        TLS_ONLY.iter().filter(|_| tls).for_each(|fault| add(fault, EarlyClose::Close, method));
                    }
                }
            }
        }
    }
    cases
}

const EARLY: &[&str] = &["error:403:AccessDenied@head", "error:503:SlowDown@50%"];
const UPLOAD: &[&str] = &[
    "none",
    "reset@head",
    "reset@50%",
    "close@50%",
    "close-notify@50%",
    "redirect@head",
    "stall@50%",
    "garbage@head",
    "truncated-head@head",
    "truncated-body@head",
    "early-ok@head",
    "stop-reading-after-answer@head",
    "keep-alive-close",
    "connection-close",
];
const DOWNLOAD: &[&str] = &[
    "none",
    "reset@head",
    "reset@50%",
    "close@head",
    "close@50%",
    "close-notify@50%",
    "error:503:SlowDown@head",
    "redirect@head",
    "stall@head",
    "stall@50%",
    "garbage@head",
    "truncated-head@head",
    "truncated-body@50%",
    "keep-alive-close",
    "connection-close",
];
const CONNECTION: &[&str] = &["refuse", "blackhole"];
const TLS_ONLY: &[&str] = &["tls-alert", "tls-close"];

impl Case {
    /// What the fault does to a transfer, as the words of the outcome have it.
    fn expected(&self) -> Expected {
        use Outcome::*;
        use PeerClose::*;
        let kind = self.fault.split(['@', ':']).next().unwrap_or_default();
        let upload = self.method.is_upload();
        let at_head = self.fault.ends_with("@head");
        let sending: &[Phase] = if upload { &[Phase::RequestBody] } else { &[Phase::Wait] };
        let receiving: &[Phase] = if upload || at_head { sending } else { &[Phase::ResponseBody] };
        let partial = (!upload && !at_head).then_some(200);
        let partial_early = (!upload && !at_head).then_some(false);
        let expect = |outcome, phases, status, early, peer_closes, errno| Expected {
            outcome,
            phases,
            status,
            early,
            peer_closes,
            errno,
        };
        match kind {
            "none" | "keep-alive-close" | "connection-close" => {
                expect(Completed, &[Phase::Done], Some(200), Some(false), &[], None)
            }
            "early-ok" => expect(Completed, &[Phase::Done], Some(200), Some(true), &[], None),
            "reset" => expect(Reset, receiving, partial, partial_early, &[Rst], Some("ECONNRESET")),
            // The server goes on reading after its FIN for a while, and resets what comes then.
            "close" => expect(Closed, receiving, partial, partial_early, &[Fin, FinRst], None),
            "close-notify" if self.tls => {
                expect(Closed, receiving, partial, partial_early, &[CloseNotify, FinRst], None)
            }
            "close-notify" => expect(Closed, receiving, partial, partial_early, &[Fin, FinRst], None),
            // The answer never leaves.
            "error" if self.early_close == EarlyClose::Lost => {
                expect(Reset, sending, None, None, &[Rst], Some("ECONNRESET"))
            }
            "error" if self.fault.contains("403") => expect(Rejected, sending, Some(403), Some(upload), ANY, None),
            "error" | "stop-reading-after-answer" => expect(Rejected, sending, Some(503), Some(upload), ANY, None),
            "redirect" => expect(Rejected, sending, Some(307), Some(upload), ANY, None),
            // The sockets take in what is left of a small body, so that nothing is left to write.
            "stall" if upload && self.capped => {
                expect(TimedOut, &[Phase::RequestBody, Phase::Wait], None, None, &[], None)
            }
            "stall" => expect(TimedOut, receiving, partial, partial_early, &[], None),
            "garbage" => expect(Malformed, &[Phase::ResponseHead], None, None, ANY, None),
            "truncated-head" => expect(Closed, &[Phase::ResponseHead], None, None, &[Fin, FinRst], None),
            "truncated-body" => expect(
                Closed,
                &[Phase::ResponseBody],
                Some(if upload { 500 } else { 200 }),
                Some(upload),
                &[Fin, FinRst],
                None,
            ),
            "refuse" => expect(Unconnected, &[Phase::Connect], None, None, &[], Some("ECONNREFUSED")),
            "blackhole" if self.tls => expect(TimedOut, &[Phase::Tls], None, None, &[], None),
            // How much of an upload the kernels take in before nobody reads is theirs to say.
            "blackhole" => expect(TimedOut, &[Phase::RequestBody, Phase::Wait], None, None, &[], None),
            _ => expect(Unconnected, &[Phase::Tls], None, None, ANY, None),
        }
    }

    /// Bytes of the body: more than the sockets of both ends hold, unless the cap does that already.
    fn size(&self) -> u64 {
        match (self.capped, self.method.is_upload()) {
            (true, _) => 400_000,
            (false, true) => 24_000_000,
            (false, false) => 12_000_000,
        }
    }

    fn limits(&self) -> Limits {
        let patient = Duration::from_secs(20);
        let waits = self.fault.starts_with("stall") || self.fault == "blackhole";
        let idle = if waits { Duration::from_millis(700) } else { patient };
        let connect = if self.fault == "blackhole" && self.tls { Duration::from_millis(700) } else { patient };
        Limits { connect, total: patient * 3, ..Limits::all(idle) }
    }

    fn is_plain_comparison(&self) -> bool {
        let leaves = self.early_close != EarlyClose::Lost;
        self.method == Method::Put && !self.capped && !self.reused && leaves && EARLY.contains(&self.fault)
    }

    fn testbed(&self) -> Result<TestbedConfig, Failure> {
        let fault = (self.fault != "none").then(|| self.fault.parse::<Fault>()).transpose()?;
        Ok(TestbedConfig { tls: self.tls, early_close: self.early_close, fault, ..TestbedConfig::default() })
    }
}

const ANY: &[PeerClose] = PeerClose::ALL;

/// What a row says against what it must say.
fn is_right(expected: &Expected, row: &TransferRecord) -> bool {
    expected.outcome == row.outcome
        && expected.phases.contains(&row.phase)
        && expected.status == row.status
        && expected.early == row.early_response
        && match row.peer_close {
            Some(close) => expected.peer_closes.contains(&close),
            // A connection that the peer ended before any answer must say how.
            None => !matches!(expected.outcome, Outcome::Reset | Outcome::Closed),
        }
        && expected.errno.is_none_or(|errno| row.errno.as_deref() == Some(errno))
}

async fn run_case(case: &Case, repetitions: u32, template: &Cell) -> Result<Vec<TransferRecord>, Failure> {
    let testbed = Arc::new(Testbed::start(case.testbed()?).await?);
    let tls = testbed.ca_pem().map(trusting).transpose()?;
    if !case.method.is_upload() {
        put_object(case, &testbed, tls.clone(), template).await?;
    }
    // Side by side, but not so many that this machine, and not the server, decides when things happen.
    let lanes = Arc::new(Semaphore::new(if case.capped { 31 } else { 4 }));
    let mut tasks = JoinSet::new();
    for number in 0..repetitions {
        let (case, testbed, tls, lanes) = (case.clone(), Arc::clone(&testbed), tls.clone(), Arc::clone(&lanes));
        let template = template.clone();
        tasks.spawn(async move {
            let _lane = lanes.acquire().await?;
            let mut client = Client::of(&case, &testbed.endpoint(), tls, template)?;
            if case.reused {
                // A listing is not a transfer, so that the fault passes it over.
                client.warm_up(&case).await?;
            }
            let row = client.run(&case, number).await?;
            Ok::<_, Failure>(row)
        });
    }
    let mut rows = Vec::new();
    while let Some(row) = tasks.join_next().await {
        rows.push(row??);
    }
    if let Ok(testbed) = Arc::try_unwrap(testbed) {
        testbed.shutdown().await;
    }
    Ok(rows)
}

async fn put_object(
    case: &Case,
    testbed: &Testbed,
    tls: Option<Arc<rustls::ClientConfig>>,
    template: &Cell,
) -> Result<(), Failure> {
    let put = Case { method: Method::Put, fault: "none", reused: false, ..case.clone() };
    let mut client = Client::of(&put, &testbed.control_endpoint(), tls, template.clone())?;
    client.cap_off();
    let source = Source::Generated { block: client.block.clone(), len: case.size() };
    let row = client.transfer(&put, Payload::Upload(&source), None, "object").await?;
    if row.outcome == Outcome::Completed { Ok(()) } else { Err(format!("no object: {row:?}").into()) }
}

/// One user's client, as the runner builds it.
struct Client {
    dialer: Dialer,
    kept: Option<Connection>,
    block: Block,
    switch: StopSwitch,
    template: Cell,
}

impl Client {
    fn of(
        case: &Case,
        endpoint: &str,
        tls: Option<Arc<rustls::ClientConfig>>,
        template: Cell,
    ) -> Result<Self, Failure> {
        let rate = BitRate::new(8_000_000).filter(|_| case.capped);
        let side = if case.method.is_upload() { Side::Write } else { Side::Read };
        let reads_per_s = (case.capped && side == Side::Read).then_some(1_000_000);
        let dialer = Dialer {
            cap: rate.map(|rate| (Arc::new(Limiter::new(rate, 1)), side)),
            socket: SocketOptions { reads_per_s, ..SocketOptions::default() },
            ..Dialer::new(Endpoint::of(&endpoint.parse()?)?, tls)
        };
        Ok(Self {
            dialer,
            kept: None,
            block: BLOCK.get_or_init(|| Block::new(7)).clone(),
            switch: StopSwitch::new(),
            template,
        })
    }

    fn cap_off(&mut self) {
        self.dialer.cap = None;
    }

    async fn run(&mut self, case: &Case, number: u32) -> Result<TransferRecord, Failure> {
        let whole = Source::Generated { block: self.block.clone(), len: case.size() };
        let (payload, key) = match case.method.is_upload() {
            true => (Payload::Upload(&whole), format!("k{number}")),
            false => (Payload::Download(&whole), "object".to_owned()),
        };
        self.transfer(case, payload, Some(format!("t{number}")), &key).await
    }

    /// Lists the bucket, so that the connection has been used before.
    async fn warm_up(&mut self, case: &Case) -> Result<TransferRecord, Failure> {
        self.transfer(case, Payload::Unknown, None, "").await
    }

    async fn transfer(
        &mut self,
        case: &Case,
        payload: Payload<'_>,
        name: Option<String>,
        key: &str,
    ) -> Result<TransferRecord, Failure> {
        let method = if payload.upload().is_some() { case.method } else { Method::Get };
        let request = link(&self.dialer.endpoint, method, key, name.as_deref())?;
        let task = Task {
            transfer_id: name.as_deref().unwrap_or("warm-up"),
            request: &request,
            payload,
            key,
            expect_continue: false,
            head_alone: false,
            limits: case.limits(),
            sample_every: Duration::from_millis(100),
        };
        let anchor = SystemClock.anchor();
        let mut stop = self.switch.listen(None);
        let observed = transfer::run(&task, &self.dialer, &mut self.kept, anchor, &mut stop).await;
        let cell = Cell { method: case.method, size_bytes: ByteCount(case.size()), ..self.template.clone() };
        let row = record::complete(TransferRecord::begun(&cell, anchor.wall), observed, &request).transfer;
        if case.reused && name.is_some() && !row.reused_connection {
            return Err(format!("`{}`: the connection was not reused", case.fault).into());
        }
        Ok(row)
    }
}

static BLOCK: OnceLock<Block> = OnceLock::new();

/// A link of an hour, with the transfer's name in it; without a key, it lists the bucket.
fn link(endpoint: &Endpoint, method: Method, key: &str, name: Option<&str>) -> Result<SignedRequest, Failure> {
    let config = TestbedConfig::default();
    let presigner =
        Presigner { access_key: &config.access_key, secret_key: config.secret_key.expose(), region: &config.region };
    let verb = if method.is_upload() { http::Method::PUT } else { http::Method::GET };
    let made = SystemClock.wall();
    let list = key.is_empty().then_some(("list-type", "2"));
    let query: Vec<_> = name.map(|name| ("x-run", name)).into_iter().chain(list).collect();
    let host = format!("{}:{}", endpoint.host(), endpoint.port());
    let path = format!("/ttlsweep/{key}");
    let path = presigner.presign(verb.as_str(), &path, &query, &[("host", &host)], &made.compact(), 3600);
    let uri = endpoint.to_string().parse::<http::Uri>()?;
    let uri: http::Uri = format!("{}{path}", uri.to_string().trim_end_matches('/')).parse()?;
    let expires_at = Some(expiry_of(&uri)?);
    let (uri, headers) = (Secret::new(uri), Secret::new(HeaderMap::new()));
    let (presigned_at, made_by) = (Some(made), MadeBy::Us);
    Ok(SignedRequest { method: verb, uri, headers, form: None, presigned_at, expires_at, made_by })
}

fn trusting(pem: &str) -> Result<Arc<rustls::ClientConfig>, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// A cell with every setting at its default: the matrix needs its columns, not its plan.
fn template_cell() -> Result<Cell, Failure> {
    let folder = std::env::temp_dir().join(format!("ttlsweep-matrix-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("matrix.toml");
    std::fs::write(
        &path,
        "[experiment]\nname = \"matrix\"\n[grid]\nttl = \"1h\"\nsize = \"1MB\"\n[controls]\nlong_ttl = false\n",
    )?;
    let loaded = load(&path, &LoadOptions::default()).map_err(|error| error.to_string());
    std::fs::remove_dir_all(&folder)?;
    loaded?.experiment.cells.into_iter().next().ok_or_else(|| "no cell".into())
}

/// How many of the uploads see their early answer through hyper alone: no layer on the socket, the same bodies.
async fn plain_hyper(case: &Case, repetitions: u32) -> Result<u32, Failure> {
    let testbed = Testbed::start(case.testbed()?).await?;
    let tls = testbed.ca_pem().map(trusting).transpose()?;
    let endpoint = Endpoint::of(&testbed.endpoint().parse()?)?;
    let mut answered = 0;
    for number in 0..repetitions {
        let request = link(&endpoint, Method::Put, &format!("p{number}"), Some(&format!("p{number}")))?;
        answered += u32::from(plain_upload(&endpoint, tls.clone(), &request, case.size()).await.is_some());
    }
    testbed.shutdown().await;
    Ok(answered)
}

async fn plain_upload(
    endpoint: &Endpoint,
    tls: Option<Arc<rustls::ClientConfig>>,
    signed: &SignedRequest,
    size: u64,
) -> Option<http::StatusCode> {
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let stream = match tls {
        None => MaybeTls::Plain(stream),
        Some(config) => {
            let name = ServerName::try_from(endpoint.host().to_owned()).ok()?;
            MaybeTls::Tls(Box::new(TlsConnector::from(config).connect(name, stream).await.ok()?))
        }
    };
    let (mut sender, http) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // As hyper's users run it: the connection in a task of its own.
    let connection = tokio::spawn(http);
    let marks = Arc::new(HttpMarks::new(Arc::new(SocketStats::new())));
    marks.stop_waiting_for_continue();
    let source = Source::Generated { block: BLOCK.get_or_init(|| Block::new(7)).clone(), len: size };
    let body = RequestBody::new(source.open("plain"), size, marks, Arc::new(OnceLock::new()));
    let request = Request::put(signed.uri.expose().path_and_query()?.as_str())
        .header("host", signed.uri.expose().authority()?.as_str())
        .body(body)
        .ok()?;
    let answer = tokio::time::timeout(Duration::from_secs(10), sender.send_request(request)).await.ok()?.ok();
    connection.abort();
    answer.map(|response| response.status())
}

/// Rows by what they had to say and what they said.
#[derive(Default)]
struct Matrix {
    cells: BTreeMap<(String, String), u32>,
    by_fault: BTreeMap<String, (u32, u32)>,
    answers: BTreeMap<String, (u32, u32)>,
    transfers: u32,
    wrong: u32,
    examples: Vec<String>,
}

impl Matrix {
    fn add(&mut self, case: &Case, row: &TransferRecord) {
        let expected = case.expected();
        let right = is_right(&expected, row);
        self.transfers += 1;
        *self.cells.entry((expected.outcome.to_string(), row.outcome.to_string())).or_default() += 1;
        let fault = self.by_fault.entry(format!("{} {}", case.method, case.fault)).or_default();
        fault.0 += u32::from(right);
        fault.1 += 1;
        if case.is_plain_comparison() {
            let answers = self.answers.entry(format!("{case:?}")).or_default();
            answers.0 += u32::from(row.status.is_some());
            answers.1 += 1;
        }
        if !right {
            self.wrong += 1;
            if self.examples.len() < 40 {
                self.examples.push(format!(
                    "{case:?}: {} {} {:?} early {:?} {:?} {:?} {:?} written {} acked {:?}",
                    row.outcome,
                    row.phase,
                    row.status,
                    row.early_response,
                    row.peer_close,
                    row.errno,
                    row.error,
                    row.body_bytes_written,
                    row.body_bytes_acked,
                ));
            }
        }
    }

    fn answered(&self, case: &Case) -> (u32, u32) {
        self.answers.get(&format!("{case:?}")).copied().unwrap_or_default()
    }

    fn print(&self) {
        println!(
            "{} transfers, {} wrong rows\n\n## Outcomes: told to do (down), recorded (across)\n",
            self.transfers, self.wrong
        );
        let recorded: Vec<_> = Outcome::ALL.iter().filter(|outcome| self.column_has(outcome.as_str())).collect();
        let header: Vec<_> = recorded.iter().map(|outcome| outcome.as_str()).collect();
        println!("| | {} |\n| --- |{}", header.join(" | "), " ---: |".repeat(header.len()));
        for reported in
            Outcome::ALL.iter().filter(|reported| self.cells.keys().any(|(row, _)| row == reported.as_str()))
        {
            let counts: Vec<_> = recorded
                .iter()
                .map(|outcome| {
                    self.cells.get(&(reported.to_string(), outcome.to_string())).copied().unwrap_or(0).to_string()
                })
                .collect();
            println!("| {reported} | {} |", counts.join(" | "));
        }
        println!(
            "\n## Rows right in outcome, phase, status, earliness, close and errno\n\n| fault | right |\n| --- | ---: |"
        );
        for (fault, (right, all)) in &self.by_fault {
            println!("| `{fault}` | {right} of {all} |");
        }
        for example in &self.examples {
            eprintln!("wrong: {example}");
        }
    }

    fn column_has(&self, outcome: &str) -> bool {
        self.cells.keys().any(|(_, recorded)| recorded == outcome)
    }
}
