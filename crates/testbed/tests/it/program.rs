//! The binary: what it prints, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

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

#[test]
fn a_wrong_word_ends_it_with_2() {
    let output = testbed().args(["--expiry", "sometimes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("on-completion"));
}

#[test]
fn a_fault_is_told_with_the_endpoint_that_is_free_of_it() {
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
    let control = words.split_once("without the fault: ").unwrap().1.lines().next().unwrap();
    assert!(control.starts_with("http://127.0.0.1:") && control != endpoint.trim(), "{words}");

    let output = testbed().args(["--fault", "rest@50%"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("expected one of: reset, close"));
}

#[test]
fn an_address_that_is_taken_ends_it_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = testbed().args(["--listen", &taken.local_addr().unwrap().to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("choose another port"));
}

fn testbed() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ttlsweep-testbed"))
}
