//! Whether what is done is enough to decide: at each target, trials whose links expired in flight, of as many as a verdict takes.

use ttlsweep_record::{Cell, TrialRecord, TrialState};

use crate::experiment::Experiment;
use crate::experiment::needed::{Outlives, outlives};
use crate::plan::Plan;
use crate::plan::outlook::{Outlook, target_name};

/// The targets, each with what is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Deciding(Vec<Target>);

#[derive(Debug, Clone)]
struct Target {
    name: String,
    /// As many trials as a YES and a NO take; `None` if no number of them is enough.
    needed: Option<u64>,
    done: u64,
}

impl Deciding {
    /// Nothing is done yet.
    pub(super) fn of(plan: &Plan, experiment: &Experiment) -> Self {
        let outlook = Outlook::new(plan, experiment);
        let targets = outlook.needed().map(|(name, needed)| Target { name: name.to_owned(), needed, done: 0 });
        Self(targets.collect())
    }

    /// Counts a trial if its links expired in flight, by the plan or, if that cannot know, by how long it took.
    pub(super) fn add(&mut self, cell: &Cell, row: &TrialRecord) {
        let took_us = row.ended_at.micros_since(row.started_at);
        let took_longer = cell.transfers_per_user == Some(1)
            && cell.ttl_s.is_some_and(|ttl_s| took_us > i64::from(ttl_s) * 1_000_000);
        let outlived = match outlives(cell) {
            Outlives::Surely => true,
            Outlives::Perhaps => took_longer,
            Outlives::Never => false,
        };
        if outlived && cell.control.is_none() && row.state == TrialState::Whole && !row.starved {
            let name = target_name(cell);
            self.0.iter_mut().filter(|target| target.name == name).for_each(|target| target.done += 1);
        }
    }

    /// `2 of 5 trials`, `enough` or, if it will never be, `cannot be`.
    pub(super) fn brief(&self, name: &str) -> String {
        self.0.iter().find(|target| target.name == name).map(Target::brief).unwrap_or_default()
    }

    /// All targets in a clause.
    pub(super) fn words(&self) -> String {
        let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
        for target in &self.0 {
            let brief = target.brief();
            match kinds.iter_mut().find(|(known, _)| *known == brief) {
                Some((_, names)) => names.push(&target.name),
                None => kinds.push((brief, vec![&target.name])),
            }
        }
        let words = |(brief, names): &(String, Vec<&str>)| match brief.contains(" of ") {
            true => format!("{} {brief} that it takes", names.join(" and ")),
            false => format!("{} {brief}", names.join(" and ")),
        };
        let all: Vec<String> = match kinds.as_slice() {
            [(brief, _)] if brief.contains(" of ") => vec![format!("{brief} that it takes")],
            [(brief, _)] => vec![brief.clone()],
            several => several.iter().map(words).collect(),
        };
        format!("decided yet? {}", all.join(", "))
    }
}

impl Target {
    fn brief(&self) -> String {
        match self.needed {
            None => "cannot be".to_owned(),
            Some(needed) if self.done >= needed => "enough".to_owned(),
            Some(needed) => format!("{} of {needed} trials", self.done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_which_the_same_can_be_said_are_told_together() {
        let target = |name: &str, needed, done| Target { name: name.to_owned(), needed, done };
        let three = [target("a", Some(5), 2), target("b", Some(5), 7), target("c", None, 0), target("d", Some(5), 2)];
        assert_eq!(
            Deciding(three.to_vec()).words(),
            "decided yet? a and d 2 of 5 trials that it takes, b enough, c cannot be"
        );
        assert_eq!(Deciding(vec![target("a", Some(5), 2)]).words(), "decided yet? 2 of 5 trials that it takes");
    }
}
