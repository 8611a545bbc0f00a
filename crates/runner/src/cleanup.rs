//! Deleting what a run made, so that nothing is left behind and billed.
//!
//! What a trial made is deleted when the trial is over and the next one's jitter has not begun: no deletion shares the line
//! with a transfer, or moves one. A deletion that fails is told and never a row; `ttlsweep clean` tries again.

mod pass;
pub mod record;

use std::fmt;
use std::sync::Arc;

use indicatif::ProgressBar;
use ttlsweep_record::text::{ServerText, visible};
use ttlsweep_record::{ObjectChange, ObjectRecord};

use crate::clock::Clock;
use crate::object_key::ObjectKey;
use crate::stop::StopSwitch;
use crate::store::NotDeleted;
use crate::target::Target;

use pass::Pass;

/// Something that a run made in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Made {
    /// Its key.
    pub key: ObjectKey,
    /// The multipart upload, as the store named it; nothing for an object.
    pub upload_id: Option<ServerText>,
}

/// One line, whatever the store calls the upload.
impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.upload_id {
            None => write!(f, "{}", visible(self.key.as_str())),
            Some(upload_id) => write!(f, "{} (multipart upload {upload_id})", visible(self.key.as_str())),
        }
    }
}

/// What was made at one target.
#[derive(Debug, Clone)]
pub struct Leftovers {
    /// Where.
    pub target: Arc<Target>,
    /// A cell that has this target.
    pub cell_id: String,
    /// What.
    pub made: Vec<Made>,
}

/// Deletes, and keeps account of it.
pub struct Cleaner {
    keep: bool,
    clock: Arc<dyn Clock>,
    /// Throwing it leaves the rest where it is.
    leave: StopSwitch,
    record: Box<dyn FnMut(ObjectRecord) + Send>,
    pending: Vec<Leftovers>,
    left: Vec<Left>,
    /// What each store turned out to be able to do.
    manners: Vec<(Arc<Target>, Manners)>,
    deleted: u64,
}

/// Something that could not be deleted, and why.
#[derive(Debug, Clone)]
pub struct Left {
    /// Where.
    pub target: Arc<Target>,
    /// A cell that has this target.
    pub cell_id: String,
    /// What.
    pub made: Made,
    /// Why not.
    pub why: NotDeleted,
}

/// How a store deletes.
#[derive(Debug, Clone)]
struct Manners {
    takes_batches: bool,
    /// Whether it was told already that the key may not delete.
    denial_told: bool,
    /// How often in a row everything was refused, and why the last time.
    refusals: (u32, Option<NotDeleted>),
}

impl Cleaner {
    /// A cleaner that keeps account by `record`; one that is to `keep` everything deletes nothing.
    pub fn new(
        keep: bool,
        clock: Arc<dyn Clock>,
        leave: StopSwitch,
        record: impl FnMut(ObjectRecord) + Send + 'static,
    ) -> Self {
        let record = Box::new(record);
        Self { keep, clock, leave, record, pending: Vec::new(), left: Vec::new(), manners: Vec::new(), deleted: 0 }
    }

    /// Takes note of what is to be deleted at the next occasion.
    pub fn note(&mut self, leftovers: Leftovers) {
        if !self.keep && !leftovers.made.is_empty() {
            self.pending.push(leftovers);
        }
    }

    /// Deletes what was noted; what fails is kept for [`finish`](Self::finish). A store that refused everything a few times in a
    /// row is asked no more: each time might take a timeout, and trials wait for it.
    pub async fn delete(&mut self) {
        for leftovers in std::mem::take(&mut self.pending) {
            match self.manners_of(&leftovers.target).refusals {
                (PATIENCE.., Some(why)) => {
                    let Leftovers { target, cell_id, made } = leftovers;
                    let left =
                        |made| Left { target: Arc::clone(&target), cell_id: cell_id.clone(), made, why: why.clone() };
                    self.left.extend(made.into_iter().map(left));
                }
                _ => self.delete_at(leftovers).await,
            }
        }
    }

