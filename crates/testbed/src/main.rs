//! The testbed as a program of its own, for any S3 client to be held against.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tracing_subscriber::EnvFilter;
use ttlsweep_console::exit::{CODES, ExitCode, end_with, fail, finish};
use ttlsweep_console::signals::{HANGUP, is_ignored};
use ttlsweep_console::{data, pages, room, say};
use ttlsweep_path::far::ADDRESS;
use ttlsweep_record::fault::{KINDS, PLACES};
use ttlsweep_record::units::{UnitError, parse_duration};
use ttlsweep_record::words::{Cut, EarlyClose, ExpiryPolicy};
use ttlsweep_record::{Fault, Method};
use ttlsweep_testbed::{
    AccessLogConfig, AccessLogFormat, DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Dialect, RequiredHeader, Secret, Testbed,
    TestbedConfig, TestbedError, UnknownParameters,
};

fn main() -> process::ExitCode {
    finish(answer())
}

fn answer() -> process::ExitCode {
    if let Some(code) = pages::answer(command(), std::env::args_os().skip(1)) {
        return code;
    }
    let options = Options::read(&command().try_get_matches().unwrap_or_else(|error| end_with(&error)));
    tracing_subscriber::fmt()
        .with_writer(|| say::Stderr)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG)))
        .init();
    if let Err(error) = room::for_a_start(LEAST_DESCRIPTORS, room::processors() + LEAST_THREADS) {
        return fail(ExitCode::Internal, error);
    }
    match run(options) {
        Ok(()) => ExitCode::Done.into(),
        Err(error) => fail(code(&error), in_words(&error)),
    }
}

/// A wrong option is the user's to mend.
fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref() {
        Some(TestbedError::NeedsTls(_) | TestbedError::BucketName(_)) => ExitCode::Usage,
        _ => ExitCode::Internal,
    }
}

/// The error with its causes, without those that its own words have.
fn in_words(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.contains(&cause) {
            said += if said.is_empty() { "" } else { ": " };
            said += &cause;
        }
    }
    said
}

/// What the runtime, its signals and the two listeners take.
const LEAST_DESCRIPTORS: usize = 8;

/// What its words and files take beside the runtime's own.
const LEAST_THREADS: usize = 3;

struct Options {
    config: TestbedConfig,
    cert_out: Option<PathBuf>,
}

impl Options {
    fn read(matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
        let mut config = TestbedConfig {
            tls: !matches.get_flag("no-tls"),
            access_key: text("access-key"),
            secret_key: Secret::from(text("secret-key")),
            region: text("region"),
            ..TestbedConfig::default()
        };
        set(matches, "listen", &mut config.listen);
        set(matches, "expiry", &mut config.expiry);
        set(matches, "cut", &mut config.cut);
        set(matches, "early-close", &mut config.early_close);
        set(matches, "dialect", &mut config.dialect);
        config.fault = matches.get_one("fault").copied();
        if let Some(headers) = matches.get_many::<RequiredHeader>("require-header") {
            config.required_headers = headers.cloned().collect();
        }
        config.refuse_links = matches.get_flag("refuse-links");
        config.link_age = matches.get_one("link-age").copied();
        set(matches, "unknown-parameters", &mut config.unknown_parameters);
        config.access_log = matches.get_one::<PathBuf>("access-log").map(|path| {
            let format = matches.get_one("access-log-format").copied().unwrap_or_default();
            AccessLogConfig { path: path.clone(), format }
        });
        config.list_v2 = !matches.get_flag("no-list-v2");
        if let Some(buckets) = matches.get_many("bucket") {
            config.buckets = buckets.cloned().collect();
        }
        Self { config, cert_out: matches.get_one("cert-out").cloned() }
    }
}

#[tokio::main]
async fn run(options: Options) -> anyhow::Result<()> {
    let Options { config, cert_out } = options;
    raise_descriptor_limit();
    // The two sides of a path reach each other and nothing else.
    let is_on_a_path = std::env::var_os(ADDRESS).is_some();
    if !config.listen.ip().is_loopback() && !is_on_a_path {
        say!(
            "warning: {} can be reached from other machines; the testbed is made for loopback and takes whatever \
             anybody with its keys stores in it",
            config.listen
        );
    }
    // Listened for before the endpoint is announced, so that anyone who has read it can end the program in an orderly way.
    let mut ending = Ending::new()?;
    let ended = tokio::spawn(async move {
        ending.wait().await;
        say::give_up();
    });
    let testbed = Testbed::start(config.clone()).await?;
    match (&cert_out, testbed.ca_pem()) {
        (Some(file), Some(ca)) => {
            std::fs::write(file, ca).with_context(|| format!("cannot write the certificate to {}", file.display()))?;
        }
        (Some(file), None) => {
            say!(
                "note: --cert-out is ignored, since there is no certificate without TLS: {} is not written",
                file.display()
            );
        }
        (None, _) => {}
    }
    data!("{}", testbed.endpoint());
    say!("{}", how_to_talk(&config, &testbed, cert_out.as_ref()).trim_end());
    ended.await?;
    testbed.shutdown().await;
    Ok(())
}

