//! `ttlsweep merge`: makes one ordinary run folder of a run's shards, whatever the order in which they are named.

use ttlsweep_console::say;
use ttlsweep_rundir::merge::{ShardSet, Trials, run_folders, write};

use crate::cli::MergeArgs;
use crate::cmd::exit::{ExitCode, Failure};
use crate::s3::ResultsUrl;
use crate::upload::download::DownloadedShards;

/// Runs the command.
///
/// # Errors
/// The folders are not shards of one run or cannot be read or brought from a bucket, something is missing of the run, or the
/// folder that is asked for cannot be written.
pub async fn merge(args: &MergeArgs) -> Result<ExitCode, Failure> {
    let (mut named, mut brought) = (Vec::new(), Vec::new());
    for shards in &args.shards {
        match shards.to_str().filter(|text| ResultsUrl::is_meant_by(text)) {
            Some(text) => {
                let url: ResultsUrl = text.parse().map_err(Failure::usage)?;
                // Kept until the end: its folder goes with it.
                brought.push(DownloadedShards::from(&url, &args.out).await?);
            }
            None => named.push(shards.clone()),
        }
    }
    named.extend(brought.iter().map(|brought| brought.folder().to_owned()));
    let set = ShardSet::read(&run_folders(&named))?;
    let cells = set.cells()?;
    let trials = Trials::read(&set, &cells)?;
    let stops = set.stops()?;
    let missing = trials.missing(&set, &cells, &stops);
    if !missing.is_nothing() && !args.partial {
        let message = format!(
            "the run is not whole: {}\nrun what is missing, then merge; or, to merge what is there: --partial",
            missing.lines().join("\n  ")
        );
        return Err(Failure::new(ExitCode::TryAgain, message));
    }
    let written = write(&set, &cells, &trials, &args.out)?;
    say::path(&args.out);
    for line in missing.lines() {
        say!("missing: {line}");
    }
    if let Some(stopped) = set.folders().first().and_then(|first| stops.words(first.environment.repetitions)) {
        say!("{stopped}");
    }
    let (folders, word) = (set.folders().len(), set.kinds());
    say!("merged: {folders} {word}, {} trials, {} transfers", written.trials, written.transfers);
    Ok(ExitCode::Done)
}
