//! The command line: what can be typed, nothing of what it does.
//!
//! `help` groups the commands and gives examples, `siblings` are those that another program serves, and `mistakes` says what
//! was probably meant.

mod help;
mod mistakes;
pub mod siblings;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use ttlsweep_console::exit::end_with;
use ttlsweep_record::units::parse_duration;
use ttlsweep_record::{ByteCount, Portion, Share, Timestamp};

use crate::experiment::{EnvironmentEndpoint, LoadOptions};
use crate::portion::{AskedShare, parse_run_id};
use crate::run::progress::Mode;
use crate::s3::ResultsUrl;
use crate::s3::endpoint_of_profile;

/// Finds out whether a store cuts presigned transfers whose link expires in flight, or whether something else happens.
#[derive(Debug, Parser)]
#[command(
    name = "ttlsweep",
    version = ttlsweep_console::version(env!("CARGO_PKG_VERSION"), option_env!("TTLSWEEP_GIT_REVISION")),
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads this process's command line. Ends the process where it asks for help or cannot be understood.
    pub fn read() -> Self {
        let arguments: Vec<OsString> = env::args_os().collect();
        let read = command().try_get_matches_from(&arguments);
        let read =
            read.and_then(|matches| Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command())));
        read.unwrap_or_else(|error| end_with(&mistakes::explained(error, &command(), &arguments)))
    }
}

/// All that can be typed, the commands of other programs included.
pub(crate) fn command() -> clap::Command {
    help::arranged(
        siblings::SIBLINGS.iter().fold(Cli::command(), |command, sibling| command.subcommand(sibling.stub())),
    )
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment: every trial of its plan; prints the run's folder
    Run(RunArgs),
    /// Run what is missing of a run that was stopped
    Resume(ResumeArgs),
    /// Say whether this machine, these credentials and the target are fit for an experiment
    Doctor(DoctorArgs),
    /// Delete what a run left in its bucket
    Clean(CleanArgs),
    /// Make one transfer of an experiment, or look at one of a run, and print its timeline
    Trace(TraceArgs),
    /// Make one run folder of the shards that several machines ran; prints it
    Merge(MergeArgs),
    /// Fetch what CloudWatch Logs has of a run from its bucket's access log, and join it
    Logs(LogsArgs),
    /// Say what a client's error text can mean, by what clients were seen to print
    Explain(ExplainArgs),
    /// Print a script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// Write manual pages into a folder
    Man(ManArgs),
}

/// `ttlsweep run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The experiment's TOML file
    pub experiment: PathBuf,
    /// The folder to write runs into, in place of results/
    #[arg(long, value_name = "DIR", default_value = "results", hide_default_value = true)]
    pub out: PathBuf,
    /// Print the plan's cells, what they take and how the run can end; send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: list every trial, too
    #[arg(long, requires = "dry_run")]
    pub trials: bool,
    /// With --dry-run: write the plan into this folder, for `ttlsweep forecast`
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    pub plan: Option<PathBuf>,
    /// How progress is shown, on stderr
    #[arg(long, value_name = "MODE", value_enum, default_value_t = Mode::Auto)]
    pub progress: Mode,
    /// What changes the experiment.
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// What this process runs of the plan, where several run it together.
    #[command(flatten)]
    pub portion: PortionArgs,
    /// Above which a plan is asked about first.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Do not ask before a plan that is above a limit
    #[arg(long, help_heading = "Limits")]
    pub yes: bool,
}

/// What one process runs of a plan that several run together.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "On several machines")]
pub struct PortionArgs {
    /// Run shard I of N: whole blocks of the plan; `auto` asks the variables of Slurm, AWS Batch or Cloud Run, `auto/N`
    /// those of Kubernetes
    #[arg(long, value_name = "I/N", group = "portion")]
    pub shard: Option<AskedShare>,
    /// Run part I of N of every trial's users, together with the other parts' machines; `auto` and `auto/N` as for --shard
    #[arg(long, value_name = "I/N", group = "portion")]
    pub spread: Option<AskedShare>,
    /// The name that all shards or parts share; by default it follows from the plan, so that they agree
    #[arg(long, value_name = "NAME", requires = "portion", value_parser = parse_run_id)]
    pub run_id: Option<String>,
    /// When the first trial begins on all machines, in RFC 3339; by default at the next whole five minutes
    #[arg(long, value_name = "TIME")]
    pub start_at: Option<Timestamp>,
    /// The time from one trial's start to the next; by default what the plan's estimate allows for one
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub start_every: Option<Duration>,
    /// Put the files of the shard or part below s3://BUCKET/PREFIX once it is whole, with credentials, region and endpoint of the AWS chain
    #[arg(long, value_name = "S3URL", requires = "portion")]
    pub upload: Option<ResultsUrl>,
}

