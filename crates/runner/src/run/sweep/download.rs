//! The objects that downloads read: put once before the first block, header-signed, uncapped, and no rows.

use std::collections::HashSet;
use std::sync::Arc;

use ttlsweep_record::{Method, ObjectChange, ObjectRecord, Outcome};

use super::error::SweepError;
use super::sources::Sources;
use crate::run::Run;
use crate::run::cleanup::{CreatedObject, PendingCleanup};
use crate::run::trial::download_key;
use crate::s3::FoundObject;
use crate::s3::Operation;
use crate::transfer::one_off::OneOff;

/// Puts the object of every target, size and file that a cell downloads; each is noted in `made` before it is put.
///
/// # Errors
/// A source cannot be read, or the store does not take an object.
pub(crate) async fn put_objects(
    run: &Run,
    sources: &mut Sources,
    made: &mut Vec<PendingCleanup>,
) -> Result<(), SweepError> {
    let mut there = HashSet::new();
    for cell in run.plan.cells.iter().filter(|cell| cell.method == Method::Get) {
        let target = run.targets.of(cell);
        // Links of others read what others have put.
        let Some(store) = target.store() else { continue };
        let key = download_key(run, cell);
        if !there.insert((target.endpoint.clone(), store.bucket().to_owned(), key.clone())) {
            continue;
        }
        let source = sources.of(cell)?;
        let failed = |error: String| SweepError::Download(format!("{key}: {error}"));
        let operation = Operation { method: Method::Put, key: key.clone(), part: None };
        let name = format!("{}-download", run.id());
        let asked = store.as_asked().for_body(&source, &key).await.map_err(|error| failed(error.to_string()))?;
        let signed = asked.sign_headers(&operation, &name, run.clock.wall()).await;
        let signed = signed.map_err(|error| failed(error.to_string()))?;
        run.sink.object(ObjectRecord {
            at: run.clock.wall(),
            cell_id: cell.cell_id.clone(),
            object_key: key.to_string(),
            upload_id: None,
            change: ObjectChange::Made,
        });
        let object = CreatedObject { key: key.clone(), upload_id: None };
        let place = PendingCleanup { target: Arc::clone(&target), cell_id: cell.cell_id.clone(), made: vec![object] };
        made.push(place);
        let one_off = OneOff { target: &target, cell, clock: &*run.clock, ids: Arc::clone(&run.connection_ids) };
        let row = one_off.send(&signed, &key, Some(&source), &mut run.stop.listen(None)).await;
        match row.outcome {
            Outcome::Completed if row.request_id.is_some() => {}
            // A gateway's 200 would be found out by each download, and the store blamed for it.
            Outcome::Completed => match store.look_up(&operation).await {
                FoundObject::Absent => {
                    return Err(failed(format!(
                        "answered {} without a request id, and the object is not there: something may answer in the \
                         store's place",
                        row.status.unwrap_or_default()
                    )));
                }
                FoundObject::Present(Some(bytes)) if bytes != source.len() => {
                    return Err(failed(format!("the object that is there has {bytes} of {} bytes", source.len())));
                }
                FoundObject::Present(_) | FoundObject::Unknown => {}
            },
            // The run was stopped: no trial will begin.
            Outcome::Cancelled => return Ok(()),
            outcome => {
                let status = row.status.map(|status| status.to_string()).unwrap_or_default();
                let error = row.s3_code.or(row.error).unwrap_or_default();
                return Err(failed(format!("{outcome} {status} {error}")));
            }
        }
    }
    Ok(())
}
