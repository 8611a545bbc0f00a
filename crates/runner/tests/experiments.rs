//! Every experiment in `experiments/` loads and plans, and takes no longer than its text promises.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ttlsweep_runner::testing::experiment::{LoadOptions, Loaded, load};
use ttlsweep_runner::testing::plan::Plan;
use ttlsweep_runner::testing::plan::estimate::Estimate;
use ttlsweep_runner::testing::plan::outlook::Outlook;

#[test]
fn every_experiment_loads_and_plans() {
    for path in experiment_files() {
        let loaded = load_file(&path);
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        assert_eq!(Some(loaded.experiment.name.as_str()), stem, "an experiment has the name of its file");
        assert!(loaded.experiment.question.ends_with('?'), "{} asks no question", path.display());
        let (plan, estimate) = plan(&loaded);
        assert!(!plan.trials.is_empty());
        println!("{}: {estimate}", path.display());
    }
}

/// The report writes it, and its tests hold it against the same file.
#[test]
fn the_experiment_that_tests_a_ttl_loads_and_plans() {
    let loaded = load_file(Path::new("tests/ttl-check.toml"));
    let (plan, _) = plan(&loaded);
    // The cell itself and three controls, in twenty blocks.
    assert_eq!(plan.trials.len(), 80);
    let links = loaded.experiment.cells.iter().map(|cell| (cell.ttl_s, cell.timeout_us));
    assert_eq!(links.max(), Some((Some(3600), 1_052_000_000)));
}

/// What a file of this project is for must not end in CANNOT TELL for lack of trials.
#[test]
fn every_experiment_can_end_in_yes_and_in_no() {
    // One is about the instrument, and the other has no cap: its uploads outlive their links by the line that `just bloat` gives it.
    let others = ["testbed-thousand-users.toml", "bloat.toml"];
    let decides = |path: &PathBuf| !others.iter().any(|name| path.ends_with(name));
    for path in experiment_files().filter(decides) {
        let loaded = load_file(&path);
        let outlook = Outlook::new(&Plan::new(&loaded.experiment), &loaded.experiment);
        assert!(outlook.can_decide(), "{}: {outlook}", path.display());
        assert_eq!(loaded.warnings().collect::<Vec<_>>(), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn every_experiment_can_be_asked_of_a_bucket() {
    for path in experiment_files() {
        let options = LoadOptions { bucket: Some("example".to_owned()), ..LoadOptions::default() };
        let loaded = load(&path, &options).unwrap_or_else(|report| panic!("{report:?}"));
        assert!(loaded.experiment.cells.iter().all(|cell| cell.bucket == "example"));
        assert_eq!(loaded.experiment.parallel_trials, 1);
    }
}

#[test]
fn frozen_it_loads_to_the_same_plan() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in experiment_files() {
        let loaded = load_file(&path);
        let frozen = folder.path().join("experiment.toml");
        std::fs::write(&frozen, &loaded.frozen).expect("a file in the temporary folder");
        let again = load(&frozen, &LoadOptions::default()).unwrap_or_else(|report| panic!("{report:?}"));
        assert_eq!(loaded.experiment, again.experiment, "{}", path.display());
        assert_eq!(plan(&loaded).0, plan(&again).0, "{}", path.display());
    }
}

#[test]
fn the_files_for_real_endpoints_ask_for_a_bucket() {
    for path in experiment_files().filter(|path| needs_a_bucket(path)) {
        let report = load(&path, &LoadOptions::default()).expect_err("a bucket is missing");
        assert!(format!("{report:?}").contains("--bucket NAME"), "{}: {report:?}", path.display());
    }
}

#[test]
fn a_newcomer_waits_less_than_two_minutes() {
    let loaded = load_file(&folder().join("ttl-grid.toml"));
    let (plan, estimate) = plan(&loaded);
    assert_eq!((plan.trials.len(), estimate.grid_trials), (144, 90));
    assert!(estimate.duration < Duration::from_secs(110), "{estimate}");
}

#[test]
fn the_twins_on_the_testbed_take_two_minutes_at_most_and_smoke_a_few_seconds() {
    for path in experiment_files().filter(|path| !needs_a_bucket(path)) {
        let (plan, estimate) = plan(&load_file(&path));
        // A slow line takes the time that its bytes need.
        let most = if plan.cells.iter().any(|cell| cell.path_rate_bps.is_some()) { 15 * 60 } else { 120 };
        assert!(estimate.duration <= Duration::from_secs(most), "{}: {estimate}", path.display());
    }
    let smoke = plan(&load_file(&folder().join("smoke.toml"))).1;
    assert!(smoke.duration <= Duration::from_secs(5), "{smoke}");
}

#[test]
fn the_readme_has_a_paragraph_on_every_file() {
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("experiments/README.md");
    for path in experiment_files() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in experiments/README.md");
    }
}

fn load_file(path: &Path) -> Loaded {
    let bucket = needs_a_bucket(path).then(|| "example".to_owned());
    let options = LoadOptions { bucket, ..LoadOptions::default() };
    load(path, &options).unwrap_or_else(|report| panic!("{report:?}"))
}

fn plan(loaded: &Loaded) -> (Plan, Estimate) {
    let plan = Plan::new(&loaded.experiment);
    let estimate = Estimate::new(&plan, &loaded.experiment);
    (plan, estimate)
}

fn experiment_files() -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder experiments/");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of experiments/").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort_unstable();
    assert!(paths.len() >= 10);
    paths.into_iter()
}

fn needs_a_bucket(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("aws-") || ["field.toml", "real-server.toml"].contains(&name))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments"))
}
