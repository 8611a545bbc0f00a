//! How far a sweep is, what has failed of it so far, target by target, and whether that is enough to decide: a bar and the grid
//! on a terminal, a line every few seconds without one, or JSON. All of it on stderr.

mod deciding;
mod drawn;
mod table;

use std::time::Duration;

use clap::ValueEnum;
use deciding::Deciding;
use drawn::{Drawn, View};
use serde::Serialize;
use tokio::time::Instant;
use ttlsweep_console::say;
use ttlsweep_record::text::visible;
use ttlsweep_record::units::{micros, round_time};
use ttlsweep_record::{Cell, Control};

use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::plan::outlook::target_name;
use crate::run::looks::found::{Look, Target};
use crate::run::trial::TrialEnd;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A bar and the grid on a terminal, a line every ten seconds otherwise.
    Auto,
    /// One line per trial.
    Plain,
    /// One JSON object per trial; everything else on stderr is JSON, too.
    Json,
    /// Nothing.
    None,
}

/// A sweep's progress. Trials differ in length, so it counts their estimated time and not their number.
#[derive(Debug)]
pub(crate) struct Progress {
    mode: Mode,
    /// `None` if lines are what is shown.
    drawn: Option<Drawn>,
    started: Instant,
    said: Instant,
    done: Counts,
    all: Counts,
    tally: Tally,
    deciding: Deciding,
    /// Whether it may end before all is done.
    may_end_early: bool,
}

/// Trials, and the time that they are estimated to take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// How many.
    pub trials: u64,
    /// How long they take one after the other, and with them the probes of the clocks.
    pub time: Duration,
}

/// Of some transfers, those that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Failed {
    /// How many failed.
    pub failed: u64,
    /// Of so many.
    pub transfers: u64,
}

impl Failed {
    fn add(&mut self, failed: u64, transfers: u64) {
        self.failed += failed;
        self.transfers += transfers;
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.failed, self.transfers)
    }
}

/// Transfers and failures. What failed of the grid is the question, what failed of the controls is the noise, and what failed
/// after expiry had to: they are never one number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// The grid's own, by target in the order of the plan.
    pub grid: Vec<(String, Failed)>,
    /// Controls in which nothing expires.
    pub controls: Failed,
    /// Starts after expiry.
    pub expired_starts: Failed,
    /// The grid's uploads with `Expect: 100-continue`.
    pub expecting: Failed,
}

impl Tally {
    /// Counts a trial's transfers.
    pub fn add(&mut self, cell: &Cell, failed: u64, transfers: u64) {
        match cell.control {
            Some(Control::ExpiredStart) => self.expired_starts.add(failed, transfers),
            Some(Control::ExpectContinue) => self.expecting.add(failed, transfers),
            Some(Control::LongTtl | Control::HeaderSigned) => self.controls.add(failed, transfers),
            None => {
                let name = target_name(cell);
                let known = self.grid.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                    self.grid.push((name, Failed::default()));
                    self.grid.len() - 1
                });
                self.grid[known].1.add(failed, transfers);
            }
        }
    }

    /// All transfers.
    pub fn transfers(&self) -> u64 {
        let grid: u64 = self.grid.iter().map(|(_, failed)| failed.transfers).sum();
        grid + self.controls.transfers + self.expired_starts.transfers + self.expecting.transfers
    }

    /// Who failed how often: the grid by target, then the controls, then the starts after expiry.
    pub(crate) fn words(&self) -> String {
        let ran = self.grid.iter().filter(|(_, failed)| failed.transfers > 0);
        let words = |(name, failed): &(String, Failed)| match self.grid.len() {
            1 => format!("of the grid {failed} failed"),
            _ => format!("{name}: {failed} failed"),
        };
        let mut parts: Vec<String> = ran.map(words).collect();
        if self.expecting.transfers > 0 {
            parts.push(format!("the same with `Expect`: {} failed", self.expecting));
        }
        if self.controls.transfers > 0 {
            parts.push(format!("controls: {} failed", self.controls));
        }
        if self.expired_starts.transfers > 0 {
            parts.push(format!("expired starts, which must fail: {}", self.expired_starts));
        }
        parts.join("; ")
    }

    /// What is not the grid's, in short.
    fn beside_the_grid(&self) -> String {
        let mut parts = vec![format!("controls {}", self.controls.brief())];
        if self.expired_starts.transfers > 0 {
            parts.push(format!("expired starts, which must fail, {}", self.expired_starts.brief()));
        }
        parts.join("; ")
    }
}

