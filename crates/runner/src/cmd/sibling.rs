//! `ttlsweep report` and its kin: the program that lies beside this one takes this one's place.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::siblings::Sibling;
use crate::cmd::exit::Failure;

/// Becomes the sibling's program, which thereby has this process's terminal, signals and exit code; returns if that fails.
pub fn become_it(sibling: &Sibling, arguments: &[OsString]) -> Failure {
    match beside(sibling.program) {
        Ok(path) => {
            let error = Command::new(&path).arg0(sibling.called()).args(arguments).exec();
            cannot_start(sibling, &path, &error)
        }
        Err(failure) => failure,
    }
}

/// The path of a program that lies beside this one.
///
/// # Errors
/// There is none.
pub(crate) fn beside(program: &str) -> Result<PathBuf, Failure> {
    // Without /proc, what this program was started as tells, if that is a path.
    let started = || env::args_os().next().map(PathBuf::from).filter(|path| path.components().count() > 1);
    let here = env::current_exe().or_else(|error| started().ok_or(error));
    let here = here.map_err(|error| Failure::internal(format!("cannot find out where this program lies: {error}")))?;
    // By a symbolic link, the programs lie where it leads to.
    let real = here.canonicalize().unwrap_or_else(|_| here.clone());
    let folders = [&here, &real].into_iter().filter_map(|path| path.parent());
    let mut paths = folders.map(|folder| folder.join(program));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        let folder = real.parent().unwrap_or_else(|| Path::new("")).display();
        let words = format!(
            "`{program}` is not in {folder}, beside this program: install it there, or build all programs with `just build`"
        );
        Failure::usage(words)
    })
}

fn cannot_start(sibling: &Sibling, path: &Path, error: &io::Error) -> Failure {
    Failure::internal(format!("cannot start {} for `ttlsweep {}`: {error}", path.display(), sibling.name))
}
