//! `ttlsweep merge s3://…`: brings a run's shards from the bucket that `--upload` put them into.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ttlsweep_console::say;
use ttlsweep_record::Portion;
use ttlsweep_record::units::round_bytes;
use ttlsweep_rundir::disk::{self, Staging};
use ttlsweep_rundir::environment;

use super::settings;
use crate::s3::{Results, ResultsError, ResultsUrl, StoreError};

/// A run's shards in a folder that is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct DownloadedShards(Staging);

/// Why no shards were brought.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There are no credentials, or there is no region.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not give them, or they cannot be kept.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// Several runs lie there.
    #[error("{} runs lie below {url}; name one of them:{}", runs.len(), lines(url, runs))]
    SeveralRuns {
        /// Where.
        url: ResultsUrl,
        /// Their places below it.
        runs: Vec<String>,
    },
    /// No shard lies there.
    #[error("no shard lies below {0}: name what `ttlsweep run --upload` was given, or a folder below it")]
    NoShard(ResultsUrl),
    /// None of those that lie there is whole yet.
    #[error("no shard below {url} is whole; {begun} were begun")]
    NoneWhole {
        /// Where.
        url: ResultsUrl,
        /// How many there are.
        begun: usize,
    },
}

fn lines(url: &ResultsUrl, runs: &[String]) -> String {
    runs.iter().map(|run| format!("\n  {}", url.below(run))).collect()
}

/// The files of each portion of each run, runs by where they lie.
type Runs = BTreeMap<String, BTreeMap<Portion, Vec<String>>>;

impl DownloadedShards {
    /// Brings every whole shard of the one run that lies at or below `url` into a folder beside `out`.
    ///
    /// # Errors
    /// There is no whole shard, or there are several runs; the store refuses, does not answer or gives other bytes than were
    /// put; or there is no room.
    pub(crate) async fn from(url: &ResultsUrl, out: &Path) -> Result<Self, DownloadError> {
        let results = Results::connect(url.clone(), &settings(url, None)).await?;
        let (run, portions) = the_run(url, runs(&results.names().await?))?;
        let results = if run.is_empty() { results } else { results.below(&run) };

        let name = out.file_name().and_then(|name| name.to_str()).unwrap_or("merged");
        let parent = disk::parent_of(out);
        let unwritable = |source| ResultsError::File { path: parent.to_owned(), source };
        fs::create_dir_all(parent).map_err(unwritable)?;
        let brought = Self(Staging::within(parent, format!(".{name}.brought-")).map_err(unwritable)?);
        let (mut files, mut bytes) = (0, 0);
        for (portion, names) in &portions {
            let folder = brought.folder().join(portion.folder_name());
            fs::create_dir_all(&folder).map_err(|source| ResultsError::File { path: folder.clone(), source })?;
            let results = results.below(&portion.folder_name());
            for name in names {
                bytes += results.get(name, &folder.join(name)).await?;
                files += 1;
            }
        }
        // Those of one run are all of one kind, or are refused when they are merged.
        let kind = portions.keys().next().map_or("shard", |portion| portion.kind());
        let (number, size) = (portions.len(), round_bytes(bytes));
        say!("brought: {files} files of {number} {kind}s, {size} from {}", results.url());
        Ok(brought)
    }

    /// The folder that holds the shards' folders.
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// Sorts the names of objects; those that no `--upload` made are left out.
fn runs(names: &[String]) -> Runs {
    let mut runs = Runs::new();
    for name in names {
        let Some((folder, file)) = name.rsplit_once('/') else { continue };
        let (run, folder) = folder.rsplit_once('/').unwrap_or(("", folder));
        let portion = Portion::of_folder_name(folder).filter(|portion| portion.folder_name() == folder);
        // It becomes a file's name on this machine.
        if let Some(portion) = portion
            && !matches!(file, "" | "." | "..")
        {
            runs.entry(run.to_owned()).or_default().entry(portion).or_default().push(file.to_owned());
        }
    }
    runs
}

/// The only run, with its whole shards: `environment.json` is put last.
fn the_run(url: &ResultsUrl, mut runs: Runs) -> Result<(String, BTreeMap<Portion, Vec<String>>), DownloadError> {
    let begun: usize = runs.values().map(BTreeMap::len).sum();
    for portions in runs.values_mut() {
        portions.retain(|_, files| files.iter().any(|file| file == environment::FILE));
    }
    runs.retain(|_, portions| !portions.is_empty());
    if runs.len() > 1 {
        return Err(DownloadError::SeveralRuns { url: url.clone(), runs: runs.into_keys().collect() });
    }
    runs.pop_first().ok_or_else(|| match begun {
        0 => DownloadError::NoShard(url.clone()),
        _ => DownloadError::NoneWhole { url: url.clone(), begun },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn chosen(all: &[&str]) -> Result<(String, usize), DownloadError> {
        let url = "s3://bucket/night".parse().unwrap();
        the_run(&url, runs(&names(all))).map(|(run, portions)| (run, portions.len()))
    }

    #[test]
    fn only_whole_shards_of_a_single_run_are_brought() {
        let one = ["grid/plan-1/shard-1-of-2/environment.json", "grid/plan-1/shard-1-of-2/cells.csv"];
        let begun = "grid/plan-1/shard-2-of-2/experiment.toml";
        let whole = |all: &[&str]| chosen(all).unwrap();
        assert_eq!(whole(&one), ("grid/plan-1".to_owned(), 1));
        assert_eq!(whole(&[one[0], one[1], begun]), ("grid/plan-1".to_owned(), 1));
        assert_eq!(whole(&["shard-1-of-2/environment.json"]), (String::new(), 1), "the run's own place was named");
        let none = chosen(&[begun]).unwrap_err();
        assert!(matches!(none, DownloadError::NoneWhole { begun: 1, .. }), "{none}");
        assert_eq!(none.to_string(), "no shard below s3://bucket/night is whole; 1 were begun");
        let several = chosen(&[one[0], "grid/plan-2/shard-1-of-2/environment.json"]).unwrap_err();
        assert!(matches!(several, DownloadError::SeveralRuns { .. }), "{several}");
        let said = several.to_string();
        assert!(said.ends_with(":\n  s3://bucket/night/grid/plan-1\n  s3://bucket/night/grid/plan-2"), "{said}");
        assert!(matches!(chosen(&[]), Err(DownloadError::NoShard(_))));
    }

    /// Whoever may write to the bucket must not be able to write anywhere on the machine that merges.
    #[test]
    fn names_that_no_upload_made_become_no_file() {
        let others = [
            "grid/plan-1/shard-1-of-2/..",
            "grid/plan-1/shard-1-of-2/",
            "grid/plan-1/shard-1-of-2/deep/cells.csv",
            "grid/plan-1/.shard-1-of-2.partial/cells.csv",
            "grid/plan-1/../../etc/passwd",
            "cells.csv",
            "",
        ];
        assert!(runs(&names(&others)).is_empty());
    }
}
