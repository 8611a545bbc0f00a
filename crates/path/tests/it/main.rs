//! The program from outside, with the kernel's own TCP and UDP at both ends: physical claims, each in a few seconds.
//!
//! The two ends are the example program `ends`, which `cargo test` builds unless it is asked for one test program alone. If this
//! machine makes no namespaces, the tests say so and are left out.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod program;
mod wire;

use std::env;
use std::process::{Command, Output};

/// A path with these options, whose near side runs `near` and whose far side, if any, runs `far`, both of the program `ends`. `None` if this
/// machine makes no paths.
fn path(options: &str, far: Option<&str>, near: &str) -> Option<Output> {
    let mut command = path_of(options);
    if let Some(far) = far {
        command.args(["--far", &end(far).join(" ")]);
    }
    output(command.arg("--").args(end(near)))
}

fn path_of(options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ttlsweep-path"));
    command.args(options.split_whitespace());
    command
}

fn output(command: &mut Command) -> Option<Output> {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let is_refused = [
        "cannot make a network namespace",
        "cannot open /dev/net/tun",
        "cannot make a TUN device",
        "install the package iproute2",
        "this kernel has no tbf",
    ];
    if is_refused.iter().any(|refusal| words.contains(refusal)) {
        assert_eq!(output.status.code(), Some(2));
        eprintln!("left out, as this machine makes no paths: {words}");
        return None;
    }
    Some(output)
}

fn end(name: &str) -> [String; 2] {
    let this = env::current_exe().unwrap();
    // target/debug/deps/it-… and target/debug/examples/ends
    let ends = this.parent().unwrap().with_file_name("examples").join("ends");
    assert!(ends.is_file(), "{} is missing: cargo build --workspace --examples", ends.display());
    [ends.into_os_string().into_string().unwrap(), name.to_owned()]
}

/// A number that an end has said, as `name=1.5` on a line of its own.
fn told(output: &Output, name: &str) -> f64 {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{text}"))
}
