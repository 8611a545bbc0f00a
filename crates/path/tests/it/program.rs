//! How it starts, what it says, and how it ends.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::{output, path_of};

const LINE: &str = "--rate 10Mbit/s --queue 100kB";

fn ran(options: &[&str]) -> Option<(i32, String, String)> {
    let output = output(path_of(LINE).args(options))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((output.status.code().unwrap(), text(&output.stdout), text(&output.stderr)))
}

#[test]
fn it_ends_as_the_command_does() {
    let Some((code, data, words)) = ran(&["--", "sh", "-c", "echo data; exit 7"]) else { return };
    assert_eq!((code, data.as_str()), (7, "data\n"));
    assert!(words.contains("path: up 0 packets"), "{words}");
    assert_eq!(ran(&["--", "sh", "-c", "kill -TERM $$"]).unwrap().0, 128 + 15);
}

#[test]
fn a_command_that_is_not_there_and_a_server_that_serves_nothing_are_mistakes() {
    let Some((code, _, words)) = ran(&["--", "no-such-program"]) else { return };
    assert!(code == 2 && words.contains("cannot start `no-such-program`"), "{words}");
    let (code, data, words) = ran(&["--far", "exit 3", "--", "echo", "started"]).unwrap();
    assert!(code == 2 && data.is_empty() && words.contains("has ended before it listened: exit status: 3"), "{words}");
}

#[test]
fn the_kernels_filter_is_refused_where_it_cannot_make_such_a_line() {
    for (options, why) in [
        (["--delay", "5ms"], "no --delay"),
        (["--loss", "1%"], "no --loss"),
        (["--discipline", "codel"], "knows no CoDel"),
        (["--more", "--rate 1Mbit/s --queue 64kB"], "without --more"),
    ] {
        let mut command = path_of(LINE);
        command.args(["--engine", "tbf"]).args(options).args(["--", "true"]);
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && words.contains(why), "{words}");
    }
    let mut command = path_of(LINE);
    // Nothing is found there.
    command.env("PATH", "/nowhere").args(["--engine", "tbf", "--", "true"]);
    if let Some(output) = output(&mut command) {
        panic!("no program lays it: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_command_sees_no_proxy_and_the_far_sides_address() {
    let mut command = path_of(LINE);
    command.env("HTTPS_PROXY", "http://proxy:3128").env("no_proxy", "here");
    command.args(["--", "sh", "-c", "echo $TTLSWEEP_FAR_ADDRESS $HTTPS_PROXY $no_proxy"]);
    let Some(output) = output(&mut command) else { return };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "10.77.0.2 here\n");
}

#[test]
fn a_signal_that_a_process_sends_reaches_the_command_and_a_killed_path_leaves_none_behind() {
    for (signal, code) in [("TERM", Some(9)), ("KILL", None)] {
        let folder = std::env::temp_dir().join(format!("ttlsweep-path-{}-{signal}", std::process::id()));
        let script = format!("trap 'exit 9' TERM; echo $$ > {}; while :; do sleep 0.01; done", folder.display());
        let mut command = path_of(LINE);
        command.args(["--", "sh", "-c", &script]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let began = Instant::now();
        let pid = loop {
            match fs::read_to_string(&folder) {
                Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
                // Refused, as the other tests say.
                _ if child.try_wait().unwrap().is_some() => return,
                _ => thread::sleep(Duration::from_millis(5)),
            }
            assert!(began.elapsed() < Duration::from_secs(20));
        };
        let killed = std::process::Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code, "after SIG{signal}");
        while fs::exists(format!("/proc/{pid}")).unwrap() {
            assert!(began.elapsed() < Duration::from_secs(20), "the command lives on after SIG{signal}");
            thread::sleep(Duration::from_millis(5));
        }
        fs::remove_file(&folder).unwrap();
    }
}
