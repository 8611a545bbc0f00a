use std::path::PathBuf;
use std::time::Duration;

use ttlsweep_console::exit::CODES;
use ttlsweep_record::units::parse_duration;
use ttlsweep_record::{BitRate, ByteCount};

use super::ask::Asked;
use super::error::TtlError;
use super::estimate::{Assumptions, Load};
use super::{Format, Risk};

/// What `ttlsweep ttl` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct TtlArgs {
    /// Folders of runs, all of one plan. Without any, the answer is arithmetic, from --size, --bandwidth and --users
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// The share of trials that may be refused
    #[arg(long, value_name = "PERCENT", default_value = "5%")]
    pub risk: Risk,

    /// The size of a transfer; with runs, a size that they swept or one between two of them
    #[arg(long, value_name = "SIZE")]
    pub size: Option<ByteCount>,

    /// What all users share; with runs, a cap that they swept or one between two of them
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<BitRate>,

    /// How many transfers run at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub users: Option<u32>,

    /// How long the credentials that sign the links last: no link outlives them
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub session: Option<Duration>,

    /// With runs: how long a bad spell of the line may last. The trials of such a time count as one
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub spell: Option<Duration>,

    /// Without runs: the round trip to the store [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Arithmetic")]
    pub rtt: Option<Duration>,

    /// Without runs: what waits in the line's queue when it is full [default: 1MB]
    #[arg(long, value_name = "SIZE", help_heading = "Arithmetic")]
    pub queue: Option<ByteCount>,

    /// Without runs: print the experiment that tests the answer to stdout, and the answer to stderr; or write it to FILE
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "-",
        help_heading = "Arithmetic"
    )]
    pub experiment: Option<String>,

    /// How the answer is written to stdout
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl TtlArgs {
    /// The cells that are asked about.
    pub(super) const fn asked(&self) -> Asked {
        Asked { size: self.size, bandwidth: self.bandwidth, users: self.users }
    }

    /// What is to be reckoned with.
    pub(super) fn load(&self) -> Result<Load, TtlError> {
        let (Some(size), Some(bandwidth)) = (self.size, self.bandwidth) else {
            return Err(TtlError::Asked(
                "name a run's folder, such as results/ttl-grid/latest; or, before any run, say --size and --bandwidth: \
                 ttlsweep ttl --size 40MB --bandwidth 10Mbit/s --users 5"
                    .to_owned(),
            ));
        };
        if size.0 == 0 {
            return Err(TtlError::Asked(
                "a transfer of no bytes takes no bandwidth; --size expects 40MB or similar".to_owned(),
            ));
        }
        Ok(Load { size, bandwidth, users: self.users.unwrap_or(1) })
    }

    /// What the arithmetic takes for granted.
    pub(super) fn assumptions(&self) -> Assumptions {
        let default = Assumptions::default();
        Assumptions { rtt: self.rtt.unwrap_or(default.rtt), queue: self.queue.unwrap_or(default.queue) }
    }

    /// What only runs take stands beside none.
    pub(super) fn refuse_spell(&self) -> Result<(), TtlError> {
        match self.spell {
            Some(_) => Err(TtlError::Asked("--spell is for runs; name a run's folder, or leave it out".to_owned())),
            None => Ok(()),
        }
    }

    /// What only the arithmetic takes stands beside no run.
    pub(super) fn refuse_arithmetic(&self) -> Result<(), TtlError> {
        let given = [
            (self.rtt.is_some(), "--rtt"),
            (self.queue.is_some(), "--queue"),
            (self.experiment.is_some(), "--experiment"),
        ];
        match given.into_iter().find(|(given, _)| *given) {
            Some((_, option)) => {
                Err(TtlError::Asked(format!("{option} is for the arithmetic without a run; leave out one of them")))
            }
            None => Ok(()),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep ttl results/ttl-grid/latest
  ttlsweep ttl results/ttl-grid/latest --risk 1% --format json
  ttlsweep ttl results/night/one results/night/two --users 3 --spell 10min
  ttlsweep ttl --size 2GB --bandwidth 5Mbit/s --users 50 --risk 0.1%
  ttlsweep ttl --size 40MB --bandwidth 10Mbit/s --users 5 --experiment > check.toml";
