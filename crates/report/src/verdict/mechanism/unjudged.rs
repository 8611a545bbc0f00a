//! What nobody can time is not judged: counted, reported, and evidence for nothing.

use ttlsweep_record::Mechanism;

use crate::prose::count;
use crate::verdict::cause::Cause;
use crate::verdict::finding::Tested;
use crate::verdict::target::Target;

/// Transfers of the grid that may have outlived their link, and whose ends are not judged.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::verdict) struct NotJudged {
    /// Since this machine was too busy to time them.
    pub(in crate::verdict) busy: u64,
    /// Since a clock was set in their trial.
    pub(in crate::verdict) set: u64,
}

impl Target {
    /// How many ends are not judged, and why.
    pub(in crate::verdict) fn not_judged(&self) -> NotJudged {
        let delta = self.delta();
        let mut found = NotJudged::default();
        for flight in self.flights.iter().filter(|flight| flight.is_unjudged(delta)) {
            *(if flight.was_set { &mut found.set } else { &mut found.busy }) += 1;
        }
        found
    }
}

impl NotJudged {
    pub(in crate::verdict) const fn all(self) -> u64 {
        self.busy + self.set
    }

    /// `2 more are not judged, since this machine was too busy to time them`
    pub(in crate::verdict) fn words(self) -> String {
        let sentence = |n: u64, why: &str| {
            (n > 0).then(|| format!("{n} more {} not judged, since {why}", if n == 1 { "is" } else { "are" }))
        };
        let busy = sentence(self.busy, "this machine was too busy to time them");
        let set = sentence(self.set, "a clock was set in their trial, or may have been");
        [busy, set].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Ends that are not judged may be this mechanism's, so that it is not acquitted.
pub(in crate::verdict) fn doubt(target: &Target, mut tested: Tested) -> Tested {
    let may_be = matches!(
        tested.mechanism,
        Mechanism::Network | Mechanism::IdleTimeout | Mechanism::LateStart | Mechanism::RejectedAtCompletion
    );
    if may_be && tested.suspicion.is_none() {
        let ended = target.of_cause(Cause::NotJudged).count() as u64;
        tested.suspicion = (ended > 0).then(|| format!("but {} that ended are not judged", count(ended, "transfer")));
    }
    tested
}
