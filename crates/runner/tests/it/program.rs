//! The program `ttlsweep` in a folder of its own, without the environment of the user who runs the tests.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use ttlsweep_record::row::Row;
use ttlsweep_record::{EventRecord, TransferRecord, TrialRecord};
use ttlsweep_rundir::csv_file::{read_rows, read_rows_from};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Testbed};

use crate::programs::{chosen, is_another};

/// A folder to run the program in.
pub(crate) struct Lab(TempDir);

impl Lab {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with a file in it.
    pub(crate) fn with(name: &str, contents: impl AsRef<[u8]>) -> Self {
        let lab = Self::new();
        lab.write(name, contents);
        lab
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, with nothing of the environment but what keeps it from asking anybody beyond loopback. Stores are not asked
    /// for their clocks, which takes seconds a run, unless `args` say otherwise.
    pub(crate) fn ttlsweep(&self, args: &[&str]) -> Command {
        let mut command = Command::new(chosen(env!("CARGO_BIN_EXE_ttlsweep")));
        // An earlier program does not know the key.
        let options = if matches!(args, ["run" | "doctor", ..]) && !is_another() { 1 } else { 0 };
        command.args(&args[..options]).args(["--set", "target.clock_probe=0s"].iter().take(2 * options));
        command.args(&args[options..]).current_dir(self.0.path()).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.0.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// A shell in the folder that may run the program as `"$TTLSWEEP"`, without the environment of the user who runs the tests.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.0.path()).stdin(Stdio::null()).env_clear();
        command
            .env("HOME", self.0.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("TTLSWEEP", chosen(env!("CARGO_BIN_EXE_ttlsweep")));
        command
    }

    /// The program with the key of a testbed.
    pub(crate) fn with_key(&self, testbed: &Testbed, args: &[&str]) -> Command {
        let mut command = self.ttlsweep(args);
        command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
        if let Some(pem) = testbed.ca_pem() {
            self.write("ca.pem", pem);
            command.env("AWS_CA_BUNDLE", self.path("ca.pem"));
        }
        command
    }

    /// The folder of the only run of `experiment` that there is.
    pub(crate) fn run_of(&self, experiment: &str) -> Run {
        Run(self.path("results").join(experiment).join("latest").canonicalize().unwrap())
    }
}

/// The folder of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run(pub(crate) PathBuf);

impl Run {
    /// The run whose folder, and nothing else, was printed.
    pub(crate) fn printed(lab: &Lab, output: &Output) -> Self {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap_or_else(|| panic!("{output:?}"));
        assert!(!line.contains('\n'), "stdout is the folder alone: {text}");
        let folder = lab.0.path().join(line);
        assert!(folder.is_dir(), "{text}");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn transfers(&self) -> Vec<TransferRecord> {
        read_rows(&self.0).unwrap()
    }

    pub(crate) fn trials(&self) -> Vec<TrialRecord> {
        read_rows(&self.0).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<EventRecord> {
        read_rows(&self.0).unwrap()
    }

    /// Waits until a transfer of a later trial than the first is in flight: it stands in the journal and nowhere else.
    pub(crate) fn wait_for_a_second_trial(&self) {
        wait_until("a second trial's transfer is in flight", || {
            let started: Vec<TransferRecord> = rows_or_none(&self.0.join("journal.csv"));
            let ended: Vec<TransferRecord> = rows_or_none(&self.0.join("transfers.csv"));
            let trials: Vec<TrialRecord> = rows_or_none(&self.0.join("trials.csv"));
            !trials.is_empty() && started.len() > ended.len()
        });
    }
}

/// Rows of a file that is being written; none if it is not there yet, or its last row is half written.
pub(crate) fn rows_or_none<R: Row>(path: &Path) -> Vec<R> {
    read_rows_from(path).unwrap_or_default()
}

/// Waits for what another process does.
pub(crate) fn wait_until(what: &str, done: impl FnMut() -> bool) {
    wait_at_most(Duration::from_secs(20), what, done);
}

/// The same for what takes longer.
pub(crate) fn wait_at_most(time: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < time, "waited in vain until {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Starts the program with its words piped.
pub(crate) fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for a line of the program's words that contains `text`.
pub(crate) fn wait_for_words(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(text)), "the program never said `{text}`");
    // The rest is read, so that the program does not wait for a reader.
    std::thread::spawn(move || lines.for_each(drop));
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The program's exit code, and what it said, as one line: its reports break theirs to fit a terminal.
pub(crate) fn words(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8(output.stderr.clone()).unwrap().replace(['│', '\n'], " ");
    (output.status.code(), said.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Runs the program to its end, which must be a good one.
pub(crate) fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
    output
}

/// What a program warned of, apart from what its plan cannot decide.
pub(crate) fn warnings(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.contains("warning") && !line.contains("no transfer outlives its link")).collect()
}
