//! No secret in anything that is written: everything is run with keys that are known, through a server that keeps every
//! signature it sees and repeats whole requests in its refusals; then all files and words are searched.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::request::Parts;
use rustix::process::Signal;
use ttlsweep_record::{Outcome, TransferRecord};
use ttlsweep_testbed::{Secret, Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::front::{Asked, Front, Refusal, error};
use crate::notations::{Search, holds, notations, plain};
use crate::program::{Lab, rows_or_none, signal, wait_until};
use crate::signing;

const ACCESS_KEY: &str = "AKIAKNOWNTOTHETEST01";
const SECRET_KEY: &str = "secret/known+to+the+test/0123456789abcdef";
const TOKEN: &str = "FwoGZXIvYXdzEKnown//token+of+the+test==";

fn hush() -> Toml {
    let hush = Toml::named("hush").set("grid.users", 2).set("grid.ttl", ["1s", "60s"]).unset("controls");
    hush.set("grid.method", ["put", "get", "upload-part"])
}

fn slow() -> Toml {
    Toml::named("slow").set("grid.size", "100kB").set("grid.bandwidth", "400kbit/s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn no_secret_is_written_whatever_is_run_and_whatever_the_server_repeats() {
    let testbed = testbed().await;
    let honest = Front::before(&testbed, |_| None).await;
    let telltale = Front::before(&testbed, |head| (!is_control(head)).then(|| repeat(head))).await;
    let hostile = Front::before(&testbed, |head| Some(repeat(head))).await;
    let lab = Searched::new();
    for toml in [hush(), hush().set("experiment.name", "told"), slow()] {
        toml.write(&lab.lab);
    }
    lab.lab.write("bad.toml", hush().unset("grid.size").set("grid.sice", "20kB").to_string());
    let (honest_at, telltale_at, hostile_at) = (&*honest.endpoint, &*telltale.endpoint, &*hostile.endpoint);
    // What waits for links to expire waits side by side.
    let beside: &[(&str, Vec<&str>, Option<i32>)] = &[
        ("doctor", at(honest_at, &["doctor", "hush.toml"]), Some(2)),
        ("doctor --json", at(honest_at, &["doctor", "hush.toml", "--json"]), Some(2)),
        // Refusals that repeat the request: in rows, in the control plane's errors, in findings.
        ("run, transfers refused by a telltale", at(telltale_at, &["run", "told.toml", "--yes"]), Some(0)),
        ("run, everything refused by a telltale", at(hostile_at, &["run", "hush.toml", "--yes"]), Some(2)),
        ("doctor at a telltale", at(telltale_at, &["doctor", "hush.toml"]), Some(2)),
        ("trace at a telltale", at(telltale_at, &["trace", "hush.toml", "--har", "t.har"]), None),
    ];
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for (name, args, code) in beside {
                scope.spawn(|| lab.run(name, args, *code));
            }
            run_everything(&lab, honest_at);
        });
    });
    let refused: Vec<TransferRecord> = lab.lab.run_of("told").transfers();
    let repeated = refused.iter().filter_map(|row| row.s3_message.as_deref());
    assert!(repeated.clone().all(|text| text.contains("REDACTED")) && repeated.count() > 10, "{refused:?}");

    let asked: Vec<Asked> = [&honest, &telltale, &hostile].into_iter().flat_map(Front::asked).collect();
    let secrets = secrets(&asked);
    // A signature for each link and each request signed in headers, those of doctor and clean included.
    let signatures = secrets.iter().filter(|secret| secret.len() == 64).count();
    assert!(signatures > 100, "only {signatures} signatures were seen in {} requests", asked.len());
    let places = lab.places();
    let hits: Vec<_> = places.iter().flat_map(|(name, text)| found(name, text, &secrets)).collect();
    println!("searched for {} secrets, {signatures} of them signatures, in {} places:", secrets.len(), places.len());
    for (name, text) in &places {
        println!("  {:>8} bytes  {} hits  {name}", text.len(), found(name, text, &secrets).len());
    }
    println!("{} hits", hits.len());
    assert!(places.len() > 40, "{places:?}");
    assert_eq!(hits, [""; 0]);

    // And what is there is found: each kind of secret, planted where a run would write it.
    let folder = lab.lab.run_of("hush");
    let signature = secrets.iter().find(|secret| secret.len() == 64).unwrap();
    for secret in [SECRET_KEY, TOKEN, ACCESS_KEY, signature] {
        fs::write(folder.path().join("planted.csv"), format!("id,text\n1,\"a {secret} b\"\n")).unwrap();
        let hits: Vec<_> = lab.places().iter().flat_map(|(name, text)| found(name, text, &secrets)).collect();
        assert_eq!(hits.len(), 1, "{hits:?}");
        assert!(hits[0].contains("planted.csv"), "{hits:?}");
    }
}

