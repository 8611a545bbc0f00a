//! Servers that nobody can trust, and answers that never end: each is an error with a way on, soon and in little memory.

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::experiment::Toml;
use crate::program::{Lab, succeed, words};
use crate::server::{Peer, Server};
use crate::signing;

const KEY: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret-key"), ("AWS_REGION", "us-east-1")];

fn reported(output: &Output, code: i32, all: &[&str]) {
    let (found, said) = words(output);
    let said = format!("{said} {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(found, Some(code), "{said}");
    assert!(all.iter().all(|one| said.contains(one)), "{all:?} in {said}");
}

/// No engine may try for ever what no trying mends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_by_nobody_who_is_known_ends_every_command_with_2_and_names_the_bundle() {
    let buckets = vec![signing::BUCKET.to_owned()];
    let testbed = Testbed::start(TestbedConfig { buckets, ..TestbedConfig::default() }).await.unwrap();
    let lab = Toml::named("bounds").lab();
    let endpoint = testbed.endpoint();
    let at = ["--bucket", signing::BUCKET, "--endpoint", &endpoint];
    let untrusting = |args: &[&str]| {
        let mut command = lab.with_key(&testbed, args);
        command.env_remove("AWS_CA_BUNDLE").env("AWS_ENDPOINT_URL_S3", &endpoint).env("AWS_REGION", "us-east-1");
        command.output().unwrap()
    };
    let place = format!("s3://{}/results", signing::BUCKET);
    tokio::task::block_in_place(|| {
        succeed(lab.with_key(&testbed, &[&["run", "bounds.toml", "--yes", "--keep-objects"], &at[..]].concat()));
        let commands: [&[&str]; 6] = [
            &[&["run", "bounds.toml", "--yes"], &at[..]].concat(),
            &[&["doctor", "bounds.toml"], &at[..]].concat(),
            &[&["trace", "bounds.toml"], &at[..]].concat(),
            &["clean", "results/bounds/latest"],
            &["merge", &place, "--out", "merged"],
            &["run", "bounds.toml", "--shard", "1/1", "--upload", &place],
        ];
        for args in commands {
            let began = Instant::now();
            reported(&untrusting(args), 2, &["AWS_CA_BUNDLE", "invalid peer certificate"]);
            assert!(began.elapsed() < Duration::from_secs(20), "{args:?} took {:?}", began.elapsed());
        }
    });
    testbed.shutdown().await;
}

/// Trusted, and still not good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_expired_or_is_for_another_name_or_use_ends_with_2() {
    for (why, spoil) in [
        ("certificate expired", spoiled(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1))),
        ("not valid for name", spoiled(|params| params.subject_alt_names = san("elsewhere.example"))),
        ("UnknownIssuer", spoiled(|_| {})),
        (
            "server authentication",
            spoiled(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        ),
    ] {
        let (endpoint, pem, accepting) = listening(spoil).await;
        let lab = Toml::named("bounds").lab();
        if why != "UnknownIssuer" {
            lab.write("ca.pem", pem);
        }
        tokio::task::block_in_place(|| {
            for command in ["run", "doctor"] {
                let mut command = lab.ttlsweep(&[command, "bounds.toml", "--bucket", "mine", "--endpoint", &endpoint]);
                if why != "UnknownIssuer" {
                    command.env("AWS_CA_BUNDLE", lab.path("ca.pem"));
                }
                reported(&command.envs(KEY).output().unwrap(), 2, &["AWS_CA_BUNDLE", why]);
            }
        });
        accepting.abort();
    }
}

fn spoiled(spoil: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    spoil(&mut params);
    params
}

fn san(name: &str) -> Vec<rcgen::SanType> {
    CertificateParams::new(vec![name.to_owned()]).unwrap().subject_alt_names
}

/// A server that shakes hands with this certificate, and its PEM.
async fn listening(params: CertificateParams) -> (String, String, JoinHandle<()>) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(socket).await {
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    (endpoint, certificate.pem(), accepting)
}

