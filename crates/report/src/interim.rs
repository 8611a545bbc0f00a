//! `ttlsweep-report interim`: is each target decided already? The runner asks so between two blocks, by this program alone: the
//! rules are the report's own, and nothing is drawn or written.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use ttlsweep_console::exit::{CODES, ExitCode};
use ttlsweep_record::Verdict;

use crate::load::{LoadError, Runs, load};
use crate::names;
use crate::summary::axes::Axes;
use crate::verdict::{self, Detail, Evidence};

/// Whose targets.
#[derive(Debug, clap::Args)]
#[command(after_long_help = CODES)]
pub struct InterimArgs {
    /// A run's folder; another process may be writing to it between two of its blocks.
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
}

/// Why nothing can be answered.
#[derive(Debug, thiserror::Error)]
pub enum InterimError {
    /// The run cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Write(io::Error),
}

impl InterimError {
    /// Whether the folder is wrong, or this program's own output is at fault.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Load(_) => ExitCode::Usage,
            Self::Write(_) => ExitCode::Internal,
        }
    }
}

/// The answer: one line of JSON.
#[derive(Debug, Serialize)]
struct Interim {
    schema_version: u32,
    /// Whether each target is.
    decided: bool,
    /// The whole trials that it rests on.
    trials: u64,
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
struct Target {
    name: String,
    answer: &'static str,
    decided: bool,
}

/// Answers to `out`. Returns whether each target of the plan is decided.
///
/// # Errors
/// See [`InterimError`].
pub fn run(args: &InterimArgs, out: &mut impl Write) -> Result<bool, InterimError> {
    let interim = Interim::of(&load(std::slice::from_ref(&args.run))?);
    let line = serde_json::to_string(&interim).map_err(|error| InterimError::Write(error.into()))?;
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(InterimError::Write)?;
    Ok(interim.decided)
}

impl Interim {
    fn of(runs: &Runs) -> Self {
        let (axes, evidence) = (Axes::of(&runs.cells), Evidence::of(runs));
        let (mut named, mut found, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for target in verdict::tested(&evidence, Detail::Brief) {
            let view = target.view();
            named.push((names::target_name(runs, &axes, view.endpoints(), view.cells()), view.endpoints().join(" ")));
            seen.extend(view.cells().iter().copied());
            found.push(target.found);
        }
        let ruling = verdict::conclude(found);
        let targets = ruling.targets.iter().zip(names::told_apart(named)).map(|(target, name)| Target {
            name,
            answer: target.answer().as_str(),
            decided: is_decided(target.overall),
        });
        let targets: Vec<Target> = targets.collect();
        // A target of which nothing was seen yet is none of these.
        let all_seen = (0..runs.cells.len() as u32).all(|cell| seen.contains(&cell));
        Self {
            schema_version: SCHEMA_VERSION,
            decided: all_seen && !targets.is_empty() && targets.iter().all(|target| target.decided),
            trials: runs.trials.len() as u64,
            targets,
        }
    }
}

/// Whether more blocks would be of no use.
const fn is_decided(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Supported | Verdict::NotSupported | Verdict::Invalid => true,
        Verdict::Inconclusive => false,
    }
}

/// The version of the answer's meaning.
const SCHEMA_VERSION: u32 = 1;
