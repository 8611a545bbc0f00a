//! The Expect arm: uploads of which a 100 Continue shows that the server's program had read the head before expiry. What ends
//! such an upload from expiry on, however late, does not refuse a head that lay unread; and if such uploads go on where the
//! others seem to be ended, it is the heads of those that were read late.

use ttlsweep_record::Mechanism;
use ttlsweep_record::decision::{LEAST_TRIALS, NOT_SPARED, trials_for_no};

use crate::prose::{count, share};
use crate::stats::{fisher_greater, upper_bound};
use crate::verdict::cause::Cause;
use crate::verdict::cause::flight::Flight;
use crate::verdict::finding::ByTrial;
use crate::verdict::mechanism::by_host::ByHost;
use crate::verdict::mechanism::window::{MOST_STRAY, Placebos, Window, expect_arm, links_suffer};
use crate::verdict::target::Target;

/// What the arm shows; there is one only if it ran.
pub(in crate::verdict) struct Arm {
    /// Why a 100 proves nothing there; `None` if it does.
    doubt: Option<String>,
    /// Starts after expiry that were refused without a 100.
    starts: u64,
    /// Uploads that got their 100 before expiry and met it in flight; hit is what ended in flight from then on.
    read: ByTrial,
    /// Controls of that age, from the same placebo on.
    controls: ByTrial,
    /// Those of them that have a link.
    links: ByTrial,
    /// Uploads whose head the kernel had confirmed before expiry, and which were refused as expired in place of the 100.
    read_late: u64,
    /// Uploads whose head came late and was refused so.
    came_late: u64,
    /// What keeps it from being a rule that the server has for everyone.
    split: Option<String>,
}

impl Arm {
    pub(in crate::verdict) fn of(target: &Target, placebos: &Placebos<'_>) -> Option<Self> {
        expect_arm(target).next()?;
        let window = Window::from_expiry(target.delta());
        let read = window.outlived_among(expect_arm(target).filter(|flight| flight.continued), target.delta());
        let refused = |in_time: bool| {
            let is_one = |flight: &&Flight| {
                flight.cause == Cause::Of(Mechanism::LateStart) && flight.head_in_time == in_time && !flight.continued
            };
            expect_arm(target).filter(is_one).count() as u64
        };
        Some(Self {
            doubt: target.continues.doubt(),
            starts: target.continues.refused(),
            controls: placebos.outlived(window),
            links: placebos.with_a_link(window),
            read_late: refused(true),
            came_late: refused(false),
            split: ByHost::of(target, &read).split(),
            read,
        })
    }

    /// Whether its 100s prove anything.
    pub(in crate::verdict) const fn is_proof(&self) -> bool {
        self.doubt.is_none()
    }

    /// How likely so many more of its trials than of the controls' were ended for the most part. Half of the level is the
    /// arm's; the windows share the other half.
    pub(in crate::verdict) fn p(&self) -> f64 {
        let p =
            fisher_greater(self.read.most_hit(), self.read.trials(), self.controls.most_hit(), self.controls.trials());
        (2.0 * p).min(1.0)
    }

    /// Whether uploads that the program had let in are ended from expiry on, and controls of their age are not.
    pub(in crate::verdict) fn convinces(&self, level: f64) -> bool {
        self.is_proof()
            && self.p() <= level
            && 2 * self.read.most_hit() > self.read.trials()
            && !links_suffer(&self.read, &self.links)
            && self.split.is_none()
    }

    /// Whether heads that were read late explain what the plain uploads met: the arm shows such heads, and those that were
    /// read in time go on as controls do.
    pub(in crate::verdict) fn explains_late_ends(&self) -> bool {
        let bound = upper_bound(self.read.most_hit(), self.read.trials());
        self.is_proof()
            && self.read_late > 0
            && self.read.trials() >= LEAST_TRIALS
            && bound <= MOST_STRAY
            && self.read.exceeds(&self.controls) > NOT_SPARED
    }

    /// What stands in the way of calling it a cut, whatever the plain uploads met.
    pub(in crate::verdict) fn obstacle(&self) -> Option<String> {
        let goes_on = self.is_proof() && self.read.trials() >= trials_for_no() && self.read.hit() == 0;
        goes_on.then(|| {
            format!(
                "but none of {} whose head the server had surely read was ended: it takes the server's log to tell",
                count(self.read.transfers(), "upload")
            )
        })
    }

    /// What it shows, in words.
    pub(in crate::verdict) fn sentence(&self) -> String {
        if let Some(doubt) = &self.doubt {
            return format!("with `Expect`: {doubt}");
        }
        let read = match self.read.transfers() {
            0 => "no upload that got one met its expiry in flight".to_owned(),
            all => {
                let ended = share(self.read.transfers_hit(), all);
                let trials = count(self.read.trials(), "trial");
                format!("{ended} uploads that got one and met their expiry ended in flight from then on (of {trials})")
            }
        };
        let late = |n: u64, what: &str| {
            (n > 0).then(|| format!(", {n} {} refused in its place, as {what}", if n == 1 { "was" } else { "were" }))
        };
        let read_late = late(self.read_late, "the head had come in time and was read late");
        let came_late = late(self.came_late, "the head came late");
        format!(
            "with `Expect`, none of {} got a 100 Continue, so that it proves a head that was read in time: {read}{}{}",
            count(self.starts, "expired start"),
            read_late.unwrap_or_default(),
            came_late.unwrap_or_default(),
        )
    }
}