/// A bucket for results that says whatever `answer` sends.
async fn hostile<F>(answer: impl Fn(Peer) -> F + Send + Sync + 'static) -> (Server<()>, String)
where
    F: Future<Output = ()> + Send + 'static,
{
    let server = Server::start(false, answer).await;
    let endpoint = format!("http://{}", server.addr);
    (server, endpoint)
}

/// The program with its memory bounded: what is read without a bound ends with an abort.
fn bounded(lab: &Lab, endpoint: &str, args: &str) -> Output {
    let mut command = lab.shell(&format!("ulimit -v 4000000; exec \"$TTLSWEEP\" {args}"));
    command.envs(KEY).env("AWS_ENDPOINT_URL_S3", endpoint).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_20_gb_is_not_read_into_memory() {
    let (_server, endpoint) = hostile(async |mut peer: Peer| {
        if peer.head().await.is_some() {
            let _ = peer.try_say("HTTP/1.1 200 OK\r\ncontent-length: 20000000000\r\n\r\n").await;
            peer.repeat(&[b' '; 1 << 16]).await;
        }
    })
    .await;
    let lab = Toml::named("bounds").lab();
    let output = tokio::task::block_in_place(|| {
        bounded(&lab, &endpoint, "run bounds.toml --shard 1/1 --upload s3://results/night")
    });
    reported(&output, 2, &["longer than the 16777216 bytes"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_goes_in_circles_is_reported() {
    let (_server, endpoint) = hostile(async |mut peer: Peer| {
        let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>\
                    <Contents><Key>night/x</Key></Contents></ListBucketResult>";
        while peer.head().await.is_some() {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", page.len());
            if peer.try_say(&(head + page)).await.is_err() {
                return;
            }
        }
    })
    .await;
    let lab = Lab::new();
    let output = tokio::task::block_in_place(|| bounded(&lab, &endpoint, "merge s3://results/night --out merged"));
    reported(&output, 2, &["the store's listing has no end", "the same next page twice"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_page_that_never_ends_is_not_read_into_memory() {
    let (_server, endpoint) = hostile(async |mut peer: Peer| {
        if peer.head().await.is_some() {
            let _ = peer.try_say("HTTP/1.1 200 OK\r\ncontent-length: 20000000000\r\n\r\n<ListBucketResult>").await;
            let entry = b"<Contents><Key>night/0123456789</Key></Contents>".repeat(1000);
            peer.repeat(&entry).await;
        }
    })
    .await;
    let lab = Lab::new();
    let began = Instant::now();
    let output = tokio::task::block_in_place(|| bounded(&lab, &endpoint, "merge s3://results/night --out merged"));
    let (code, said) = words(&output);
    assert!(matches!(code, Some(2 | 75)) && said.contains("ListObjectsV2"), "{code:?} {said}");
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
}

/// Bytes come all the time, and none of them is of a body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow"]
async fn a_chunk_whose_size_never_ends_holds_no_command_for_minutes() {
    let (_server, endpoint) = hostile(async |mut peer: Peer| {
        if peer.head().await.is_some() {
            let _ = peer.try_say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            peer.repeat(&[b'0'; 1 << 16]).await;
        }
    })
    .await;
    let lab = Lab::new();
    let began = Instant::now();
    let output = tokio::task::block_in_place(|| bounded(&lab, &endpoint, "merge s3://results/night --out merged"));
    reported(&output, 75, &["ListObjectsV2"]);
    assert!(began.elapsed() < Duration::from_secs(150), "{:?}", began.elapsed());
}

/// Whatever the number is, it ends with words and leaves nothing empty behind.
#[test]
fn few_descriptors_are_reported_and_leave_no_empty_run() {
    let mut refused = 0;
    for descriptors in [4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32] {
        let lab = Toml::named("bounds").lab();
        let output =
            lab.shell(&format!("ulimit -n {descriptors}; exec \"$TTLSWEEP\" run bounds.toml")).output().unwrap();
        let (code, said) = words(&output);
        assert!(!said.contains("panicked"), "{descriptors}: {said}");
        if code == Some(0) {
            continue;
        }
        refused += 1;
        // Below that not even the loader of programs has enough.
        assert!(matches!(code, Some(1 | 2)) || descriptors < 6, "{descriptors}: {code:?} {said}");
        assert!(said.contains("open") && (said.contains("ulimit -n") || descriptors < 6), "{descriptors}: {said}");
        let results = lab.path("results/bounds");
        let left = std::fs::read_dir(results).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{descriptors}: {said}");
    }
    assert!(refused >= 3, "too few were refused to say anything: {refused}");
}

/// A container may have so few processes, threads included, that the runtime does not get its own, and waits for them.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "slow"]
fn few_threads_are_reported_and_nobody_waits_for_more() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: the limit counts all processes of a user, and only root can be another one");
        return;
    }
    let lab = Toml::named("bounds").lab();
    let program = crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep"));
    for name in ["ttlsweep", "ttlsweep-report", "ttlsweep-testbed"] {
        std::fs::copy(program.with_file_name(name), lab.path(name)).unwrap();
    }
    let (mut begun, mut refused) = (0, 0);
    let run = "run bounds.toml";
    succeed(
        lab.shell("chmod -R a+rwX . && setpriv --reuid=64999 --regid=64999 --clear-groups ./ttlsweep run bounds.toml"),
    );
    for threads in [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 80] {
        for command in
            [&format!("ttlsweep {run}"), "ttlsweep-report results/bounds/latest", "ttlsweep-testbed --no-tls"]
        {
            let limited = format!("ulimit -u {threads}; exec ./{command}");
            let script =
                format!("exec timeout 20 setpriv --reuid=64999 --regid=64999 --clear-groups bash -c '{limited}'");
            let mut child = lab.shell(&script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let serves = command.contains("testbed");
            if serves {
                // What has begun to serve does so until it is ended.
                std::thread::sleep(Duration::from_secs(1));
                if child.try_wait().unwrap().is_none() {
                    crate::program::signal(&child, rustix::process::Signal::TERM);
                }
            }
            let output = child.wait_with_output().unwrap();
            let (code, said) = words(&output);
            assert!(!said.contains("panicked"), "{threads} {command}: {said}");
            if code == Some(1) {
                refused += 1;
                assert!(said.contains("ulimit -u"), "{threads} {command}: {said}");
            } else {
                begun += 1;
                assert_eq!(code, Some(0), "{threads} {command}: {said}");
            }
        }
    }
    assert!(begun >= 3 && refused >= 3, "{begun} {refused}");
}
