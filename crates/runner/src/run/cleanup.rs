//! Deleting what a run made, so that nothing is left behind and billed.
//!
//! What a trial made is deleted when the trial is over and the next one's jitter has not begun: no deletion shares the line
//! with a transfer, or moves one. A deletion that fails is reported and never a row; `ttlsweep clean` tries again. A small object
//! stands below the run's prefix until all else is gone: see `sweep::marker`.

mod created;
mod pass;
pub(crate) mod record;

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use ttlsweep_record::{ObjectChange, ObjectRecord};

use crate::clock::Clock;
use crate::run::Run;
use crate::s3::DeleteError;
use crate::stop::StopSwitch;
use crate::transfer::target::Target;

pub use created::CreatedObject;
use pass::{Bar, Pass};

/// What was made at one target.
#[derive(Debug, Clone)]
pub struct PendingCleanup {
    /// Where.
    pub target: Arc<Target>,
    /// A cell that has this target.
    pub cell_id: String,
    /// What.
    pub made: Vec<CreatedObject>,
}

/// Deletes, and keeps account of it.
pub struct Cleaner {
    keep: bool,
    clock: Arc<dyn Clock>,
    /// Throwing it leaves the rest where it is.
    leave: StopSwitch,
    record: Box<dyn FnMut(ObjectRecord) + Send>,
    pending: Vec<PendingCleanup>,
    /// What is deleted after everything else.
    last: Vec<PendingCleanup>,
    left: Vec<NotDeleted>,
    /// What each store turned out to be able to do.
    quirks: Vec<(Arc<Target>, StoreQuirks)>,
    deleted: u64,
    /// Whether this is the end, after which no store is given another chance.
    finishing: bool,
}

/// Something that could not be deleted, and why.
#[derive(Debug, Clone)]
pub struct NotDeleted {
    /// Where.
    pub target: Arc<Target>,
    /// A cell that has this target.
    pub cell_id: String,
    /// What.
    pub made: CreatedObject,
    /// Why not.
    pub why: DeleteError,
}

/// How a store deletes.
#[derive(Debug, Clone)]
struct StoreQuirks {
    takes_batches: bool,
    /// Whether it was reported already that the key may not delete.
    denial_reported: bool,
    /// How often in a row everything was refused.
    refusals: u32,
    /// Why it is asked no more for now: it left a deletion without an answer, or refused everything a few times in a row.
    given_up: Option<DeleteError>,
}

impl Cleaner {
    /// A cleaner that keeps account by `record`; one that is to `keep` everything deletes nothing.
    pub fn new(
        keep: bool,
        clock: Arc<dyn Clock>,
        leave: StopSwitch,
        record: impl FnMut(ObjectRecord) + Send + 'static,
    ) -> Self {
        Self {
            keep,
            clock,
            leave,
            record: Box::new(record),
            pending: Vec::new(),
            last: Vec::new(),
            left: Vec::new(),
            quirks: Vec::new(),
            deleted: 0,
            finishing: false,
        }
    }

    /// A run's cleaner, which keeps account by `record`.
    pub fn of(run: &Run, record: impl FnMut(ObjectRecord) + Send + 'static) -> Self {
        Self::new(run.experiment.keep_objects, Arc::clone(&run.clock), run.leave.clone(), record)
    }

    /// Takes note of what is to be deleted at the next occasion.
    pub fn note(&mut self, mut pending: PendingCleanup) {
        pending.made.retain(|made| !self.stands_to_the_end(&pending.target, made));
        if !self.keep && !pending.made.is_empty() {
            self.pending.push(pending);
        }
    }

    /// Takes note of what is to be deleted after everything else, however often it is noted beside.
    pub(crate) fn note_last(&mut self, pending: PendingCleanup) {
        for noted in self.pending.iter_mut().filter(|noted| Arc::ptr_eq(&noted.target, &pending.target)) {
            noted.made.retain(|made| !pending.made.contains(made));
        }
        if !self.keep && !pending.made.is_empty() {
            self.last.push(pending);
        }
    }

    fn stands_to_the_end(&self, target: &Arc<Target>, made: &CreatedObject) -> bool {
        self.last.iter().any(|last| Arc::ptr_eq(&last.target, target) && last.made.contains(made))
    }

