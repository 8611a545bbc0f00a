//! `ttlsweep logs`: fetches what CloudWatch Logs has of a run from its bucket's access log, and joins it.
//!
//! The lines hold the links' signatures. They go from the answer to `ttlsweep join`, which takes those out, and to no file.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use ttlsweep_console::say;
use ttlsweep_record::{Cell, TargetKind, Timestamp, TrialRecord};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::Environment;

use crate::cli::LogsArgs;
use crate::cli::siblings::REPORT;
use crate::clock::{Clock, SystemClock};
use crate::cmd::exit::{ExitCode, Failure};
use crate::cmd::sibling::beside;
use crate::s3::Store;
use crate::s3::log_group::{Page, Wanted};
use crate::s3::log_service::LogServiceError;
use crate::target::store_settings;

/// Runs the command.
///
/// # Errors
/// The folder is not a run's, its store has no such log, or CloudWatch Logs cannot be asked.
pub async fn logs(args: &LogsArgs) -> Result<ExitCode, Failure> {
    let environment = Environment::read(&args.folder).map_err(Failure::usage)?;
    let cells: Vec<Cell> = read_rows(&args.folder).map_err(Failure::usage)?;
    let Some(cell) = cells.iter().find(|cell| cell.target == TargetKind::S3) else {
        return Err(Failure::usage(
            "CloudWatch Logs has the access log of a bucket, and this run has none; `ttlsweep join RUN LOG` reads a log \
             that you have",
        ));
    };
    let mut settings = store_settings(cell);
    // Credentials and region alone are needed of it.
    settings.endpoint = None;
    settings.region = args.region.clone().or(settings.region);
    settings.profile = args.profile.clone().or(settings.profile);
    let store = Store::connect(&settings).await.map_err(Failure::usage)?;
    let endpoint = args.endpoint.clone().unwrap_or_else(|| store.log_endpoint());
    let group = match &args.group {
        Some(group) => group.clone(),
        None => group_of_bucket(&store, &endpoint).await?,
    };
    let wanted = Wanted {
        group,
        word: environment.run_id.clone(),
        from: environment.started_at.plus_micros(-LEEWAY_US),
        to: last_end(&args.folder)?.unwrap_or_else(|| SystemClock.wall()).plus_micros(LEEWAY_US),
    };
    let mut join = None;
    let (mut token, mut lines) = (None, 0u64);
    loop {
        let page = match page(&store, &endpoint, &wanted, token.as_deref()).await {
            Ok(page) => page,
            // What came before stays joined, and the rest can be had by another try.
            Err(failure) if lines > 0 => {
                ended(join.take()).await?;
                let words =
                    format!("{failure:?}; {lines} lines were joined before: run it again, and the others come to them");
                return Err(Failure::new(failure.code, words));
            }
            Err(failure) => return Err(failure),
        };
        for event in &page.events {
            let child = match &mut join {
                Some(child) => child,
                none => none.insert(start_join(&args.folder)?),
            };
            if !told(child, &event.message).await.map_err(Failure::internal)? {
                // It says itself why it reads no more.
                return ended(join.take()).await;
            }
            lines += 1;
        }
        token = page.next_token;
        if token.is_none() {
            break;
        }
        say!("{lines} lines so far");
    }
    if lines == 0 {
        let words = format!(
            "the log group {} has no line of this run between {} and {}; logs are delivered some minutes late, and some \
             not at all: try again later, and see that the bucket's access log goes there",
            wanted.group, wanted.from, wanted.to
        );
        return Err(Failure::new(ExitCode::TryAgain, words));
    }
    say!("{lines} lines of the log group {}", wanted.group);
    ended(join).await
}

/// The one group that gets the bucket's access log.
async fn group_of_bucket(store: &Store, endpoint: &str) -> Result<String, Failure> {
    let groups = store
        .log_groups(endpoint, SystemClock.wall())
        .await
        .map_err(|error| Failure::new(code_of(&error), format!("{error}; name the log group with `--group`")))?;
    match groups.as_slice() {
        [one] => {
            say!("the access log of {} goes to the log group {one}", store.bucket());
            Ok(one.clone())
        }
        [] => Err(Failure::usage(format!(
            "the access log of {} goes to no log group of this account and region: switch it on before a run \
             (docs/server-logs.md), or name another account's group with `--group`",
            store.bucket()
        ))),
        several => Err(Failure::usage(format!(
            "the access log of {} goes to several log groups ({}): name one of them with `--group`",
            store.bucket(),
            several.join(", ")
        ))),
    }
}

/// When the last trial ended; `None` if none was run.
fn last_end(folder: &Path) -> Result<Option<Timestamp>, Failure> {
    let trials: Vec<TrialRecord> = read_rows(folder).map_err(Failure::usage)?;
    Ok(trials.iter().map(|trial| trial.ended_at).max())
}

/// A page of the log. A service that is asked too often is asked again, and that is said.
async fn page(store: &Store, endpoint: &str, wanted: &Wanted, token: Option<&str>) -> Result<Page, Failure> {
    for wait in WAITS {
        match store.log_events(endpoint, wanted, token, SystemClock.wall()).await {
            Ok(page) => return Ok(page),
            Err(error @ LogServiceError::Busy { .. }) => say!("{error}; asking again in {} s", wait.as_secs()),
            Err(error) => return Err(Failure::new(code_of(&error), error)),
        }
        tokio::time::sleep(wait).await;
    }
    store
        .log_events(endpoint, wanted, token, SystemClock.wall())
        .await
        .map_err(|error| Failure::new(code_of(&error), error))
}

fn code_of(error: &LogServiceError) -> ExitCode {
    match error {
        LogServiceError::Busy { .. } | LogServiceError::Unreachable { .. } => ExitCode::TryAgain,
        LogServiceError::Refused { .. } | LogServiceError::Unread(_) | LogServiceError::Unasked(_) => ExitCode::Usage,
    }
}

fn start_join(folder: &Path) -> Result<Child, Failure> {
    let program = beside(REPORT)?;
    let mut command = Command::new(&program);
    command.arg("join").arg("--").arg(folder).arg("-").stdin(Stdio::piped());
    command.spawn().map_err(|error| Failure::internal(format!("cannot start {}: {error}", program.display())))
}

/// Hands a line on; whether the other side still reads.
async fn told(join: &mut Child, message: &str) -> io::Result<bool> {
    let Some(stdin) = &mut join.stdin else { return Ok(false) };
    // A message is one line of JSON, whatever it was delivered with.
    let line = message.replace(['\r', '\n'], " ") + "\n";
    match stdin.write_all(line.as_bytes()).await {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Waits for the other side's end, whose code is this one's.
async fn ended(join: Option<Child>) -> Result<ExitCode, Failure> {
    let Some(mut join) = join else { return Ok(ExitCode::Done) };
    drop(join.stdin.take());
    let status = join.wait().await.map_err(Failure::internal)?;
    let known = ExitCode::ALL.iter().find(|code| status.code() == Some(**code as i32));
    Ok(known.copied().unwrap_or(ExitCode::Internal))
}

/// What clocks may be apart, and what a request may take to be logged.
const LEEWAY_US: i64 = 15 * 60 * 1_000_000;

/// AWS allows five to ten of these requests a second in an account.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
