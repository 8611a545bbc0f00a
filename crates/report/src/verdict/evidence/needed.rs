use ttlsweep_record::{Control, Outcome};

use crate::load::transfer::Transfer;
use crate::verdict::evidence::Evidence;

/// How long transfers take when nothing stops them: the median of the long-TTL control of the same settings and block, of
/// all blocks where that block has none, and of the header-signed control if there is no other.
pub(in crate::verdict) struct Needed {
    /// By the settings' number.
    of_key: Vec<OfKey>,
}

/// What transfers of the same settings need.
#[derive(Default, Clone)]
struct OfKey {
    /// By block; `None` where that block has no such control.
    of_block: Vec<Option<i64>>,
    of_all: Option<i64>,
}

impl Needed {
    pub(in crate::verdict) fn of(evidence: &Evidence<'_>, members: &[&Transfer], key_of: &[u32]) -> Self {
        let keys = key_of.iter().max().map_or(0, |key| *key as usize + 1);
        let mut of_key = vec![OfKey::default(); keys];
        // The better source comes later and overwrites.
        for control in [Control::HeaderSigned, Control::LongTtl] {
            let mut durations: Vec<Vec<(u32, i64)>> = vec![Vec::new(); keys];
            for seen in members.iter().filter(|seen| seen.outcome == Outcome::Completed) {
                let Some(head) = seen.head_written_at.get() else { continue };
                if evidence.conditions[seen.cell as usize].control == Some(control) {
                    let block = evidence.trials[seen.trial as usize].block;
                    durations[key_of[seen.cell as usize] as usize].push((block, seen.ended_at - head));
                }
            }
            for (needed, durations) in of_key.iter_mut().zip(&mut durations) {
                needed.learn(durations);
            }
        }
        Self { of_key }
    }

    pub(in crate::verdict) fn of_trial(&self, key: u32, block: u32) -> Option<i64> {
        let of_key = self.of_key.get(key as usize)?;
        of_key.of_block.get(block as usize).copied().flatten().or(of_key.of_all)
    }
}

impl OfKey {
    /// Takes the medians of these durations, each with its block, over what was known before.
    fn learn(&mut self, durations: &mut [(u32, i64)]) {
        durations.sort_by_key(|(block, _)| *block);
        for same in durations.chunk_by(|one, next| one.0 == next.0) {
            let block = same[0].0 as usize;
            if self.of_block.len() <= block {
                self.of_block.resize(block + 1, None);
            }
            self.of_block[block] = median(&mut same.iter().map(|(_, duration)| *duration).collect::<Vec<_>>());
        }
        let all = median(&mut durations.iter().map(|(_, duration)| *duration).collect::<Vec<_>>());
        self.of_all = all.or(self.of_all);
    }
}

pub(in crate::verdict) fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}