    /// Deletes what was noted and, where it may help, what failed before, as long as that gets anywhere.
    pub async fn finish(&mut self) {
        self.delete().await;
        loop {
            let before = self.left.len();
            let (again, left): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.left).into_iter().partition(|left| matches!(left.why, NotDeleted::Failed(_)));
            self.left = left;
            for leftovers in grouped(again) {
                self.delete_at(leftovers).await;
            }
            if self.left.len() == before || self.leave.is_thrown() {
                return;
            }
        }
    }

    /// How many objects and multipart uploads were deleted.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// What could not be deleted.
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    async fn delete_at(&mut self, leftovers: Leftovers) {
        let Leftovers { target, cell_id, made } = leftovers;
        let bar = (made.len() >= WORTH_A_BAR).then(|| ProgressBar::new(made.len() as u64));
        let mut manners = self.manners_of(&target);
        let (uploads, objects): (Vec<_>, Vec<_>) = made.into_iter().partition(|made| made.upload_id.is_some());

        let pass = Pass::new(&target.store, &self.leave, bar.as_ref());
        let mut results = pass.abort(uploads).await;
        // A key that may not give uploads up may still delete objects.
        let pass = Pass::new(&target.store, &self.leave, bar.as_ref());
        let mut singly = objects;
        if manners.takes_batches && singly.len() > 1 {
            let (done, refused) = pass.delete_batches(std::mem::take(&mut singly)).await;
            manners.takes_batches = refused.is_empty();
            results.extend(done);
            singly = refused;
        }
        results.extend(pass.delete_singly(singly).await);

        let all_refused = !results.is_empty() && results.iter().all(|(_, result)| result.is_err());
        let why = results.iter().find_map(|(_, result)| result.as_ref().err().cloned());
        manners.refusals = if all_refused { (manners.refusals.0 + 1, why) } else { (0, None) };
        for (made, result) in results {
            match result {
                Ok(()) => {
                    self.deleted += 1;
                    (self.record)(ObjectRecord {
                        at: self.clock.wall(),
                        cell_id: cell_id.clone(),
                        object_key: made.key.to_string(),
                        upload_id: made.upload_id.map(|id| id.raw().to_owned()),
                        change: ObjectChange::Deleted,
                    });
                }
                Err(why) => {
                    if matches!(why, NotDeleted::Denied(_)) && !std::mem::replace(&mut manners.denial_told, true) {
                        tracing::warn!(
                            "this key may not delete what it put: {why}; the objects stay, and are billed, until a \
                             lifecycle rule deletes them: `ttlsweep doctor` prints one"
                        );
                    }
                    self.left.push(Left { target: Arc::clone(&target), cell_id: cell_id.clone(), made, why });
                }
            }
        }
        if let Some((_, known)) = self.manners.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &target)) {
            *known = manners;
        }
    }

    fn manners_of(&mut self, target: &Arc<Target>) -> Manners {
        if let Some((_, manners)) = self.manners.iter().find(|(known, _)| Arc::ptr_eq(known, target)) {
            return manners.clone();
        }
        let manners = Manners { takes_batches: true, denial_told: false, refusals: (0, None) };
        self.manners.push((Arc::clone(target), manners.clone()));
        manners
    }
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaner")
            .field("deleted", &self.deleted)
            .field("left", &self.left.len())
            .finish_non_exhaustive()
    }
}

/// What failed, to be tried again.
fn grouped(left: Vec<Left>) -> Vec<Leftovers> {
    let mut groups: Vec<Leftovers> = Vec::new();
    for Left { target, cell_id, made, .. } in left {
        match groups.iter_mut().find(|group| Arc::ptr_eq(&group.target, &target) && group.cell_id == cell_id) {
            Some(group) => group.made.push(made),
            None => groups.push(Leftovers { target, cell_id, made: vec![made] }),
        }
    }
    groups
}

/// After so many refusals of everything, a run leaves deleting to its end.
const PATIENCE: u32 = 3;
const WORTH_A_BAR: usize = 2_000;
