//! run, resume and report, on the embedded testbed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Told;
use crate::blow::Blow;
use crate::kept::{Kept, cut_tail};
use crate::kill::{Killer, Moment, Stops};
use crate::story::{EXPERIMENT, beginning, check_report, check_whole, count};
use crate::toll::Command;

pub(crate) const KILLS: [Command; 3] = [Command::Run, Command::Resume, Command::Report];

const INTERRUPTED: i32 = 130;
const TARGET: &str = "[target]\ntls = false\nexpiry = \"in-flight\"\n";

/// A run that is killed, its resume too, and the report on it.
pub(crate) struct Embedded<'a> {
    killer: &'a Killer<'a>,
    kept: RefCell<Kept>,
}

impl<'a> Embedded<'a> {
    pub(crate) fn begin(killer: &'a Killer<'a>) -> Told<Self> {
        fs::write(killer.lab.join("chaos.toml"), format!("{EXPERIMENT}{TARGET}"))?;
        Ok(Self { killer, kept: RefCell::default() })
    }

    /// Carries out these kills, in the order of [`KILLS`], and checks what is there in the end.
    pub(crate) fn tell(&self, kills: &[Command]) -> Told<()> {
        let mut folder = self.killed_run(kills.contains(&Command::Run))?;
        while kills.contains(&Command::Resume) && !self.killed_resume(&folder)? {
            // All was whole before the kill came: there must be something to resume.
            self.kept.take();
            folder = self.killed_run(true)?;
        }
        let folder = folder.as_path();
        self.killer.finish(Command::Resume, self.killer.ttlsweep().arg("resume").arg(folder).args(QUIETLY))?;
        self.kept.borrow_mut().note(folder)?;
        if kills.contains(&Command::Report) {
            self.killed_report(folder)?;
        }
        check_report(folder, &self.killer.finish(Command::Report, self.killer.report().arg(folder))?)?;
        check_whole(self.killer, folder, &self.kept.borrow().told)?;
        count(self.killer, folder)?;
        match unfinished(folder)?.first() {
            Some(left) => Err(format!("{} is there after another report", left.display()).into()),
            None => Ok(()),
        }
    }

    fn killed_run(&self, mut killed: bool) -> Told<PathBuf> {
        let run = || {
            let mut run = self.killer.ttlsweep();
            run.args(["run", "chaos.toml"]).args(QUIETLY);
            run
        };
        while killed {
            let before = self.folders();
            let new = || self.folders().difference(&before).next().cloned();
            let (moment, stops) = (self.moment(|| new().is_some(), 2.0), Stops::with(INTERRUPTED, || new().is_some()));
            let by = self.killer.kill(Command::Run, &mut run(), &moment, &stops)?;
            // It was killed before its folder was there, and is started again; or it came to its end before.
            match (by, new()) {
                (Some(by), Some(folder)) => {
                    self.struck(&folder, Some(by))?;
                    return Ok(folder);
                }
                (by, _) => killed = by.is_none(),
            }
        }
        let before = self.folders();
        self.killer.finish(Command::Run, &mut run())?;
        let made = self.folders().difference(&before).next().cloned();
        made.ok_or_else(|| "a run left no folder".into())
    }

    fn killed_resume(&self, folder: &Path) -> Told<bool> {
        let trials = folder.join("trials.csv");
        let size = || fs::metadata(&trials).map_or(0, |file| file.len());
        let before = size();
        let grown = || size() > before;
        let mut resume = self.killer.ttlsweep();
        resume.arg("resume").arg(folder).args(QUIETLY);
        let (moment, stops) = (self.moment(grown, 1.0), Stops::with(INTERRUPTED, grown));
        let by = self.killer.kill(Command::Resume, &mut resume, &moment, &stops)?;
        self.struck(folder, by)?;
        Ok(by.is_some())
    }

    fn killed_report(&self, folder: &Path) -> Told<()> {
        let by = loop {
            let moment = self.moment(|| unfinished(folder).is_ok_and(|staged| !staged.is_empty()), 0.6);
            let mut report = self.killer.report();
            report.arg(folder);
            if let Some(by) = self.killer.kill(Command::Report, &mut report, &moment, &Stops::by_the_signal())? {
                break by;
            }
        };
        for staged in unfinished(folder)?.iter().filter(|_| by == Blow::Power) {
            for file in fs::read_dir(staged)? {
                let path = file?.path();
                if path.is_file() {
                    cut_tail(&path, fs::metadata(&path)?.len(), &self.killer.dice)?;
                }
            }
        }
        Ok(())
    }

    fn moment<'m>(&self, once: impl Fn() -> bool + 'm, most: f64) -> Moment<'m> {
        let dice = &self.killer.dice;
        if dice.happens(0.3) { Moment::at(dice.up_to(0.4)) } else { Moment::after(dice.up_to(most), once) }
    }

    /// The folders of runs that are there, by their dates.
    fn folders(&self) -> BTreeSet<PathBuf> {
        let Ok(entries) = fs::read_dir(self.killer.lab.join("results/chaos")) else { return BTreeSet::new() };
        let dated = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('2'));
        entries.flatten().map(|entry| entry.path()).filter(|path| dated(path) && path.is_dir()).collect()
    }

    fn struck(&self, folder: &Path, by: Option<Blow>) -> Told<()> {
        let mut kept = self.kept.borrow_mut();
        kept.note(folder)?;
        if by == Some(Blow::Power) { kept.lose_power(folder, &self.killer.dice) } else { Ok(()) }
    }
}

const QUIETLY: [&str; 2] = ["--progress", "none"];

/// What a report that did not end has staged.
fn unfinished(folder: &Path) -> Told<Vec<PathBuf>> {
    beginning(folder, ".report-unfinished")
}
