//! Exit codes, and the errors that carry one.

use std::fmt;

use crate::experiment::LoadError;
use crate::links::unanswered::Unanswered;
use crate::portion::placed::PlaceError;
use crate::run::folder::FolderError;
use crate::run::repair::RepairError;
use crate::run::sweep::SweepError;
use crate::s3::{PreflightError, ResultsError};
use crate::target::TargetError;
use crate::upload::UploadError;
use crate::upload::download::DownloadError;
pub use ttlsweep_console::exit::ExitCode;
use ttlsweep_record::Portion;
use ttlsweep_record::text::visible_lines;
use ttlsweep_rundir::disk;
use ttlsweep_rundir::merge::MergeError;

/// How a run ends that was stopped. A portion's process belongs to an engine, which starts it again where its code says that
/// this may help, and finds 130 in no program but a shell's.
pub(crate) fn stopped(portion: Option<Portion>) -> ExitCode {
    if portion.is_some() { ExitCode::TryAgain } else { ExitCode::Interrupted }
}

/// An error for the person at the terminal.
pub struct Failure {
    /// The exit code.
    pub code: ExitCode,
    /// What is shown.
    pub text: String,
}

impl Failure {
    /// A failure with a message and advice of its own. It may quote a server: a terminal finds nothing in it to obey.
    pub fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        let advice = if message.contains(TOO_MANY_FILES) { descriptor_advice() } else { String::new() };
        Self { code, text: visible_lines(&(message + &advice)) }
    }

    /// What the user asked for cannot be done; no retry will mend it.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self::new(ExitCode::Usage, error)
    }

    /// Something that should have worked did not.
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        Self::new(ExitCode::Internal, error)
    }
}

/// How Linux reports EMFILE.
const TOO_MANY_FILES: &str = "Too many open files (os error 24)";

/// What to do where this process has no descriptor left.
pub fn descriptor_advice() -> String {
    let limit = crate::host::machine::descriptor_limit().map_or_else(String::new, |limit| format!(" {limit}"));
    format!("\nthis process may have{limit} files and connections open at once; raise that with `ulimit -n`")
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        // Not made visible: it may be coloured, and shows only the file and the options of the person who reads it.
        Self { code: ExitCode::Usage, text: error.to_string() }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let code = match &error {
            TargetError::Preflight { source: PreflightError::Unreachable(_) | PreflightError::Unwell(_), .. } => {
                ExitCode::TryAgain
            }
            TargetError::Links { why: Unanswered::Unreachable(_), .. } => ExitCode::TryAgain,
            TargetError::Links { .. } => ExitCode::Usage,
            TargetError::Preflight { .. } | TargetError::Store(_) | TargetError::Address(_) => ExitCode::Usage,
            TargetError::Testbed(_) => ExitCode::Internal,
        };
        Self::new(code, error)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        let code = match &error {
            FolderError::Io { source, .. } if disk::is_full(source.kind()) => ExitCode::Internal,
            // It need only be started again: by a person, or by an engine while the task before it is still ending.
            FolderError::InUse(_) => ExitCode::TryAgain,
            FolderError::Io { .. } | FolderError::NoRun(_) | FolderError::OtherDivision { .. } => ExitCode::Usage,
        };
        Self::new(code, error)
    }
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

impl From<RepairError> for Failure {
    fn from(error: RepairError) -> Self {
        let code = if error.is_full() { ExitCode::Internal } else { ExitCode::Usage };
        Self::new(code, error)
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Folder(error) => error.into(),
            PlaceError::SideBySide(_)
            | PlaceError::EndsEarly(_)
            | PlaceError::OtherPlan { .. }
            | PlaceError::Environment(_) => Self::usage(error),
        }
    }
}

impl From<ResultsError> for Failure {
    fn from(error: ResultsError) -> Self {
        let code = match &error {
            ResultsError::Unreachable { .. } | ResultsError::Damaged(_) => ExitCode::TryAgain,
            ResultsError::Refused { .. } | ResultsError::Untrusted { .. } => ExitCode::Usage,
            ResultsError::File { .. } => ExitCode::Internal,
        };
        Self::new(code, error)
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Results(error) => error.into(),
            UploadError::Place(error) => error.into(),
            UploadError::AmongObjects { .. } | UploadError::Store(_) | UploadError::Environment { .. } => {
                Self::usage(error)
            }
        }
    }
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Results(error) => error.into(),
            // They may be whole yet.
            DownloadError::NoneWhole { .. } => Self::new(ExitCode::TryAgain, error),
            DownloadError::Store(_) | DownloadError::SeveralRuns { .. } | DownloadError::NoShard(_) => {
                Self::usage(error)
            }
        }
    }
}

impl From<MergeError> for Failure {
    fn from(error: MergeError) -> Self {
        let code = match &error {
            MergeError::Write { source, .. } if disk::is_full(source.kind()) => ExitCode::Internal,
            // It may end yet.
            MergeError::Unfinished { .. } => ExitCode::TryAgain,
            _ => ExitCode::Usage,
        };
        Self::new(code, error)
    }
}
