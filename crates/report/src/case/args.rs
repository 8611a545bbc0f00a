use std::path::PathBuf;

use ttlsweep_console::exit::CODES;

use super::Redaction;

/// How the bundle is to be made.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct CaseArgs {
    /// The run's folder.
    #[arg(value_name = "DIR")]
    pub run: PathBuf,

    /// Where the bundle goes: a new folder, one that is there, or a .tar.gz; folder and .tar.gz lie side by side [default:
    /// within the run's folder].
    #[arg(long, value_name = "FILE_OR_DIR")]
    pub out: Option<PathBuf>,

    /// Replace the bucket's name everywhere, host names included.
    #[arg(long)]
    pub redact_bucket: bool,

    /// Replace account ids everywhere: twelve digits in ARNs, and in names of buckets, prefixes and endpoints.
    #[arg(long)]
    pub redact_account: bool,

    /// Replace this machine's name and its own addresses everywhere.
    #[arg(long)]
    pub redact_host: bool,
}

impl CaseArgs {
    /// What is to be replaced.
    pub const fn redaction(&self) -> Redaction {
        Redaction { bucket: self.redact_bucket, account: self.redact_account, host: self.redact_host }
    }
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep case results/ttl-grid/latest
  ttlsweep case results/ttl-grid/latest --out case.tar.gz
  ttlsweep case results/ttl-grid/latest --redact-bucket --redact-account --redact-host";
