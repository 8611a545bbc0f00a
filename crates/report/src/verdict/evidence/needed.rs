use std::collections::HashMap;

use ttlsweep_record::{Control, Outcome};

use crate::load::transfer::Transfer;
use crate::verdict::evidence::Evidence;

/// How long transfers take when nothing stops them: the median of the long-TTL control of the same settings and block, of
/// all blocks where that block has none, and of the header-signed control if there is no other.
pub(in crate::verdict) struct Needed(HashMap<(u32, Option<u32>), i64>);

impl Needed {
    pub(in crate::verdict) fn of(evidence: &Evidence<'_>, members: &[&Transfer], key_of: &[u32]) -> Self {
        let mut found = HashMap::new();
        // The better source comes later and overwrites.
        for control in [Control::HeaderSigned, Control::LongTtl] {
            let mut durations: HashMap<(u32, Option<u32>), Vec<i64>> = HashMap::new();
            for seen in members.iter().filter(|seen| seen.outcome == Outcome::Completed) {
                let Some(head) = seen.head_written_at.get() else { continue };
                if evidence.conditions[seen.cell as usize].control != Some(control) {
                    continue;
                }
                let key = key_of[seen.cell as usize];
                for block in [None, Some(evidence.trials[seen.trial as usize].block)] {
                    durations.entry((key, block)).or_default().push(seen.ended_at - head);
                }
            }
            let medians = durations.iter_mut().filter_map(|(key, durations)| Some((*key, median(durations)?)));
            found.extend(medians);
        }
        Self(found)
    }

    pub(in crate::verdict) fn of_trial(&self, key: u32, block: u32) -> Option<i64> {
        self.0.get(&(key, Some(block))).or_else(|| self.0.get(&(key, None))).copied()
    }
}

pub(in crate::verdict) fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}
