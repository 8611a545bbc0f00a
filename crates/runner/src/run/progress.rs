//! How far a sweep is: a bar on a terminal, lines or JSON where asked for, nothing otherwise. All of it on stderr.

use std::io::IsTerminal;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio::time::Instant;
use ttlsweep_console::say;
use ttlsweep_record::units::format_micros;

use crate::run::trial::TrialEnd;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A bar on a terminal, nothing otherwise.
    Auto,
    /// One line a trial.
    Plain,
    /// One JSON object a trial.
    Json,
    /// Nothing.
    None,
}

/// A sweep's progress. Trials differ in length, so it counts their estimated time and not their number.
#[derive(Debug)]
pub struct Progress {
    mode: Mode,
    bar: ProgressBar,
    started: Instant,
    done: Counts,
    all: Counts,
    transfers: u64,
    failures: u64,
}

/// Trials, and the time that they are estimated to take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// How many.
    pub trials: u64,
    /// How long they take one after the other, and with them the probes of the clocks.
    pub time: Duration,
}

impl Progress {
    /// Begins with `all` that is to be done.
    pub fn start(mode: Mode, all: Counts) -> Self {
        let mode = match mode {
            Mode::Auto if !std::io::stderr().is_terminal() => Mode::None,
            mode => mode,
        };
        let target = if mode == Mode::Auto { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(millis(all.time)), target).with_style(style());
        bar.enable_steady_tick(Duration::from_millis(500));
        let progress =
            Self { mode, bar, started: Instant::now(), done: Counts::default(), all, transfers: 0, failures: 0 };
        progress.show();
        progress
    }

    /// A trial that was estimated to take `time` is over.
    pub fn trial_done(&mut self, end: &TrialEnd, time: Duration) {
        let Some(row) = &end.row else { return };
        self.done.trials += 1;
        self.done.time += time;
        self.transfers += row.transfers;
        self.failures += end.failures;
        self.show();
        let left_us = self.left().map(|left| u64::try_from(left.as_micros()).unwrap_or(u64::MAX));
        let line = match self.mode {
            Mode::Auto | Mode::None => return,
            Mode::Plain => {
                let left = left_us.map_or_else(String::new, |left| format!(", {} left", format_micros(left)));
                let (done, all) = (self.done.trials, self.all.trials);
                format!("{done}/{all} {}: {} transfers, {} failed{left}", row.trial_id, row.transfers, end.failures)
            }
            Mode::Json => serde_json::to_string(&Line {
                trial_id: &row.trial_id,
                state: row.state.as_str(),
                transfers: row.transfers,
                failures: end.failures,
                trials_done: self.done.trials,
                trials: self.all.trials,
                left_us,
            })
            .unwrap_or_default(),
        };
        say!("{line}");
    }

    /// A store is asked for its clock, by the request of this `number` of `most`.
    pub fn clock_asked(&self, endpoint: &str, number: u32, most: u32) {
        self.bar.set_message(format!("clock of {endpoint}: {number} of {most} requests at most"));
    }

    /// A probe of the clocks that was estimated to take `time` is over.
    pub fn clock_done(&mut self, time: Duration) {
        self.done.time += time;
        self.show();
    }

    /// Transfers so far, and failures among them.
    pub fn totals(&self) -> (u64, u64) {
        (self.transfers, self.failures)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        self.bar.set_position(millis(self.done.time));
        let left = self.left().map_or_else(String::new, |left| {
            format!(", {} left", format_micros(u64::try_from(left.as_micros()).unwrap_or(u64::MAX)))
        });
        self.bar.set_message(format!(
            "{}/{} trials, {} transfers, {} failed{left}",
            self.done.trials, self.all.trials, self.transfers, self.failures
        ));
    }

    /// What is left, by how fast the estimated time has gone by so far.
    fn left(&self) -> Option<Duration> {
        let share = self.done.time.as_secs_f64() / self.all.time.as_secs_f64();
        (share > 0.0 && share.is_finite()).then(|| self.started.elapsed().mul_f64((1.0 / share - 1.0).max(0.0)))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    trial_id: &'a str,
    state: &'a str,
    transfers: u64,
    failures: u64,
    trials_done: u64,
    trials: u64,
    left_us: Option<u64>,
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {percent}% {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
