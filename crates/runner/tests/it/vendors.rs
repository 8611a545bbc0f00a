//! Links of other vendors, made by the minters that ship, swept by the program against a testbed that speaks the vendor's dialect.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ttlsweep_record::{Cell, Control, ExpiryPolicy, Outcome, SignatureVersion};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Dialect, TestbedConfig};

use crate::experiment::Toml;
use crate::front::{Front, error};
use crate::links::{answers, search_everything, tell, with_python};
use crate::notations::notations;
use crate::program::{Lab, succeed};
use crate::programs::chosen;
use crate::signing::{self, BUCKET};

const EXPERIMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");

/// A minter's file, its arguments, and the dialect that takes its links; what an expired one is told: the status and the code.
const MINTERS: &[(&str, &[&str], &str, u16, &str)] = &[
    ("gcs.py", &[], "gcs", 400, "ExpiredToken"),
    ("gcs.py", &["--version", "v2"], "gcs", 400, "ExpiredToken"),
    ("azure.py", &[], "azure", 403, "AuthenticationFailed"),
    ("cloudfront.py", &[], "cloudfront", 403, "AccessDenied"),
    ("cloudfront.py", &["--policy", "custom", "--hash", "SHA256"], "cloudfront", 403, "AccessDenied"),
    ("oss.py", &[], "oss", 403, "AccessDenied"),
    ("oss.py", &["--version", "v1"], "oss", 403, "AccessDenied"),
    ("post.py", &[], "post", 403, "AccessDenied"),
    ("../mint.py", &["--signature", "v2"], "sigv2", 403, "AccessDenied"),
];

/// A folder with the minters and the experiment that ship.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new();
    fs::create_dir(lab.path("vendors")).unwrap();
    for file in fs::read_dir(Path::new(EXPERIMENTS).join("vendors")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_str().unwrap();
            lab.write(&format!("vendors/{name}"), fs::read(&path).unwrap());
        }
    }
    for name in ["links.toml", "mint.py"] {
        lab.write(name, fs::read(Path::new(EXPERIMENTS).join(name)).unwrap());
    }
    lab
}

