//! What can be asked for on the command line; no behaviour. What a command beside the report is asked stands with the command.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, StyledStr, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use ttlsweep_console::exit::CODES;
use ttlsweep_record::{Mechanism, Verdict};

use crate::case::CaseArgs;
use crate::forecast::ForecastArgs;
use crate::format::Format;
use crate::gate::{Gate, Unwanted};
use crate::interim::InterimArgs;
use crate::join::JoinArgs;
use crate::ttl::TtlArgs;
use crate::verify::VerifyArgs;

/// Counts what one or many runs of one plan recorded, draws it, and says which mechanism explains the failures.
///
/// To report on a folder that is named `case`, write `./case`.
#[derive(Debug, clap::Parser)]
#[command(
    name = "ttlsweep-report",
    version = ttlsweep_console::version(env!("CARGO_PKG_VERSION"), option_env!("TTLSWEEP_GIT_REVISION")),
    max_term_width = 100,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{CODES}"),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct Args {
    /// What else can be made of a run.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Folders of runs, all of one plan (`results/<experiment>/<time>`, or `results/<experiment>/latest`); the shards of a run,
    /// or the folder that holds them, are one run.
    #[arg(required = true, value_name = "DIR")]
    pub runs: Vec<PathBuf>,

    /// Where summary.csv, verdict.json, report.html and charts/ go; by default into the run's own folder. Several runs
    /// need it.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Lay over the charts of failure rates and of single transfers what they would have looked like under other mechanisms: 5 to
    /// 95 % of simulated runs of the same plan.
    #[arg(long)]
    pub ghosts: bool,

    /// Exit with 3 if this mechanism is supported at some target, or if the verdict on cut-at-expiry is `invalid` or
    /// `inconclusive` there.
    #[arg(long, value_name = "WHAT[,…]", value_delimiter = ',', help_heading = "Gate", value_parser = unwanted())]
    pub fail_on: Vec<Unwanted>,

    /// Exit with 3 unless this is the verdict on cut-at-expiry at every target: `not-supported` for a store that must not cut.
    #[arg(long, value_name = "VERDICT", help_heading = "Gate", value_parser = required())]
    pub require: Option<Verdict>,

    /// How the answer is written to stdout; the files are written in any case.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl Args {
    /// What the report must hold.
    pub fn gate(&self) -> Gate {
        Gate { fail_on: self.fail_on.clone(), require: self.require }
    }
}

/// Adds the word that was probably meant to an error of the gate's options.
pub fn explained(mut error: clap::Error) -> clap::Error {
    let of = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (option, value) = (of(ContextKind::InvalidArg), of(ContextKind::InvalidValue));
    let meant = if option.starts_with("--fail-on ") {
        unwanted_by(&value)
    } else if option.starts_with("--require ") {
        required_by(&value)
    } else {
        None
    };
    if let Some(meant) = meant {
        error.remove(ContextKind::SuggestedValue);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(meant)]));
    }
    error
}

/// What is written for the answer, in the report's words or in others, that `--fail-on` was given.
fn unwanted_by(value: &str) -> Option<&'static str> {
    Some(match answer(value)? {
        Verdict::Supported => "to fail if the answer is YES: --fail-on cut-at-expiry",
        Verdict::NotSupported => "to fail unless the answer is YES: --require supported",
        Verdict::Inconclusive => "to fail if the answer is CANNOT TELL: --fail-on inconclusive",
        Verdict::Invalid => "to fail if the answer is NOT TESTABLE: --fail-on invalid",
    })
}

/// The same for `--require`.
fn required_by(value: &str) -> Option<&'static str> {
    Some(match answer(value)? {
        Verdict::Supported => "to fail unless the answer is YES: --require supported",
        Verdict::NotSupported => "to fail unless the answer is NO: --require not-supported",
        Verdict::Inconclusive | Verdict::Invalid => {
            "no store can be required to leave it open; to fail if it does: --fail-on invalid,inconclusive"
        }
    })
}

/// The answer that a word stands for; of `supported=no`, the whole of it.
fn answer(value: &str) -> Option<Verdict> {
    let word = value.to_ascii_lowercase().replace(['_', ' '], "-");
    Some(match word.as_str() {
        "yes" | "true" | "cut" | "cuts" | "supported" | "supported=yes" | "supported=true" => Verdict::Supported,
        "no" | "false" | "not-cut" | "unsupported" | "not-supported" | "supported=no" | "supported=false" => {
            Verdict::NotSupported
        }
        "cannot-tell" | "unknown" | "inconclusive" => Verdict::Inconclusive,
        "not-testable" | "untestable" | "invalid" => Verdict::Invalid,
        _ => return None,
    })
}

