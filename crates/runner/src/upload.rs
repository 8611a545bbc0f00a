//! `--upload`: a shard's files go to a bucket once it is whole, for machines that share no folder.
//!
//! A bucket has no names that are given at the end. `experiment.toml` goes there before the first transfer, which also shows
//! that the key may write, and `environment.json` last of all: a shard that has it is whole.

pub(crate) mod download;

use std::fs;
use std::path::{Path, PathBuf};

use ttlsweep_record::TargetKind;
use ttlsweep_record::units::round_bytes;
use ttlsweep_rundir::environment::{self, Environment};
use ttlsweep_rundir::files::EXPERIMENT;

use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::portion::placed::{PlaceError, PlacedPortion};
use crate::s3::object_key::RunPrefix;
use crate::s3::{Access, Results, ResultsError, ResultsUrl, StoreError, StoreSettings, Trust};

/// Where a portion's files go.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    portion: &'a PlacedPortion,
    results: Results,
}

/// Why a portion's files cannot go to a bucket.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// They would lie among the run's own objects.
    #[error(
        "--upload {url}: the results would lie among the run's own objects, which `ttlsweep clean` deletes; write another \
         prefix, for example {}",
        url.below("results")
    )]
    AmongObjects {
        /// Where they were to lie.
        url: ResultsUrl,
    },
    /// There are no credentials, or there is no region.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not take them.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The `environment.json` that lies there cannot be read.
    #[error("{url}/{}: {source}", environment::FILE)]
    Environment {
        /// Where.
        url: ResultsUrl,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// What lies there is of another plan.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl<'a> Upload<'a> {
    /// The upload of a `portion` of the plan to a place below `url`.
    ///
    /// # Errors
    /// There are no credentials or there is no region for it, or it would lie among the run's own objects.
    pub(crate) async fn of(
        portion: &'a PlacedPortion,
        url: &ResultsUrl,
        profile: Option<&str>,
        experiment: &Experiment,
        plan: &Plan,
    ) -> Result<Self, UploadError> {
        let place = format!("{}/{}/{}", experiment.name, portion.run_id, portion.portion.folder_name());
        let place = url.below(&place);
        let among = plan.cells.iter().filter(|cell| cell.target == TargetKind::S3).any(|cell| {
            let objects = RunPrefix::new(&cell.prefix, &experiment.name, &portion.run_id);
            place.is_below(&cell.bucket, objects.as_str())
        });
        if among {
            return Err(UploadError::AmongObjects { url: url.clone() });
        }
        Ok(Self { portion, results: Results::connect(place, &settings(url, profile)).await? })
    }

    /// Where the portion lies if it is whole in the bucket already: another machine may have run it.
    ///
    /// # Errors
    /// The store refuses or does not answer, or what is there is of another plan.
    pub(crate) async fn whole(&self) -> Result<Option<&ResultsUrl>, UploadError> {
        let Some(bytes) = self.results.bytes(environment::FILE).await? else { return Ok(None) };
        let url = self.results.url();
        let there: Environment =
            serde_json::from_slice(&bytes).map_err(|source| UploadError::Environment { url: url.clone(), source })?;
        self.portion.check_hash(url, &there)?;
        Ok(Some(url))
    }

    /// Puts the plan there, before hours are spent on a run that could not be put there in the end.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub(crate) async fn begin(&self, frozen: &str) -> Result<(), UploadError> {
        Ok(self.results.put_bytes(EXPERIMENT, frozen.as_bytes().to_vec()).await?)
    }

    /// Puts the files of the portion there, which has ended whole; returns what was done, in words.
    ///
    /// # Errors
    /// The store refuses or does not answer. The files are still here, and the same command puts them there.
    pub(crate) async fn end(&self) -> Result<String, UploadError> {
        let folder = self.portion.finished();
        let files = files(&folder).map_err(|source| ResultsError::File { path: folder.clone(), source })?;
        let mut total = 0;
        for file in &files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            total += self.results.put(name, file).await?;
        }
        Ok(format!("{} files, {} to {}", files.len(), round_bytes(total), self.results.url()))
    }
}

/// The credentials, region and endpoint of the user who runs this, whatever the target's are.
fn settings(url: &ResultsUrl, profile: Option<&str>) -> StoreSettings {
    StoreSettings {
        bucket: url.bucket().to_owned(),
        endpoint: None,
        region: None,
        profile: profile.map(str::to_owned),
        addressing: None,
        access: Access::Chain,
        trust: Trust::System,
    }
}

/// A run's files in their order, what says that they are all there last. What begins with a dot is this machine's business.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let name = |path: &PathBuf| path.file_name().is_some_and(|name| name == environment::FILE);
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // A link would put there what lies elsewhere.
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) && !hidden
    });
    files.sort_by_key(|path| (name(path), path.clone()));
    Ok(files)
}
