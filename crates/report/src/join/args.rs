use std::path::PathBuf;

use ttlsweep_console::exit::CODES;

/// Which logs are to be joined.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct JoinArgs {
    /// The run's folder, or the folder that holds its shards.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// Logs, folders of logs, or `-` for standard input.
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep join results/ttl-grid/latest access-logs/
  ttlsweep join results/store/latest /var/log/nginx/access.log /var/log/nginx/access.log.1.gz";
