//! Hosts against each other: what one of them alone meets is not the server's doing, and must not pass for it.

use std::path::PathBuf;

use crate::common::{Sweep, World, portions};
use ttlsweep_record::{ExpiryPolicy, Mechanism, Portion, Verdict};
use ttlsweep_report::report::report;
use ttlsweep_report::testing::compare::hosts::{HostComparison, compare_hosts, sentence};
use ttlsweep_report::testing::load::{Runs, load};
use ttlsweep_report::testing::verdict::{Evidence, Ruling, decide};

const HOSTS: [&str; 4] = ["ash", "birch", "cedar", "dogwood"];

/// A run of sixteen blocks in four shards, each on a machine and in a world of its own.
fn run(worlds: [World; 4]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let base = tempfile::tempdir().unwrap();
    let write = |((portion, host), world): ((Portion, &str), World)| {
        let sweep = Sweep {
            blocks: 16,
            ttls: vec![1, 2, 4],
            policies: vec![Some(ExpiryPolicy::OnRequest)],
            shard: portion.shard(),
            host: host.into(),
            world,
            ..Sweep::default()
        };
        sweep.write(&base.path().join(portion.folder_name()))
    };
    let folders = portions(Portion::Shard, 4).into_iter().zip(HOSTS).zip(worlds).map(write).collect();
    (base, folders)
}

fn compared(runs: &Runs) -> Vec<HostComparison> {
    let found = compare_hosts(runs);
    assert_eq!(found.iter().map(|one| one.host.as_str()).collect::<Vec<_>>(), HOSTS);
    found
}

fn ruled(worlds: [World; 4]) -> Ruling {
    let (_base, folders) = run(worlds);
    decide(&Evidence::of(&load(&folders).unwrap()))
}

const PLAIN: fn() -> World = World::default;

#[test]
fn hosts_that_meet_the_same_are_not_told_apart() {
    let few_resets = || World { resets_percent: 20, ..World::default() };
    let (_base, folders) = run([few_resets(), few_resets(), few_resets(), few_resets()]);
    let found = compared(&load(&folders).unwrap());
    assert!(found.iter().all(|one| !one.is_shown()), "{found:?}");
    // Four blocks of three cells each.
    assert!(found.iter().all(|one| one.trials == 12), "{found:?}");
    let said = sentence(&found).unwrap();
    assert!(said.starts_with("hosts: no difference shown between 4 hosts; farthest off is "), "{said}");
}

#[test]
#[ignore = "slow"]
fn a_host_with_a_bad_network_is_named_and_drawn() {
    let bad = World { resets_percent: 90, ..World::default() };
    let (base, folders) = run([PLAIN(), PLAIN(), bad, PLAIN()]);
    let found = compared(&load(&folders).unwrap());
    let shown: Vec<_> = found.iter().filter(|one| one.is_shown()).map(|one| one.host.as_str()).collect();
    assert_eq!(shown, ["cedar"]);
    assert!(found[2].difference.estimate > 0.5 && found[2].share > found[2].others, "{:?}", found[2]);
    assert!(sentence(&found).unwrap().starts_with("hosts: cedar differs from the other 3; farthest off is cedar, +"));
    let out = base.path().join("report");
    let done = report(&folders, Some(&out)).unwrap();
    assert_eq!(done.hosts, found);
    assert!(out.join("charts/hosts.png").exists());
}

#[test]
fn one_host_has_no_other_to_be_held_against() {
    let base = tempfile::tempdir().unwrap();
    let folder = Sweep { controls: false, ..Sweep::default() }.write(&base.path().join("run"));
    let runs = load(&[folder]).unwrap();
    assert_eq!((compare_hosts(&runs), sentence(&[])), (Vec::new(), None));
}

#[test]
fn a_cut_that_every_host_meets_is_the_servers() {
    let cuts = || World { met: Some(ExpiryPolicy::InFlight), ..World::default() };
    let ruling = ruled([cuts(), cuts(), cuts(), cuts()]);
    assert_eq!(ruling.overall, Verdict::Supported, "{}", ruling.headline);
    let cut = &ruling.mechanisms[0];
    assert_eq!(cut.mechanism, Mechanism::CutAtExpiry);
    assert!(cut.evidence.contains("trials cut, by host: ash "), "{}", cut.evidence);
}

#[test]
fn a_cut_that_one_host_never_meets_is_not_reported_for_the_servers() {
    let cuts = || World { met: Some(ExpiryPolicy::InFlight), ..World::default() };
    let ruling = ruled([cuts(), cuts(), cuts(), PLAIN()]);
    assert_eq!(ruling.overall, Verdict::Inconclusive, "{}", ruling.headline);
    let said = &ruling.mechanisms[0].evidence;
    assert!(said.contains("but cedar meets it (3 of 3 trials)"), "{said}");
    assert!(said.contains("and dogwood does not (none of "), "{said}");
}
