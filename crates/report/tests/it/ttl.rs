//! Which TTL transfers need: runs whose lateness is known by construction, and what is said of them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use ttlsweep_record::ExpiryPolicy;

use crate::common::{Sweep, World};

fn written(sweep: &Sweep) -> TempDir {
    let base = tempfile::tempdir().unwrap();
    sweep.write(&base.path().join("run"));
    base
}

/// One user whose transfers take 1.5 s give or take a twentieth, with links of an hour and no controls.
fn long_links(blocks: u32) -> Sweep {
    Sweep { ttls: vec![3600], controls: false, blocks, ..Sweep::default() }
}

/// The exit code, stdout and stderr of `ttlsweep-report ttl`.
fn ttl(folder: Option<&Path>, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ttlsweep-report"));
    command.arg("ttl").args(folder.map(|folder| folder.join("run"))).args(args);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn said(sweep: &Sweep, args: &[&str]) -> String {
    let (code, out, err) = ttl(Some(written(sweep).path()), args);
    assert_eq!(code, Some(0), "{err}");
    out
}

fn json(sweep: &Sweep, args: &[&str]) -> Value {
    serde_json::from_str(&said(sweep, &[&["--format", "json"], args].concat())).unwrap()
}

#[test]
fn a_run_with_long_links_alone_says_which_ttl_its_transfers_need() {
    // The head is there after 3 ms and the end after 1.6 s at most; a second goes with the date, 12 ms with the clock.
    let text = said(&long_links(60), &["--spell", "1s"]);
    let expected = "1 × 1 MB at 8 Mbit/s: 2 s if the store checks at the head, 3 s if it checks at the end (at most 5 % of trials \
                    later, 60 trials, which count as 60); your 1 h is enough in both.";
    assert_eq!(text.lines().next(), Some(expected), "{text}");
    assert!(text.contains("is not known to check at the head alone, so the end counts: take 3 s."), "{text}");
    assert!(text.contains("5 %: shown, 2 s and 3 s; 1 %: 239 more trials, 239 blocks (239 transfers)"), "{text}");
    assert!(text.contains("Trials of 1 s count as one"), "{text}");
}

#[test]
fn trials_that_resemble_their_neighbours_are_warned_of_and_count_together() {
    // These rise and fall by turns.
    let text = said(&long_links(60), &[]);
    let expected = "(the latest of 60 trials, which count as 10: at most 25.9 % later, so not yet 5 %)";
    assert!(text.contains(expected) && text.contains("WARNING: late trials come one after the other, so 6"), "{text}");
    assert!(!text.contains("  say how long"), "{text}");
}

#[test]
fn too_few_trials_say_what_they_allow() {
    let found = json(&long_links(20), &["--risk", "1%", "--spell", "1s"]);
    let (cell, end) = (&found["cells"][0], &found["cells"][0]["end"]);
    assert_eq!((&end["is_shown"], &end["ttl_s"], &end["more_trials"]), (&false.into(), &3.into(), &279.into()));
    assert!((end["bound"].as_f64().unwrap() - 0.1391).abs() < 1e-4, "{end}");
    assert_eq!((&cell["more"]["blocks"], &cell["trials"]), (&279.into(), &20.into()));
    assert_eq!(end["curve"].as_array().unwrap().len(), 20);
    let text = said(&long_links(20), &["--spell", "1s"]);
    assert!(
        text.contains("(the latest of 20 trials, which count as 20: at most 13.9 % later, so not yet 5 %)"),
        "{text}"
    );
}

/// Links of 1, 2 and 20 s against three policies, whose transfers of one user take 1.5 s and of four 6 s.
fn grid() -> Sweep {
    Sweep {
        policies: [ExpiryPolicy::OnRequest, ExpiryPolicy::InFlight, ExpiryPolicy::OnCompletion].map(Some).to_vec(),
        users: vec![1, 4],
        ttls: vec![1, 2, 20],
        blocks: 6,
        ..Sweep::default()
    }
}

#[test]
fn the_verdict_says_which_rule_holds_and_short_links_do_not_count() {
    let found = json(&grid(), &[]);
    let cell = &found["cells"][1];
    assert_eq!((&cell["users"], &cell["head"]["ttl_s"], &cell["end"]["ttl_s"]), (&4.into(), &2.into(), &8.into()));
    // Two controls and the links of 20 s count, of three policies and six blocks; those of 1 and 2 s do not.
    assert_eq!((&cell["trials"], &cell["left_out"]["short_links"]), (&54.into(), &36.into()));
    let rules: Vec<_> = cell["targets"].as_array().unwrap().iter().map(|one| (&one["rule"], &one["set_s"])).collect();
    let expected = [("head", 2), ("cut", 8), ("completion", 8)].map(|(rule, s)| (Value::from(rule), Value::from(s)));
    assert_eq!(rules, expected.iter().map(|(rule, s)| (rule, s)).collect::<Vec<_>>());
    let text = said(&grid(), &["--users", "4"]);
    assert!(
        text.contains("; your 1 s is too short in both, 2 s is too short at the end, 20 s is enough in both."),
        "{text}"
    );
    assert!(text.contains("testbed, in-flight cuts at expiry, so the end counts: take 8 s."), "{text}");
    assert!(!text.contains("1 × 1 MB"), "{text}");
}

#[test]
fn a_clock_that_is_ahead_makes_links_shorter_and_one_that_is_behind_makes_none_longer() {
    let with = |offset_us| {
        let sweep = Sweep { world: World { offset_us, ..World::default() }, ..long_links(60) };
        json(&sweep, &[])["cells"][0]["end"]["ttl_s"].as_u64()
    };
    assert_eq!([0, 5_000_000, -5_000_000].map(with), [Some(3), Some(8), Some(3)]);
}

#[test]
fn a_head_that_waits_in_a_full_uplink_needs_a_longer_link_at_the_head_too() {
    let world = World { head_waits_us: 6_000_000, ..World::default() };
    let found = json(&Sweep { world, ..long_links(60) }, &[]);
    assert_eq!(found["cells"][0]["head"]["ttl_s"], 8);
}

#[test]
fn trials_that_say_nothing_are_left_out_with_a_count() {
    let starved = Sweep { world: World { starved: true, ..World::default() }, ..long_links(60) };
    let text = said(&starved, &[]);
    assert!(
        text.contains("no trial counts") && text.contains("60 trials in which this machine was too busy"),
        "{text}"
    );
    let resets = Sweep { world: World { resets_percent: 30, ..World::default() }, ..long_links(60) };
    let found = json(&resets, &[]);
    let cell = &found["cells"][0];
    assert_eq!((&cell["end"]["is_shown"], &cell["more"]), (&false.into(), &Value::Null));
    assert!((10..26).contains(&cell["end"]["unended_trials"].as_u64().unwrap()), "{cell}");
    assert_eq!(cell["head"]["unended_trials"], 0, "their heads had arrived");
    assert!(said(&resets, &[]).contains("never, because too many trials did not end"));
}

#[test]
#[ignore = "slow"]
fn between_the_cells_a_fit_answers_and_beyond_them_nothing_does() {
    let base = written(&Sweep { sizes: vec![1_000_000, 3_000_000], ..grid() });
    let ask = |args: &[&str]| ttl(Some(base.path()), args);
    // 2 MB of two users take 6 s.
    let (code, out, err) = ask(&["--users", "2", "--size", "2MB", "--format", "json"]);
    assert_eq!(code, Some(0), "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let end = found["estimate"]["end_ttl_s"].as_u64().unwrap();
    assert!((7..=8).contains(&end), "{out}");
    // The latest of four users is a little later than the one of one.
    assert!((1.45..1.6).contains(&found["fits"][0]["end"]["b"].as_f64().unwrap()), "{out}");
    let (_, out, _) = ask(&["--users", "2", "--size", "2MB"]);
    assert!(
        out.starts_with("2 × 2 MB at 8 Mbit/s: about 2 s if") && out.contains("An estimate, not a bound."),
        "{out}"
    );
    for (args, said) in [
        (&["--users", "8", "--size", "2MB"][..], "of 1 and 4 users, 1 MB and 3 MB, at 8 Mbit/s"),
        (&["--users", "2", "--size", "2GB"], "it is not between those that they have"),
        (&["--users", "2"], "say --size, too (1 MB and 3 MB)"),
        (&["--users", "1", "--rtt", "5ms"], "--rtt is for the arithmetic"),
    ] {
        let (code, _, err) = ask(args);
        assert!(code == Some(2) && err.contains(said), "{args:?}: {code:?} {err}");
    }
}

#[test]
fn the_arithmetic_prints_its_assumptions_and_its_experiment() {
    let asked = ["--size", "2GB", "--bandwidth", "5Mbit/s", "--users", "50", "--risk", "0.1%"];
    let (code, out, _) = ttl(None, &asked);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("50 × 2 GB at 5 Mbit/s: 13 s if the store checks at the head, 71 h if"), "{out}");
    for part in [
        "take 3 days",
        "Assumed:",
        "round trips",
        "A margin of half as much again",
        "0.1 % takes 2,995 trials: 999 blocks",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (_, toml, said) = ttl(None, &[&asked[..], &["--experiment"]].concat());
    assert!(toml.contains("repetitions = 999\n") && said.starts_with("50 × 2 GB"), "{toml}");
    let folder = tempfile::tempdir().unwrap();
    let option = format!("--experiment={}", folder.path().join("check.toml").display());
    for (code, says) in [(0, ""), (2, "is there already")] {
        let (ended, _, err) = ttl(None, &[&asked[..], &[&option]].concat());
        assert!(ended == Some(code) && err.contains(says), "{ended:?} {err}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("check.toml")).unwrap(), toml);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let size = ["--size", "1MB", "--bandwidth", "1Mbit/s"];
    for (args, says) in [
        (&["--risk", "0%"][..], "a risk of nothing"),
        (&["--risk", "100%"], "asks for nothing"),
        (&["--risk", "5 %"], "write `5%`"),
        (&["--users", "0"], "0 is not in 1.."),
        (&["--bandwidth", "0Mbit/s"], "--bandwidth"),
        (&["--size", "0MB"], "no bytes"),
    ] {
        let kept = size.chunks(2).filter(|pair| pair[0] != args[0]).flatten().copied();
        let (code, _, err) = ttl(None, &kept.chain(args.iter().copied()).collect::<Vec<_>>());
        assert!(code == Some(2) && err.contains(says), "{args:?}: {code:?} {err}");
    }
    let (code, _, err) = ttl(None, &[]);
    assert!(code == Some(2) && err.contains("name a run's folder"), "{err}");
}
