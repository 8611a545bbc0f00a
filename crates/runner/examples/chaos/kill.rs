//! One kill: of a command, by a signal, at an instant.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};

use crate::Told;
use crate::blow::Blow;
use crate::dice::Dice;
use crate::toll::{Command, Toll};

/// A command that is asked to end does so in a few seconds, on a busy machine, too.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// One that has all but come to its end when the signal comes may end as if there had been none.
const DONE_JUST_THEN: Duration = Duration::from_secs(2);
/// Without a kill a command is done long before this.
const DONE_WITHIN: Duration = Duration::from_secs(180);
/// Stale names are removed when they are older than this by far.
const LONG_AGO: Duration = Duration::from_secs(24 * 3600);

/// The programs under test.
pub(crate) struct Programs {
    ttlsweep: PathBuf,
    report: PathBuf,
}

impl Programs {
    pub(crate) fn of(folder: &Path) -> Told<Self> {
        let find = |name: &str| {
            let path = folder.join(name);
            path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self { ttlsweep: find("ttlsweep")?, report: find("ttlsweep-report")? })
    }
}

/// When the kill comes: so many seconds after something is so.
pub(crate) struct Moment<'a> {
    seconds: f64,
    once: Box<dyn Fn() -> bool + 'a>,
}

impl<'a> Moment<'a> {
    pub(crate) fn at(seconds: f64) -> Self {
        Self::after(seconds, || true)
    }

    pub(crate) fn after(seconds: f64, once: impl Fn() -> bool + 'a) -> Self {
        Self { seconds, once: Box::new(once) }
    }
}

/// How a command ends that is asked to: with a code; or by the signal itself, unless what it left shows that it listens.
pub(crate) struct Stops<'a> {
    code: i32,
    listens: Box<dyn Fn() -> bool + 'a>,
}

impl<'a> Stops<'a> {
    pub(crate) fn with(code: i32, listens: impl Fn() -> bool + 'a) -> Self {
        Self { code, listens: Box::new(listens) }
    }

    pub(crate) fn by_the_signal() -> Self {
        Self::with(0, || false)
    }
}

/// Starts the commands of one story, and kills them.
pub(crate) struct Killer<'a> {
    programs: &'a Programs,
    pub(crate) lab: &'a Path,
    pub(crate) dice: Dice,
    pub(crate) toll: &'a Toll,
}

impl<'a> Killer<'a> {
    pub(crate) const fn new(programs: &'a Programs, lab: &'a Path, dice: Dice, toll: &'a Toll) -> Self {
        Self { programs, lab, dice, toll }
    }

    /// A command of `ttlsweep`, in the lab, with the testbed's keys and nothing else of an environment.
    pub(crate) fn ttlsweep(&self) -> Process {
        self.process(&self.programs.ttlsweep)
    }

    /// The report on a run, or another command of its program.
    pub(crate) fn report(&self) -> Process {
        self.process(&self.programs.report)
    }

    fn process(&self, program: &Path) -> Process {
        let mut process = Process::new(program);
        process.current_dir(self.lab).stdin(Stdio::null()).env_clear();
        process.env("HOME", self.lab).env("TMPDIR", self.lab).env("AWS_EC2_METADATA_DISABLED", "true");
        process.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
        process.env("AWS_REGION", "us-east-1");
        process
    }

    /// What met the command; `None` if it was done before.
    pub(crate) fn kill(
        &self,
        name: Command,
        process: &mut Process,
        moment: &Moment<'_>,
        stops: &Stops<'_>,
    ) -> Told<Option<Blow>> {
        let by = self.dice.one_of(Blow::ALL.to_vec());
        let mut started = Started::start(process)?;
        if !started.reaches(moment)? {
            let (status, said) = started.end(DONE_WITHIN, || format!("{name} does not end"))?;
            return if status.success() {
                Ok(None)
            } else {
                Err(format!("{name} ends by itself, {status}: {said}").into())
            };
        }
        let asked = Instant::now();
        kill_process(Pid::from_child(&started.child), by.signal())?;
        let (status, said) = started.end(ENDS_WITHIN, || format!("{name} goes on {ENDS_WITHIN:?} after {by}"))?;
        let (code, took) = (code(status), asked.elapsed());
        if code == 0 {
            if took > DONE_JUST_THEN {
                return Err(format!("{name} takes no notice of {by}, and is done {took:.1?} later").into());
            }
            return Ok(None);
        }
        self.toll.killed(name, by);
        if by.signal() != Signal::KILL {
            self.toll.ended(name, code, took);
            if code != stops.code && (code != -by.signal().as_raw() || (stops.listens)()) {
                return Err(format!("{name} ends with {code} after {by}: {said}").into());
            }
        }
        self.toll.left(self.age_leftovers()?);
        Ok(Some(by))
    }

