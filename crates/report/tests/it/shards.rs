//! A run that several machines ran is one run: what the shards say together is what the whole says, in any order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Sweep, divide, portions};
use ttlsweep_record::{ExpiryPolicy, Portion, TrialRecord, TrialState};
use ttlsweep_report::report::report;
use ttlsweep_report::testing::load::{Runs, load};
use ttlsweep_report::testing::verdict::{Evidence, decide};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::{ClockOffset, Environment};
use ttlsweep_rundir::merge::{MergeError, ShardSet, Trials, run_folders, write};

const HOSTS: [&str; 3] = ["ash", "birch", "cedar"];

/// A run of eight blocks, and the same in four shards on three machines.
fn sharded() -> (tempfile::TempDir, PathBuf, Vec<PathBuf>) {
    let base = tempfile::tempdir().unwrap();
    let sweep = Sweep { blocks: 8, ttls: vec![1, 2, 4], users: vec![1, 2], ..Sweep::default() };
    let whole = sweep.write(&base.path().join("whole"));
    fs::write(whole.join("experiment.toml"), "[experiment]\nname = \"ttl-grid\"\n").unwrap();
    let shards = divide(&whole, &base.path().join("run"), &portions(Portion::Shard, 4), &HOSTS);
    (base, whole, shards)
}

fn merge(folders: &[PathBuf], out: &Path) -> Result<(), MergeError> {
    let set = ShardSet::read(&run_folders(folders))?;
    let cells = set.cells()?;
    let trials = Trials::read(&set, &cells)?;
    write(&set, &cells, &trials, out).map(drop)
}

fn merge_error(folders: &[PathBuf]) -> String {
    let base = tempfile::tempdir().unwrap();
    let said = merge(folders, &base.path().join("merged")).unwrap_err().to_string();
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "nothing is left of a merge that failed");
    said
}

/// Every file below the folder by its name.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            let within = bytes(&entry).into_iter();
            found.extend(within.map(|(name, text)| (Path::new(entry.file_name().unwrap()).join(name), text)));
        } else {
            found.insert(PathBuf::from(entry.file_name().unwrap()), fs::read(&entry).unwrap());
        }
    }
    found
}

/// Every order of the items.
fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let [first, others @ ..] = items else { return vec![Vec::new()] };
    let insert = |order: Vec<T>| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, first.clone());
            order
        })
    };
    orders(others).into_iter().flat_map(insert).map(|order| order.to_vec()).collect()
}

fn edit(folder: &Path, file: &str, change: impl FnOnce(String) -> String) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "nothing was edited");
    fs::write(path, changed).unwrap();
}

fn edit_environment(folder: &Path, change: impl FnOnce(&mut Environment)) {
    let mut environment = Environment::read(folder).unwrap();
    change(&mut environment);
    environment.write(folder).unwrap();
}

/// What was read, without what names folders.
fn reported(runs: &Runs) -> String {
    let ruling = decide(&Evidence::of(runs));
    format!("{:?} {:?} {:?} {:?} {ruling:?}", runs.cells, runs.trials, runs.left_out, runs.transfers.all())
}

#[test]
fn a_merge_of_the_shards_has_the_same_bytes_in_every_order() {
    let (base, _, shards) = sharded();
    let mut first = None;
    let mut named = orders(&shards);
    named.push(vec![base.path().join("run")]);
    assert_eq!(named.len(), 25);
    for (at, order) in named.iter().enumerate() {
        let out = base.path().join(format!("merged-{at}"));
        merge(order, &out).unwrap();
        let found = bytes(&out);
        assert_eq!(found, *first.get_or_insert_with(|| found.clone()), "{order:?}");
    }
    let names: Vec<_> = first.unwrap().into_keys().collect();
    for file in ["cells.csv", "trials.csv", "transfers.csv", "events.csv", "environment.json", "experiment.toml"] {
        assert!(names.contains(&PathBuf::from(file)), "{file} is part of an ordinary run folder");
    }
}

