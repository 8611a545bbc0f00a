//! A small object that stands below a run's prefix for as long as the run lives.
//!
//! A store that keeps its objects as files drops a folder with the last object in it, and makes it again for the next one.
//! Two uploads that begin together then race for it, and one of them may be answered with a 500 that would not be there
//! without this run's own deletions. While the marker stands, no deletion empties the folder.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ttlsweep_record::{ObjectChange, ObjectRecord, TargetKind};

use crate::run::Run;
use crate::run::cleanup::{CreatedObject, PendingCleanup};
use crate::s3::Store;
use crate::s3::object_key::{ObjectKey, RunPrefix};
use crate::stop::StopSwitch;

/// Puts a marker at every place that the plan uploads to, and returns what is there now, to be deleted last. A store that
/// does not take one is reported, and the run goes on.
pub(super) async fn put(run: &Run) -> Vec<PendingCleanup> {
    let mut places = HashSet::new();
    let mut made = Vec::new();
    for cell in run.plan.cells.iter().filter(|cell| cell.target == TargetKind::S3 && cell.method.is_upload()) {
        let target = run.targets.of(cell);
        let key = key_below(&run.prefix(cell));
        if !places.insert((Arc::as_ptr(&target), key.clone())) {
            continue;
        }
        run.sink.object(ObjectRecord {
            at: run.clock.wall(),
            cell_id: cell.cell_id.clone(),
            object_key: key.to_string(),
            upload_id: None,
            change: ObjectChange::Made,
        });
        if let Some(store) = target.store() {
            put_one(store, &key, run.id(), &run.stop).await;
        }
        // Also where the answer was an error: it may have been stored.
        let marker = CreatedObject { key, upload_id: None };
        made.push(PendingCleanup { target, cell_id: cell.cell_id.clone(), made: vec![marker] });
    }
    made
}

async fn put_one(store: &Store, key: &ObjectKey, run_id: &str, stop: &StopSwitch) {
    let text = format!("This object stands here for as long as the run {run_id} lives; ttlsweep deletes it last.\n");
    for attempt in 1..=ATTEMPTS {
        let Err(error) = store.put_text(key, &text).await else { return };
        tracing::warn!(
            "the store does not take the run's marker ({error}; attempt {attempt} of {ATTEMPTS}); a store that drops empty \
             folders may answer uploads with a 500 after deletions"
        );
        if !error.may_pass() || attempt == ATTEMPTS || stop.is_thrown() {
            return;
        }
        let _ = stop.listen(None).sleep_until(tokio::time::Instant::now() + PAUSE).await;
    }
}

/// Where a place's marker stands: at the level of the objects, since a deeper one would not keep theirs.
fn key_below(prefix: &RunPrefix) -> ObjectKey {
    prefix.key("marker")
}

/// Processes that run parts of one plan begin together, and race for the folders above their own.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
