//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use ttlsweep_console::exit::CODES;
use ttlsweep_record::units::parse_duration;
use ttlsweep_record::{BitRate, ByteCount};

use crate::queue::{Discipline, Settings};

/// Runs a command behind a slow line with a queue, on this machine alone.
///
/// COMMAND runs in a network of its own. All that it can reach is the far side, 10.77.0.2 (also in TTLSWEEP_FAR_ADDRESS), and
/// the way there and back is the line. The testbed that `ttlsweep run` brings along listens at the far side; --far starts any
/// other server there. It takes Linux with TUN devices, and namespaces for everyone or root.
#[derive(Debug, Parser)]
#[command(
    name = "ttlsweep-path",
    version = ttlsweep_console::version(env!("CARGO_PKG_VERSION"), option_env!("TTLSWEEP_GIT_REVISION")),
    max_term_width = 100,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{ENDS}\n\n{CODES}")
)]
pub struct Args {
    /// The line.
    #[command(flatten)]
    pub line: LineOptions,
    /// Another line beside it, by its options in one word, such as '--rate 1Mbit/s --queue 64kB'; it leads to 10.77.1.1, the
    /// next one to 10.77.1.2, and so on
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub more: Vec<LineOptions>,
    /// What makes the line: this program with TUN devices, or the kernel's tbf, without delay and loss
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub engine: Engine,
    /// What --loss draws from: the same seed loses the same packets by number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Do not say in the end what the line did
    #[arg(long)]
    pub quiet: bool,
    /// A server's command line for the far side, read by `sh`; COMMAND begins once it listens, and it ends with COMMAND
    #[arg(long, value_name = "SERVER")]
    pub far: Option<String>,
    /// What to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// What makes the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Engine {
    /// TUN devices, and a thread that moves packets: without `tc`, and without root where the system allows it
    #[default]
    Tun,
    /// The kernel's token bucket filter, by the programs `ip` and `tc`
    Tbf,
}

/// What a line is like.
#[derive(Debug, Clone, PartialEq, Eq, Hash, clap::Args)]
pub struct LineOptions {
    /// What the line carries in each direction, headers of IP and above included
    #[arg(long, value_name = "RATE")]
    pub rate: BitRate,
    /// What it carries to COMMAND, if that is not the same
    #[arg(long, value_name = "RATE")]
    pub down_rate: Option<BitRate>,
    /// How much waits for the line before packets are dropped, in each direction
    #[arg(long, value_name = "SIZE")]
    pub queue: ByteCount,
    /// How long a packet is under way beside what it waits, in each direction; a round trip takes twice as long
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration)]
    pub delay: Duration,
    /// The share of packets that is lost behind the queue, in each direction
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = parse_share)]
    pub loss: u32,
    /// Which packets a queue drops
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Discipline::TailDrop)]
    pub discipline: Discipline,
}

impl Args {
    /// All lines: the first one, and those beside it.
    pub fn lines(&self) -> impl Iterator<Item = &LineOptions> {
        std::iter::once(&self.line).chain(&self.more)
    }

    /// The options that make these lines, for a shell.
    pub fn options(&self) -> String {
        let mut options = self.line.to_string();
        for line in &self.more {
            options.push_str(&format!(" --more '{line}'"));
        }
        if self.engine == Engine::Tbf {
            options.push_str(" --engine tbf");
        }
        if self.lines().any(|line| line.loss > 0) {
            options.push_str(&format!(" --seed {}", self.seed));
        }
        options
    }

    /// Why there cannot be so many lines; `None` if there can.
    pub fn too_many(&self) -> Option<String> {
        let lines = self.lines().count();
        (lines > MOST_LINES)
            .then(|| format!("{lines} lines are more than the {MOST_LINES} that there are addresses for"))
    }
}

/// The options, which make the line again.
impl fmt::Display for LineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay_us = self.delay.as_micros();
        let delay =
            if delay_us.is_multiple_of(1000) { format!("{}ms", delay_us / 1000) } else { format!("{delay_us}us") };
        write!(f, "--rate {} --queue {} --delay {delay}", self.rate, self.queue)?;
        for (option, value) in [
            ("--down-rate", self.down_rate.map(|rate| rate.to_string())),
            ("--loss", (self.loss > 0).then(|| format_share(self.loss))),
            ("--discipline", (self.discipline == Discipline::CoDel).then(|| "codel".to_owned())),
        ] {
            if let Some(value) = value {
                write!(f, " {option} {value}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for LineOptions {
    type Err = String;

    fn from_str(options: &str) -> Result<Self, String> {
        /// A line alone.
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            line: LineOptions,
        }
        let words = std::iter::once("line").chain(options.split_whitespace());
        let read = Alone::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        });
        read.map(|alone| alone.line)
    }
}

