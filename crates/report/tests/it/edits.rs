//! Random edits to every file of a run: report, case and verify work, or name the file; nothing panics, and the run's own files
//! stay as they are. `just edits 10000` tries more of them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use crate::common::Sweep;
use crate::record_edits::{Dice, asked, edited};
use ttlsweep_report::case::{KnownSecrets, Redaction, bundle};
use ttlsweep_report::report::report;
use ttlsweep_report::testing::load::load;
use ttlsweep_rundir::verify::verify;

/// Reports and bundles take a hundred times as long as reading does: so many reads come to one of them.
const READS_A_REPORT: usize = 25;

#[test]
#[ignore = "slow"]
fn whatever_is_edited_report_case_and_verify_work_or_name_the_file() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    Sweep { ttls: vec![1, 4], controls: true, blocks: 2, ..Sweep::default() }.write(&folder);
    fs::write(folder.join("experiment.toml"), "[experiment]\nname = \"ttl-grid\"\n").unwrap();
    let whole = files(&folder);
    let names: Vec<&String> = whole.keys().collect();
    let (mut read, mut refused, mut reports, mut bundles) = (0, 0, 0, 0);
    for seed in 0..asked(200) {
        let mut dice = Dice(seed as u64);
        let name = (*dice.choose(&names)).clone();
        println!("edit {seed} of {name}");
        let path = folder.join(&name);
        fs::write(&path, edited(&mut dice, &whole[&name])).unwrap();
        let before = files(&folder);
        let named = |said: String| assert!(said.contains(&name) || said.contains("run"), "{name}: {said}");
        match verify(&folder, &HashSet::new()) {
            Ok(verified) => assert_eq!(verified.whole_and_consistent, verified.problems.is_empty()),
            Err(error) => named(error.to_string()),
        }
        match load(std::slice::from_ref(&folder)) {
            Ok(_) => read += 1,
            Err(error) => {
                named(error.to_string());
                refused += 1;
            }
        }
        if seed % READS_A_REPORT == 0 {
            let out = base.path().join("out");
            match report(std::slice::from_ref(&folder), Some(&out)) {
                Ok(_) => reports += 1,
                Err(error) => named(error.to_string()),
            }
            match bundle(&folder, Some(&base.path().join("case")), Redaction::default(), &KnownSecrets::default()) {
                Ok(_) => bundles += 1,
                Err(error) => named(error.to_string()),
            }
        }
        assert_eq!(files(&folder), before, "a run's own files are never written to");
        fs::write(&path, &whole[&name]).unwrap();
    }
    println!("{read} read, {refused} refused; {reports} reports and {bundles} bundles made");
    assert!(read > 0 && refused > 0);
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}