#[test]
fn the_shards_say_what_the_whole_says() {
    let (base, whole, shards) = sharded();
    let merged = base.path().join("merged");
    merge(&shards, &merged).unwrap();
    let (one, many) = (load(&[whole]).unwrap(), load(&shards).unwrap());
    assert_eq!(one.cells, many.cells);
    let without_host = |runs: &Runs| {
        let row = |trial: &TrialRecord| TrialRecord { host: String::new(), ..trial.clone() };
        runs.trials.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(without_host(&one), without_host(&many));
    assert_eq!(many.hosts(), HOSTS);
    assert_eq!(one.transfers.all().len(), many.transfers.all().len());
    // The same transfers: nothing was left to sampling here.
    let (one, many) = (decide(&Evidence::of(&one)), decide(&Evidence::of(&many)));
    assert_eq!((one.overall, &one.headline), (many.overall, &many.headline));
    assert_eq!(
        one.mechanisms.iter().map(|m| m.p_value).collect::<Vec<_>>(),
        many.mechanisms.iter().map(|m| m.p_value).collect::<Vec<_>>()
    );
}

#[test]
#[ignore = "slow"]
fn every_order_of_the_shards_and_their_merge_are_read_alike() {
    let (base, _, shards) = sharded();
    let merged = base.path().join("merged");
    merge(&shards, &merged).unwrap();
    let expected = reported(&load(&[merged]).unwrap());
    for order in orders(&shards) {
        assert_eq!(reported(&load(&order).unwrap()), expected, "{order:?}");
    }
}

#[test]
#[ignore = "slow"]
fn the_report_has_the_same_bytes_whatever_the_order_and_whether_merged_or_not() {
    let (base, _, shards) = sharded();
    let merged = base.path().join("merged");
    merge(&shards, &merged).unwrap();
    let reversed: Vec<PathBuf> = shards.iter().rev().cloned().collect();
    let reported = |named: &[PathBuf], out: &str| {
        let out = base.path().join(out);
        report(named, Some(&out)).unwrap();
        bytes(&out)
    };
    let first = reported(&shards, "a");
    assert_eq!(reported(&reversed, "b"), first);
    assert_eq!(reported(&[merged], "c"), first);
    // The folder that holds the shards takes its own report.
    let run = base.path().join("run");
    report(std::slice::from_ref(&run), None).unwrap();
    assert!(run.join("report.html").exists() && !shards[0].join("report.html").exists());
}

#[test]
fn what_differs_by_host_is_kept_by_host() {
    let (base, _, shards) = sharded();
    edit_environment(&shards[1], |one| {
        let narrow = ClockOffset { low_us: 400_000, high_us: 410_000, responses: 7 };
        one.clock_offset = BTreeMap::from([("https://127.0.0.1:9001".to_owned(), narrow)]);
    });
    let merged = base.path().join("merged");
    merge(&shards, &merged).unwrap();
    let environment = Environment::read(&merged).unwrap();
    assert_eq!((environment.host.as_str(), environment.cpus), ("ash, birch, cedar", 2));
    assert_eq!(environment.tcp_sysctls, BTreeMap::from([("ipv4.tcp_sack".to_owned(), "1".to_owned())]));
    let shard_of = |host: usize| environment.hosts[host].shards.iter().filter_map(|one| one.shard).collect::<Vec<_>>();
    // The fourth shard ran on ash, too, but on a machine with more processors of that name.
    let names: Vec<_> = environment.hosts.iter().map(|host| (host.host.as_str(), host.cpus)).collect();
    assert_eq!(names, [("ash", 2), ("ash", 5), ("birch", 3), ("cedar", 4)]);
    assert_eq!(shard_of(2), [portions(Portion::Shard, 4)[1].share()]);
    assert_eq!(environment.hosts[2].tcp_sysctls["core.rmem_max"], "birch");
    // What holds for all of them.
    let all = environment.clock_offset["https://127.0.0.1:9001"];
    assert_eq!((all.low_us, all.high_us), (-12_000, 410_000));
    assert_eq!((environment.shard, environment.part), (None, None));

    // Each transfer is moved by its own machine's offset: block 2 ran in the second shard.
    let runs = load(&[merged]).unwrap();
    for seen in runs.transfers.all() {
        let trial = &runs.trials[seen.trial as usize];
        let offset = runs.recorded_offset(&runs.transfers.asked()[seen.asked as usize]).unwrap();
        assert_eq!(offset.low_us, if trial.block % 4 == 2 { 400_000 } else { -12_000 }, "{}", trial.trial_id);
    }
}

#[test]
fn a_difference_between_shards_is_an_error_that_names_folders_and_values() {
    type Change = fn(&mut Environment);
    let cases: [(&str, Change); 7] = [
        ("the plan differs, ", |one| one.plan_hash = "0f".repeat(32)),
        ("the seed differs, 7 here and 8 there", |one| one.seed = 8),
        ("the run differs, 20261124T200000Z here and another there", |one| one.run_id = "another".into()),
        ("the version of ttlsweep differs, 0.1.0 here and 0.2.0 there", |one| one.version = "0.2.0".into()),
        ("the revision of ttlsweep's sources differs, 56d42e4a90b1c2d3e4f5 here and none there", |one| {
            one.git_revision = None;
        }),
        ("the build of ttlsweep differs, release here and debug there", |one| one.build_profile = "debug".into()),
        ("the division of the run differs, shard of 4 here and shard of 5 there", |one| one.shard = "5/5".parse().ok()),
    ];
    for (said, change) in cases {
        let (_base, _, shards) = sharded();
        edit_environment(&shards[2], change);
        for order in [shards.clone(), shards.iter().rev().cloned().collect()] {
            let error = merge_error(&order);
            assert!(error.contains(said), "{error}");
            assert!(error.contains("shard-1-of-4 and ") && error.contains("shard-3-of-4"), "{error}");
        }
    }
}

#[test]
fn what_is_there_twice_is_refused_with_both_places() {
    let (base, whole, shards) = sharded();
    // A folder that is named twice, by itself and through its parent.
    let named_twice = merge_error(&[base.path().join("run"), shards[1].clone()]);
    assert!(named_twice.contains("shard-2-of-4 was named twice"), "{named_twice}");
    assert!(load(&[base.path().join("run"), shards[1].clone()]).unwrap_err().to_string().contains("was named twice"));

    // A copy of a shard.
    let copy = divide(&whole, &base.path().join("copy"), &portions(Portion::Shard, 4)[1..2], &["dogwood"]);
    let copied = [shards.as_slice(), copy.as_slice()].concat();
    let said = merge_error(&copied);
    assert!(said.contains("both hold shard 2/4 of the same run"), "{said}");
    assert!(said.contains("run/shard-2-of-4") && said.contains("copy/shard-2-of-4"), "{said}");

    // The same trial whole in two folders, its row copied by hand.
    let row = fs::read_to_string(shards[0].join("trials.csv")).unwrap().lines().nth(1).unwrap().to_owned();
    edit(&shards[0], "trials.csv", |text| format!("{text}{row}\n"));
    let said = merge_error(&shards);
    assert!(said.contains("was recorded whole twice") && said.contains("trials.csv line 2 and "), "{said}");
}

#[test]
fn a_transfer_that_is_there_twice_is_refused_with_both_places() {
    let (_base, _, shards) = sharded();
    let first = |shard: usize| {
        let text = fs::read_to_string(shards[shard].join("transfers.csv")).unwrap();
        text.lines().nth(1).unwrap().split(',').nth(4).unwrap().to_owned()
    };
    let (ours, theirs) = (first(0), first(2));
    edit(&shards[2], "transfers.csv", |text| text.replacen(&theirs, &ours, 1));
    for said in [merge_error(&shards), load(&shards).unwrap_err().to_string()] {
        assert!(said.contains("shard-3-of-4/transfers.csv line 2: the transfer"), "{said}");
        assert!(
            said.contains("is there twice, first on ") && said.contains("shard-1-of-4/transfers.csv line 2"),
            "{said}"
        );
    }
}

#[test]
fn what_is_missing_is_named_and_the_rest_still_counts() {
    let (_base, _, shards) = sharded();
    fs::rename(&shards[1], shards[1].with_file_name(".shard-2-of-4.partial")).unwrap();
    // Block 4 of the last shard is gone, and one trial of block 8.
    let mut dropped = 0;
    edit(&shards[3], "trials.csv", |text| {
        let keep = |line: &&str| {
            let fields: Vec<&str> = line.split(',').collect();
            let gone = fields[4] == "4" || (fields[4] == "8" && fields[5] == "1");
            dropped += usize::from(gone);
            !gone
        };
        text.lines().filter(keep).map(|line| format!("{line}\n")).collect()
    });
    let there = [shards[0].clone(), shards[2].clone(), shards[3].clone()];
    let set = ShardSet::read(&there).unwrap();
    let cells = set.cells().unwrap();
    let lines = Trials::read(&set, &cells).unwrap().missing(&set, &cells, &set.stops().unwrap()).lines();
    assert_eq!(lines[0], "shard 2 of 4 is missing");
    assert!(lines[1].ends_with(".shard-2-of-4.partial has been begun and is not whole: start it again to finish it"));
    assert_eq!(lines[2], "block 4 has no whole trial");
    assert!(
        lines[3].starts_with("1 trial of blocks that are there is not whole: block 8, cell in-flight-"),
        "{lines:?}"
    );
    let runs = load(&there).unwrap();
    assert_eq!(runs.missing, lines);
    // Shard 2 has two blocks of the eight.
    assert_eq!(runs.left_out.missing_trials, (2 * cells.len() + dropped) as u64);
    assert!(runs.left_out.unfinished > 0);
}

#[test]
fn edited_and_truncated_shards_are_refused_with_the_place() {
    type Edit = fn(String) -> String;
    let cases: [(&str, &str, Edit); 6] = [
        ("transfers.csv", "line 2, column `outcome`: `resett` is not a known outcome", |text| {
            text.replacen(",reset,", ",resett,", 1)
        }),
        ("transfers.csv", "the file ends in the middle of a row", |text| text[..text.len() - 100].to_owned()),
        ("transfers.csv", "transfers by trials.csv and ", |text| {
            let end = text.trim_end().rfind('\n').unwrap();
            text[..=end].to_owned()
        }),
        ("transfers.csv", "this row is of run other, but the folder holds run", |text| {
            text.replacen("2,20261124T200000Z,", "2,other,", 1)
        }),
        ("trials.csv", "block 3 does not belong to shard 2/4", |text| text.replacen(",2,1,", ",3,1,", 1)),
        ("cells.csv", "differ in the cell", |text| text.replacen(",8000000,", ",9000000,", 1)),
    ];
    for (file, said, change) in cases {
        let (_base, _, shards) = sharded();
        edit(&shards[1], file, change);
        let error = merge_error(&shards);
        assert!(error.contains(said), "{file}: {error}");
        assert!(error.contains("shard-2-of-4"), "{error}");
    }
}

#[test]
fn what_is_no_shard_is_reported_so() {
    let (base, whole, shards) = sharded();
    let said = merge_error(&[whole.clone(), shards[0].clone()]);
    assert!(said.contains("holds the run 20261124T200000Z as a whole, not a shard of one"), "{said}");
    let empty = base.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(merge_error(&[empty]).contains("is not a run's folder and holds no shards (shard-i-of-n)"));
    assert!(merge_error(&[]).contains("there is nothing to merge"));
    // Beside the run as a whole its shards would count twice.
    let said = load(&[whole, shards[0].clone()]).unwrap_err().to_string();
    assert!(said.contains("are the same run, 20261124T200000Z; name it once"), "{said}");
    fs::write(shards[2].join("journal.csv"), "").unwrap();
    assert!(merge_error(&shards).contains("shard-3-of-4 is not whole yet"));
    fs::remove_file(shards[2].join("journal.csv")).unwrap();
    let there = base.path().join("there");
    fs::create_dir(&there).unwrap();
    assert!(merge(&shards, &there).unwrap_err().to_string().contains("is there already, and nothing is overwritten"));
}

#[test]
fn the_parts_of_a_trial_are_one_trial_and_it_is_said_how_far_apart_they_started() {
    let base = tempfile::tempdir().unwrap();
    let sweep = Sweep { blocks: 4, users: vec![6], policies: vec![Some(ExpiryPolicy::InFlight)], ..Sweep::default() };
    let whole = sweep.write(&base.path().join("whole"));
    let parts = divide(&whole, &base.path().join("run"), &portions(Portion::Part, 3), &HOSTS);
    edit_environment(&parts[2], |one| {
        // Its clock is half a second behind, so that the server's is the more ahead of it.
        one.clock_offset.values_mut().for_each(|offset| {
            offset.low_us += 500_000;
            offset.high_us += 500_000;
        });
    });
    let merged = base.path().join("merged");
    merge(&parts, &merged).unwrap();
    let rows: Vec<TrialRecord> = read_rows(&merged).unwrap();
    let one = load(&[whole]).unwrap();
    assert_eq!(rows.len(), 3 * one.trials.len(), "each part has its row");
    for runs in [load(&[merged]).unwrap(), load(&[parts[2].clone(), parts[0].clone(), parts[1].clone()]).unwrap()] {
        assert_eq!(runs.trials.len(), one.trials.len());
        assert!(runs.trials.iter().all(|trial| trial.host == "ash, birch, cedar" && trial.transfers == 6));
        assert_eq!(runs.transfers.all().len(), one.transfers.all().len());
        let spread = runs.start_spread.unwrap();
        assert_eq!(
            (spread.trials, spread.own_clocks.median_us, spread.own_clocks.most_us),
            (one.trials.len() as u64, 2_000, 2_000)
        );
        let by_server = spread.server_clock.unwrap();
        assert_eq!((by_server.median_us, by_server.most_us, by_server.uncertainty_us), (502_000, 502_000, 12_000));
        assert!(
            spread.line().contains("lay apart 2.0ms in the median, 2.0ms at most by their own clocks"),
            "{}",
            spread.line()
        );
        assert!(runs.warnings.is_empty(), "{:?}", runs.warnings);
    }
    // Without one of its parts no trial is whole.
    let without = load(&parts[..2]).unwrap();
    assert_eq!((without.trials.len(), without.start_spread), (0, None));
    assert_eq!(without.missing[0], "part 3 of 3 is missing");
    assert!(without.missing[1].starts_with("20 trials count as not whole"), "{:?}", without.missing);
    assert_eq!(rows.iter().filter(|row| row.state == TrialState::Whole).count(), rows.len());
}
