//! Clocks that were set in the middle of a run: when, by how much, and which trials ran on which side of it.

use std::collections::HashMap;

use ttlsweep_record::{ClockEntry, ClockRecord, Timestamp, TrialRecord};

use crate::prose::secs;

/// A clock that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStep {
    /// Whose clock.
    pub whose: Whose,
    /// The last instant at which it certainly had not been set, in microseconds since the epoch by this machine's clock as it
    /// was then.
    pub from_us: i64,
    /// The first instant at which it certainly had been, by this machine's clock as it was then.
    pub to_us: i64,
    /// By how much it was set forward, in microseconds; of [`Whose::Either`] by how much more the server's clock was ahead
    /// of this machine's.
    pub by_us: i64,
}

/// Whose clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This machine's: it moved against a clock that cannot be set.
    Machine,
    /// The server's, since this machine's was watched and was not.
    Server,
    /// One of the two; nothing watched this machine's clock.
    Either,
}

impl ClockStep {
    /// `this machine's clock was set back by 2 s between … and …`
    pub fn sentence(&self) -> String {
        let size = secs(self.by_us.abs() as f64 / 1e6);
        let ahead = self.by_us >= 0;
        let what = match self.whose {
            Whose::Machine => format!("this machine's clock was set {} by {size}", direction(ahead)),
            Whose::Server => format!("the server's clock was set {} by {size}", direction(ahead)),
            Whose::Either => format!(
                "a clock was set: the server's {} or this machine's {} by {size}",
                direction(ahead),
                direction(!ahead)
            ),
        };
        let instant = |micros| Timestamp::from_unix_micros(micros);
        format!("{what} between {} and {}", instant(self.from_us), instant(self.to_us))
    }
}

const fn direction(forward: bool) -> &'static str {
    if forward { "forward" } else { "back" }
}

/// What the rows of `clock.csv` tell of this machine's own clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::verdict) struct OwnSteps {
    pub(in crate::verdict) steps: Vec<ClockStep>,
    /// By how much the clock had been set when each trial ran, `None` where it was set meanwhile; only where it ever was.
    pub(in crate::verdict) set_by_us: HashMap<u32, Option<i64>>,
}

impl OwnSteps {
    /// Of one machine: `rows` are its own, `trials` the ones it ran, each with its number, both in the order in which they
    /// were written.
    pub(in crate::verdict) fn of(rows: &[&ClockRecord], trials: &[(u32, &TrialRecord)]) -> Self {
        let mut own = Self::default();
        for row in rows.iter().filter(|row| row.entry == ClockEntry::Step) {
            let Some(by_us) = row.step_us.filter(|by| *by != 0) else { continue };
            let step = ClockStep {
                whose: Whose::Machine,
                from_us: row.sent_at.unix_micros(),
                to_us: row.received_at.unix_micros(),
                by_us,
            };
            own.add(step, &row.trials.clone().unwrap_or_default(), trials);
        }
        own
    }

    fn add(&mut self, step: ClockStep, under_way: &str, trials: &[(u32, &TrialRecord)]) {
        let meanwhile = |trial: &TrialRecord| under_way.split(' ').any(|name| name == trial.trial_id);
        let sides = boundary(&step, trials, &meanwhile);
        for (place, (number, trial)) in trials.iter().enumerate() {
            let by = self.set_by_us.entry(*number).or_insert(Some(0));
            if meanwhile(trial) || (sides.0..sides.1).contains(&place) {
                *by = None;
            } else if place >= sides.1 {
                *by = by.map(|by| by + step.by_us);
            }
        }
        self.steps.push(step);
    }
}

/// How many trials certainly ended before the step, and from which on they certainly began after it; those between are
/// anybody's guess. Trials are in the order in which they ended.
fn boundary(
    step: &ClockStep,
    trials: &[(u32, &TrialRecord)],
    meanwhile: &impl Fn(&TrialRecord) -> bool,
) -> (usize, usize) {
    // What was under way parts the others, wherever trials run one after the other.
    if let Some(first) = trials.iter().position(|(_, trial)| meanwhile(trial)) {
        let last = trials.iter().rposition(|(_, trial)| meanwhile(trial)).unwrap_or(first);
        return (first, last + 1);
    }
    // How many trials lie on the wrong side of each place.
    let early = |trial: &TrialRecord| usize::from(trial.started_at.unix_micros() < step.to_us);
    let late = |trial: &TrialRecord| usize::from(trial.ended_at.unix_micros() > step.from_us);
    let mut wrong: usize = trials.iter().map(|(_, trial)| early(trial)).sum();
    let mut errors = vec![wrong];
    for (_, trial) in trials {
        wrong = wrong + late(trial) - early(trial);
        errors.push(wrong);
    }
    let least = errors.iter().min().copied().unwrap_or(0);
    let first = errors.iter().position(|errors| *errors == least).unwrap_or(0);
    let last = errors.iter().rposition(|errors| *errors == least).unwrap_or(first);
    // A clock that was set back shows in a trial that begins before the one that came before it had ended.
    let fell = |place: &usize| *place > 0 && trials[*place].1.started_at < trials[*place - 1].1.ended_at;
    let mut falls = (first..=last.min(trials.len().saturating_sub(1))).filter(fell);
    match (falls.next(), falls.next()) {
        (Some(place), None) => (place, place),
        _ => (first, last),
    }
}