    /// Deletes what was noted; what fails is kept for [`finish`](Self::finish). A store that left a deletion without an answer,
    /// or refused everything a few times in a row, is asked no more until then: each time might take a timeout, trials wait for
    /// it, and a deletion that this side gave up may still be going on in the store when the next trial begins.
    pub(crate) async fn delete(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.delete_at(pending, None).await;
        }
    }

    /// Deletes what was noted, as far as it is done until then. The rest waits for the next occasion.
    pub(crate) async fn delete_until(&mut self, until: Instant) {
        for pending in std::mem::take(&mut self.pending) {
            if Instant::now() >= until {
                self.pending.push(pending);
                continue;
            }
            self.delete_at(pending, Some(until)).await;
        }
    }

    /// Deletes what was noted and, where it may help, what failed before, as long as that gets anywhere. Each store is given
    /// one more chance here; one that leaves a deletion without an answer now is given up.
    pub async fn finish(&mut self) {
        self.finishing = true;
        self.quirks.iter_mut().for_each(|(_, quirks)| (quirks.refusals, quirks.given_up) = (0, None));
        self.retry();
        self.delete().await;
        loop {
            let before = self.left.len();
            self.retry();
            self.delete().await;
            if self.left.len() == before || self.leave.is_thrown() {
                break;
            }
        }
        self.pending = std::mem::take(&mut self.last);
        self.delete().await;
    }

    /// Whether the store left a deletion without an answer, and is asked no more for now.
    pub(crate) fn has_hung(&self, target: &Arc<Target>) -> bool {
        let of_it = self.quirks.iter().find(|(known, _)| Arc::ptr_eq(known, target));
        of_it.is_some_and(|(_, quirks)| matches!(quirks.given_up, Some(DeleteError::Hung(_))))
    }

    /// How many objects and multipart uploads were deleted.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// What could not be deleted.
    pub fn left(&self) -> &[NotDeleted] {
        &self.left
    }

    /// Notes once more what failed and may work now, all of a store's together, so that a store that fails costs one timeout.
    fn retry(&mut self) {
        let (again, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.left).into_iter().partition(|left| left.why.may_pass());
        self.left = left;
        for NotDeleted { target, cell_id, made, .. } in again {
            match self.pending.iter_mut().find(|noted| Arc::ptr_eq(&noted.target, &target)) {
                Some(noted) => noted.made.push(made),
                None => self.pending.push(PendingCleanup { target, cell_id, made: vec![made] }),
            }
        }
    }

    async fn delete_at(&mut self, pending: PendingCleanup, until: Option<Instant>) {
        let PendingCleanup { target, cell_id, made } = pending;
        let mut quirks = self.manners_of(&target);
        let results = match &quirks.given_up {
            Some(why) => made.into_iter().map(|made| (made, Err(why.clone()))).collect(),
            None => self.ask(&target, made, &mut quirks, until).await,
        };
        for (made, result) in results {
            match result {
                Ok(()) => {
                    self.deleted += 1;
                    (self.record)(ObjectRecord {
                        at: self.clock.wall(),
                        cell_id: cell_id.clone(),
                        object_key: made.key.to_string(),
                        upload_id: made.written_id(),
                        change: ObjectChange::Deleted,
                    });
                }
                Err(why) => {
                    self.left.push(NotDeleted { target: Arc::clone(&target), cell_id: cell_id.clone(), made, why });
                }
            }
        }
        if let Some((_, known)) = self.quirks.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &target)) {
            *known = quirks;
        }
    }

    /// Asks the store to delete, and learns its manners by how it answers.
    async fn ask(
        &self,
        target: &Arc<Target>,
        made: Vec<CreatedObject>,
        quirks: &mut StoreQuirks,
        until: Option<Instant>,
    ) -> pass::Results {
        let bar = (made.len() >= WORTH_A_BAR).then(|| Bar::begin(made.len())).flatten();
        let (uploads, objects): (Vec<_>, Vec<_>) = made.into_iter().partition(|made| made.upload_id.is_some());
        // By links of others nothing is made that this run could delete.
        let Some(store) = target.store() else { return Vec::new() };
        let go = || Pass::new(store, &self.leave, until, bar.as_ref());
        let pass = go();
        let mut results = pass.abort(uploads).await;
        // A key that may not give uploads up may still delete objects; a store that does not answer, answers neither.
        let pass = if hung(&results).is_some() { pass } else { go() };
        let mut singly = objects;
        if quirks.takes_batches && singly.len() > 1 {
            let (done, refused) = pass.delete_batches(std::mem::take(&mut singly)).await;
            quirks.takes_batches = refused.is_empty();
            results.extend(done);
            singly = refused;
        }
        results.extend(pass.delete_singly(singly).await);

        let failed = results.iter().find_map(|(_, result)| result.as_ref().err());
        let mut refusals = results.iter().filter_map(|(_, result)| result.as_ref().err());
        if let Some(why) = refusals.find(|why| matches!(why, DeleteError::Denied(_)))
            && !std::mem::replace(&mut quirks.denial_reported, true)
        {
            tracing::warn!(
                "this key may not delete what it put: {why}; the objects stay, and are billed, until a lifecycle rule deletes \
                 them: `ttlsweep doctor` prints one"
            );
        }
        let all_refused = !results.is_empty() && results.iter().all(|(_, result)| result.is_err());
        quirks.refusals = if all_refused { quirks.refusals + 1 } else { 0 };
        if let Some(why) = hung(&results) {
            let next = if self.finishing {
                "it is asked for no other"
            } else {
                "it is asked again at the end of the run, once"
            };
            tracing::warn!("{} does not answer a deletion ({why}): {next}", target.endpoint);
            quirks.given_up = Some(why.clone());
        } else if quirks.refusals >= PATIENCE {
            quirks.given_up = failed.cloned();
        }
        results
    }

    fn manners_of(&mut self, target: &Arc<Target>) -> StoreQuirks {
        if let Some((_, quirks)) = self.quirks.iter().find(|(known, _)| Arc::ptr_eq(known, target)) {
            return quirks.clone();
        }
        let quirks = StoreQuirks { takes_batches: true, denial_reported: false, refusals: 0, given_up: None };
        self.quirks.push((Arc::clone(target), quirks.clone()));
        quirks
    }
}

/// Why a store that left a request without an answer was given up.
fn hung(results: &pass::Results) -> Option<&DeleteError> {
    results.iter().filter_map(|(_, result)| result.as_ref().err()).find(|why| matches!(why, DeleteError::Hung(_)))
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaner")
            .field("deleted", &self.deleted)
            .field("left", &self.left.len())
            .finish_non_exhaustive()
    }
}

/// After so many refusals of everything, a run leaves deleting to its end.
const PATIENCE: u32 = 3;
const WORTH_A_BAR: usize = 2_000;