impl LineOptions {
    /// What the line does with what comes from COMMAND.
    pub fn up(&self) -> Settings {
        Settings {
            rate: self.rate,
            queue_bytes: self.queue.0,
            delay_ns: u64::try_from(self.delay.as_nanos()).unwrap_or(u64::MAX),
            loss_ppm: self.loss,
            discipline: self.discipline,
        }
    }

    /// What the line does with what goes to COMMAND.
    pub fn down(&self) -> Settings {
        Settings { rate: self.down_rate.unwrap_or(self.rate), ..self.up() }
    }
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep path --rate 6Mbit/s --queue 3MB --delay 15ms -- ttlsweep run experiments/bloat.toml
  ttlsweep path --rate 20Mbit/s --queue 256kB --discipline codel --loss 0.1% -- ttlsweep run experiments/bloat.toml
  ttlsweep path --rate 4Mbit/s --queue 3MB --engine tbf -- ttlsweep run experiments/bloat.toml
  ttlsweep path --rate 4Mbit/s --queue 1MB --far 'ttlsweep testbed --listen 10.77.0.2:9000 --no-tls' -- \\
      curl http://10.77.0.2:9000/";

const ENDS: &str = "It ends as COMMAND does, with 128 and a signal's number if that ended it. Where it cannot begin:";

/// Parts of a million in percent, as [`parse_share`] reads them.
pub fn format_share(ppm: u32) -> String {
    format!("{}%", f64::from(ppm) / 1e4)
}

/// Reads a share in percent as parts of a million.
///
/// # Errors
/// It is not a share, in words that say what is.
pub fn parse_share(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let share = number.filter(|percent| (0.0..=100.0).contains(percent));
    share
        .map(|percent| (percent * 10_000.0).round() as u32)
        .ok_or_else(|| "expected a share from 0% to 100%, for example `1%` or `0.05%`".to_owned())
}

/// So many lines have an address.
pub(crate) const MOST_LINES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_to_a_millionth() {
        assert_eq!(parse_share("1%"), Ok(10_000));
        assert_eq!(parse_share("0.05%"), Ok(500));
        assert_eq!(parse_share("100%"), Ok(1_000_000));
        for wrong in ["1", "-1%", "101%", "much", "NaN%", ""] {
            assert!(parse_share(wrong).unwrap_err().contains("for example `1%`"), "{wrong}");
        }
    }

    #[test]
    fn each_direction_has_its_rate_and_all_else_in_common() {
        let args = "path --rate 6Mbit/s --down-rate 50Mbit/s --queue 3MB --delay 15ms --loss 1% -- true";
        let args = Args::try_parse_from(args.split(' ')).unwrap().line;
        assert_eq!((args.up().rate.bits_per_second(), args.down().rate.bits_per_second()), (6_000_000, 50_000_000));
        assert_eq!((args.up().queue_bytes, args.up().delay_ns, args.up().loss_ppm), (3_000_000, 15_000_000, 10_000));
        assert_eq!(args.down(), Settings { rate: args.down().rate, ..args.up() });
    }

    #[test]
    fn the_line_says_what_makes_it_again() {
        for options in [
            "--rate 6Mbit/s --queue 3MB",
            "--rate 6Mbit/s --queue 3MB --engine tbf",
            "--rate 1Gbit/s --down-rate 9Mbit/s --queue 1KiB --delay 2500us \
                         --loss 0.05% --seed 9 --discipline codel",
        ] {
            let parsed =
                |options: &str| Args::try_parse_from(format!("path {options} -- true").split_whitespace()).unwrap();
            let (args, again) = (parsed(options), parsed(&parsed(options).options()));
            assert_eq!((&args.line, args.seed, args.options()), (&again.line, again.seed, again.options()));
        }
    }

    #[test]
    fn lines_beside_it_have_all_their_options_in_one_word() {
        let more = "--rate 1Mbit/s --queue 64kB --delay 5ms --loss 1% --discipline codel";
        let words = ["path", "--rate", "6Mbit/s", "--queue", "3MB", "--more", more, "--", "true"];
        let args = Args::try_parse_from(words).unwrap();
        assert_eq!(args.more[0].to_string(), more);
        assert_eq!(args.options(), format!("--rate 6Mbit/s --queue 3MB --delay 0ms --more '{more}' --seed 1"));
        let wrong =
            Args::try_parse_from(["path", "--rate", "6Mbit/s", "--queue", "3MB", "--more", "--rate 1", "--", "a"]);
        assert!(wrong.unwrap_err().to_string().contains("--more"));
    }
}