/// Every command against an honest store, at the most talkative settings, to good and bad ends.
fn run_everything(lab: &Searched, endpoint: &str) {
    lab.run("run", &at(endpoint, &["run", "hush.toml", "--yes", "--progress", "plain"]), Some(0));
    lab.run("trace --har of the run", &["trace", "results/hush/latest", "--har", "run.har"], Some(0));
    lab.run("trace --har", &at(endpoint, &["trace", "hush.toml", "--har", "one.har"]), Some(0));
    lab.run("dry run", &at(endpoint, &["run", "hush.toml", "--dry-run"]), Some(0));
    lab.run("embedded run", &["run", "slow.toml"], Some(0));

    // Into files, which are searched like all others: nobody reads a pipe meanwhile.
    let file = |name: &str| fs::File::create(lab.lab.path(name)).unwrap();
    let mut command = lab.command(&at(endpoint, &["run", "slow.toml", "--yes"]));
    let command = command.stdout(file("stdout of killed run")).stderr(file("stderr of killed run"));
    let mut killed = command.spawn().unwrap();
    wait_until("a transfer is in flight", || {
        let folder = lab.lab.path("results/slow/latest");
        let started: Vec<TransferRecord> = rows_or_none(&folder.join("journal.csv"));
        started.iter().any(|row| row.endpoint == endpoint)
    });
    signal(&killed, Signal::KILL);
    killed.wait().unwrap();
    lab.run("clean --dry-run", &["clean", "results/slow/latest", "--dry-run"], Some(0));
    lab.run("clean", &["clean", "results/slow/latest"], Some(0));
    lab.run("resume", &["resume", "results/slow/latest"], Some(0));

    lab.run("bad file", &at(endpoint, &["run", "bad.toml"]), Some(2));
    lab.run("no bucket of that name", &with_bucket("missing", endpoint), Some(2));
    lab.run(
        "TLS if there is none",
        &at(&endpoint.replace("http:", "https:"), &["run", "slow.toml", "--yes"]),
        Some(75),
    );
    lab.run("nobody there", &at("http://127.0.0.1:1", &["run", "slow.toml", "--yes"]), Some(75));
    for (name, variable) in [("wrong secret", "AWS_SECRET_ACCESS_KEY"), ("wrong key", "AWS_ACCESS_KEY_ID")] {
        let mut command = lab.command(&at(endpoint, &["run", "slow.toml", "--yes"]));
        command.env(variable, "another-one-altogether");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        lab.keep(name, output);
    }

    // Nobody reads what it prints, which is no reason to panic.
    let mut command = lab.command(&["trace", "results/hush/latest"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    lab.keep("lost reader", output);
}

/// The program's runs, and what they said.
struct Searched {
    lab: Lab,
    said: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Searched {
    fn new() -> Self {
        Self { lab: Lab::new(), said: Mutex::default() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.lab.ttlsweep(args);
        command
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_SESSION_TOKEN", TOKEN)
            // Long gone, so that doctor and run speak of it.
            .env("AWS_CREDENTIAL_EXPIRATION", "2026-01-01T00:00:00Z")
            .env("TTLSWEEP_LOG", "trace")
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full");
        command
    }

    fn run(&self, name: &str, args: &[&str], code: Option<i32>) {
        let output = self.command(args).output().unwrap();
        assert!(code.is_none() || output.status.code() == code, "{name}: {output:?}");
        self.keep(name, output);
    }

    fn keep(&self, name: &str, output: Output) {
        let said = [(format!("stdout of {name}"), output.stdout), (format!("stderr of {name}"), output.stderr)];
        self.said.lock().unwrap().extend(said);
    }

    /// Everything that was written: each file below the folder that all ran in, and each output.
    fn places(&self) -> Vec<(String, Vec<u8>)> {
        let root = self.lab.path("");
        let mut files = Vec::new();
        collect(&root, &mut files);
        files.sort();
        let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
        let files = files.iter().map(|path| (name(path), fs::read(path).unwrap()));
        files.chain(self.said.lock().unwrap().iter().cloned()).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // `latest` only points at what is searched already.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn found(name: &str, text: &[u8], secrets: &BTreeSet<String>) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let hits = secrets.iter().filter(|secret| text.contains(secret.as_str()));
    hits.map(|secret| format!("{name} holds {secret}")).collect()
}

/// What must stand nowhere: the keys, and each signature that went over the wire, in the notations that they travel in.
fn secrets(asked: &[Asked]) -> BTreeSet<String> {
    let encoded = |text: &str| text.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    let mut secrets = BTreeSet::from([ACCESS_KEY.to_owned()]);
    for text in [SECRET_KEY, TOKEN] {
        secrets.extend([text.to_owned(), encoded(text), encoded(text).to_ascii_lowercase()]);
    }
    for request in asked {
        let authorization =
            request.headers.get("authorization").map(|value| value.to_str().unwrap()).unwrap_or_default();
        for text in [request.target.as_str(), authorization] {
            secrets.extend(text.split("Signature=").skip(1).map(|rest| rest[..64].to_owned()));
        }
    }
    secrets
}

/// A refusal that says everything it heard.
fn repeat(head: &Parts) -> Refusal {
    let headers = head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()));
    let headers: Vec<_> = headers.collect();
    let bare = headers.iter().filter_map(|line| line.rsplit_once("Signature=")).map(|(_, signature)| signature);
    let bare: Vec<_> =
        bare.chain(head.uri.query().and_then(|query| query.rsplit_once("Signature=")).map(|(_, s)| s)).collect();
    let text = format!(
        "{} {} | {} | got {} by {ACCESS_KEY} with {TOKEN}",
        head.method,
        head.uri,
        headers.join(" | "),
        bare.join(" ")
    );
    error(403, "SignatureDoesNotMatch", &text)
}

/// What the program asks before and beside its transfers.
fn is_control(head: &Parts) -> bool {
    !head.uri.query().is_some_and(|query| query.contains("x-run=") && !query.contains("-download"))
}

fn at<'a>(endpoint: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--bucket", signing::BUCKET, "--endpoint", endpoint]].concat()
}

fn with_bucket<'a>(bucket: &'a str, endpoint: &'a str) -> Vec<&'a str> {
    vec!["run", "slow.toml", "--yes", "--bucket", bucket, "--endpoint", endpoint]
}

async fn testbed() -> Testbed {
    signing::start(TestbedConfig {
        tls: false,
        access_key: ACCESS_KEY.to_owned(),
        secret_key: Secret::from(SECRET_KEY),
        ..TestbedConfig::default()
    })
    .await
}

/// The rows of a refusal are judged as ever: taking the secrets out changes no outcome.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_repeats_the_request_is_a_row_like_any_other() {
    let testbed = testbed().await;
    let telltale = Front::before(&testbed, |head| (!is_control(head)).then(|| repeat(head))).await;
    let lab = Searched::new();
    slow().write(&lab.lab);
    let mut command = lab.command(&at(&telltale.endpoint, &["run", "slow.toml", "--yes"]));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let rows = lab.lab.run_of("slow").transfers();
    assert_eq!((rows.len(), rows[0].outcome, rows[0].status), (1, Outcome::Rejected, Some(403)), "{rows:?}");
    assert_eq!(rows[0].s3_code.as_deref(), Some("SignatureDoesNotMatch"));
}

/// Each transfer is refused with the signature, the token and the secret key in another notation, and so is each deletion.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_a_server_repeats_is_in_no_file_in_whatever_notation() {
    let testbed = testbed().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, repeated) = (Arc::clone(&asked), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&repeated);
    let front = Front::before(&testbed, move |head| {
        let target = head.uri.to_string();
        let authorization = head.headers.get("authorization").map_or("", |value| value.to_str().unwrap_or_default());
        let is_transfer = !is_control(head);
        if !is_transfer && head.method != "DELETE" && !target.contains("?delete") {
            return None;
        }
        let signature = [target.as_str(), authorization].iter().find_map(|text| text.split("Signature=").nth(1));
        let signature = signature?.get(..64)?.to_owned();
        let number = count.fetch_add(1, Ordering::Relaxed);
        let mut texts = Vec::new();
        for secret in [signature.as_str(), TOKEN, SECRET_KEY] {
            let mut all = notations(secret);
            let (notation, hidden) = all.swap_remove(number % all.len());
            noted.lock().unwrap().push((notation, hidden.clone(), secret.to_owned()));
            texts.push(hidden);
        }
        Some(error(403, "AccessDenied", &format!("no, {}", texts.join(" | "))))
    })
    .await;
    let lab = Searched::new();
    let echo = Toml::named("echo").set("grid.users", 2).set("grid.size", "1kB");
    echo.set("transfer.transfers_per_user", 30).write(&lab.lab);
    tokio::task::block_in_place(|| {
        lab.run("run", &at(&front.endpoint, &["run", "echo.toml", "--yes"]), None);
        lab.run("clean", &["clean", "results/echo/latest"], None);
        lab.run("trace", &["trace", "results/echo/latest", "--har", "echo.har"], None);
    });
    let rows = lab.lab.run_of("echo").transfers();
    assert_eq!(rows.len(), 60);
    assert!(rows.iter().all(|row| row.s3_message.as_deref().is_some_and(|text| text.contains("REDACTED"))), "{rows:?}");
    let repeated = repeated.lock().unwrap();
    let forms: BTreeSet<&str> = repeated.iter().map(|(name, ..)| *name).collect();
    assert!(forms.len() >= 40, "{forms:?}");
    let mut search = Search::default();
    repeated.iter().for_each(|(name, hidden, secret)| search.add(name, hidden, secret));
    let places = lab.places();
    let mut hits = Vec::new();
    for (place, text) in &places {
        let text = plain(&String::from_utf8_lossy(text));
        hits.extend(search.found_in(&text).into_iter().map(|name| format!("{place}: {name}")));
    }
    println!("{} texts in {} notations in {} places: {} hits", repeated.len(), forms.len(), places.len(), hits.len());
    // What is there is found, as `holds` finds it.
    for (name, hidden, secret) in repeated.iter().take(40) {
        let text = plain(&format!("id,text\n1,\"a {hidden} b\"\n"));
        assert!(holds(&text, hidden, secret) && search.found_in(&text).contains(name), "{name}");
    }
    assert_eq!(hits, [""; 0]);
}

/// A core would hold the keys, and cores are sent on without a look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_keys_in_it_leaves_no_core() {
    let dumps = |command: &mut Command| {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        // Unlike SIGQUIT, nobody starts programs with it ignored.
        signal(&child, Signal::ABORT);
        child.wait().unwrap().core_dumped()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut other = Command::new("sh");
    other.args(["-c", "ulimit -c unlimited; exec sleep 20"]).current_dir(folder.path());
    if !dumps(&mut other) {
        println!("this machine makes no cores, so that none can be missing");
        return;
    }
    let testbed = testbed().await;
    let lab = Searched::new();
    slow().write(&lab.lab);
    let endpoint = format!("http://{}", testbed.addr());
    let program = lab.command(&at(&endpoint, &["run", "slow.toml", "--yes"]));
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(lab.lab.path(""));
    assert!(!tokio::task::block_in_place(|| dumps(&mut limited)), "a core was made");
}
