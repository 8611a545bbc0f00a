//! Files that a hand, a spreadsheet or a version of another day left: commands read them or refuse them by file and line, and
//! no row that could be read before is gone afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ttlsweep_record::{TransferRecord, TrialState};
use ttlsweep_rundir::environment::Environment;

use crate::experiment::Toml;
use crate::program::{Lab, Run, succeed, words};
use crate::verify::assert_whole;

/// Two trials of a moment, whole.
pub(crate) fn whole() -> (Lab, Run) {
    let few = Toml::named("few").set("experiment.repetitions", 2).set("target.tls", false).set("grid.users", 3);
    let lab = few.set("grid.size", "1kB").set("transfer.transfers_per_user", 2).lab();
    succeed(lab.ttlsweep(&["run", "few.toml", "--progress", "none"]));
    let run = lab.run_of("few");
    (lab, run)
}

/// Every file with its bytes; of a link, where it leads.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let contents = |path: &Path| match fs::read_link(path) {
        Ok(target) => target.into_os_string().into_encoded_bytes(),
        Err(_) => fs::read(path).unwrap_or_default(),
    };
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), contents(&path))).collect()
}

pub(crate) fn edit(run: &Run, file: &str, change: impl FnOnce(&mut Vec<String>)) {
    let path = run.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// The commands that go by a run's files; none of them needs anybody to answer.
fn commands<'a>(lab: &Lab, out: &'a str) -> Vec<(Vec<&'a str>, Option<i32>, String)> {
    let folder = "results/few/latest";
    let all = [
        vec!["resume", folder, "--progress", "none"],
        vec!["clean", folder, "--dry-run"],
        vec!["clean", folder],
        vec!["trace", folder],
        vec!["merge", folder, "--out", out],
    ];
    let said = |args: Vec<&'a str>| {
        let (code, said) = words(&lab.ttlsweep(&args).output().unwrap());
        (args, code, said)
    };
    all.into_iter().map(said).collect()
}

/// 30 GB of nothing are one row, and none that a memory holds.
#[test]
fn a_file_of_one_endless_row_is_refused_by_its_line() {
    for file in ["transfers.csv", "trials.csv", "events.csv"] {
        let (lab, run) = whole();
        let path = run.path().join(file);
        let lines = fs::read_to_string(&path).unwrap().lines().count() + 1;
        fs::File::options().write(true).open(&path).unwrap().set_len(30 << 30).unwrap();
        {
            let args = "resume results/few/latest";
            let (code, said) =
                words(&lab.shell(&format!("ulimit -v 4000000; exec \"$TTLSWEEP\" {args}")).output().unwrap());
            assert_eq!(code, Some(2), "{file} {args}: {said}");
            assert!(
                said.contains(&format!("{file} line {lines}: a row is longer than 1 MiB")),
                "{file} {args}: {said}"
            );
        }
        assert_eq!(fs::metadata(&path).unwrap().len(), 30 << 30, "{file} is left as it is");
    }
    let lab = Lab::new();
    fs::File::create(lab.path("few.toml")).unwrap().set_len(30 << 30).unwrap();
    let (code, said) = words(&lab.shell("ulimit -v 4000000; exec \"$TTLSWEEP\" run few.toml").output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("few.toml is larger than 16 MiB, as no experiment is"), "{said}");
}

#[test]
fn a_stray_quote_is_refused_with_its_line_and_no_row_is_lost() {
    for (file, line) in [("transfers.csv", 3), ("trials.csv", 2), ("events.csv", 5)] {
        for (from, to) in [(",", ",\"open quote "), ("-", "-a\"b")] {
            let (lab, run) = whole();
            edit(&run, file, |lines| lines[line - 1] = lines[line - 1].replacen(from, to, 1));
            let before = bytes(run.path());
            let (code, said) =
                words(&lab.ttlsweep(&["resume", "results/few/latest", "--progress", "none"]).output().unwrap());
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains(&format!("{file} line {line}: a quote is")), "{said}");
            assert_eq!(bytes(run.path()), before, "nothing is written where something is refused");
        }
    }
}

#[test]
fn a_torn_line_goes_aside_and_a_dry_run_writes_nothing() {
    let (lab, run) = whole();
    fs::remove_file(run.path().join(".lock")).unwrap();
    let path = run.path().join("transfers.csv");
    let torn = format!("{}2,half-a-row", fs::read_to_string(&path).unwrap());
    fs::write(&path, &torn).unwrap();
    let before = bytes(run.path());
    succeed(lab.ttlsweep(&["clean", "results/few/latest", "--dry-run"]));
    assert_eq!(bytes(run.path()), before);
    succeed(lab.ttlsweep(&["clean", "results/few/latest"]));
    assert!(!run.path().join("journal.csv").exists(), "a run that is whole stays so");
    assert_eq!(fs::read_to_string(&path).unwrap(), torn, "what was not written to is not repaired");

    let resumed = succeed(lab.ttlsweep(&["resume", "results/few/latest", "--progress", "none"]));
    let said = words(&resumed).1;
    assert!(
        said.contains("transfers.csv line 14: the line was written in part only; its 12 bytes were moved to"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(run.path().join("transfers.csv.cut-1")).unwrap(), "2,half-a-row");
    assert_eq!(run.transfers().len(), 12);
}

#[test]
fn a_file_that_a_hand_took_away_is_asked_for_and_its_trials_are_not_run_again() {
    for file in ["trials.csv", "transfers.csv", "events.csv"] {
        let (lab, run) = whole();
        fs::remove_file(run.path().join(file)).unwrap();
        let before = bytes(run.path());
        let (code, said) =
            words(&lab.ttlsweep(&["resume", "results/few/latest", "--progress", "none"]).output().unwrap());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("{file} is gone")), "{said}");
        assert_eq!(bytes(run.path()), before);
    }
}

