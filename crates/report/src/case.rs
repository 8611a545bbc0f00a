//! `ttlsweep-report case`: a run as a bundle that may be handed to AWS Support.
//!
//! The way of the data: `copy` takes the run's files through the redaction (`redact`) into a folder of their own; `scan` looks for
//! secrets in them and refuses the whole bundle where it finds one; the report is made again from the redacted files, so
//! that no picture shows what no text says; `text` writes the case, `archive` the sums and the archive. Nothing stands at
//! its place before all of it is done.

mod archive;
mod args;
mod copy;
mod error;
mod examples;
mod failing;
mod png_chunk;
mod redact;
mod scan;
mod secrets;
mod text;
mod values;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ttlsweep_record::Verdict;
use ttlsweep_record::text::ServerText;
use ttlsweep_rundir::disk::{Staging, unique_name};
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::merge::run_folders;

pub use args::CaseArgs;
pub use error::{CaseError, Found};
pub use redact::Redaction;
pub use secrets::KnownSecrets;

use redact::Redactor;
use scan::Scanner;

use crate::load::LoadError;
use crate::report::report;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The folder.
    pub folder: PathBuf,
    /// The same as one file.
    pub archive: PathBuf,
    /// What was replaced by what, in words; empty if nothing was.
    pub redacted: Vec<String>,
    /// What servers said and the author wrote, to be read before the bundle is handed on: names may be in it that no rule
    /// knows. Empty if nothing was to be replaced.
    pub to_read: Vec<ServerText>,
}

/// Makes the bundle of the run in `run`: at `out`, or else within the run's folder. `secrets` are values that may stand in no
/// file, in no notation.
///
/// # Errors
/// See [`CaseError`]. Where there is one, nothing was written, and an earlier bundle still stands.
pub fn bundle(
    run: &Path,
    out: Option<&Path>,
    redaction: Redaction,
    secrets: &KnownSecrets,
) -> Result<Bundle, CaseError> {
    if run_folders(&[run.to_owned()]) != [run] {
        return Err(CaseError::InShards(run.to_owned()));
    }
    // The same words for what is not a run as every report has.
    crate::load::load(&[run.to_owned()])?;
    let environment = Environment::read(run).map_err(LoadError::Environment)?;
    let redactor = Redactor::of(run, &environment, redaction)?;
    let place = Place::of(run, out, &redactor.text(&environment.run_id))?;
    // Beside its place, so that moving it there is one step; removed however this ends.
    let unwritable = |source| CaseError::Write { path: place.parent.clone(), source };
    fs::create_dir_all(&place.parent).map_err(unwritable)?;
    let staging = Staging::within(&place.parent, ".case-unfinished-").map_err(unwritable)?;
    let folder = staging.path().join(&place.name);
    fs::create_dir(&folder).map_err(unwritable)?;

    copy::run_files(run, &folder, &environment, &redactor)?;
    let scanner = Scanner::new(secrets);
    // Before anything is made from them, so that what is found is named where it came from.
    let copied = archive::files_below(&folder)?;
    let mut found = scanner.files(&folder, &copied, run)?;
    found.extend(scanner.charts(run)?);
    refuse(run, found)?;

    let done = report(std::slice::from_ref(&folder), None)?;
    let failing = failing::read(&folder, &done.runs.environments[0])?;
    // An expired link that was let in is a case of its own.
    if failing.is_empty() && done.verdict.overall != Verdict::Invalid {
        return Err(CaseError::NothingFailed(run.to_owned()));
    }
    failing::write(&folder, &failing)?;
    text::write(&folder, &text::Case { report: &done, failing: &failing, redacted: redactor.words() })?;
    let made: Vec<PathBuf> = archive::files_below(&folder)?.into_iter().filter(|file| !copied.contains(file)).collect();
    refuse(run, scanner.files(&folder, &made, Path::new(""))?)?;

    let to_read = if redactor.is_idle() { Default::default() } else { copy::to_read(&folder)? };
    archive::sums(&folder)?;
    let packed = archive::pack(&folder, &redactor.text(&place.name), environment.started_at)?;
    place.put(&folder, &packed)?;
    Ok(Bundle {
        folder: place.folder(),
        archive: place.archive(),
        redacted: redactor.words(),
        to_read: to_read.into_iter().map(ServerText::from).collect(),
    })
}

fn refuse(run: &Path, found: Vec<Found>) -> Result<(), CaseError> {
    if found.is_empty() { Ok(()) } else { Err(CaseError::Secrets { run: run.to_owned(), found }) }
}

/// Where the bundle is to stand.
struct Place {
    parent: PathBuf,
    name: String,
}

impl Place {
    fn of(run: &Path, out: Option<&Path>, run_id: &str) -> Result<Self, CaseError> {
        let usual = || run.join(format!("ttlsweep-case-{run_id}"));
        let path = match out {
            None => usual(),
            // Whoever names a folder that is there wants the bundle in it, and not in its place.
            Some(out) if out.is_dir() && !out.join(archive::SUMS).exists() => {
                out.join(usual().file_name().unwrap_or_default())
            }
            Some(out) => without_ending(out),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| CaseError::NoName { path: path.clone() })?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let place = Self { parent: parent.to_owned(), name };
        // Only what a bundle stands in is replaced.
        if place.folder().exists() && !place.folder().join(archive::SUMS).exists() {
            return Err(CaseError::Occupied { path: place.folder() });
        }
        Ok(place)
    }

    fn folder(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    fn archive(&self) -> PathBuf {
        self.parent.join(format!("{}{}", self.name, archive::ENDING))
    }

    /// Moves both to their place. An earlier bundle is moved beside the new one, to go with its folder.
    fn put(&self, folder: &Path, packed: &Path) -> Result<(), CaseError> {
        let in_place = |path: &Path, result: io::Result<()>| {
            result.map_err(|source| CaseError::Write { path: path.to_owned(), source })
        };
        let put = loop {
            match fs::rename(folder, self.folder()) {
                // Again and again, since bundles that are made at the same time come to the same place.
                Err(error) if is_taken(&error) => {
                    let aside = folder.with_file_name(unique_name("earlier-"));
                    match fs::rename(self.folder(), aside) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => break Err(error),
                        _ => {}
                    }
                }
                ended => break ended,
            }
        };
        in_place(&self.folder(), put)?;
        in_place(&self.archive(), fs::rename(packed, self.archive()))
    }
}

/// Something stands where a folder is to be.
fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
}

/// `case.tar.gz` asks for the archive of that name and the folder `case` beside it.
fn without_ending(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = [archive::ENDING, ".tgz"].iter().find_map(|ending| name.strip_suffix(ending));
    stem.map_or_else(|| path.to_owned(), |stem| path.with_file_name(stem))
}
