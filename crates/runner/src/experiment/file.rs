//! Reads the file that is to be an experiment.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::problems::{Problem, nearest, reason};

/// The file's text.
///
/// # Errors
/// It cannot be read, or is surely not an experiment; the problem says what to do.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    text_of(path).map_err(|why| {
        let problem = Problem::nowhere(format!("{}{}{}", why.before, path.display(), why.behind));
        match why.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    })
}

/// Why a file is not read: words before and behind its path, and what to do.
struct Unread {
    before: &'static str,
    behind: String,
    help: Option<String>,
}

/// A file of gigabytes is not an experiment, and a pipe may never end.
fn text_of(path: &Path) -> Result<String, Unread> {
    const MOST: u64 = 16 << 20;
    let mut bytes = Vec::new();
    open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MOST {
        return Err(Unread {
            before: "",
            behind: " is larger than 16 MiB, as no experiment is".to_owned(),
            help: None,
        });
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let help = Some("save it as UTF-8; editors call it an encoding".to_owned());
        return Err(Unread { before: "", behind: " is UTF-16, as some editors and shells write".to_owned(), help });
    }
    String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        Unread { before: "", behind: format!(" is no UTF-8 text: see byte {byte}"), help: Some(TOML.to_owned()) }
    })
}

/// A pipe that nobody writes to is at its end at once: what a shell puts in the place of `<(…)` has a writer.
fn open(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    // From here on its writer is waited for.
    rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

fn unreadable(path: &Path, error: &io::Error) -> Unread {
    if path.is_dir() {
        let behind = " is a folder, not an experiment file".to_owned();
        return Unread { before: "", behind, help: Some(TOML.to_owned()) };
    }
    // Those that ship are asked for by their names alone.
    let shipped = || neighbour(&Path::new("experiments").join(path.file_name().filter(|name| *name == path)?));
    let help = match neighbour(path).or_else(shipped) {
        Some(near) => format!("is it {near}?"),
        None => "give the path of an experiment file, for example experiments/ttl-grid.toml".to_owned(),
    };
    Unread { before: "cannot read ", behind: format!(": {}", reason(error)), help: Some(help) }
}

/// The file in the same folder whose name is nearest.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).ok()?;
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".toml"));
    names.sort_unstable();
    let wanted = path.file_stem()?.to_str()?;
    let near = nearest(wanted, names.iter().map(|name| name.trim_end_matches(".toml")))?;
    Some(path.with_file_name(format!("{near}.toml")).display().to_string())
}

const TOML: &str = "give the path of a TOML file, for example experiments/ttl-grid.toml";
