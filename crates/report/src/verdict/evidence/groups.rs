use std::collections::{BTreeSet, HashMap};

use crate::verdict::evidence::Evidence;

/// Which transfers belong to one target.
pub(in crate::verdict) struct Groups {
    by_cell: HashMap<u32, usize>,
    names: Vec<BTreeSet<String>>,
}

impl Groups {
    pub(in crate::verdict) fn of(evidence: &Evidence<'_>) -> Self {
        let pairs: BTreeSet<(u32, u32)> = evidence.transfers.iter().map(|seen| (seen.cell, seen.asked)).collect();
        let mut groups: Vec<(BTreeSet<u32>, BTreeSet<String>)> = Vec::new();
        for (cell, asked) in pairs {
            let endpoint = &evidence.asked[asked as usize].endpoint;
            // A transfer that never came so far as to have an endpoint belongs where its cell does.
            let name = Some(endpoint).filter(|endpoint| !endpoint.is_empty());
            let belongs = |(cells, names): &(BTreeSet<u32>, BTreeSet<String>)| {
                cells.contains(&cell) || name.is_some_and(|name| names.contains(name))
            };
            let alike: Vec<usize> = (0..groups.len()).filter(|at| belongs(&groups[*at])).collect();
            // Into the group that is there: a thousand testbeds, each with an endpoint of its own, make one target, and
            // building its names again for each pair would take their square.
            let home = alike.first().copied().unwrap_or(groups.len());
            for other in alike.into_iter().skip(1).rev() {
                let (mut cells, mut names) = groups.remove(other);
                groups[home].0.append(&mut cells);
                groups[home].1.append(&mut names);
            }
            if home == groups.len() {
                groups.push(Default::default());
            }
            groups[home].0.insert(cell);
            groups[home].1.extend(name.cloned());
        }
        groups.sort_by(|one, other| one.0.cmp(&other.0));
        let by_cell = (0..).zip(&groups).flat_map(|(at, (cells, _))| cells.iter().map(move |cell| (*cell, at)));
        Self { by_cell: by_cell.collect(), names: groups.iter().map(|(_, names)| names.clone()).collect() }
    }

    pub(in crate::verdict) fn members(&self, evidence: &Evidence<'_>) -> Vec<Members> {
        let named =
            |names: &BTreeSet<String>| Members { endpoints: names.iter().cloned().collect(), ..Members::default() };
        let mut members: Vec<Members> = self.names.iter().map(named).collect();
        for (cell, group) in &self.by_cell {
            members[*group].cells.push(*cell);
        }
        for group in &mut members {
            group.cells.sort_unstable();
        }
        for (row, seen) in (0..).zip(evidence.transfers) {
            members[self.by_cell[&seen.cell]].rows.push(row);
        }
        members
    }
}

/// One target's share of the evidence.
#[derive(Debug, Default)]
pub(in crate::verdict) struct Members {
    pub(in crate::verdict) endpoints: Vec<String>,
    pub(in crate::verdict) cells: Vec<u32>,
    /// Places among the transfers.
    pub(in crate::verdict) rows: Vec<u32>,
}
