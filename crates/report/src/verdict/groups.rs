use std::collections::{BTreeSet, HashMap};

use super::evidence::Evidence;
use crate::observation::Observation;

/// Which observations belong to one target.
pub(super) struct Groups {
    by_cell: HashMap<u32, usize>,
    names: Vec<BTreeSet<String>>,
}

impl Groups {
    pub(super) fn of(evidence: &Evidence<'_>) -> Self {
        let pairs: BTreeSet<(u32, u32)> = evidence.observations.iter().map(|seen| (seen.cell, seen.asked)).collect();
        let mut groups: Vec<(BTreeSet<u32>, BTreeSet<String>)> = Vec::new();
        for (cell, asked) in pairs {
            let endpoint = &evidence.asked[asked as usize].endpoint;
            // A transfer that never came so far as to have an endpoint belongs where its cell does.
            let named = || Some(endpoint.clone()).filter(|endpoint| !endpoint.is_empty());
            let (mut cells, mut names) = (BTreeSet::from([cell]), named().into_iter().collect::<BTreeSet<_>>());
            groups.retain(|(other_cells, other_names)| {
                let same = other_cells.contains(&cell) || named().is_some_and(|name| other_names.contains(&name));
                if same {
                    cells.extend(other_cells);
                    names.extend(other_names.iter().cloned());
                }
                !same
            });
            groups.push((cells, names));
        }
        groups.sort_by(|one, other| one.0.cmp(&other.0));
        let by_cell = (0..).zip(&groups).flat_map(|(at, (cells, _))| cells.iter().map(move |cell| (*cell, at)));
        Self { by_cell: by_cell.collect(), names: groups.iter().map(|(_, names)| names.clone()).collect() }
    }

    pub(super) fn members<'a>(&self, evidence: &Evidence<'a>) -> Vec<(Vec<String>, Vec<&'a Observation>)> {
        let mut members: Vec<(Vec<String>, Vec<&Observation>)> =
            self.names.iter().map(|names| (names.iter().cloned().collect(), Vec::new())).collect();
        for seen in evidence.observations {
            members[self.by_cell[&seen.cell]].1.push(seen);
        }
        members
    }
}
