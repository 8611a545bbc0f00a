//! The command line: what can be typed, nothing of what it does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::experiment::LoadOptions;
use crate::progress::Mode;

/// Finds out whether a store cuts presigned transfers whose link expires in flight, or whether something else happens.
#[derive(Debug, Parser)]
#[command(name = "ttlsweep", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment: every trial of its plan; prints the run's folder
    Run(RunArgs),
    /// Run what is missing of a run that was stopped
    Resume(ResumeArgs),
    /// Make one transfer of an experiment, or look at one of a run, and print its timeline
    Trace(TraceArgs),
}

/// `ttlsweep run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The experiment's TOML file
    pub experiment: PathBuf,
    /// The folder that takes the place of results/
    #[arg(long, value_name = "DIR", default_value = "results", hide_default_value = true)]
    pub out: PathBuf,
    /// What changes the experiment.
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Print the plan and its estimate, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before a plan that costs more than 1 USD, moves more than 100 GB or takes more than 12 hours
    #[arg(long)]
    pub yes: bool,
    /// How progress is shown, on stderr
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Auto)]
    pub progress: Mode,
}

/// What changes an experiment without changing its file.
#[derive(Debug, Args)]
pub struct OverrideArgs {
    /// Ask this bucket instead of the experiment's target
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,
    /// Ask the S3-compatible store at this URL instead of AWS
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The region to sign for
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The AWS profile to take credentials from
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Override a setting, for example `--set transfer.timeout=5s` or `--set grid.ttl=[1s,2s]`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `ttlsweep resume`
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run's folder, as `ttlsweep run` printed it
    pub folder: PathBuf,
    /// How progress is shown, on stderr
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Auto)]
    pub progress: Mode,
}

/// `ttlsweep trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// An experiment's TOML file, or the folder of a run
    pub subject: PathBuf,
    /// What changes the experiment.
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// The cell to make a transfer of, such as c003; the grid's first one without it
    #[arg(long, value_name = "CELL")]
    pub cell: Option<String>,
    /// The recorded transfer to look at, by its name or its end; the first failed one without it
    #[arg(long, value_name = "TRANSFER")]
    pub transfer: Option<String>,
    /// Also write an HTTP Archive 1.2: of this transfer, or of all transfers of the run
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,
}

impl OverrideArgs {
    /// The options for loading the experiment.
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions {
            set: self.set.clone(),
            bucket: self.bucket.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
        }
    }
}
