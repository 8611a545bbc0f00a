//! Which attempt at each trial counts: the one that is whole. A trial is recorded whole or not at all; where its users were
//! spread over several machines it is whole when the same attempt is whole on all of them.

use std::collections::HashMap;

use ttlsweep_record::{Share, Timestamp, TrialRecord, TrialState};

/// The attempts of one run, each with what becomes of its transfers.
#[derive(Debug)]
pub(crate) struct Attempts {
    whole: Vec<TrialRecord>,
    by_trial: HashMap<String, usize>,
    starts: Vec<Starts>,
    apart: u64,
}

/// When the parts of a trial started, each by its own machine's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Starts {
    /// The trial.
    pub trial_id: String,
    /// Each part with its first user's start.
    pub parts: Vec<(Share, Timestamp)>,
}

/// What becomes of a transfer, by its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It counts; the number is the trial's place in [`Attempts::whole`].
    Counts(usize),
    /// Another attempt at the same trial is whole.
    Superseded,
    /// The trial has no whole attempt: it was interrupted and not resumed, or is still running, or parts of it are missing.
    Unfinished,
}

/// Two whole attempts at one trial: nothing says which of them counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TwoWhole {
    /// The trial.
    pub trial_id: String,
}

impl Attempts {
    /// Keeps the whole attempts of `trials`, the rows of one run's `trials.csv`, and joins the parts of each.
    ///
    /// # Errors
    /// A trial has two whole attempts, or one part of it has.
    pub(crate) fn choose(trials: Vec<TrialRecord>) -> Result<Self, TwoWhole> {
        let mut whole: Vec<Vec<TrialRecord>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for trial in trials.into_iter().filter(|trial| trial.state == TrialState::Whole) {
            match places.get(&trial.trial_id) {
                None => {
                    places.insert(trial.trial_id.clone(), whole.len());
                    whole.push(vec![trial]);
                }
                Some(&at) if trial.part.is_none() || whole[at].iter().any(|known| known.part == trial.part) => {
                    return Err(TwoWhole { trial_id: trial.trial_id });
                }
                Some(&at) => whole[at].push(trial),
            }
        }
        let mut attempts = Self { whole: Vec::new(), by_trial: HashMap::new(), starts: Vec::new(), apart: 0 };
        for mut parts in whole {
            parts.sort_by_key(|part| part.part);
            if let [one] = parts.as_slice()
                && one.part.is_none_or(|part| part.of() == 1)
            {
                attempts.keep(parts.remove(0));
            } else if is_together(&parts) {
                let start = |part: &TrialRecord| Some((part.part?, part.started_at));
                let parts_started = parts.iter().filter_map(start).collect();
                attempts.starts.push(Starts { trial_id: parts[0].trial_id.clone(), parts: parts_started });
                attempts.keep(joined(&parts));
            } else {
                attempts.apart += 1;
            }
        }
        Ok(attempts)
    }

    fn keep(&mut self, trial: TrialRecord) {
        self.by_trial.insert(trial.trial_id.clone(), self.whole.len());
        self.whole.push(trial);
    }

    /// What becomes of a transfer of this attempt. An attempt without a row in `trials.csv` was never finished.
    pub(crate) fn fate(&self, trial_id: &str, attempt: u32) -> Fate {
        match self.by_trial.get(trial_id) {
            None => Fate::Unfinished,
            Some(&at) if self.whole[at].attempt == attempt => Fate::Counts(at),
            Some(_) => Fate::Superseded,
        }
    }

    /// The whole attempts in the file's order.
    pub(crate) fn whole(&self) -> &[TrialRecord] {
        &self.whole
    }

    /// When the parts of each trial that was spread started.
    pub(crate) fn starts(&self) -> &[Starts] {
        &self.starts
    }

    /// Trials with whole parts that make no trial together: some part is missing, or was run again without the others.
    pub(crate) const fn apart(&self) -> u64 {
        self.apart
    }

