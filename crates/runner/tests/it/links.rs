//! Links that somebody else makes, swept by the program: by a command, an API and a file, against the testbed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, test_kill_process};
use tokio::net::TcpListener;
use ttlsweep_record::{Control, ExpiryPolicy, Outcome, Timestamp, TransferRecord};
use ttlsweep_testbed::sigv4::Presigner;
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::front::{Front, error};
use crate::notations::{Search, notations, plain};
use crate::program::{Lab, rows_or_none, signal, start, succeed, wait_until, words};
use crate::programs::chosen;
use crate::signing::{self, BUCKET};

/// The experiment and the minter that ship.
const EXPERIMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");

async fn testbed(expiry: ExpiryPolicy) -> Testbed {
    signing::start(TestbedConfig { tls: false, expiry, ..TestbedConfig::default() }).await
}

/// A folder with the minter that ships in it.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("mint.py", fs::read(Path::new(EXPERIMENTS).join("mint.py")).unwrap());
    lab
}

/// The program with the testbed's key, which the minter alone needs, and with a path, which finds Python.
fn command(lab: &Lab, args: &[&str]) -> Command {
    let mut command = lab.ttlsweep(args);
    command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    with_python(&mut command);
    command
}

/// Gives a command a path that finds Python.
pub(crate) fn with_python(command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    // A Python that is a script of somebody's home takes its time.
    command.env("PATH", format!("/usr/local/bin:/usr/bin:/bin:{path}"));
}

/// The words of the minter that ships, as a list.
fn mint_py(endpoint: &str, signature: &str) -> serde_json::Value {
    ["python3", "mint.py", "--endpoint", endpoint, "--bucket", BUCKET, "--signature", signature].into()
}

/// A small experiment with links of somebody else.
fn small() -> Toml {
    Toml::named("small").set("target.kind", "links").unset("controls.header_signed")
}

