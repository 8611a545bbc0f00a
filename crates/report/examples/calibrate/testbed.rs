//! The smaller part of the calibration, for real: the runner's program against its own testbed, over sockets and TLS, and
//! the verdict on what it wrote.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ttlsweep_record::{Mechanism, Verdict};
use ttlsweep_report::testing::load::{Runs, load};
use ttlsweep_report::testing::verdict::{Evidence, Ruling, decide};

use crate::page::percent;

/// What the testbed is told to do, and what the verdict should say of it.
struct Case {
    name: &'static str,
    /// The experiment's `[target]`, apart from its kind.
    target: &'static str,
    cut: Verdict,
    /// What else is at work.
    also: &'static [Mechanism],
}

const CASES: [Case; 11] = [
    case("on-request", "expiry = \"on-request\"", Verdict::NotSupported, &[]),
    case("on-completion", "expiry = \"on-completion\"", Verdict::NotSupported, &[Mechanism::RejectedAtCompletion]),
    case("never", "expiry = \"never\"", Verdict::Invalid, &[]),
    case("in-flight, reset", "expiry = \"in-flight\"\ncut = \"reset\"", Verdict::Supported, &[]),
    case("in-flight, close", "expiry = \"in-flight\"\ncut = \"close\"", Verdict::Supported, &[]),
    case("in-flight, respond", "expiry = \"in-flight\"\ncut = \"respond\"", Verdict::Supported, &[]),
    case("reset 0.5 s after expiry", "faults = \"reset@expiry+500ms\"", Verdict::Supported, &[]),
    case("reset at 60 % of the body", "faults = \"reset@60%\"", Verdict::NotSupported, &[Mechanism::Network]),
    case("reset 4 s after the head, the TTL", "faults = \"reset@+4s\"", Verdict::NotSupported, &[Mechanism::Network]),
    case(
        "503 SlowDown at the head",
        "faults = \"error:503:SlowDown@head\"",
        Verdict::Inconclusive,
        &[Mechanism::Throttled],
    ),
    // It is the client that gives up there, and that says nothing of the server.
    case("stalls at 50 %", "faults = \"stall@50%\"", Verdict::NotSupported, &[]),
];

const fn case(name: &'static str, target: &'static str, cut: Verdict, also: &'static [Mechanism]) -> Case {
    Case { name, target, cut, also }
}

/// Runs every case `runs` times with the runner's `program`, and returns the page's table.
pub(crate) fn run(program: &Path, runs: u64) -> Result<String, Box<dyn Error>> {
    let mut text = format!(
        "{runs} runs of each case with `ttlsweep run`: five blocks of two users whose uploads of 1 MB share 2 Mbit/s (8 s), with links \
         of 4 s and 30 s, and the three controls. A starved trial is one in which the machine was short of processor time.\n\n\
         | the testbed does | `cut-at-expiry` should be | was | supported besides | starved trials |\n| --- | --- | --- | --- | ---: |\n"
    );
    let scratch = std::env::temp_dir().join(format!("calibrate-{}", std::process::id()));
    for case in &CASES {
        let (mut rulings, mut starved, mut trials) = (Vec::new(), 0, 0);
        for number in 0..runs {
            let (runs, ruling) = sweep(program, case, number, &scratch)?;
            println!("{}: {}", case.name, ruling.headline);
            rulings.push(ruling);
            starved += runs.trials.iter().filter(|trial| trial.starved).count();
            trials += runs.trials.len();
        }
        let (found, besides) = (found(&rulings), besides(&rulings, case, starved > 0));
        let _ = writeln!(text, "| {} | {} | {found} | {besides} | {starved} of {trials} |", case.name, case.cut);
    }
    std::fs::remove_dir_all(&scratch)?;
    Ok(text)
}

/// One run, and the verdict on it.
fn sweep(program: &Path, case: &Case, seed: u64, scratch: &Path) -> Result<(Runs, Ruling), Box<dyn Error>> {
    std::fs::create_dir_all(scratch)?;
    let experiment = scratch.join("calibrate.toml");
    std::fs::write(&experiment, toml(case, seed))?;
    let out = scratch.join("results");
    let mut command = Command::new(program);
    command.arg("run").arg(&experiment).arg("--out").arg(&out).args(["--progress", "none", "--yes"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} run {}: {}", program.display(), case.name, output.status).into());
    }
    let folder = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let runs = load(&[folder])?;
    let ruling = decide(&Evidence::of(&runs));
    std::fs::remove_dir_all(&out)?;
    Ok((runs, ruling))
}

fn toml(case: &Case, seed: u64) -> String {
    format!(
        "[experiment]\nname = \"calibrate\"\nseed = {}\nrepetitions = 5\nparallel_trials = 25\n\n\
         [target]\nkind = \"embedded\"\n{}\n\n\
         [grid]\nusers = 2\nttl = [\"4s\", \"30s\"]\nsize = \"1MB\"\nbandwidth = \"2Mbit/s\"\n\n\
         [transfer]\nidle_timeout = \"4s\"\n",
        seed + 1,
        case.target,
    )
}

/// `3 of 3 supported`
fn found(rulings: &[Ruling]) -> String {
    let kinds = [Verdict::Supported, Verdict::NotSupported, Verdict::Inconclusive, Verdict::Invalid];
    let counts = kinds.into_iter().filter_map(|verdict| {
        let hits = rulings.iter().filter(|ruling| ruling.overall == verdict).count() as u64;
        (hits > 0).then(|| format!("{verdict} in {hits} of {}: {}", rulings.len(), percent(hits, rulings.len() as u64)))
    });
    counts.collect::<Vec<_>>().join("; ")
}

fn besides(rulings: &[Ruling], case: &Case, starved: bool) -> String {
    let others = Mechanism::ALL.iter().filter(|mechanism| **mechanism != Mechanism::CutAtExpiry);
    let counts = others.filter_map(|mechanism| {
        let hits = rulings.iter().filter(|ruling| ruling.supports(*mechanism)).count();
        let expected = case.also.contains(mechanism);
        (hits > 0 || expected).then(|| {
            let mark = match mechanism {
                _ if expected => "",
                Mechanism::Client if starved => " (starved)",
                _ => " (not at work)",
            };
            format!("`{mechanism}` in {hits} of {}{mark}", rulings.len())
        })
    });
    let text = counts.collect::<Vec<_>>().join("; ");
    if text.is_empty() { "nothing".to_owned() } else { text }
}