    /// The whole attempts, given away.
    pub(crate) fn into_whole(self) -> Vec<TrialRecord> {
        self.whole
    }
}

/// Whether all parts are there and ran at once: attempts that differ were made at different times.
fn is_together(parts: &[TrialRecord]) -> bool {
    let of = parts[0].part.map_or(0, Share::of);
    let has = |number: u32| parts.iter().any(|part| part.part.is_some_and(|part| part.number() == number));
    let alike = |part: &TrialRecord| part.attempt == parts[0].attempt && part.part.map_or(0, Share::of) == of;
    parts.iter().all(alike) && (1..=of).all(has)
}

/// The trial that the parts make together: from the first start to the last end, of all their machines.
fn joined(parts: &[TrialRecord]) -> TrialRecord {
    let first = &parts[0];
    let mut hosts: Vec<&str> = parts.iter().map(|part| part.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    // Nothing is known of the sum where one of them is not known.
    let sum = parts.iter().map(|part| part.achieved_bps).sum();
    TrialRecord {
        started_at: parts.iter().map(|part| part.started_at).min().unwrap_or(first.started_at),
        ended_at: parts.iter().map(|part| part.ended_at).max().unwrap_or(first.ended_at),
        transfers: parts.iter().map(|part| part.transfers).sum(),
        achieved_bps: sum,
        // Of a part that was starved for who knows how long the longest time is not known, whatever the others measured.
        scheduler_lag_us: if parts.iter().any(|part| part.starved && part.scheduler_lag_us.is_none()) {
            None
        } else {
            parts.iter().filter_map(|part| part.scheduler_lag_us).max()
        },
        starved: parts.iter().any(|part| part.starved),
        host: hosts.join(", "),
        part: None,
        ..first.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, attempt: u32, started_at: i64, host: &str) -> TrialRecord {
        TrialRecord {
            part: Share::new(number, 3).ok(),
            started_at: Timestamp::from_unix_micros(started_at),
            ended_at: Timestamp::from_unix_micros(started_at + 50),
            achieved_bps: Some(100),
            host: host.into(),
            ..trial("a", attempt, TrialState::Whole)
        }
    }

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

    #[test]
    fn parts_of_one_attempt_make_the_trial_together() {
        let rows = vec![part(3, 1, 7, "y"), part(1, 1, 10, "x"), part(2, 1, 0, "y")];
        let attempts = Attempts::choose(rows).unwrap();
        let [whole] = attempts.whole() else { panic!("{attempts:?}") };
        assert_eq!((whole.started_at.unix_micros(), whole.ended_at.unix_micros()), (0, 60));
        assert_eq!(
            (whole.transfers, whole.achieved_bps, whole.host.as_str(), whole.part),
            (3, Some(300), "x, y", None)
        );
        let starts: Vec<_> = attempts.starts()[0].parts.iter().map(|(_, at)| at.unix_micros()).collect();
        assert_eq!(starts, [10, 0, 7], "in the order of the parts");
    }

    #[test]
    fn parts_that_are_missing_or_ran_at_another_time_make_no_trial() {
        let missing = Attempts::choose(vec![part(1, 1, 0, "x"), part(3, 1, 0, "y")]).unwrap();
        assert_eq!(missing.fate("a", 1), Fate::Unfinished);
        let apart = Attempts::choose(vec![part(1, 1, 0, "x"), part(2, 2, 0, "y"), part(3, 1, 0, "z")]).unwrap();
        assert_eq!((apart.fate("a", 1), apart.fate("a", 2)), (Fate::Unfinished, Fate::Unfinished));
        assert_eq!((missing.apart(), apart.apart()), (1, 1));
        let twice = vec![part(1, 1, 0, "x"), part(1, 2, 0, "x")];
        assert_eq!(Attempts::choose(twice).unwrap_err(), TwoWhole { trial_id: "a".into() });
    }
}