fn how_to_talk(config: &TestbedConfig, testbed: &Testbed, cert_out: Option<&PathBuf>) -> String {
    let mut words = String::new();
    if config.dialect != Dialect::default() {
        let _ = write!(words, "dialect {}, ", config.dialect);
    }
    let _ = write!(words, "expiry {}", config.expiry);
    if config.expiry == ExpiryPolicy::InFlight {
        let _ = write!(words, ", cut {}", config.cut);
    }
    let _ = write!(words, ", early close {}", config.early_close);
    if let Some(fault) = config.fault {
        let _ = write!(words, ", fault {fault}");
    }
    let _ = writeln!(words, "; buckets: {}", config.buckets.join(" "));
    if let Some(fault) = config.fault {
        let (methods, except) = match fault.misfit(Method::Get) {
            None => ("PUT and GET", String::new()),
            Some(why) => ("PUT", format!("; no GET does, because {why}")),
        };
        let _ = writeln!(
            words,
            "each {methods} of an object or of a part meets the fault, and each form, whichever client sends it{except}"
        );
        let _ = writeln!(words, "the same store without the fault: {}", testbed.control_endpoint());
    }
    words.push('\n');
    // A secret that was given stays with the person who gave it.
    let secret = match config.secret_key.expose() {
        DEFAULT_SECRET_KEY => DEFAULT_SECRET_KEY,
        _ => "'<your --secret-key>'",
    };
    for (name, value) in [
        ("AWS_ENDPOINT_URL", testbed.endpoint().as_str()),
        ("AWS_ACCESS_KEY_ID", config.access_key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", config.region.as_str()),
    ] {
        let _ = writeln!(words, "export {name}={value}");
    }
    match (testbed.ca_pem(), cert_out) {
        (None, _) => {}
        (Some(_), Some(file)) => {
            let _ = writeln!(words, "export AWS_CA_BUNDLE={}", file.display());
        }
        (Some(_), None) => {
            words.push_str("# for AWS_CA_BUNDLE, write the certificate to a file with --cert-out FILE\n");
        }
    }
    let takes = Dialect::explained().find(|(word, _)| *word == config.dialect.as_str()).map_or("", |(_, takes)| takes);
    let _ = writeln!(
        words,
        "\nAddress buckets in the path. It takes {takes}. Pages of every origin may ask (CORS). Ctrl-C ends it."
    );
    words
}

/// Every connection and every upload takes a descriptor, and the usual soft limit of 1024 is soon reached.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Ctrl-C, SIGTERM or SIGHUP.
struct Ending {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// `None` if the process that started this asked for it to be ignored, as `nohup` does.
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Ending {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored(HANGUP) { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

fn command() -> Command {
    let default = TestbedConfig::default();
    Command::new("ttlsweep-testbed")
        .about("An S3 endpoint whose expiry policy is known. Prints its URL and serves until Ctrl-C.")
        .version(ttlsweep_console::version(env!("CARGO_PKG_VERSION"), option_env!("TTLSWEEP_GIT_REVISION")))
        .max_term_width(100)
        .after_help(EXAMPLES)
        .after_long_help(format!("{EXAMPLES}\n\n{CODES}"))
        .arg(
            option("listen", "ADDR", "Address and port to listen at; port 0 takes a free one")
                .value_parser(address)
                .default_value("127.0.0.1:0"),
        )
        .arg(
            option("dialect", "WHOSE", "Whose links it takes, and in whose words it refuses them")
                .value_parser(words::<Dialect>(Dialect::WORDS))
                .default_value(default.dialect.as_str())
                .long_help(dialect_help()),
        )
        .arg(
            option("expiry", "POLICY", "When a link's expiry counts against a transfer")
                .value_parser(words::<ExpiryPolicy>(ExpiryPolicy::WORDS))
                .default_value(default.expiry.as_str()),
        )
        .arg(
            option("cut", "HOW", "What in-flight does to a connection at expiry")
                .value_parser(words::<Cut>(Cut::WORDS))
                .default_value(default.cut.as_str()),
        )
        .arg(
            option(
                "early-close",
                "HOW",
                "How a connection ends after an answer that came before the whole body; with lost, a bare RST takes the \
                 answer's place",
            )
                .value_parser(words::<EarlyClose>(EarlyClose::WORDS))
                .default_value(default.early_close.as_str()),
        )
        .arg(
            option("fault", "FAULT", "What goes wrong with every transfer: KIND[:ARGUMENT][@PLACE], as in reset@50%")
                .value_parser(value_parser!(Fault))
                .long_help(fault_help()),
        )
        .arg(
            option(
                "require-header",
                "HEADER",
                "Refuse PUTs without this header, 'NAME: VALUE' or NAME for any value, with 403 AccessDenied, as a \
                 bucket's policy does; may be given more than once",
            )
            .value_parser(value_parser!(RequiredHeader))
            .action(ArgAction::Append),
        )
        .arg(flag("refuse-links", "Refuse each link with 403 AccessDenied; requests signed in headers are served"))
        .arg(
            option("link-age", "TIME", "Refuse links that are older than this with 403 AccessDenied, whatever their TTL")
                .value_parser(duration),
        )
        .arg(
            option(
                "unknown-parameters",
                "WHAT",
                "What to do with a query parameter that S3 does not have, such as x-run; refuse answers 501 NotImplemented",
            )
            .value_parser(words::<UnknownParameters>(UnknownParameters::WORDS))
            .default_value("ignore"),
        )
        .arg(flag("no-list-v2", "Answer ListObjectsV2 with 501 NotImplemented"))
        .arg(
            Arg::new("tls")
                .long("tls")
                .action(ArgAction::SetTrue)
                .overrides_with("no-tls")
                .help("Speak TLS (the default)"),
        )
        .arg(
            Arg::new("no-tls").long("no-tls").action(ArgAction::SetTrue).overrides_with("tls").help("Speak plain HTTP"),
        )
        .arg(option("access-key", "KEY", "The access key").default_value(DEFAULT_ACCESS_KEY))
        .arg(option("secret-key", "KEY", "The secret key").default_value(DEFAULT_SECRET_KEY))
        .arg(option("region", "REGION", "The region that signatures must name").default_value("us-east-1"))
        .arg(
            option(
                "bucket",
                "NAME",
                "A bucket that exists from the start; may be given more than once [default: ttlsweep]",
            )
            .action(ArgAction::Append),
        )
        .arg(
            option("access-log", "FILE", "Add a line per request to this file, as S3's access log has it, signatures included")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            option("access-log-format", "FORMAT", "How the access log is written")
                .value_parser(words::<AccessLogFormat>(AccessLogFormat::WORDS))
                .default_value("s3")
                .requires("access-log"),
        )
        .arg(
            option("cert-out", "FILE", "Write the certificate that clients must trust to this file")
                .value_parser(value_parser!(PathBuf)),
        )
}

const EXAMPLES: &str = "\
Examples:
  ttlsweep testbed --listen 127.0.0.1:9000 --no-tls --expiry in-flight
  ttlsweep testbed --expiry on-request --early-close linger --cert-out ca.pem
  ttlsweep testbed --fault error:503:SlowDown@50%";

fn fault_help() -> String {
    let mut words = String::from(
        "What goes wrong with every transfer, as KIND[:ARGUMENT][@PLACE], for example reset@50% or \
         error:503:SlowDown@+250ms. A transfer is each PUT and GET of an object or of a part of one, by a link or signed in \
         headers, and each upload by an HTML form, whichever client sends it. No other request is affected, except by faults that come \
         before any request. A request \
         that is refused at its head is still refused.\n\nKinds:\n",
    );
    for (title, list) in [("", KINDS), ("\nPlaces:\n", PLACES)] {
        words.push_str(title);
        for (notation, meaning) in list {
            let _ = writeln!(words, "- {notation}: {meaning}");
        }
    }
    words
}

fn dialect_help() -> String {
    let mut words = String::from(
        "Whose links it takes, and in whose words it refuses them. An id or an account is the access key, a key the secret \
         key. Requests that are signed in headers stay S3's.\n\n",
    );
    for (word, takes) in Dialect::explained() {
        let _ = writeln!(words, "- {word}: {takes}");
    }
    words
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn duration(text: &str) -> Result<Duration, UnitError> {
    parse_duration(text)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let local = |port: &str| port.parse::<u16>().ok().map(|port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| match local(text.trim_start_matches("localhost").trim_start_matches(':')) {
        Some(meant) => format!("write {meant}"),
        None => "expected an address and a port, such as 127.0.0.1:9000".to_owned(),
    })
}

fn words<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

fn set<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str, value: &mut T) {
    if let Some(given) = matches.get_one::<T>(name) {
        value.clone_from(given);
    }
}

/// The library calls every refusal an error; here refusals are the daily business.
const DEFAULT_LOG: &str = "warn,s3s=off";