/// A minter's words as a list.
pub(crate) fn mint(file: &str, args: &[&str], endpoint: &str) -> String {
    let file = format!("vendors/{file}");
    let own = ["python3", &file, "--endpoint", endpoint, "--bucket", BUCKET];
    let words: Vec<_> = own.iter().chain(args).map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", words.join(", "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn each_vendors_links_get_both_verdicts_from_a_testbed_of_its_dialect() {
    let mut running = tokio::task::JoinSet::new();
    for &(file, args, dialect, status, code) in MINTERS {
        for (expiry, answer) in [(ExpiryPolicy::InFlight, "supported"), (ExpiryPolicy::OnRequest, "not-supported")] {
            let dialect: Dialect = dialect.parse().unwrap();
            let config = TestbedConfig { tls: false, dialect, expiry, ..TestbedConfig::default() };
            let testbed = signing::start(config).await;
            running.spawn_blocking(move || {
                let who = format!("{file} {args:?} {expiry}");
                let lab = lab();
                let mint = format!("target.mint={}", mint(file, args, &testbed.endpoint()));
                // As short as every link of 2 s is still outlived.
                let mut run = lab.ttlsweep(&["run", "links.toml", "--yes", "--set", &mint, "--set", "grid.size=300kB"]);
                with_python(&mut run);
                run.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
                succeed(run);
                let rows = lab.run_of("links").transfers();
                assert_eq!(rows.len(), 15, "{who}");
                for row in &rows {
                    assert!(row.mint_us.is_some() && row.expires_at.is_some(), "{who}: {row:?}");
                    let expected = match (row.control, expiry) {
                        (Some(Control::ExpiredStart), _) => Outcome::Rejected,
                        (None, ExpiryPolicy::InFlight) => Outcome::Reset,
                        _ => Outcome::Completed,
                    };
                    assert_eq!(row.outcome, expected, "{who}: {row:?}");
                    if expected == Outcome::Rejected {
                        assert_eq!((row.status, row.s3_code.as_deref()), (Some(status), Some(code)), "{who}: {row:?}");
                    }
                }
                let truth: BTreeSet<_> =
                    testbed.requests().iter().map(|request| request.expires_at.unwrap().unix_timestamp()).collect();
                let read: BTreeSet<_> =
                    rows.iter().map(|row| row.expires_at.unwrap().unix_micros() / 1_000_000).collect();
                assert_eq!(read, truth, "{who}: what the links say of their expiry");
                answers(&lab, "links", answer, &who);
                let page = fs::read_to_string(lab.path("results/links/latest/report.html")).unwrap();
                assert!(page.contains("Minting took "), "{who}");
                let mut verify = Command::new(chosen(env!("CARGO_BIN_EXE_ttlsweep")).with_file_name("ttlsweep-report"));
                verify.args(["verify", "results/links/latest"]).current_dir(lab.path("")).env_clear();
                succeed(verify);
            });
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// What a minter that ships answers when it is asked for a link of an hour.
fn minted(lab: &Lab, file: &str, args: &[&str], endpoint: &str) -> serde_json::Value {
    let mut command = Command::new("python3");
    command.arg(format!("vendors/{file}")).args(["--endpoint", endpoint, "--bucket", BUCKET]).args(args);
    with_python(&mut command);
    command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    let mut child = command.current_dir(lab.path("")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let line = r#"{"transfer_id":"hushed","method":"PUT","size_bytes":20000,"ttl_s":3600,"user":1}"#;
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{file}: {error}: {output:?}"))
}

/// What is secret of such a link, as it reads decoded.
fn secrets(answer: &serde_json::Value) -> Vec<String> {
    const SECRET: &[&str] =
        &["signature", "sig", "policy", "credential", "accessid", "accesskeyid", "key-pair-id", "token"];
    let url = answer["url"].as_str().unwrap();
    let query = url.split_once('?').map_or("", |(_, query)| query).split('&').filter_map(|pair| pair.split_once('='));
    let decoded = query.map(|(name, value)| {
        let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
        (name.to_owned(), value.into_owned())
    });
    let fields = answer["fields"].as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let is_secret = |name: &str| SECRET.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    // The testbed's own key stands in many a text, and anyone may know it.
    let all = decoded.chain(fields).filter(|(name, value)| is_secret(name) && value != DEFAULT_ACCESS_KEY);
    all.map(|(_, value)| value).collect()
}

/// A link as it is minted where a token is all that is signed, until 2030.
const BY_TOKEN: &str = "http://127.0.0.1:9/object/upload/sign/ttlsweep/links/hushed?token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJ1cmwiOiJ0dGxzd2VlcC9saW5rcy9odXNoZWQiLCJpYXQiOjE3OTYwMDAwMDAsImV4cCI6MTkyNDk5MTk5OX0.\
    Qk3pT0vXyq5nJmZ8rFh2WcLxU7sDgA1eNbK9oYtVi4M";

/// A link of every dialect, and of those that others share.
fn of_every_dialect(lab: &Lab) -> Vec<(String, serde_json::Value)> {
    let more: &[(&str, &[&str])] = &[("../mint.py", &["--signature", "v4"])];
    let minters = MINTERS.iter().map(|(file, args, ..)| (*file, *args)).chain(more.iter().copied());
    let mut links: Vec<_> = minters
        .map(|(file, args)| (format!("{file} {}", args.join(" ")), minted(lab, file, args, "http://127.0.0.1:9")))
        .collect();
    links.push(("a token".to_owned(), serde_json::json!({ "url": BY_TOKEN })));
    links
}

/// A store that repeats what is secret of each link in its refusal, two notations of each value at a time, until each dialect's
/// secrets were told in all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn nothing_secret_of_any_vendors_link_is_in_any_file_in_whatever_notation() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let lab = lab();
    let links = of_every_dialect(&lab);
    // By the query that the server sees; a form has none.
    let by_query: Vec<(String, String, Vec<String>)> = links
        .iter()
        .map(|(of, answer)| {
            let url = answer["url"].as_str().unwrap();
            (of.clone(), url.split_once('?').map_or("", |(_, query)| query).to_owned(), secrets(answer))
        })
        .collect();
    for (of, _, secrets) in &by_query {
        assert!(secrets.iter().any(|secret| secret.len() >= 24), "{of}: {secrets:?}");
    }
    let whole: Vec<String> = by_query.iter().flat_map(|(.., secrets)| secrets.clone()).collect();
    let asked: Vec<AtomicUsize> = by_query.iter().map(|_| AtomicUsize::new(0)).collect();
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told);
    let front = Front::before(&testbed, move |head| {
        let query = head.uri.query().unwrap_or_default();
        let place = by_query.iter().position(|(_, known, _)| known == query).unwrap();
        let (of, _, secrets) = &by_query[place];
        let number = asked[place].fetch_add(1, Ordering::Relaxed);
        let mut texts = vec![head.uri.to_string()];
        for secret in secrets {
            texts.extend([2 * number, 2 * number + 1].map(|number| tell(of, secret, number, &noted)));
        }
        Some(error(403, "AccessDenied", &texts.join(" | ")))
    })
    .await;
    let lines: Vec<_> =
        links.iter().map(|(_, answer)| answer.to_string().replace("http://127.0.0.1:9", &front.endpoint)).collect();
    // Half as many of each as there are notations.
    let each = notations(BY_TOKEN).len().div_ceil(2);
    lab.write("links.txt", format!("{}\n", lines.join("\n")).repeat(each + 1));
    // What was there before is not searched: the testbed's own key, with which a credential begins, stands in it.
    fs::remove_dir_all(lab.path("vendors")).unwrap();
    for file in ["links.toml", "mint.py"] {
        fs::remove_file(lab.path(file)).unwrap();
    }
    search_everything(&lab, &told, &whole, (lines.len() * each).next_multiple_of(2));
}

/// Links of both versions, signed by the program itself, side by side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn the_signature_is_an_axis_and_both_versions_get_the_same_answer() {
    let mut running = tokio::task::JoinSet::new();
    for (expiry, answer) in [(ExpiryPolicy::InFlight, "supported"), (ExpiryPolicy::OnRequest, "not-supported")] {
        running.spawn_blocking(move || {
            let both = Toml::named("both").set("experiment.repetitions", 5).set("experiment.parallel_trials", 15);
            let both = both.set("target.tls", false).set("target.expiry", expiry.as_str()).set("grid.ttl", "2s");
            let both = both.set("grid.size", "300kB").set("grid.bandwidth", "1Mbit/s").unset("transfer");
            let both = both.set("grid.signature", ["v4", "v2"]).unset("controls").set("controls.header_signed", false);
            let lab = both.lab();
            succeed(lab.ttlsweep(&["run", "both.toml", "--yes"]));
            let rows = lab.run_of("both").transfers();
            assert_eq!(rows.len(), 30, "{expiry}");
            for row in &rows {
                let expected = match (row.control, expiry) {
                    (Some(Control::ExpiredStart), _) => Outcome::Rejected,
                    (None, ExpiryPolicy::InFlight) => Outcome::Reset,
                    _ => Outcome::Completed,
                };
                assert_eq!(row.outcome, expected, "{expiry}: {row:?}");
            }
            let cells: Vec<Cell> = read_rows(&lab.path("results/both/latest")).unwrap();
            let is_v2 = |cell: &&Cell| cell.signature == Some(SignatureVersion::V2);
            assert_eq!(cells.iter().filter(is_v2).count(), 3, "{cells:?}");
            answers(&lab, "both", answer, expiry.as_str());
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}