/// A verdict that a store can be required to have.
fn required() -> impl TypedValueParser<Value = Verdict> {
    let known = [Verdict::NotSupported, Verdict::Supported].map(Verdict::as_str);
    PossibleValuesParser::new(known).try_map(|word| word.parse::<Verdict>())
}

/// What a gate may not let through.
fn unwanted() -> impl TypedValueParser<Value = Unwanted> {
    let verdicts = [Verdict::Invalid, Verdict::Inconclusive].map(Verdict::as_str);
    let mechanisms = Mechanism::ALL.iter().map(|mechanism| mechanism.as_str());
    let known: Vec<&str> = verdicts.into_iter().chain(mechanisms).collect();
    PossibleValuesParser::new(known).try_map(|word| word.parse::<Unwanted>())
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep report results/ttl-grid/latest
  ttlsweep report results/night/shards --out together
  ttlsweep report results/ttl-grid/latest --fail-on cut-at-expiry
  ttlsweep report results/store/latest --require not-supported --format github";

/// What can be made of a run beside its report.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a bundle for a case with AWS Support: a folder and a .tar.gz of it.
    ///
    /// There is no bundle if a signature, a credential or a session token is found in the run's files.
    Case(CaseArgs),

    /// Says whether a run's folder is whole and consistent, one problem per line, by file and line.
    ///
    /// Every planned trial is there once, with all its transfers; no transfer is there twice; what the journal tells of has
    /// a row; no row contradicts itself or its neighbours. Exit code 0: it is; 3: it is not; 2: it cannot be read.
    Verify(VerifyArgs),

    /// Puts what servers' own logs say of a run's transfers beside them, as server.csv.
    ///
    /// S3 server access logs (text, or JSON from CloudWatch Logs), CloudTrail data events, Ceph's ops log, and access logs of nginx
    /// and haproxy, each plain or gzip, in any order. A line belongs to the transfer whose name its request carries, or whose
    /// request id it has. Nothing of a URL is kept but that name. Rows that are there already stay, so that logs may be joined as
    /// they are delivered. A transfer without a line proves nothing.
    Join(JoinArgs),

    /// Says whether each target of a run is decided already, in one line of JSON; the runner asks so between two blocks.
    ///
    /// By the report's own rules; nothing is written. Exit code 0: each target is decided; 4: not yet, so that the run goes on.
    Interim(InterimArgs),

    /// Says which TTL the transfers of runs need, with a bound; without a run, what arithmetic says.
    ///
    /// For a store that checks a link's date when the request's head arrives, and for one that checks at the end or cuts. The
    /// verdict says which of the two it is.
    Ttl(TtlArgs),

    /// Says with which probability a plan decides, and at which price; of a run, how many more blocks it takes.
    ///
    /// The plan's own cells and controls are simulated under every mechanism and what looks like one, with its blocks once, one and
    /// a half times, twice and three times. Durations, round trips and other failures come from a pilot run, or are assumed and
    /// said. Nothing is sent.
    Forecast(ForecastArgs),
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn an_answers_word_finds_the_gates() {
        for (option, value, meant) in [
            ("--fail-on", "yes", "--fail-on cut-at-expiry"),
            ("--fail-on", "supported", "--fail-on cut-at-expiry"),
            ("--fail-on", "NO", "--require supported"),
            ("--fail-on", "cannot_tell", "--fail-on inconclusive"),
            ("--require", "supported=no", "--require not-supported"),
            ("--require", "unsupported", "--require not-supported"),
            ("--require", "yes", "--require supported"),
            ("--require", "inconclusive", "--fail-on invalid,inconclusive"),
        ] {
            let said =
                explained(Args::try_parse_from(["ttlsweep-report", "run", option, value]).unwrap_err()).to_string();
            assert!(said.contains("tip: ") && said.contains(&format!("{meant}\n")), "{said}");
        }
        let slip =
            explained(Args::try_parse_from(["ttlsweep-report", "run", "--fail-on", "cut-at-expiri"]).unwrap_err());
        assert!(slip.to_string().contains("'cut-at-expiry'"), "{slip}");
    }
}