pub(crate) fn report(lab: &Lab, folder: &str) -> serde_json::Value {
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep")).with_file_name("ttlsweep-report");
    assert!(program.exists(), "{} is missing: `cargo test --workspace` builds it", program.display());
    let mut command = Command::new(program);
    command.arg(folder).current_dir(lab.path("")).env_clear().env("HOME", lab.path(""));
    succeed(command);
    serde_json::from_slice(&fs::read(lab.path(folder).join("verdict.json")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_minters_links_of_both_versions_get_the_verdicts_that_own_links_get() {
    let cases = [
        (ExpiryPolicy::InFlight, "v4", "supported"),
        (ExpiryPolicy::InFlight, "v2", "supported"),
        (ExpiryPolicy::OnRequest, "v4", "not-supported"),
        (ExpiryPolicy::OnRequest, "v2", "not-supported"),
    ];
    let mut running = tokio::task::JoinSet::new();
    for (policy, signature, answer) in cases {
        let testbed = testbed(policy).await;
        running.spawn_blocking(move || {
            let lab = lab();
            lab.write("links.toml", fs::read(Path::new(EXPERIMENTS).join("links.toml")).unwrap());
            let mint = format!("target.mint={}", mint_py(&testbed.endpoint(), signature));
            succeed(command(&lab, &["run", "links.toml", "--yes", "--set", &mint]));
            let run = lab.run_of("links");
            let rows = run.transfers();
            assert_eq!(rows.len(), 15, "{policy} {signature}");
            for row in &rows {
                assert!(row.mint_us.is_some() && row.expires_at.is_some() && row.presigned_at.is_some(), "{row:?}");
                assert!(row.object_key.starts_with(&format!("{BUCKET}/links/")), "{row:?}");
                let expected = match (row.control, policy) {
                    (Some(Control::ExpiredStart), _) => Outcome::Rejected,
                    (None, ExpiryPolicy::InFlight) => Outcome::Reset,
                    _ => Outcome::Completed,
                };
                assert_eq!(row.outcome, expected, "{policy} {signature}: {row:?}");
            }
            answers(&lab, "links", answer, &format!("{policy} {signature}"));
            let mut verify = Command::new(chosen(env!("CARGO_BIN_EXE_ttlsweep")).with_file_name("ttlsweep-report"));
            verify.args(["verify", "results/links/latest"]).current_dir(lab.path("")).env_clear();
            succeed(verify);
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// The report's answer to a run of five blocks. Where this machine was too busy to time one, it may be that nobody can tell.
pub(crate) fn answers(lab: &Lab, experiment: &str, answer: &str, who: &str) {
    let verdict = report(lab, &format!("results/{experiment}/latest"));
    let is_busy = lab.run_of(experiment).trials().iter().any(|trial| trial.starved);
    let overall = verdict["overall"].as_str().unwrap();
    assert!(overall == answer || (is_busy && overall == "inconclusive"), "{who}: {overall}: {verdict:#}");
}

/// An API that mints links for a testbed, and what it was asked.
struct Api {
    url: String,
    asked: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Api {
    /// `answer` says what is answered to the ask of this number and this line, besides the link.
    async fn start(
        to: &Testbed,
        answer: impl Fn(usize, serde_json::Value) -> (u16, serde_json::Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/links?of=test", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, address, answer) = (Arc::clone(&asked), to.addr(), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                    async move {
                        let authorization = request.headers().get("authorization").cloned();
                        let line = request.into_body().collect().await?.to_bytes();
                        let mut response = Response::new(Full::new(Bytes::new()));
                        if authorization.is_none_or(|value| value != AUTHORIZATION) {
                            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
                            *response.body_mut() = Full::new(Bytes::from("{\"message\":\"who are you?\"}"));
                            return Ok::<_, hyper::Error>(response);
                        }
                        let ask: serde_json::Value = serde_json::from_slice(&line).unwrap();
                        let number = {
                            let mut noted = noted.lock().unwrap();
                            noted.push(ask.clone());
                            noted.len()
                        };
                        let mut link = serde_json::json!({ "url": link(&ask, address) });
                        let (status, more) = answer(number, ask);
                        link.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                        *response.body_mut() = Full::new(Bytes::from(link.to_string()));
                        Ok(response)
                    }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { url, asked }
    }
}

const AUTHORIZATION: &str = "Bearer hush-hush-0123456789abcdef";

/// A link as it is asked for, by the testbed's own signer.
fn link(ask: &serde_json::Value, address: std::net::SocketAddr) -> String {
    let presigner = Presigner { access_key: DEFAULT_ACCESS_KEY, secret_key: DEFAULT_SECRET_KEY, region: "us-east-1" };
    let now = Timestamp::from_system_time(SystemTime::now()).compact();
    let path = format!("/{BUCKET}/{}", ask["transfer_id"].as_str().unwrap());
    let ttl = ask["ttl_s"].as_u64().unwrap();
    let host = address.to_string();
    let link = presigner.presign(ask["method"].as_str().unwrap(), &path, &[], &[("host", &host)], &now, ttl);
    format!("http://{host}{link}")
}

fn words_of(mut command: Command) -> (Option<i32>, String) {
    tokio::task::block_in_place(|| words(&command.output().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_mints_what_it_is_asked_for_and_its_key_is_told_to_nobody() {
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let api = Api::start(&testbed, |_, _| (200, serde_json::json!({ "headers": { "x-amz-meta-a": "b" } }))).await;
    let small = small().set("target.mint", &*api.url).unset("controls.long_ttl");
    let lab = small.set("grid.users", 3).lab();
    let refused = words_of(command(&lab, &["run", "small.toml", "--yes"]));
    assert_eq!(refused.0, Some(2), "{}", refused.1);
    assert!(refused.1.contains("it answered 401 Unauthorized: {\"message\":\"who are you?\"}"), "{}", refused.1);
    assert!(!lab.path("results").exists(), "nothing was begun");

    let mut run = command(&lab, &["run", "small.toml", "--yes"]);
    run.env("TTLSWEEP_MINT_AUTHORIZATION", AUTHORIZATION).env("TTLSWEEP_LOG", "trace");
    let output = tokio::task::block_in_place(|| succeed(run));
    let rows = lab.run_of("small").transfers();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.outcome == Outcome::Completed && row.mint_us.is_some()), "{rows:?}");
    // One before all others, of the longest TTL, and then each transfer's.
    let asked = api.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 7);
    assert_eq!(
        asked[0],
        serde_json::json!({
            "transfer_id": "preflight", "method": "PUT", "size_bytes": 20_000, "ttl_s": 3600, "user": 1
        })
    );
    for row in &rows {
        let ask = asked.iter().find(|ask| ask["transfer_id"] == row.transfer_id.as_str()).unwrap();
        assert_eq!((ask["ttl_s"].as_u64(), ask["user"].as_u64()), (row.ttl_s.map(u64::from), Some(row.user.into())));
    }
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("hush"));
    for file in fs::read_dir(lab.run_of("small").path()).unwrap() {
        let path = file.unwrap().path();
        assert!(!String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("hush"), "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_minter_says_of_expiry_holds_and_a_contradiction_is_told() {
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let api = Api::start(&testbed, |_, _| (200, serde_json::json!({ "expires_at": "2031-01-01T00:00:00Z" }))).await;
    let lab = small().set("target.mint", &*api.url).lab();
    let mut run = command(&lab, &["run", "small.toml", "--yes"]);
    run.env("TTLSWEEP_MINT_AUTHORIZATION", AUTHORIZATION);
    let (code, said) = words_of(run);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("its expires_at is 2031-01-01T00:00:00.000000Z, and the link itself says"), "{said}");
    let rows = lab.run_of("small").transfers();
    assert_eq!(rows[0].expires_at.unwrap().to_string(), "2031-01-01T00:00:00.000000Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minter_that_fails_in_mid_run_is_rows_and_one_that_takes_no_ttl_is_told() {
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let api = Api::start(&testbed, |number, _| match number {
        1 => (200, serde_json::json!({})),
        2 => (500, serde_json::json!({})),
        3 => (200, serde_json::json!({ "url": "https://h/k?token=hush-opaque-0123456789" })),
        4 => (200, serde_json::json!({ "method": "GET" })),
        5 => (200, serde_json::json!({ "error": "no quota left" })),
        _ => (200, serde_json::json!({})),
    })
    .await;
    let lab = small().set("target.mint", &*api.url).set("transfer.transfers_per_user", 5).lab();
    let run = |args: &[&str]| {
        let mut run = command(&lab, args);
        run.env("TTLSWEEP_MINT_AUTHORIZATION", AUTHORIZATION);
        words_of(run)
    };
    let (code, said) = run(&["run", "small.toml", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    let rows = lab.run_of("small").transfers();
    let errors: Vec<_> = rows.iter().map(|row| row.error.clone().unwrap_or_default()).collect();
    for (error, says) in errors.iter().zip([
        "it answered 500 Internal Server Error",
        "nothing in the link says when it expires; looked for X-Amz-Date with X-Amz-Expires",
        "its link is for GET, and the transfer is a put",
        "it says: no quota left",
    ]) {
        assert!(error.starts_with("no link from http://127.0.0.1:") && error.contains(says), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [[Outcome::FailedLocally; 4].as_slice(), &[Outcome::Completed]].concat());

    let fixed = Api::start(&testbed, |_, _| {
        (
            200,
            serde_json::json!({
                "expires_at": Timestamp::from_system_time(SystemTime::now()).plus_micros(30_000_000).to_string()
            }),
        )
    })
    .await;
    let lab = small().set("target.mint", &*fixed.url).unset("controls.long_ttl").lab();
    let mut run = command(&lab, &["run", "small.toml", "--yes"]);
    run.env("TTLSWEEP_MINT_AUTHORIZATION", AUTHORIZATION);
    let (code, said) = words_of(run);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("asked for a link of 3600 s, it gave one of") && said.contains("long_ttl = false"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_files_links_are_used_once_each_and_downloads_are_held_against_the_size() {
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let ask = |name: &str, method: &str| serde_json::json!({ "transfer_id": name, "method": method, "ttl_s": 600 });
    let put: Vec<_> = (1..=2).map(|number| link(&ask(&format!("f{number}"), "PUT"), testbed.addr())).collect();
    let lab = small().set("target.file", "links.txt").set("transfer.transfers_per_user", 3).lab();
    lab.write("links.txt", format!("# two\n\n{}\n{{\"url\":\"{}\",\"method\":\"PUT\"}}\n", put[0], put[1]));
    let (code, said) = words_of(command(&lab, &["run", "small.toml", "--yes"]));
    assert_eq!(code, Some(0), "{said}");
    let rows = lab.run_of("small").transfers();
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed, Outcome::Completed, Outcome::FailedLocally]);
    assert_eq!(
        rows[2].error.as_deref().unwrap(),
        "no link from links.txt: all of its 2 links have been used; each is used once, \
                                                   so that the plan needs more"
    );
    assert_eq!(rows.iter().map(|row| row.mint_us).collect::<Vec<_>>(), [None; 3]);

    let get = link(&ask("f1", "GET"), testbed.addr());
    let read = small().set("target.file", "get.txt").set("transfer.method", "get");
    lab.write("get.txt", format!("{get}\n"));
    read.clone().set("experiment.name", "whole").write(&lab);
    read.set("experiment.name", "short").set("grid.size", "30kB").write(&lab);
    for (name, outcome, error) in
        [("whole", Outcome::Completed, None), ("short", Outcome::Truncated, Some("20000 of 30000 bytes"))]
    {
        let (code, said) = words_of(command(&lab, &["run", &format!("{name}.toml"), "--yes"]));
        assert_eq!(code, Some(0), "{said}");
        let rows = lab.run_of(name).transfers();
        assert_eq!((rows.len(), rows[0].outcome, rows[0].error.as_deref()), (1, outcome, error), "{rows:?}");
    }

    lab.write("links.txt", format!("{}\nhttps://h/k?sig=hush\n", put[0]));
    let (code, said) = words_of(command(&lab, &["run", "small.toml", "--yes"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("links from links.txt: link 2: nothing in the link says when it expires"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

/// What a shell script that stands for a minter leads to.
fn scripted(lab: &Lab, script: &str, more: &[&str]) -> (Option<i32>, String, Duration) {
    lab.write("mint.sh", format!("#!/bin/sh\n{script}\n"));
    let small = small().set("target.mint", ["sh", "mint.sh"]).set("target.mint_timeout", "2s");
    small.set("transfer.transfers_per_user", 3).write(lab);
    let begun = Instant::now();
    let (code, said) = words_of(command(lab, &[&["run", "small.toml", "--yes"], more].concat()));
    (code, said, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_gives_no_links_is_told_at_once_and_leaves_no_process() {
    let lab = lab();
    for (script, code, says) in [
        (
            "echo no key for https://h/k?sig=hush >&2; exit 3",
            2,
            "it ended without an answer (exit status: 3) and said: no key for https://h/k?REDACTED",
        ),
        ("read line; echo hush; exit", 2, "what it gave is not a URL"),
        ("read line; echo '{\"url\":\"https://h/k?X-Amz-Signature=hush\"}'", 2, "it has no `X-Amz-Date`"),
        ("exec tr '\\0' h < /dev/zero", 2, "its answer is longer than 65536 bytes"),
        (
            "echo $$ > pid; sleep 300 & echo $! > child; wait",
            75,
            "it gave no link within 2 s (`mint_timeout`); it has to answer each line with a line, and flush",
        ),
        ("exec 1>&-; sleep 300", 2, "it closed its output without an answer"),
    ] {
        let (found, said, took) = scripted(&lab, script, &[]);
        assert_eq!(found, Some(code), "{script}: {said}");
        assert!(
            said.contains("links from sh mint.sh:") && said.contains(says) && !said.contains("hush"),
            "{script}: {said}"
        );
        assert!(took < Duration::from_secs(10), "{script}: {took:?}");
    }
    for file in ["pid", "child"] {
        let pid: i32 = fs::read_to_string(lab.path(file)).unwrap().trim().parse().unwrap();
        wait_until("the minter is gone", || !is_running(pid));
    }
    small().set("target.mint", ["./not-there"]).write(&lab);
    let (code, said) = words_of(command(&lab, &["run", "small.toml", "--yes"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`./not-there` cannot be started: No such file or directory"), "{said}");
}

/// Whether a process runs; one that has ended and that nobody has waited for does not.
fn is_running(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'));
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !is_zombie
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_answers_once_is_started_for_each_link_and_one_that_falls_silent_is_a_row() {
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let lab = lab();
    let mint = format!("python3 mint.py --endpoint {} --bucket {BUCKET}", testbed.endpoint());
    let (code, said, _) = scripted(&lab, &format!("head -n 1 | {mint}"), &[]);
    assert_eq!(code, Some(0), "{said}");
    let rows = lab.run_of("small").transfers();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.outcome == Outcome::Completed), "{rows:?}");

    // Two links, of which the first is the one before all others, and then nothing, from each process.
    let once = format!("read line; echo \"$line\" | {mint}");
    let twice = format!("{once}; {once}; exec sleep 300");
    let (code, said, took) = scripted(&lab, &twice, &["--out", "silent"]);
    assert_eq!(code, Some(0), "{said}");
    let folder = lab.path("silent/small/latest");
    let rows: Vec<TransferRecord> = rows_or_none(&folder.join("transfers.csv"));
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed, Outcome::FailedLocally, Outcome::Completed], "{rows:?}");
    assert!(rows[1].error.as_deref().unwrap().contains("it gave no link within 2 s"), "{:?}", rows[1]);
    assert!(rows[1].mint_us.is_some_and(|took| (2_000_000..3_000_000).contains(&took)), "{:?}", rows[1]);
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_while_a_link_is_minted_keeps_what_there_is_and_ends_the_minter() {
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let lab = lab();
    let mint = format!("python3 mint.py --endpoint {} --bucket {BUCKET}", testbed.endpoint());
    // Each link takes a second, and the third a minute.
    lab.write("mint.sh", format!(
        "#!/bin/sh\necho $$ > pid\nn=0\nwhile read line; do n=$((n + 1)); test -e quick || {{ sleep 1; test $n -lt 3 || sleep 60; }}\n\
         echo \"$line\" | {mint}; done\n"
    ));
    small().set("target.mint", ["sh", "mint.sh"]).set("transfer.transfers_per_user", 4).write(&lab);
    let mut running = start(command(&lab, &["run", "small.toml", "--yes"]));
    tokio::task::block_in_place(|| {
        wait_until("a transfer has ended", || {
            !rows_or_none::<TransferRecord>(&lab.path("results/small/latest/transfers.csv")).is_empty()
        });
        std::thread::sleep(Duration::from_millis(300));
    });
    signal(&running, Signal::INT);
    let begun = Instant::now();
    let code = tokio::task::block_in_place(|| running.wait().unwrap()).code();
    assert_eq!(code, Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let pid: i32 = fs::read_to_string(lab.path("pid")).unwrap().trim().parse().unwrap();
    wait_until("the minter is gone", || !is_running(pid));
    let kept = lab.run_of("small").transfers().len();
    assert!(kept >= 1, "{kept}");

    lab.write("quick", "");
    let (code, said) = words_of(command(&lab, &["resume", "results/small/latest"]));
    assert_eq!(code, Some(0), "{said}");
    let rows = lab.run_of("small").transfers();
    let second: Vec<_> = rows.iter().filter(|row| row.attempt == 2).collect();
    assert!(second.len() == 4 && second.iter().all(|row| row.outcome == Outcome::Completed), "{rows:?}");
    let (code, said) = words_of(command(&lab, &["clean", "results/small/latest"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing can be deleted here"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn doctor_uses_one_link_while_it_lives_and_when_it_has_expired() {
    for (policy, code, says) in [
        (ExpiryPolicy::OnRequest, 0, "it is refused after it has expired: rejected (403, AccessDenied"),
        (ExpiryPolicy::Never, 2, "it is let through after it has expired"),
    ] {
        let testbed = testbed(policy).await;
        let lab = lab();
        let small = small().set("target.mint", mint_py(&testbed.endpoint(), "v4")).set("grid.ttl", "2s");
        small.set("grid.size", "200kB").set("grid.bandwidth", "400kbit/s").write(&lab);
        let output: Output = tokio::task::block_in_place(|| command(&lab, &["doctor", "small.toml"]).output().unwrap());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        for line in
            [says, "it is let in while it lives", "by S3, Signature Version 4, that lives 2.00s (2 s asked for)"]
        {
            assert!(said.contains(line), "`{line}` is not in\n{said}");
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            stderr.contains(&format!("by links from python3 mint.py --endpoint {}", testbed.endpoint())),
            "{stderr}"
        );
        assert!(!said.contains("credentials") && !said.contains("bucket"), "{said}");
    }
}

/// A store that repeats the whole link in its refusals, one value after the other in each notation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_of_such_a_link_is_in_any_file_in_whatever_notation() {
    const LINK: &str = "/k/up.bin?token=eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE5MjQ5OTE5OTksImlhdCI6MTc5NjAwMDAwMH0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg\
         &sig=Zm9v%2Fb3BhcXVlLXNpZ25hdHVyZS10aGF0LWlzLWxvbmctZW5vdWdoLWZvci1hbGw%3D&user=somebody.of.some-department%2Fat-the-far-end%40example.com\
         &opaque=0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f1&short=pa55word";
    let values: Vec<String> =
        LINK.split(['?', '&']).skip(1).map(|pair| pair.split_once('=').unwrap().1.to_owned()).collect();
    let decoded = |value: &String| value.replace("%2F", "/").replace("%3D", "=").replace("%40", "@");
    let secrets: Vec<String> = values.iter().map(decoded).collect();
    let testbed = testbed(ExpiryPolicy::OnRequest).await;
    let (asked, told) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
    let (noted, all) = (Arc::clone(&told), secrets.clone());
    let front = Front::before(&testbed, move |head| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let mut texts = vec![head.uri.to_string()];
        for secret in &all {
            texts.push(tell("a link", secret, number, &noted));
        }
        Some(error(403, "AccessDenied", &texts.join(" | ")))
    })
    .await;
    let lab = Lab::new();
    lab.write("links.txt", format!("{}{LINK}\n", front.endpoint).repeat(140));
    search_everything(&lab, &told, &[values, secrets].concat(), 120);
}

/// A secret that a server has repeated in some notation.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    /// What kind of link it is of.
    pub(crate) of: String,
    notation: &'static str,
    hidden: String,
    secret: String,
}

/// A secret in the notation of that number, which is noted. A short value, or what would be a short piece, is told as it is: it is
/// looked for so.
pub(crate) fn tell(of: &str, secret: &str, number: usize, told: &Mutex<Vec<Told>>) -> String {
    let mut forms = if secret.len() < 24 { Vec::new() } else { notations(secret) };
    if forms.is_empty() {
        return secret.to_owned();
    }
    let (notation, hidden) = forms.swap_remove(number % forms.len());
    if plain(&hidden).len() < 16 {
        return secret.to_owned();
    }
    let noted = Told { of: of.to_owned(), notation, hidden: hidden.clone(), secret: secret.to_owned() };
    told.lock().unwrap().push(noted);
    hidden
}

/// Sweeps as many of the links of `links.txt` as are asked for. Each is refused by somebody who repeats what is secret in some
/// notation and notes it in `told`. Everything that was written is searched for that, and for `whole` as it is.
pub(crate) fn search_everything(lab: &Lab, told: &Mutex<Vec<Told>>, whole: &[String], transfers: usize) {
    let small = small().set("target.file", "links.txt").set("grid.users", 2);
    small.set("transfer.transfers_per_user", transfers / 2).write(lab);
    let mut said = Vec::new();
    for args in [
        &["run", "small.toml", "--yes", "--progress", "plain"][..],
        &["trace", "small.toml", "--har", "one.har"],
        &["trace", "results/small/latest", "--har", "run.har"],
        &["doctor", "small.toml"],
    ] {
        let mut command = command(lab, args);
        command.env("TTLSWEEP_LOG", "trace").env("RUST_LOG", "trace");
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        said.push((args.join(" "), [output.stdout, output.stderr].concat()));
    }
    let rows = lab.run_of("small").transfers();
    assert_eq!(rows.len(), transfers);
    assert!(rows.iter().all(|row| row.s3_message.as_deref().is_some_and(|text| text.contains("REDACTED"))), "{rows:?}");
    report(lab, "results/small/latest");
    let mut case = Command::new(chosen(env!("CARGO_BIN_EXE_ttlsweep")).with_file_name("ttlsweep-report"));
    case.args(["case", "results/small/latest", "--out", "bundle"]).current_dir(lab.path("")).env_clear();
    succeed(case);

    fs::remove_file(lab.path("links.txt")).unwrap();
    let mut places = said;
    collect(&lab.path(""), &mut places);
    // Each once, and those of one kind of link one after the other.
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    told.sort();
    told.dedup();
    let mut hits = Vec::new();
    for (place, text) in &places {
        let text = String::from_utf8_lossy(text);
        let whole = whole.iter().filter(|value| text.contains(value.as_str()));
        hits.extend(whole.map(|value| format!("{place}: {value}")));
    }
    let plain_places: Vec<_> =
        places.iter().map(|(place, text)| (place, plain(&String::from_utf8_lossy(text)))).collect();
    for told in told.chunk_by(|one, next| one.of == next.of) {
        let of = &told[0].of;
        let forms: BTreeSet<_> = told.iter().map(|told| told.notation).collect();
        let mut search = Search::default();
        told.iter().for_each(|told| search.add(told.notation, &told.hidden, &told.secret));
        let mut found = Vec::new();
        for (place, text) in &plain_places {
            found.extend(search.found_in(text).into_iter().map(|name| format!("{place}: {of}: {name}")));
        }
        println!(
            "{of}: {} texts in {} notations in {} places: {} hits",
            told.len(),
            forms.len(),
            places.len(),
            found.len()
        );
        assert!(forms.len() >= 80 && places.len() > 15, "{of}: {forms:?}");
        hits.extend(found);
        // What is there is found: each of these texts, in a file such as a run writes.
        let lost: Vec<_> =
            told.iter().filter(|told| !told.is_found_when_planted(lab)).map(|told| told.notation).collect();
        assert_eq!(lost, [""; 0], "{of}");
    }
    assert_eq!(hits, [""; 0]);
}

impl Told {
    fn is_found_when_planted(&self, lab: &Lab) -> bool {
        let planted = lab.path("planted.csv");
        fs::write(&planted, format!("id,text\n1,\"a {} b\"\n", self.hidden)).unwrap();
        let mut search = Search::default();
        search.add(self.notation, &self.hidden, &self.secret);
        let text = plain(&String::from_utf8_lossy(&fs::read(&planted).unwrap()));
        search.found_in(&text).contains(self.notation)
    }
}

fn collect(folder: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, places)
        } else {
            places.push((path.display().to_string(), fs::read(&path).unwrap()))
        }
    }
}
