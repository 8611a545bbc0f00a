//! The binary: what it prints, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use ttlsweep_testbed::sigv4::Presigner;
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};

use crate::programs::chosen;

#[test]
fn it_prints_its_endpoint_writes_its_certificate_and_ends_on_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = directory.path().join("ca.pem");
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = testbed()
            .args(["--expiry", "in-flight", "--secret-key", "hush", "--bucket", "one", "--bucket", "two", "--cert-out"])
            .arg(&certificate)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut endpoint = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
        assert!(endpoint.starts_with("https://127.0.0.1:"), "{endpoint}");
        assert!(std::fs::read_to_string(&certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        kill_process(Pid::from_child(&program), signal).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(0));
        let mut words = String::new();
        program.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(words.contains("buckets: one two") && words.contains("AWS_CA_BUNDLE="), "{words}");
        assert!(!words.contains("hush"), "{words}");
    }
}

/// Its words are for anyone who reads them; it serves those who do not.
#[test]
fn it_serves_although_nobody_reads_its_words_and_ends_when_its_terminal_does() {
    let directory = tempfile::tempdir().unwrap();
    for (signal, full) in [(Signal::TERM, false), (Signal::HUP, false), (Signal::HUP, true)] {
        let gone = || -> Stdio {
            if full {
                std::fs::File::options().write(true).open("/dev/full").unwrap().into()
            } else {
                std::io::pipe().unwrap().1.into()
            }
        };
        let certificate = directory.path().join(format!("{signal:?}-{full}.pem"));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut program = testbed()
            .env("RUST_LOG", "trace")
            .args(["--listen", &listen, "--cert-out"])
            .arg(&certificate)
            .stdout(gone())
            .stderr(gone())
            .spawn()
            .unwrap();
        let began = std::time::Instant::now();
        // The certificate is there before the first word is said; a connection after it shows that the words ended nothing.
        while !certificate.exists() || std::net::TcpStream::connect(&listen).is_err() {
            assert!(began.elapsed().as_secs() < 20 && program.try_wait().unwrap().is_none(), "it does not serve");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_eq!(program.try_wait().unwrap().map(|status| status.code()), None, "{signal:?} {full}: it has ended");
        kill_process(Pid::from_child(&program), signal).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(0), "{signal:?} {full}");
    }
}

#[test]
fn a_wrong_word_ends_it_with_2() {
    let output = testbed().args(["--expiry", "sometimes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("on-completion"));
}

#[test]
fn a_fault_is_reported_with_the_endpoint_that_is_free_of_it() {
    let mut program = testbed()
        .args(["--no-tls", "--fault", "error:503:SlowDown@50%"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut endpoint = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
    kill_process(Pid::from_child(&program), Signal::TERM).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(0));
    let mut words = String::new();
    program.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("fault error:503:SlowDown@50%; buckets"), "{words}");
    assert!(words.contains("each PUT of ") && words.contains("no GET does, because an answer cannot be "), "{words}");
    let control = words.split_once("without the fault: ").unwrap().1.lines().next().unwrap();
    assert!(control.starts_with("http://127.0.0.1:") && control != endpoint.trim(), "{words}");

    let output = testbed().args(["--fault", "rest@50%"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("expected one of: reset, close"));
}

#[test]
fn without_tls_a_file_for_the_certificate_is_ignored_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = directory.path().join("ca.pem");
    let mut program = testbed()
        .args(["--no-tls", "--cert-out"])
        .arg(&certificate)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut endpoint = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
    assert!(endpoint.starts_with("http://"), "{endpoint}");
    kill_process(Pid::from_child(&program), Signal::TERM).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(0));
    let mut words = String::new();
    program.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("--cert-out is ignored") && !certificate.exists(), "{words}");
}

#[test]
fn a_killed_testbed_leaves_no_file_and_shows_none_while_it_lives() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = testbed()
        .args(["--no-tls"])
        .env("TMPDIR", directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut endpoint = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
    let addr = endpoint.trim().strip_prefix("http://").unwrap();
    let amz_date = time::OffsetDateTime::now_utc()
        .format(time::macros::format_description!("[year][month][day]T[hour][minute][second]Z"))
        .unwrap();
    let signer = Presigner { access_key: DEFAULT_ACCESS_KEY, secret_key: DEFAULT_SECRET_KEY, region: "us-east-1" };
    let target = signer.presign("PUT", "/ttlsweep/key", &[], &[("host", addr)], &amz_date, 60);
    let mut socket = std::net::TcpStream::connect(addr).unwrap();
    write!(socket, "PUT {target} HTTP/1.1\r\nhost: {addr}\r\ncontent-length: 5\r\n\r\nhello").unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let files = || std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files(), 0);
    kill_process(Pid::from_child(&program), Signal::KILL).unwrap();
    program.wait().unwrap();
    assert_eq!(files(), 0);
}

#[test]
fn few_descriptors_are_reported() {
    for descriptors in [6, 7, 8, 9, 10] {
        let script = format!("ulimit -n {descriptors}; exec \"$0\" --no-tls");
        let output = Command::new("sh").args(["-c", &script]).arg(testbed().get_program()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{descriptors}: {output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("ulimit -n"), "{descriptors}");
    }
}

#[test]
fn an_address_that_is_taken_ends_it_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = testbed().args(["--listen", &taken.local_addr().unwrap().to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("choose another port"));
}

pub(crate) fn testbed() -> Command {
    Command::new(chosen(env!("CARGO_BIN_EXE_ttlsweep-testbed")))
}
