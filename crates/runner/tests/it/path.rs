//! A run behind the slow line of `ttlsweep path`, by the programs as they lie beside each other.

use std::fs;

use ttlsweep_record::{Cell, Outcome};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::Environment;

use crate::experiment::Toml;
use crate::program::{Run, succeed, words};
use crate::programs::chosen;

fn experiment(name: &str) -> Toml {
    Toml::named(name).set("target.expiry", "never").set("grid.users", 2).set("grid.size", "200kB")
}

/// Left out, and said so, where this machine makes no namespaces.
#[test]
fn the_embedded_testbed_stands_at_the_far_side_of_the_line() {
    let lab = experiment("behind").lab();
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep"));
    assert!(program.with_file_name("ttlsweep-path").exists(), "`cargo test --workspace` builds it");
    let run = [program.to_str().unwrap(), "run", "behind.toml", "--set", "target.clock_probe=0s"];
    let line = ["path", "--rate", "8Mbit/s", "--queue", "100kB", "--delay", "20ms", "--"];
    let output = lab.ttlsweep(&[&line[..], &run[..]].concat()).output().unwrap();
    let (code, said) = words(&output);
    if code == Some(2) && (said.contains("cannot make a network namespace") || said.contains("/dev/net/tun")) {
        eprintln!("left out, as this machine makes no paths: {said}");
        return;
    }
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the longest transfer needs about 450.0ms"), "{said}");
    assert!(!said.contains("assumed"), "the line says it: {said}");

    let run = Run::printed(&lab, &output);
    assert_eq!(
        Environment::read(run.path()).unwrap().path.as_deref(),
        Some("--rate 8Mbit/s --queue 100kB --delay 20ms")
    );
    let transfers = run.transfers();
    assert_eq!(transfers.len(), 2);
    for transfer in transfers {
        assert_eq!(transfer.outcome, Outcome::Completed, "{transfer:?}");
        assert!(transfer.remote_addr.as_ref().is_some_and(|addr| addr.starts_with("10.77.0.2:")), "{transfer:?}");
        // Twice the delay; and two uploads of 200 kB through 8 Mbit/s take 0.4 s together.
        assert!(transfer.min_rtt_us.is_some_and(|rtt_us| rtt_us >= 40_000), "{transfer:?}");
        assert!(transfer.total_us > 200_000, "{transfer:?}");
    }

    // As if it had been stopped before its only trial was whole.
    let trials = run.path().join("trials.csv");
    let header = fs::read_to_string(&trials).unwrap().lines().next().unwrap().to_owned();
    fs::write(&trials, header + "\n").unwrap();
    let resume = ["resume", run.path().to_str().unwrap()];
    let (code, said) = words(&lab.ttlsweep(&resume).output().unwrap());
    let behind = "to go on: ttlsweep path --rate 8Mbit/s --queue 100kB --delay 20ms -- ttlsweep resume ";
    assert!(code == Some(2) && said.contains(behind), "{said}");
    succeed(lab.ttlsweep(&[&line[..], &[program.to_str().unwrap()], &resume].concat()));
    assert_eq!(run.trials().iter().map(|trial| trial.attempt).max(), Some(2));
}

/// Left out, and said so, where this machine makes no namespaces.
#[test]
fn an_experiment_with_lines_of_its_own_gets_behind_them_by_itself_also_when_it_is_resumed() {
    let own = experiment("own-lines").set("target.clock_probe", "0s").set("path.rate", ["8Mbit/s", "40Mbit/s"]);
    let lab = own.set("path.queue", "100kB").set("path.delay", "20ms").lab();
    let output = lab.ttlsweep(&["run", "own-lines.toml", "--progress", "none"]).output().unwrap();
    let (code, said) = words(&output);
    if code == Some(2) && (said.contains("cannot make a network namespace") || said.contains("/dev/net/tun")) {
        eprintln!("left out, as this machine makes no paths: {said}");
        return;
    }
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("path: --rate 40Mbit/s --queue 100kB --delay 20ms path: up "), "{said}");
    assert!(!said.contains("are assumed"), "its lines say it: {said}");

    let run = Run::printed(&lab, &output);
    assert_eq!(Environment::read(run.path()).unwrap().path, None, "the plan has its lines");
    let cells: Vec<Cell> = read_rows(run.path()).unwrap();
    let lines: Vec<_> = cells.iter().map(|cell| cell.path_rate_bps.map(|rate| rate.bits_per_second())).collect();
    assert_eq!(lines, [Some(8_000_000), Some(40_000_000)]);
    let transfers = run.transfers();
    assert_eq!(transfers.len(), 4);
    for transfer in &transfers {
        let is_slow = transfer.cell_id == cells[0].cell_id;
        let far = if is_slow { "10.77.0.2:" } else { "10.77.1.1:" };
        assert_eq!(transfer.outcome, Outcome::Completed, "{transfer:?}");
        assert!(transfer.remote_addr.as_ref().is_some_and(|addr| addr.starts_with(far)), "{transfer:?}");
        assert!(transfer.min_rtt_us.is_some_and(|rtt_us| rtt_us >= 40_000), "{transfer:?}");
    }
    // Two uploads of 200 kB take 0.4 s at 8 Mbit/s.
    let slowest_us = |cell: &str| transfers.iter().filter(|row| row.cell_id == cell).map(|row| row.total_us).max();
    assert!(slowest_us(&cells[0].cell_id) > Some(400_000), "{transfers:?}");

    // As if it had been stopped before any trial was whole.
    let trials = run.path().join("trials.csv");
    let header = fs::read_to_string(&trials).unwrap().lines().next().unwrap().to_owned();
    fs::write(&trials, header + "\n").unwrap();
    let resume = ["resume", run.path().to_str().unwrap()];
    succeed(lab.ttlsweep(&resume));
    assert_eq!(run.trials().iter().map(|trial| trial.attempt).max(), Some(2));

    let (code, said) = words(&lab.ttlsweep(&["trace", "own-lines.toml"]).output().unwrap());
    assert!(code == Some(0) && said.contains("path: up "), "{said}");
    let program = chosen(env!("CARGO_BIN_EXE_ttlsweep"));
    let other =
        ["path", "--rate", "8Mbit/s", "--queue", "1MB", "--", program.to_str().unwrap(), "run", "own-lines.toml"];
    let (code, said) = words(&lab.ttlsweep(&other).output().unwrap());
    assert!(code == Some(2) && said.contains("slow lines of its own below [path]"), "{said}");
}