impl Progress {
    /// Begins with `all` that is to be done of a plan.
    pub(crate) fn start(mode: Mode, all: Counts, plan: &Plan, experiment: &Experiment) -> Self {
        let drawn = (mode == Mode::Auto).then(|| Drawn::begin(experiment)).flatten();
        let (done, mut tally, now) = (Counts::default(), Tally::default(), Instant::now());
        // In the order of the plan, whichever is done first.
        experiment.cells.iter().filter(|cell| cell.control.is_none()).for_each(|cell| tally.add(cell, 0, 0));
        let deciding = Deciding::of(plan, experiment);
        let may_end_early = experiment.least_blocks.is_some();
        let mut progress = Self { mode, drawn, started: now, said: now, done, all, tally, deciding, may_end_early };
        progress.show(|_| {});
        progress
    }

    /// A trial of `cell` that was estimated to take `time` is over.
    pub(crate) fn trial_done(&mut self, end: &TrialEnd, cell: &Cell, time: Duration) {
        let Some(row) = &end.row else { return };
        self.done.trials += 1;
        self.done.time += time;
        self.tally.add(cell, end.failures, row.transfers);
        self.deciding.add(cell, row);
        self.show(|view| view.table.add(cell, end.failures, row.transfers));
        let left_us = self.left().map(micros);
        match self.mode {
            Mode::Auto | Mode::None => {}
            Mode::Plain => {
                let (done, all) = (self.done.trials, self.all.trials);
                let left = self.left_words();
                say!("{done}/{all} {}: {} transfers, {} failed{left}", row.trial_id, row.transfers, end.failures);
            }
            Mode::Json => {
                let line = serde_json::to_string(&Line {
                    kind: "trial",
                    trial_id: &row.trial_id,
                    target: &target_name(cell),
                    control: cell.control,
                    state: row.state.as_str(),
                    transfers: row.transfers,
                    failures: end.failures,
                    trials_done: self.done.trials,
                    trials: self.all.trials,
                    left_us,
                });
                say::json(&line.unwrap_or_default());
            }
        }
    }

    /// The targets were looked at after a block.
    pub(crate) fn looked(&self, look: &Look) {
        match self.mode {
            Mode::None => {}
            // Why nothing was answered was said.
            Mode::Auto | Mode::Plain if look.targets.is_empty() => {}
            Mode::Auto | Mode::Plain => say!("{}", look.words()),
            Mode::Json => {
                let Look { block, blocks, targets, doubt, .. } = look;
                let (decided, doubt) = (look.is_decided(), doubt.as_deref());
                let line = LookLine {
                    kind: "look",
                    block: *block,
                    blocks: *blocks,
                    decided,
                    targets: targets.as_slice(),
                    doubt,
                };
                say::json(&serde_json::to_string(&line).unwrap_or_default());
            }
        }
    }

