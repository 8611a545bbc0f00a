//! Exit codes, and the errors that carry one.

use std::fmt;
use std::io;

use crate::run::folder::FolderError;
use crate::run::sweep::SweepError;
use crate::s3::PreflightError;
use crate::target::TargetError;
use miette::Report;
use ttlsweep_record::Portion;
use ttlsweep_record::text::visible_lines;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// All done; failed transfers are data.
    Done = 0,
    /// An internal error.
    Internal = 1,
    /// The command line or the experiment is wrong; no retry will mend it.
    Usage = 2,
    /// The target cannot be reached now, or a portion of a run was stopped: start the same command again.
    TryAgain = 75,
    /// Stopped by the user; everything is flushed, and the run can be resumed.
    Interrupted = 130,
}

impl ExitCode {
    /// How a run ends that was stopped. A portion's process belongs to an engine, which starts it again where its code says
    /// that this may help, and finds 130 in no program but a shell's.
    pub fn stopped(portion: Option<Portion>) -> Self {
        if portion.is_some() { Self::TryAgain } else { Self::Interrupted }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// An error for the person at the terminal.
pub struct Failure {
    /// The exit code.
    pub code: ExitCode,
    /// What is shown.
    pub report: Report,
}

impl Failure {
    /// A failure with a message and advice of its own. It may quote a server: a terminal finds nothing in it to obey.
    pub fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        let advice = if message.contains(TOO_MANY_FILES) { descriptor_advice() } else { String::new() };
        Self { code, report: Report::msg(visible_lines(&(message + &advice))) }
    }
}

/// How Linux's EMFILE is told.
const TOO_MANY_FILES: &str = "Too many open files (os error 24)";

/// What to do where this process has no descriptor left.
pub fn descriptor_advice() -> String {
    let limit = crate::host::machine::descriptor_limit().map_or_else(String::new, |limit| format!(" {limit}"));
    format!("\nthis process may have{limit} files and connections open at once; raise that with `ulimit -n`")
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.report)
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self { code: ExitCode::Usage, report }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let code = match &error {
            TargetError::Preflight { source: PreflightError::Unreachable(_) | PreflightError::Unwell(_), .. } => {
                ExitCode::TryAgain
            }
            TargetError::Preflight { .. } | TargetError::Store(_) | TargetError::Address(_) => ExitCode::Usage,
            TargetError::Testbed(_) => ExitCode::Internal,
        };
        Self::new(code, error)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let code = match &error {
            FolderError::Io { source, .. } if is_full(source.kind()) => ExitCode::Internal,
            FolderError::Io { .. }
            | FolderError::InUse(_)
            | FolderError::NoRun(_)
            | FolderError::OtherDivision { .. } => ExitCode::Usage,
        };
        Self::new(code, error)
    }
}

/// Whether there is no room for what is to be written.
pub(crate) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        let code = match &error {
            SweepError::Source(_) => ExitCode::Usage,
            SweepError::Download(_) => ExitCode::TryAgain,
            SweepError::Files(_) => ExitCode::Internal,
        };
        Self::new(code, error)
    }
}
