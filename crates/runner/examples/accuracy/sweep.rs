//! One sweep by the program under test, and its rows.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use ttlsweep_record::{Cell, TransferRecord, TrialRecord};
use ttlsweep_rundir::csv_file::read_rows;

use crate::Failure;

/// The rows of a run.
pub(crate) struct Rows {
    /// By their names.
    pub(crate) cells: HashMap<String, Cell>,
    pub(crate) trials: Vec<TrialRecord>,
    pub(crate) transfers: Vec<TransferRecord>,
}

/// Runs an experiment with the `ttlsweep` of the folder `programs`, in a folder that goes at once, without anything of the
/// environment that leads elsewhere.
pub(crate) fn run(programs: &Path, experiment: &str) -> Result<Rows, Failure> {
    let program = programs.join("ttlsweep");
    let program = program.canonicalize().map_err(|error| {
        format!("{}: {error}; run `cargo build --release --workspace --bins --examples`", program.display())
    })?;
    let folder = tempfile::Builder::new().prefix("ttlsweep-accuracy-").tempdir()?;
    std::fs::write(folder.path().join("accuracy.toml"), experiment)?;
    let mut command = Command::new(program);
    command.args(["run", "accuracy.toml", "--yes", "--progress", "none"]).current_dir(&folder).stdin(Stdio::null());
    command.env_clear().env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    let done = command.output()?;
    if !done.status.success() {
        return Err(format!("ttlsweep ended with {}:\n{}", done.status, String::from_utf8_lossy(&done.stderr)).into());
    }
    let run = folder.path().join(String::from_utf8(done.stdout)?.trim());
    let cells = read_rows::<Cell>(&run)?.into_iter().map(|cell| (cell.cell_id.clone(), cell)).collect();
    Ok(Rows { cells, trials: read_rows(&run)?, transfers: read_rows(&run)? })
}

/// As the tables name it.
pub(crate) const fn wire(tls: bool) -> &'static str {
    if tls { "TLS" } else { "TCP" }
}