/// What is run now would otherwise be of another run than what was run before, in one file.
#[test]
fn rows_of_another_run_than_the_folders_are_not_added_to() {
    let (lab, run) = whole();
    edit(&run, "environment.json", |lines| lines[2] = "  \"run_id\": \"another\",".to_owned());
    let before = bytes(run.path());
    let (code, said) = words(&lab.ttlsweep(&["resume", "results/few/latest", "--progress", "none"]).output().unwrap());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("trials.csv has a row of run") && said.contains("tells of run another"), "{said}");
    assert_eq!(bytes(run.path()), before);
}

#[test]
fn a_schema_that_is_not_known_is_refused_by_every_command() {
    let in_row = |run: &Run| {
        edit(run, "transfers.csv", |lines| {
            let (_, rest) = lines[2].split_once(',').unwrap();
            lines[2] = format!("999,{rest}");
        });
    };
    let in_environment = |run: &Run| {
        edit(run, "environment.json", |lines| {
            assert!(lines[1].starts_with("  \"schema_version\": "));
            lines[1] = "  \"schema_version\": 999,".to_owned();
        });
    };
    type Change<'a> = &'a dyn Fn(&Run);
    let places: [(Change<'_>, &str); 2] = [(&in_row, "transfers.csv line 3"), (&in_environment, "environment.json")];
    for (change, place) in places {
        let (lab, run) = whole();
        change(&run);
        let before = bytes(run.path());
        for (args, code, said) in commands(&lab, "merged") {
            // A run that was not divided is none to be merged, which its environment tells before any row; and a run on
            // the testbed has nothing to be cleaned.
            if place.starts_with("transfers") && ["merge", "clean"].contains(&args[0]) {
                continue;
            }
            assert_eq!(code, Some(2), "{args:?}: {said}");
            assert!(said.contains(place) && said.contains("schema version 999 is not known"), "{args:?}: {said}");
            assert!(said.contains("reads 1 and 2"), "{args:?}: {said}");
        }
        assert_eq!(without_lock(&bytes(run.path())), without_lock(&before));
    }
}

fn without_lock(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.iter().filter(|(name, _)| *name != ".lock").map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

/// As version 1 wrote them, in the middle of the second trial.
#[test]
fn a_run_of_schema_1_is_resumed() {
    let (lab, run) = whole();
    let older = |lines: &mut Vec<String>, from_end: usize| {
        for line in lines.iter_mut() {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells.truncate(cells.len() - from_end);
            *line = cells.join(",").replacen("2,", "1,", 1);
        }
    };
    edit(&run, "transfers.csv", |lines| {
        older(lines, 5);
        lines.truncate(1 + 6 + 2);
    });
    edit(&run, "trials.csv", |lines| lines.truncate(2));
    edit(&run, "environment.json", |lines| lines[1] = lines[1].replace(": 2", ": 1"));
    for later in ["clock.csv", "decisions.csv", "objects.csv", "harness.csv"] {
        let _ = fs::remove_file(run.path().join(later));
    }
    assert_eq!(run.transfers()[0].schema_version, 1);
    succeed(lab.ttlsweep(&["resume", "results/few/latest", "--progress", "none"]));
    let rows = run.transfers();
    let versions = |version: u32| rows.iter().filter(|row: &&TransferRecord| row.schema_version == version).count();
    assert_eq!((versions(1), versions(2)), (8, 6));
    assert_eq!(run.trials().iter().filter(|trial| trial.state == TrialState::Whole).count(), 2);
    assert_eq!(Environment::read(run.path()).unwrap().schema_version, 2);
    assert_whole(&run);
}

#[test]
fn what_a_link_in_the_folder_leads_to_is_neither_read_nor_written() {
    let (lab, run) = whole();
    let private = lab.path("private");
    let names =
        ["transfers.csv", "trials.csv", "events.csv", "samples.csv", "objects.csv", "journal.csv", "environment.json"];
    for name in names {
        let path = run.path().join(name);
        let own = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        fs::write(&private, "private\nto the last").unwrap();
        symlink(&private, &path).unwrap();
        for (args, _, said) in commands(&lab, "merged") {
            assert_eq!(fs::read_to_string(&private).unwrap(), "private\nto the last", "{args:?} {name}: {said}");
            assert!(!said.contains("to the last"), "{args:?} {name}: {said}");
        }
        let (code, said) = words(&lab.ttlsweep(&["resume", "results/few/latest"]).output().unwrap());
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!(said.contains(name) && said.contains("is a link"), "{name}: {said}");
        fs::remove_file(&path).unwrap();
        if let Some(own) = own {
            fs::write(&path, own).unwrap();
        }
    }
    symlink(&private, run.path().join("environment.json.unfinished")).unwrap();
    edit(&run, "trials.csv", |lines| lines.truncate(2));
    succeed(lab.ttlsweep(&["resume", "results/few/latest", "--progress", "none"]));
    assert_eq!(fs::read_to_string(&private).unwrap(), "private\nto the last");
}

#[test]
fn a_runs_name_that_leads_elsewhere_is_refused() {
    let (lab, run) = whole();
    edit(&run, "environment.json", |lines| {
        lines[2] = "  \"run_id\": \"/../../../elsewhere\",".to_owned();
    });
    for (args, code, said) in commands(&lab, "merged") {
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains("elsewhere` cannot be a run's name"), "{args:?}: {said}");
    }
}
