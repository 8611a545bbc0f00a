//! Random edits to every file of a run: each command works, or names the file; nothing panics, a dry run writes nothing, and no
//! row that could be read before is gone afterwards. `just edits 10000` tries more of them.

#[path = "../../../record/tests/common/edits.rs"]
mod random_edits;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use ttlsweep_record::TrialRecord;
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::merge::{MergeError, ShardSet, Trials, write};
use ttlsweep_rundir::verify::verify;
use ttlsweep_runner::Mode;
use ttlsweep_runner::cli::{CleanArgs, ResumeArgs};
use ttlsweep_runner::cmd;
use ttlsweep_runner::cmd::exit::Failure;

use self::random_edits::{Dice, asked, edited};
use crate::experiment::Toml;
use crate::program::{Run, succeed};

#[test]
fn whatever_is_edited_every_command_works_or_names_the_file_and_no_row_is_lost() {
    let edits = Toml::named("edits").set("experiment.repetitions", 2).set("target.tls", false).set("grid.users", 2);
    let lab = edits.set("grid.size", "1kB").set("transfer.transfers_per_user", 2).lab();
    // A shard that is all of its run, so that it can be merged, too.
    let run =
        Run::printed(&lab, &succeed(lab.ttlsweep(&["run", "edits.toml", "--shard", "1/1", "--progress", "none"])));
    let whole = files(run.path());
    let names: Vec<&String> = whole.keys().filter(|name| *name != ".lock").collect();
    let folder = lab.path("edited").join("shard-1-of-1");
    let mut reported = Reported::default();
    for seed in 0..asked(60) as u64 {
        let mut dice = Dice(seed);
        let name = (*dice.choose(&names)).clone();
        println!("edit {seed} of {name}");
        let contents = edited(&mut dice, &whole[&name]);
        let mut before = whole.clone();
        before.insert(name.clone(), contents);
        put(&folder, &before);

        reported.edits += 1;
        let verified = verify(&folder, &HashSet::new());
        let is_whole = verified.as_ref().is_ok_and(|verified| verified.whole_and_consistent);
        reported.noticed += u64::from(!is_whole);
        reported.note("verify", verified.map(drop).map_err(|error| error.to_string()), &name);
        reported.note("merge", merge(&folder, &lab.path("merged"), is_whole).map_err(|error| error.to_string()), &name);
        let clean = CleanArgs { folder: folder.clone(), dry_run: true };
        reported.note("clean --dry-run", wait(cmd::clean::clean(&clean)), &name);
        assert_eq!(files(&folder), before, "none of these writes anything");
        let resume = ResumeArgs { folder: folder.clone(), progress: Mode::None };
        let trials = read_rows::<TrialRecord>(&folder);
        reported.note("resume", wait(cmd::resume::resume(&resume)), &name);
        assert_nothing_lost(&before, &files(&folder));
        if let Ok(trials) = trials {
            let after: HashSet<_> = attempts(&read_rows(&folder).unwrap());
            assert!(attempts(&trials).is_subset(&after), "an attempt is gone: {trials:?}");
        }
    }
    println!("{reported:?}");
    assert!(reported.works["resume"] > 0 && reported.refuses["resume"] > 0, "{reported:?}");
}

#[derive(Debug, Default)]
struct Reported {
    edits: u64,
    /// How many of them `verify` reported.
    noticed: u64,
    works: BTreeMap<&'static str, u64>,
    refuses: BTreeMap<&'static str, u64>,
}

impl Reported {
    fn note(&mut self, command: &'static str, ended: Result<(), String>, edited: &str) {
        match ended {
            Ok(()) => *self.works.entry(command).or_default() += 1,
            Err(said) => {
                // A report's lines break where the terminal ends.
                let said = said.replace(['│', '\n'], "").replace(' ', "");
                // What the environment says of the folder as a whole is reported of the folder.
                let named = said.contains(edited) || (edited == "environment.json" && said.contains("shard-1-of-1"));
                assert!(named, "{command} refuses {edited} without its name: {said}");
                *self.refuses.entry(command).or_default() += 1;
            }
        }
    }
}

fn wait<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended.map(drop).map_err(|failure| format!("{failure:?}"))
}

/// Merges the folder as the only shard of its run.
fn merge(folder: &Path, out: &Path, is_whole: bool) -> Result<(), MergeError> {
    let _ = fs::remove_dir_all(out);
    let set = ShardSet::read(&[folder.to_owned()])?;
    let cells = set.cells()?;
    let trials = Trials::read(&set, &cells)?;
    write(&set, &cells, &trials, out)?;
    let merged = verify(out, &HashSet::new()).unwrap();
    assert!(!is_whole || merged.whole_and_consistent, "{merged}");
    Ok(())
}

fn attempts(trials: &[TrialRecord]) -> HashSet<(String, u32)> {
    trials.iter().map(|trial| (trial.trial_id.clone(), trial.attempt)).collect()
}

/// Every line that was whole is still in its file, and one that was not is there or beside it.
fn assert_nothing_lost(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    for (name, contents) in before.iter().filter(|(name, _)| name.ends_with(".csv")) {
        // Where trials are run again or were interrupted this file is written as a whole; its attempts are looked at instead.
        if name == "trials.csv" {
            continue;
        }
        let aside = after.get(&format!("{name}.cut-1"));
        let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let kept: HashSet<&[u8]> = after[name].split(breaks).chain(aside.map(Vec::as_slice)).collect();
        for line in contents.split(breaks) {
            // A file of which not even the header is whole gets it back.
            assert!(kept.contains(line), "{name} has lost {:?}", String::from_utf8_lossy(line));
        }
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap());
    paths.map(named).collect()
}

fn put(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    files.iter().for_each(|(name, contents)| fs::write(folder.join(name), contents).unwrap());
}
