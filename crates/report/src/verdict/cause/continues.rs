//! What a 100 Continue proves: where starts after expiry that waited for one were refused without it, that the server's program
//! had read the head and let it in. Many servers, and most proxies, send one to anyone who asks.

use std::collections::BTreeSet;

use ttlsweep_record::Outcome;
use ttlsweep_record::decision::LEAST_TRIALS;

use crate::prose::count;
use crate::verdict::evidence::timed::Timed;

/// What starts after expiry got that waited for a 100.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) struct Continues {
    /// Those that were answered, or told to go on.
    starts: u64,
    /// Those that were told to go on.
    told_to: u64,
    /// Trials in which one was refused without.
    refused_trials: u64,
}

impl Continues {
    /// Learns from the starts after expiry.
    pub(in crate::verdict) fn of<'a>(starts: impl Iterator<Item = Timed<'a>>) -> Self {
        let mut found = Self::default();
        let mut refused = BTreeSet::new();
        for timed in starts.filter(|timed| timed.expects) {
            let told_to = timed.continued_at().is_some();
            let is_refused = !told_to && timed.seen.outcome == Outcome::Rejected && timed.ended_at_head(1);
            found.starts += u64::from(told_to || is_refused);
            found.told_to += u64::from(told_to);
            if is_refused {
                refused.insert(timed.seen.trial);
            }
        }
        found.refused_trials = refused.len() as u64;
        found
    }

    /// Whether a 100 proves that the program had read the head before expiry. One that was sent to an expired link, for whatever
    /// cause, leaves nothing to build on.
    pub(in crate::verdict) const fn is_proof(self) -> bool {
        self.told_to == 0 && self.refused_trials >= LEAST_TRIALS
    }

    /// Why it proves nothing; `None` if it does.
    pub(in crate::verdict) fn doubt(self) -> Option<String> {
        let Self { starts, told_to, refused_trials } = self;
        match () {
            () if self.is_proof() => None,
            () if told_to > 0 => Some(format!(
                "a 100 Continue proves nothing here, since {told_to} of {} got one, too",
                count(starts, "expired start")
            )),
            () => Some(format!(
                "it takes {LEAST_TRIALS} trials of expired starts that are refused without a 100 Continue to know what one proves, \
                 and there are {refused_trials}"
            )),
        }
    }

    /// How many starts after expiry were refused without one.
    pub(in crate::verdict) const fn refused(self) -> u64 {
        self.starts - self.told_to
    }
}
