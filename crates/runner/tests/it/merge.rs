//! `ttlsweep merge`: the shards of a run become the run that one machine would have made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ttlsweep_record::{Cell, EventRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::Environment;

use crate::experiment::Toml;
use crate::program::{Lab, Run, succeed, words};

/// Four blocks of two cells and a control; the whole takes some five seconds.
fn lab() -> Lab {
    let many = Toml::named("many").set("experiment.repetitions", 4).set("target.tls", false).set("grid.users", 2);
    let many = many.set("grid.ttl", ["60s", "120s"]).set("grid.bandwidth", "2Mbit/s");
    many.set("controls.header_signed", true).lab()
}

fn shards(lab: &Lab, of: u32) -> Vec<String> {
    let shard = |number| {
        let share = format!("{number}/{of}");
        let output = succeed(lab.ttlsweep(&["run", "many.toml", "--shard", &share, "--run-id", "night"]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    (1..=of).map(shard).collect()
}

fn merge(lab: &Lab, folders: &[&str], out: &str, more: &[&str]) -> (Option<i32>, String) {
    let args = [&["merge"], folders, &["--out", out], more].concat();
    words(&lab.ttlsweep(&args).output().unwrap())
}

#[test]
fn four_shards_merged_in_any_order_are_the_run_that_one_machine_would_have_made() {
    let lab = lab();
    let whole = Run::printed(&lab, &succeed(lab.ttlsweep(&["run", "many.toml"])));
    let shards = shards(&lab, 4);
    let shards: Vec<&str> = shards.iter().map(String::as_str).collect();
    let parent = Path::new(shards[0]).parent().unwrap().to_str().unwrap();
    let (a, b, c, d) = (shards[0], shards[1], shards[2], shards[3]);
    let mut first = None;
    for (at, order) in [vec![a, b, c, d], vec![d, c, b, a], vec![c, a, d, b], vec![parent]].iter().enumerate() {
        let out = format!("merged-{at}");
        let (code, said) = merge(&lab, order, &out, &[]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("merged: 4 shards, 12 trials, 24 transfers"), "{said}");
        let found = bytes(&lab.path(&out));
        assert_eq!(found, *first.get_or_insert_with(|| found.clone()), "{order:?}");
    }
    let merged = Run(lab.path("merged-0"));
    assert_eq!(read_rows::<Cell>(whole.path()).unwrap(), read_rows::<Cell>(merged.path()).unwrap());
    let trials = |run: &Run| {
        let rows = run.trials().into_iter();
        rows.map(|row| (row.trial_id, row.cell_id, row.block, row.position, row.jitter_us, row.transfers)).collect()
    };
    let planned: Vec<_> = trials(&whole);
    assert_eq!(trials(&merged), planned, "in the plan's order, too");
    let names = |run: &Run| run.transfers().into_iter().map(|row| row.transfer_id).collect::<BTreeSet<_>>();
    assert_eq!(names(&merged).len(), names(&whole).len());
    let reported: BTreeSet<_> =
        read_rows::<EventRecord>(merged.path()).unwrap().into_iter().map(|row| row.transfer_id).collect();
    assert_eq!(reported, names(&merged), "each has its tape");
    let environment = Environment::read(merged.path()).unwrap();
    assert_eq!(environment.portion(), None);
    assert_eq!(environment.hosts.iter().map(|host| host.shards.len()).sum::<usize>(), 4);
}

#[test]
fn what_is_missing_is_named_and_can_be_run_after_the_merge() {
    let lab = lab();
    let shards = shards(&lab, 2);
    fs::rename(lab.path(&shards[1]), lab.path("elsewhere")).unwrap();
    let (code, said) = merge(&lab, &[&shards[0]], "merged", &[]);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("shard 2 of 2 is missing") && said.contains("to merge what is there: --partial"), "{said}");
    assert!(!lab.path("merged").exists());

    let (code, said) = merge(&lab, &[&shards[0]], "merged", &["--partial"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("missing: shard 2 of 2 is missing"), "{said}");
    // An ordinary run folder, which is continued like any other.
    let resumed = Run::printed(&lab, &succeed(lab.ttlsweep(&["resume", "merged"])));
    let whole: BTreeSet<_> = resumed.trials().into_iter().map(|row| (row.block, row.cell_id)).collect();
    assert_eq!(whole.len(), 12);
    let names: BTreeSet<_> = resumed.transfers().into_iter().map(|row| row.transfer_id).collect();
    assert_eq!(names.len(), 24);
}

#[test]
fn folders_that_do_not_fit_end_with_2_and_say_why() {
    let lab = lab();
    let night = shards(&lab, 2);
    let other = succeed(lab.ttlsweep(&["run", "many.toml", "--shard", "2/2", "--run-id", "day"]));
    let other = String::from_utf8(other.stdout).unwrap().trim().to_owned();
    for (folders, expected) in [
        (vec![night[0].as_str(), &other], "the run differs, night here and day there"),
        (vec![night[0].as_str(), &night[1], &night[0]], "was named twice"),
        (vec!["nowhere"], "nowhere is not a run's folder and holds no shards"),
    ] {
        let (code, said) = merge(&lab, &folders, "merged", &[]);
        assert_eq!(code, Some(2), "{said}");
        // The terminal's width breaks the lines.
        let said = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{said}");
        assert!(!lab.path("merged").exists());
    }
}

/// In a container every process has the same number, so that names made of it are taken once one was killed.
#[test]
fn what_a_killed_process_of_the_same_number_left_hinders_no_other() {
    let lab = lab();
    let shards = shards(&lab, 2);
    let script =
        format!("mkdir .merged.unfinished-$$ && exec \"$TTLSWEEP\" merge {} {} --out merged", shards[0], shards[1]);
    succeed(lab.shell(&script));
    assert!(lab.path("merged/transfers.csv").is_file());
    let script = "ln -s nowhere results/many/.latest-$$ && exec \"$TTLSWEEP\" run many.toml \
                  --set experiment.repetitions=1 --progress none";
    let whole = Run::printed(&lab, &succeed(lab.shell(script)));
    assert_eq!(lab.run_of("many").path(), whole.path().canonicalize().unwrap(), "`latest` has moved");
}

/// Every file of a folder with its bytes.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap())).collect()
}
