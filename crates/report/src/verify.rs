//! `ttlsweep-report verify`: whether run folders are whole and consistent, reported by file and line.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use ttlsweep_console::exit::{CODES, ExitCode};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::merge::{MergeError, ShardSet, run_folders};
use ttlsweep_rundir::verify::{Unreadable, Verified, verify};

/// What is to be verified.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct VerifyArgs {
    /// Folders of runs, or folders that hold the shards of a run.
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,

    /// Print one JSON object per folder.
    #[arg(long)]
    pub json: bool,

    /// A file with one transfer name per line: those had started, and so must have a row.
    #[arg(long, value_name = "FILE")]
    pub told: Option<PathBuf>,
}

/// Why nothing can be said, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A folder is none of a run, or one of its files cannot be read.
    #[error(transparent)]
    Folder(#[from] Unreadable),
    /// The folders that stand for one run are not of one.
    #[error(transparent)]
    Shards(#[from] MergeError),
    /// The names of transfers that must have a row cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Told {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Write(io::Error),
}

impl VerifyError {
    /// Whether the folder cannot be read, or this program's own output is at fault.
    pub const fn exit_code(&self) -> ExitCode {
        if let Self::Write(_) = self { ExitCode::Internal } else { ExitCode::Usage }
    }
}

/// A run in shards of which some are not there.
#[derive(Serialize)]
struct MissingShards<'a> {
    folder: String,
    whole_and_consistent: bool,
    missing: &'a [u32],
    of: u32,
}

/// Verifies what the arguments name and writes the answer, folder by folder. Returns whether all of it is whole and consistent.
///
/// # Errors
/// See [`VerifyError`].
pub fn run(args: &VerifyArgs, out: &mut impl Write) -> Result<bool, VerifyError> {
    let told = match &args.told {
        None => HashSet::new(),
        Some(path) => {
            let text = disk::open_named(path).and_then(io::read_to_string);
            let text = text.map_err(|source| VerifyError::Told { path: path.clone(), source })?;
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
    };
    let mut good = true;
    for named in &args.folders {
        let folders = run_folders(std::slice::from_ref(named));
        for folder in &folders {
            let verified = verify(folder, &told)?;
            good &= verified.whole_and_consistent;
            write(out, &answer(&verified, folders.len() > 1, args.json))?;
        }
        // The shards that a folder holds are one run, which is whole if none of them is missing.
        if folders.as_slice() != std::slice::from_ref(named) {
            let set = ShardSet::read(&folders)?;
            let missing = set.missing_numbers();
            good &= missing.is_empty();
            if !missing.is_empty() {
                write(out, &answer_missing(named, &set, &missing, args.json))?;
            }
        }
    }
    Ok(good)
}

fn answer(verified: &Verified, of_several: bool, json: bool) -> String {
    if json {
        return serde_json::to_string(verified).unwrap_or_default();
    }
    let place = if of_several { format!("{}: ", verified.folder.display()) } else { String::new() };
    let text = verified.to_string();
    match text.rsplit_once('\n') {
        Some((problems, last)) => format!("{problems}\n{place}{last}"),
        None => format!("{place}{text}"),
    }
}

fn answer_missing(named: &Path, set: &ShardSet, missing: &[u32], json: bool) -> String {
    if json {
        let folder = named.display().to_string();
        let answer = MissingShards { folder, whole_and_consistent: false, missing, of: set.of() };
        return serde_json::to_string(&answer).unwrap_or_default();
    }
    let numbers: Vec<String> = missing.iter().map(u32::to_string).collect();
    format!("{}: {} {} of {} not there", named.display(), set.kinds(), numbers.join(", "), set.of())
}

fn write(out: &mut impl Write, line: &str) -> Result<(), VerifyError> {
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(VerifyError::Write)
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep verify results/ttl-grid/latest
  ttlsweep verify results/night/shards --json";
