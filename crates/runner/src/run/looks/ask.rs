//! The question to the program beside this one, and what of its answers counts as one.

use std::fmt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use ttlsweep_console::exit::ExitCode;
use ttlsweep_record::text::visible;

use super::found::Target;
use crate::secret::redacted;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing was answered.
#[derive(Debug)]
pub(super) enum Doubt {
    /// The program is not there.
    Missing,
    /// The run's own files could not be brought up to date.
    Unwritten,
    /// The program cannot be started.
    NotStarted,
    /// It took too long.
    Late(Duration),
    /// It ended otherwise than with an answer, and said this.
    Ended(ExitStatus, String),
    /// What it answered is none of the answers that are known.
    Unclear,
    /// It read other trials than those that were run.
    OtherTrials {
        /// How many it read.
        read: u64,
        /// How many there are.
        ran: u64,
    },
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("ttlsweep-report is missing"),
            Self::Unwritten => f.write_str("the run's files could not be written"),
            Self::NotStarted => f.write_str("ttlsweep-report cannot be started"),
            Self::Late(within) => write!(f, "ttlsweep-report gave no answer within {} s", within.as_secs_f64()),
            Self::Ended(status, said) if said.is_empty() => write!(f, "ttlsweep-report ended with {status}"),
            Self::Ended(status, said) => write!(f, "ttlsweep-report ended with {status} ({said})"),
            Self::Unclear => {
                f.write_str("ttlsweep-report gave an answer that is not understood: is it of another version?")
            }
            Self::OtherTrials { read, ran } => write!(f, "ttlsweep-report read {read} whole trials of {ran}"),
        }
    }
}

/// What `ttlsweep-report interim` prints.
#[derive(Deserialize)]
struct Answer {
    schema_version: u32,
    decided: bool,
    trials: u64,
    targets: Vec<Target>,
}

/// Asks `program` about the run in `folder`, of which `trials` are whole. Dropped before it has an answer, it ends the program.
pub(super) async fn ask(program: &Path, folder: &Path, trials: u64, within: Duration) -> Result<Vec<Target>, Doubt> {
    let mut command = Command::new(program);
    command.args(["interim", "--"]).arg(folder);
    // Ctrl-C is for ttlsweep, which ends the program itself.
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| Doubt::NotStarted)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
    let Ok((answer, said, status)) = tokio::time::timeout(within, all).await else { return Err(Doubt::Late(within)) };
    let status = status.map_err(|_| Doubt::Unclear)?;
    let decided = match status.code() {
        Some(code) if code == ExitCode::Done as i32 => true,
        Some(code) if code == ExitCode::Undecided as i32 => false,
        _ => return Err(Doubt::Ended(status, first_line(&said))),
    };
    let answer: Answer = serde_json::from_str(answer.trim()).map_err(|_| Doubt::Unclear)?;
    let all_decided = !answer.targets.is_empty() && answer.targets.iter().all(|target| target.decided);
    // It may know of a target of which nothing was seen yet, and then does not decide; but never the other way round.
    let is_consistent = answer.decided == decided && (all_decided || !decided);
    if answer.schema_version != SCHEMA_VERSION || !is_consistent {
        return Err(Doubt::Unclear);
    }
    if answer.trials != trials {
        return Err(Doubt::OtherTrials { read: answer.trials, ran: trials });
    }
    Ok(answer.targets)
}

/// What a stream gives, as far as anybody would read it: a program that gives more waits in vain, and is late.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What came before an error counts.
        let _: std::io::Result<usize> = stream.take(MOST_BYTES).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn first_line(said: &str) -> String {
    let line: String = said.trim().lines().next().unwrap_or_default().chars().take(MOST_SAID).collect();
    visible(&redacted(&line)).to_string()
}

/// The version of the answer that is known here.
const SCHEMA_VERSION: u32 = 1;
const MOST_BYTES: u64 = 1 << 20;
const MOST_SAID: usize = 200;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use ttlsweep_record::TargetAnswer;

    use super::*;

    /// What comes of a program that is this script.
    async fn asked(script: &str, within: Duration) -> Result<Vec<Target>, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ttlsweep-report");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        ask(&program, folder.path(), 9, within).await.map_err(|doubt| doubt.to_string())
    }

    fn line(decided: bool, each: bool, trials: u64) -> String {
        format!(
            r#"echo '{{"schema_version":1,"decided":{decided},"trials":{trials},"targets":[{{"name":"a","answer":"no","decided":{each}}}]}}'"#
        )
    }

    #[tokio::test]
    async fn an_answer_counts_if_the_code_the_line_and_the_rows_agree() {
        let long = Duration::from_secs(20);
        let target = |decided| vec![Target { name: "a".to_owned(), answer: TargetAnswer::No, decided }];
        assert_eq!(asked(&line(true, true, 9), long).await, Ok(target(true)));
        assert_eq!(asked(&format!("{}; exit 4", line(false, false, 9)), long).await, Ok(target(false)));
        let unclear = "not understood";
        for (script, said) in [
            (line(false, true, 9), unclear),
            (line(true, false, 9), unclear),
            (format!("{}; exit 4", line(true, true, 9)), unclear),
            ("echo decided".to_owned(), unclear),
            (line(true, true, 9).replace("schema_version\":1", "schema_version\":2"), unclear),
            (line(true, true, 8), "read 8 whole trials of 9"),
            ("echo 'error: unexpected argument' >&2; exit 2".to_owned(), "exit status: 2 (error: unexpected argument)"),
            ("kill -SEGV $$".to_owned(), "signal: 11"),
        ] {
            let doubt = asked(&script, long).await.unwrap_err();
            assert!(doubt.contains(said), "{script}: {doubt}");
        }
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_or_is_none_leaves_a_doubt() {
        let doubt = asked("exec sleep 60", Duration::from_millis(50)).await.unwrap_err();
        assert!(doubt.contains("no answer within 0.05 s"), "{doubt}");
        let nowhere = Path::new("/nowhere/ttlsweep-report");
        let doubt = ask(nowhere, nowhere, 9, Duration::from_secs(20)).await.unwrap_err();
        assert!(doubt.to_string().contains("cannot be started"), "{doubt}");
    }
}