impl PortionArgs {
    /// The portion that is asked for; `variable` looks up a variable of the environment.
    ///
    /// # Errors
    /// The engine's variables do not tell which one it is, or an option goes with another one; the message names it.
    pub(crate) fn resolve(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Portion>, String> {
        // Not by clap, which lets `--shard` stand for the `--spread` that it excludes.
        if self.spread.is_none() && (self.start_at.is_some() || self.start_every.is_some()) {
            return Err("--start-at and --start-every go with `--spread`: shards do not begin together".to_owned());
        }
        let (option, asked, portion): (_, _, fn(Share) -> Portion) = match (self.shard, self.spread) {
            (Some(shard), _) => ("--shard", shard, Portion::Shard),
            (None, Some(part)) => ("--spread", part, Portion::Part),
            (None, None) => return Ok(None),
        };
        let share = asked.resolve(variable).map_err(|error| format!("{option} auto: {error}"))?;
        Ok(Some(portion(share)))
    }
}

/// What a plan may take at a real endpoint without anyone being asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Ask before a plan that costs more than this at AWS
    #[arg(long, value_name = "USD", default_value_t = 1.0, value_parser = usd)]
    pub max_cost: f64,
    /// Ask before a plan that moves more than this
    #[arg(long, value_name = "SIZE", default_value = "100GB")]
    pub max_bytes: ByteCount,
    /// Ask before a plan that takes longer than this
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = parse_duration)]
    pub max_time: Duration,
}

fn usd(text: &str) -> Result<f64, String> {
    let amount: Option<f64> = text.parse().ok();
    amount.filter(|usd| *usd >= 0.0).ok_or_else(|| "expected an amount in US dollars, for example 2.50".to_owned())
}

/// What changes an experiment without changing its file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Target and settings")]
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
    /// Leave the objects in the bucket; otherwise they are deleted as each trial ends
    #[arg(long)]
    pub keep_objects: bool,
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

/// `ttlsweep doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The experiment's TOML file
    pub experiment: PathBuf,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// What changes the experiment.
    #[command(flatten)]
    pub overrides: OverrideArgs,
}

/// `ttlsweep logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The run's folder, or that of one shard
    #[arg(value_name = "RUN")]
    pub folder: PathBuf,
    /// The log group that the bucket's access log is delivered to; asked of AWS if it is left out
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// The region, in place of the run's
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The AWS profile, in place of the run's
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Where CloudWatch Logs is, in place of AWS's own for the region
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// `ttlsweep clean`
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The run's folder, as `ttlsweep run` printed it
    pub folder: PathBuf,
    /// Print what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `ttlsweep trace`
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// An experiment's TOML file, or the folder of a run
    pub subject: PathBuf,
    /// The cell to make a transfer of, such as c003; by default the grid's first
    #[arg(long, value_name = "CELL")]
    pub cell: Option<String>,
    /// The recorded transfer to look at, by its name or its end; by default the first that failed
    #[arg(long, value_name = "TRANSFER")]
    pub transfer: Option<String>,
    /// Also write an HTTP Archive 1.2: of this transfer, or of all transfers of the run
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,
    /// What changes the experiment.
    #[command(flatten)]
    pub overrides: OverrideArgs,
}

/// `ttlsweep merge`
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The shards' folders in any order, the folder that holds them, or the s3://BUCKET/PREFIX that they were uploaded to
    #[arg(required = true, value_name = "DIR")]
    pub shards: Vec<PathBuf>,
    /// The folder to make; it must not be there yet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Merge what is there, even if shards, blocks or trials are missing
    #[arg(long)]
    pub partial: bool,
}

/// `ttlsweep explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What the client printed, one line or a whole traceback, between quotes; `-` reads it from stdin
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextFormat::Text)]
    pub format: TextFormat,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TextFormat {
    /// Text
    Text,
    /// One JSON object
    Json,
}

/// `ttlsweep completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `ttlsweep man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder, such as ~/.local/share/man/man1; it is created if it is missing
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

impl OverrideArgs {
    /// The options for loading the experiment.
    pub(crate) fn load_options(&self) -> LoadOptions {
        let mut set = self.set.clone();
        if self.keep_objects {
            set.push("target.keep_objects=true".to_owned());
        }
        LoadOptions {
            set,
            bucket: self.bucket.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            descriptors: None,
            environment_endpoint: EnvironmentEndpoint::find(|name| {
                Some(env::var_os(name)?.to_string_lossy().into_owned())
            }),
            profile_endpoint: Some(endpoint_of_profile),
        }
    }
}
