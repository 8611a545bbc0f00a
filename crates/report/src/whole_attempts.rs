//! Which attempt at each trial counts: the one that is whole. A trial is recorded whole or not at all.

use std::collections::HashMap;

use ttlsweep_record::{TrialRecord, TrialState};

/// The attempts of one run, each with what becomes of its transfers.
#[derive(Debug)]
pub struct Attempts {
    whole: Vec<TrialRecord>,
    by_trial: HashMap<String, usize>,
}

/// What becomes of a transfer, by its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It counts; the number is the trial's place in [`Attempts::whole`].
    Counts(usize),
    /// Another attempt at the same trial is whole.
    Superseded,
    /// The trial has no whole attempt: it was interrupted and not resumed, or is still running.
    Unfinished,
}

/// Two whole attempts at one trial: nothing says which of them counts.
#[derive(Debug, PartialEq, Eq)]
pub struct TwoWhole {
    /// The trial.
    pub trial_id: String,
}

impl Attempts {
    /// Keeps the whole attempts of `trials`, the rows of one run's `trials.csv`.
    ///
    /// # Errors
    /// A trial has two whole attempts.
    pub fn choose(trials: Vec<TrialRecord>) -> Result<Self, TwoWhole> {
        let mut whole: Vec<TrialRecord> = Vec::new();
        let mut by_trial = HashMap::new();
        for trial in trials {
            if trial.state != TrialState::Whole {
                continue;
            }
            if by_trial.insert(trial.trial_id.clone(), whole.len()).is_some() {
                return Err(TwoWhole { trial_id: trial.trial_id });
            }
            whole.push(trial);
        }
        Ok(Self { whole, by_trial })
    }

    /// What becomes of a transfer of this attempt. An attempt without a row in `trials.csv` was never finished.
    pub fn fate(&self, trial_id: &str, attempt: u32) -> Fate {
        match self.by_trial.get(trial_id) {
            None => Fate::Unfinished,
            Some(&at) if self.whole[at].attempt == attempt => Fate::Counts(at),
            Some(_) => Fate::Superseded,
        }
    }

    /// The whole attempts in the file's order.
    pub fn whole(&self) -> &[TrialRecord] {
        &self.whole
    }

    /// The whole attempts, given away.
    pub fn into_whole(self) -> Vec<TrialRecord> {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use ttlsweep_record::Timestamp;

    use super::*;

    fn trial(trial_id: &str, attempt: u32, state: TrialState) -> TrialRecord {
        TrialRecord {
            run_id: "r".into(),
            trial_id: trial_id.into(),
            attempt,
            cell_id: "c".into(),
            block: 1,
            position: 1,
            control: None,
            jitter_us: 0,
            started_at: Timestamp::from_unix_micros(0),
            ended_at: Timestamp::from_unix_micros(1),
            state,
            transfers: 1,
            achieved_bps: None,
            scheduler_lag_us: None,
            starved: false,
            host: "h".into(),
            part: None,
        }
    }

    #[test]
    fn the_whole_attempt_counts_and_the_interrupted_one_is_superseded() {
        let rows = vec![trial("a", 1, TrialState::Interrupted), trial("a", 2, TrialState::Whole)];
        let attempts = Attempts::choose(rows).unwrap();
        assert_eq!(attempts.fate("a", 1), Fate::Superseded);
        assert_eq!(attempts.fate("a", 2), Fate::Counts(0));
    }

    #[test]
    fn a_trial_without_a_whole_attempt_is_unfinished() {
        let attempts = Attempts::choose(vec![trial("a", 1, TrialState::Interrupted)]).unwrap();
        assert_eq!(attempts.fate("a", 1), Fate::Unfinished);
        assert_eq!(attempts.fate("never recorded", 1), Fate::Unfinished);
    }

    #[test]
    fn two_whole_attempts_are_a_contradiction() {
        let twice = vec![trial("a", 1, TrialState::Whole), trial("a", 2, TrialState::Whole)];
        assert_eq!(Attempts::choose(twice).unwrap_err(), TwoWhole { trial_id: "a".into() });
    }
}
