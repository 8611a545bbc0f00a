//! One go at a store: what is deleted at once, and when to give up.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use ttlsweep_console::board::Board;
use ttlsweep_record::text::ServerText;

use super::created::CreatedObject;
use crate::s3::{DeleteError, Store};
use crate::stop::{StopReason, StopSwitch};

/// How many are done of those that are to be deleted, on a terminal.
pub(super) struct Bar {
    board: Board,
    done: AtomicUsize,
    all: usize,
}

impl Bar {
    /// Draws the bar; `None` without a terminal, or while a sweep is drawn on it.
    pub(super) fn begin(all: usize) -> Option<Self> {
        let bar = Self { board: Board::open()?, done: AtomicUsize::new(0), all };
        bar.show(0);
        Some(bar)
    }

    fn one_more(&self) {
        self.show(1 + self.done.fetch_add(1, Ordering::Relaxed));
    }

    fn show(&self, done: usize) {
        self.board.show(&[format!("deleting: {done} of {}", self.all)]);
    }
}

/// What became of each.
pub(super) type Results = Vec<(CreatedObject, Result<(), DeleteError>)>;

/// One go at a store. The first refusal ends it: a store that is down, or a key that may not, would refuse the others, too,
/// and each of them might take a timeout. A refusal that is about one thing alone ends nothing.
pub(super) struct Pass<'a> {
    store: &'a Store,
    leave: &'a StopSwitch,
    /// When it is to be over, done or not.
    until: Option<Instant>,
    bar: Option<&'a Bar>,
    over: OnceLock<DeleteError>,
    /// How many were refused for what they are.
    odd_ones: AtomicUsize,
}

impl<'a> Pass<'a> {
    pub(super) fn new(store: &'a Store, leave: &'a StopSwitch, until: Option<Instant>, bar: Option<&'a Bar>) -> Self {
        Self { store, leave, until, bar, over: OnceLock::new(), odd_ones: AtomicUsize::new(0) }
    }

    pub(super) async fn abort(&self, uploads: Vec<CreatedObject>) -> Results {
        let aborting = uploads.into_iter().map(|made| async move {
            let upload_id = made.upload_id.as_ref().map_or("", ServerText::raw);
            let result = self.attempt(self.store.abort_upload(&made.key, upload_id)).await;
            (made, result)
        });
        stream::iter(aborting).buffer_unordered(SINGLE_AT_ONCE).collect().await
    }

    pub(super) async fn delete_singly(&self, objects: Vec<CreatedObject>) -> Results {
        let deleting = objects.into_iter().map(|made| async move {
            let result = self.attempt(self.store.delete_object(&made.key)).await;
            (made, result)
        });
        stream::iter(deleting).buffer_unordered(SINGLE_AT_ONCE).collect().await
    }

    /// The results, and those that the store takes in no batch.
    pub(super) async fn delete_batches(&self, objects: Vec<CreatedObject>) -> (Results, Vec<CreatedObject>) {
        let deleting = objects.chunks(BATCH).map(<[_]>::to_vec).map(|batch| async move {
            let keys: Vec<_> = batch.iter().map(|made| made.key.clone()).collect();
            let result = self.request(self.store.delete_objects(&keys)).await;
            (batch, result)
        });
        let mut deleting = stream::iter(deleting).buffer_unordered(BATCHES_AT_ONCE);
        let (mut results, mut refused) = (Results::new(), Vec::new());
        while let Some((batch, result)) = deleting.next().await {
            match result {
                Ok(left) => {
                    let mut left: HashMap<_, _> = left.into_iter().collect();
                    for made in batch {
                        let result = left.remove(&made.key).map_or(Ok(()), Err);
                        if let Err(why) = &result {
                            self.end(why);
                        }
                        results.push((made, result));
                    }
                }
                // One by one it may be another matter.
                Err(DeleteError::Unknown(_) | DeleteError::ThisOne(_) | DeleteError::Denied(_)) => {
                    refused.extend(batch)
                }
                Err(why) => {
                    self.end(&why);
                    results.extend(batch.into_iter().map(|made| (made, Err(why.clone()))));
                }
            }
        }
        (results, refused)
    }

    async fn attempt(&self, request: impl Future<Output = Result<(), DeleteError>>) -> Result<(), DeleteError> {
        let result = self.request(request).await;
        if let Err(why) = &result {
            self.end(why);
        }
        if let Some(bar) = self.bar {
            bar.one_more();
        }
        result
    }

    async fn request<T>(&self, request: impl Future<Output = Result<T, DeleteError>>) -> Result<T, DeleteError> {
        if let Some(why) = self.over.get() {
            return Err(why.clone());
        }
        let mut leave = self.leave.listen(self.until);
        tokio::select! {
            biased;
            reason = leave.reason() => Err(DeleteError::Failed(match reason {
                StopReason::Interrupted => "left there, as you asked".into(),
                StopReason::DurationOver => "the next trial's turn had come".into(),
            })),
            result = request => result,
        }
    }

    fn end(&self, why: &DeleteError) {
        if matches!(why, DeleteError::ThisOne(_)) && self.odd_ones.fetch_add(1, Ordering::Relaxed) < MOST_ODD_ONES {
            return;
        }
        // Another request was refused first, and its reason is as good.
        let _ = self.over.set(why.clone());
    }
}

/// As many as S3 takes.
const BATCH: usize = 1000;
const BATCHES_AT_ONCE: usize = 4;
const SINGLE_AT_ONCE: usize = 32;

/// A store that takes so many for bad requests will do so with all.
const MOST_ODD_ONES: usize = 100;
