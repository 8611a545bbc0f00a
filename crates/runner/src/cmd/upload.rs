//! `--upload`: a shard's files go to a bucket once it is whole, for machines that share no folder.
//!
//! A bucket has no names that are given at the end. `experiment.toml` goes there before the first transfer, which also shows
//! that the key may write, and `environment.json` last of all: a shard that has it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use ttlsweep_console::{data, say};
use ttlsweep_record::TargetKind;
use ttlsweep_rundir::environment::{self, Environment};

use super::portion::PlacedPortion;
use super::signals::Signals;
use crate::cli::RunArgs;
use crate::cmd::exit::{ExitCode, Failure};
use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::plan::estimate;
use crate::run::folder::EXPERIMENT;
use crate::s3::object_key::RunPrefix;
use crate::s3::{Access, Results, ResultsError, ResultsUrl, StoreSettings, Trust};

/// Where a portion's files go.
pub(super) struct Upload<'a> {
    portion: &'a PlacedPortion,
    results: Results,
}

impl<'a> Upload<'a> {
    /// The upload that the arguments ask for.
    ///
    /// # Errors
    /// There are no credentials or there is no region for it, or it would lie among the run's own objects.
    pub(super) async fn of(
        args: &RunArgs,
        experiment: &Experiment,
        plan: &Plan,
        portion: Option<&'a PlacedPortion>,
    ) -> Result<Option<Self>, Failure> {
        // The command line asks for both or neither.
        let (Some(url), Some(portion)) = (&args.portion.upload, portion) else { return Ok(None) };
        let settings = settings(url, args.overrides.profile.as_deref());
        let place = format!("{}/{}/{}", experiment.name, portion.run_id, portion.portion.folder_name());
        let place = url.below(&place);
        let among = plan.cells.iter().filter(|cell| cell.target == TargetKind::S3).any(|cell| {
            let objects = RunPrefix::new(&cell.prefix, &experiment.name, &portion.run_id);
            place.is_below(&cell.bucket, objects.as_str())
        });
        if among {
            let message = format!(
                "--upload {url}: the results would lie among the run's own objects, which `ttlsweep clean` deletes; write \
                 another prefix, for example {}",
                url.below("results")
            );
            return Err(Failure::new(ExitCode::Usage, message));
        }
        let results = Results::connect(place, &settings).await.map_err(|error| Failure::new(ExitCode::Usage, error))?;
        Ok(Some(Self { portion, results }))
    }

    /// Whether the portion is whole in the bucket already: another machine may have run it.
    ///
    /// # Errors
    /// The store refuses or does not answer, or what is there is of another plan.
    pub(super) async fn is_whole(&self) -> Result<bool, Failure> {
        let Some(bytes) = self.results.bytes(environment::FILE).await? else { return Ok(false) };
        let url = self.results.url();
        let there: Environment = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(ExitCode::Usage, format!("{url}/{}: {error}", environment::FILE)))?;
        self.portion.check_hash(url, &there)?;
        data!("{url}");
        say!("{} of run {} is whole; it is left alone", self.portion.portion, self.portion.run_id);
        Ok(true)
    }

    /// Puts the plan there, before hours are spent on a run that could not be put there in the end.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub(super) async fn begin(&self, frozen: &str) -> Result<(), Failure> {
        Ok(self.results.put_bytes(EXPERIMENT, frozen.as_bytes().to_vec()).await?)
    }

    /// Puts the files there, if the portion has ended whole; returns how the command ends.
    ///
    /// # Errors
    /// The store refuses or does not answer. The files are still here, and the same command puts them there.
    pub(super) async fn end(&self, code: ExitCode) -> Result<ExitCode, Failure> {
        if code != ExitCode::Done {
            return Ok(code);
        }
        let folder = self.portion.finished();
        let mut signals = Signals::listen().map_err(|error| Failure::new(ExitCode::Internal, error))?;
        let (files, bytes) = tokio::select! {
            put = self.put_all(&folder) => put?,
            () = signals.any() => return Ok(ExitCode::TryAgain),
        };
        say!("uploaded: {files} files, {} to {}", estimate::bytes(bytes), self.results.url());
        Ok(code)
    }

    async fn put_all(&self, folder: &Path) -> Result<(usize, u64), Failure> {
        let files = files(folder).map_err(|source| ResultsError::File { path: folder.to_owned(), source })?;
        let mut total = 0;
        for file in &files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            total += self.results.put(name, file).await?;
        }
        Ok((files.len(), total))
    }
}

/// The credentials, region and endpoint of the user who runs this, whatever the target's are.
pub(super) fn settings(url: &ResultsUrl, profile: Option<&str>) -> StoreSettings {
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

impl From<ResultsError> for Failure {
    fn from(error: ResultsError) -> Self {
        let code = match &error {
            ResultsError::Unreachable { .. } | ResultsError::Damaged(_) => ExitCode::TryAgain,
            ResultsError::Refused { .. } | ResultsError::Untrusted { .. } => ExitCode::Usage,
            ResultsError::File { .. } => ExitCode::Internal,
        };
        Self::new(code, error)
    }
}