    /// Starts the command and waits until it is done; returns what it printed.
    pub(crate) fn finish(&self, name: Command, process: &mut Process) -> Told<String> {
        let (status, said) = Started::start(process)?.end(DONE_WITHIN, || format!("{name} does not end"))?;
        if !status.success() {
            return Err(format!("{name} ends with {status}, started again after a kill: {said}").into());
        }
        Ok(said)
    }

    /// Makes temporary names that the kill left old enough that the next start takes them for what they are; returns how many.
    fn age_leftovers(&self) -> Told<u64> {
        let (then, mut found) = (SystemTime::now() - LONG_AGO, Vec::new());
        leftovers(self.lab, &mut found)?;
        let mut aged = 0;
        for path in found {
            if path.symlink_metadata()?.modified()? > then + Duration::from_secs(60) {
                let seconds = then.duration_since(UNIX_EPOCH)?.as_secs().try_into()?;
                let then = Timespec { tv_sec: seconds, tv_nsec: 0 };
                let both = Timestamps { last_access: then, last_modification: then };
                utimensat(CWD, &path, &both, AtFlags::SYMLINK_NOFOLLOW)?;
                aged += 1;
            }
        }
        Ok(aged)
    }
}

/// The temporary names below a folder.
fn leftovers(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && (name.contains("unfinished") || name.starts_with(".latest-")) {
            found.push(entry.path());
        }
        if entry.file_type()?.is_dir() {
            leftovers(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// A process that ends with this, and what it prints.
struct Started {
    child: Child,
    printed: File,
}

impl Started {
    fn start(process: &mut Process) -> Told<Self> {
        let printed = tempfile::tempfile()?;
        let child = process.stdout(printed.try_clone()?).stderr(printed.try_clone()?).spawn()?;
        Ok(Self { child, printed })
    }

    /// Whether the moment comes before the process has ended.
    fn reaches(&mut self, moment: &Moment<'_>) -> Told<bool> {
        let (began, mut reached) = (Instant::now(), None);
        while self.child.try_wait()?.is_none() {
            go_on()?;
            if reached.is_none() && (moment.once)() {
                reached = Some(Instant::now());
            }
            if began.elapsed() > DONE_WITHIN {
                return Err(format!("not done after {DONE_WITHIN:?}").into());
            }
            let Some(reached) = reached else {
                sleep(Duration::from_millis(1));
                continue;
            };
            let left = Duration::from_secs_f64(moment.seconds).saturating_sub(reached.elapsed());
            if left.is_zero() {
                return Ok(true);
            }
            sleep(left.min(Duration::from_millis(50)));
        }
        Ok(false)
    }

    /// How it ended, and all that it printed.
    fn end(&mut self, within: Duration, otherwise: impl Fn() -> String) -> Told<(ExitStatus, String)> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let mut said = Vec::new();
                self.printed.rewind()?;
                self.printed.read_to_end(&mut said)?;
                return Ok((status, String::from_utf8_lossy(&said).into_owned()));
            }
            go_on()?;
            if began.elapsed() > within {
                return Err(otherwise().into());
            }
            sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Nothing happens to one that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code, or the signal as a negative number, as a shell's scripts know them.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(-status.signal()?)).unwrap_or(i32::MIN)
}

/// The signal that asked this program itself to end.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// Listens to signals, so that what was started ends with us. What is started has them as they are by default: a shell's
/// background jobs begin with Ctrl-C ignored, and what is ignored stays so in all that is started.
pub(crate) fn listen(runtime: &Runtime) -> Told<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let _inside = runtime.enter();
        let mut signals = signal(kind)?;
        runtime.spawn(async move {
            signals.recv().await;
            ASKED.store(kind.as_raw_value(), Ordering::Relaxed);
        });
    }
    Ok(())
}

/// With which code to end, if a signal asks for it.
pub(crate) fn stopped() -> Option<ExitCode> {
    let asked = ASKED.load(Ordering::Relaxed);
    (asked != 0).then(|| ExitCode::from(u8::try_from(128 + asked).unwrap_or(u8::MAX)))
}

fn go_on() -> Told<()> {
    if stopped().is_some() { Err("asked to end".into()) } else { Ok(()) }
}
