use std::path::PathBuf;

use ttlsweep_console::exit::CODES;

use super::Format;

/// What `ttlsweep forecast` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct ForecastArgs {
    /// The folder of a plan (`ttlsweep run EXPERIMENT --dry-run --plan DIR`), or of a run
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,

    /// A run to take durations, round trips, failures and this machine's lateness from; a run's own rows by default
    #[arg(long, value_name = "RUN")]
    pub pilot: Option<PathBuf>,

    /// How many runs are simulated of each world; by default 20 to 200, the fewer the larger the plan is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub simulations: Option<u64>,

    /// How the answer is written to stdout
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep run experiments/aws-five-users-40mb.toml --bucket my-bucket --dry-run --plan plan
  ttlsweep forecast plan
  ttlsweep forecast plan --pilot results/pilot/latest --simulations 1000
  ttlsweep forecast results/aws-five-users-40mb/latest --format json";