    /// Some time has gone by: without a terminal, nobody should have to wonder whether it is still at work.
    pub(crate) fn tick(&mut self) {
        if self.mode == Mode::Auto && self.drawn.is_none() && self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            let (done, all) = (self.done.trials, self.all.trials);
            let so_far = if self.tally.transfers() > 0 {
                format!("; {}; {}", self.tally.words(), self.deciding.words())
            } else {
                String::new()
            };
            say!("{done} of {all} trials{}{so_far}", self.left_words());
        }
    }

    /// A store is asked for its clock, by the request of this `number` of `most`.
    pub(crate) fn clock_asked(&self, endpoint: &str, number: u32, most: u32) {
        if let Some(drawn) = &self.drawn {
            let words = format!("clock of {}: {number} of {most} requests at most", visible(endpoint));
            drawn.change(|view| view.words = words);
        }
    }

    /// A probe of the clocks that was estimated to take `time` is over.
    pub(crate) fn clock_done(&mut self, time: Duration) {
        self.done.time += time;
        self.show(|_| {});
    }

    /// Transfers so far, and failures among them.
    pub(crate) fn into_tally(self) -> Tally {
        self.tally
    }

    fn show(&mut self, change: impl FnOnce(&mut View)) {
        let Some(drawn) = &self.drawn else { return };
        let (done, all) = (self.done.trials, self.all.trials);
        let (words, beside) = (format!("{done}/{all} trials{}", self.left_words()), self.tally.beside_the_grid());
        let (share, deciding) = (self.share(), self.deciding.clone());
        drawn.change(|view| {
            change(view);
            (view.share, view.words, view.beside, view.deciding) = (share, words, beside, deciding);
        });
    }

    fn left_words(&self) -> String {
        let left = self.left().filter(|left| *left >= Duration::from_secs(1));
        let at_most = if self.may_end_early { "at most " } else { "" };
        left.map_or_else(String::new, |left| format!(", {at_most}about {} left", round_time(left)))
    }

    /// What is left, by how fast the estimated time has gone by so far.
    fn left(&self) -> Option<Duration> {
        let share = self.share();
        (share > 0.0 && share.is_finite()).then(|| self.started.elapsed().mul_f64((1.0 / share - 1.0).max(0.0)))
    }

    /// How much of the estimated time is done.
    fn share(&self) -> f64 {
        self.done.time.as_secs_f64() / self.all.time.as_secs_f64()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    trial_id: &'a str,
    target: &'a str,
    control: Option<Control>,
    state: &'a str,
    transfers: u64,
    failures: u64,
    trials_done: u64,
    trials: u64,
    left_us: Option<u64>,
}

#[derive(Serialize)]
struct LookLine<'a> {
    kind: &'static str,
    block: u32,
    blocks: u32,
    decided: bool,
    targets: &'a [Target],
    doubt: Option<&'a str>,
}

/// How often a line is said without a terminal.
const EVERY: Duration = Duration::from_secs(10);

/// How often it is looked whether one is due.
pub(crate) const TICK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use ttlsweep_record::ExpiryPolicy;

    use super::*;
    use crate::experiment::example_cell;

    #[test]
    fn grid_controls_and_expired_starts_are_never_one_number() {
        let cell = |policy, control| Cell { expiry_policy: Some(policy), control, ..example_cell() };
        let mut tally = Tally::default();
        tally.add(&cell(ExpiryPolicy::OnRequest, None), 0, 0);
        assert_eq!(tally.words(), "", "nothing is said of what has not run");
        tally.add(&cell(ExpiryPolicy::OnRequest, None), 0, 5);
        assert_eq!(tally.words(), "of the grid 0 of 5 failed");
        tally.add(&cell(ExpiryPolicy::InFlight, None), 4, 5);
        tally.add(&cell(ExpiryPolicy::InFlight, None), 1, 1);
        tally.add(&cell(ExpiryPolicy::InFlight, Some(Control::LongTtl)), 0, 4);
        tally.add(&cell(ExpiryPolicy::InFlight, Some(Control::HeaderSigned)), 1, 4);
        tally.add(&cell(ExpiryPolicy::InFlight, Some(Control::ExpiredStart)), 3, 3);
        assert_eq!(
            tally.words(),
            "testbed, on-request: 0 of 5 failed; testbed, in-flight: 5 of 6 failed; controls: 1 of 8 failed; expired starts, \
             which must fail: 3 of 3"
        );
        assert_eq!(tally.beside_the_grid(), "controls 1/8; expired starts, which must fail, 3/3");
        assert_eq!(tally.transfers(), 22);
        tally.add(&cell(ExpiryPolicy::InFlight, Some(Control::ExpectContinue)), 2, 5);
        assert!(tally.words().contains("the same with `Expect`: 2 of 5 failed; controls: 1 of 8 failed"));
        assert_eq!(tally.transfers(), 27);
    }
}
