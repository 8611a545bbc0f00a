//! What was done, and what was found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::blow::Blow;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Command {
    Run,
    Resume,
    Report,
    Upload,
    Merge,
    Clean,
}

impl Command {
    const ALL: [Self; 6] = [Self::Run, Self::Resume, Self::Report, Self::Upload, Self::Merge, Self::Clean];
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Run => "run",
            Self::Resume => "resume",
            Self::Report => "report",
            Self::Upload => "upload",
            Self::Merge => "merge",
            Self::Clean => "clean",
        })
    }
}

/// How many kills each command gets of `kills`: one after the other.
pub(crate) fn shares(kills: u64) -> BTreeMap<Command, u64> {
    let all = Command::ALL.len() as u64;
    let share = |number: usize| kills / all + u64::from((number as u64) < kills % all);
    Command::ALL.into_iter().enumerate().map(|(number, command)| (command, share(number))).collect()
}

/// The figures of all stories; several of them add to it at once.
#[derive(Default)]
pub(crate) struct Toll(Mutex<Figures>);

#[derive(Default)]
struct Figures {
    kills: BTreeMap<(Command, Blow), u64>,
    /// How the commands ended that were asked to: by exit code, negative for the signal itself.
    ends: BTreeMap<(Command, i32), u64>,
    /// The longest that a command took to end once it was asked.
    slowest: Duration,
    runs: u64,
    transfers: u64,
    /// Transfers that were in flight at a kill.
    cancelled: u64,
    superseded: u64,
    /// Temporary names that a kill left; all were gone, or in nobody's way, in the end.
    leftovers: u64,
    problems: Vec<String>,
}

impl Toll {
    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn killed(&self, command: Command, by: Blow) {
        *self.figures().kills.entry((command, by)).or_default() += 1;
    }

    pub(crate) fn ended(&self, command: Command, code: i32, took: Duration) {
        let mut figures = self.figures();
        *figures.ends.entry((command, code)).or_default() += 1;
        figures.slowest = figures.slowest.max(took);
    }

    pub(crate) fn left(&self, names: u64) {
        self.figures().leftovers += names;
    }

    pub(crate) fn ran(&self, transfers: u64, cancelled: u64, superseded: u64) {
        let mut figures = self.figures();
        figures.runs += 1;
        figures.transfers += transfers;
        figures.cancelled += cancelled;
        figures.superseded += superseded;
    }

    pub(crate) fn broke(&self, problem: String) {
        self.figures().problems.push(problem);
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.figures().problems.is_empty()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.figures().problems.clone()
    }

    pub(crate) fn kills(&self) -> u64 {
        self.figures().kills.values().sum()
    }

    /// How many kills of each command there must be yet.
    pub(crate) fn missing(&self, wanted: &BTreeMap<Command, u64>) -> BTreeMap<Command, u64> {
        let figures = self.figures();
        let done = |command| figures.kills.iter().filter(|((of, _), _)| *of == command).map(|(_, count)| count).sum();
        let missing = wanted.iter().map(|(command, count)| (*command, count.saturating_sub(done(*command))));
        missing.filter(|(_, count)| *count > 0).collect()
    }
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.figures();
        writeln!(f, "{:>9}{}", "", Blow::ALL.map(|blow| format!("{blow:>9}")).concat())?;
        for command in Command::ALL {
            let count = |blow| figures.kills.get(&(command, blow)).copied().unwrap_or_default();
            writeln!(f, "{command:>9}{}", Blow::ALL.map(|blow| format!("{:>9}", count(blow))).concat())?;
        }
        let ends: Vec<_> =
            figures.ends.iter().map(|((command, code), count)| format!("{command} {code}: {count}")).collect();
        let ends = if ends.is_empty() { "none".to_owned() } else { ends.join(", ") };
        let Figures { runs, transfers, cancelled, superseded, leftovers, slowest, .. } = &*figures;
        writeln!(f, "asked to end, they ended within {:.2} s, with these codes: {ends}", slowest.as_secs_f64())?;
        writeln!(
            f,
            "{runs} runs of {transfers} transfers: {cancelled} were in flight at a kill and recorded as cancelled, \
             {superseded} belong to interrupted attempts"
        )?;
        write!(f, "{leftovers} temporary names were left by kills, and hindered nothing")
    }
}
