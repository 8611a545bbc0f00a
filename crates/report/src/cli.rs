//! What can be asked for on the command line; no behaviour.

use std::path::PathBuf;

use ttlsweep_record::Mechanism;

/// Counts what one or many runs of one plan recorded, and draws it.
#[derive(Debug, clap::Parser)]
#[command(name = "ttlsweep-report", version)]
pub struct Args {
    /// Folders of runs, all of one plan (`results/<experiment>/<time>`, or `results/<experiment>/latest`).
    #[arg(required = true, value_name = "DIR")]
    pub runs: Vec<PathBuf>,

    /// Where summary.csv, verdict.json and charts/ go; with one run its own folder, with several it must be given.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Exit with 3 where this mechanism is supported; may be given several times.
    #[arg(long, value_name = "MECHANISM")]
    pub fail_on: Vec<Mechanism>,
}
