//! What servers' own logs say: how many transfers were found in them, and what their times mean.

use std::collections::{BTreeMap, BTreeSet};

use ttlsweep_record::{LogSource, ServerRecord};

use crate::join::meaning::{Meaning, Seen};
use crate::load::Runs;
use crate::prose::count;

/// A sentence per run and kind of log; empty if no logs were joined.
pub(super) fn lines(runs: &Runs) -> Vec<String> {
    let transfers = runs.transfers.all();
    let run_of = |at: usize| runs.transfers.asked()[transfers[at].asked as usize].run;
    let mut logs: BTreeMap<(u32, LogSource), Vec<(usize, &ServerRecord)>> = BTreeMap::new();
    for (at, line) in runs.transfers.logged() {
        logs.entry((run_of(*at), line.source)).or_default().push((*at, line));
    }
    let mut lines = Vec::new();
    for ((run, source), rows) in logs {
        let found = rows.iter().map(|(at, _)| at).collect::<BTreeSet<_>>().len();
        let all = (0..transfers.len()).filter(|at| run_of(*at) == run).count() as u64;
        let seen = |at: usize| Seen::of_transfer(&transfers[at], runs.cells[transfers[at].cell as usize].method);
        let meaning = Meaning::of(rows.iter().map(|(at, line)| (*line, seen(*at))));
        let of_run = match runs.environments.as_slice() {
            [_] => String::new(),
            many => format!("Run {}, ", many[run as usize].run_id),
        };
        lines.push(format!("{of_run}{source}: {found} of {} found; {meaning}", count(all, "transfer")));
    }
    lines
}
