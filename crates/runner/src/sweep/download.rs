//! The objects that downloads read: put once before the first block, header-signed, uncapped, and no rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ttlsweep_record::{Cell, Method, Outcome};

use super::SweepError;
use super::sources::Sources;
use crate::dial::Dialer;
use crate::endpoint::Endpoint;
use crate::store::Operation;
use crate::target::Targets;
use crate::transfer::judge::judge;
use crate::transfer::{self, Limits, Task};
use crate::trial::{RunContext, download_key};

/// Puts the object of every target, size and file that a cell downloads.
///
/// # Errors
/// A source cannot be read, or the store does not take an object.
pub async fn put_objects(
    context: &Arc<RunContext>,
    cells: &[Cell],
    targets: &Targets,
    sources: &mut Sources,
) -> Result<(), SweepError> {
    let mut there = HashSet::new();
    for cell in cells.iter().filter(|cell| cell.method == Method::Get) {
        let target = targets.of(cell);
        let key = download_key(cell, &context.experiment, &context.run_id);
        if !there.insert((target.endpoint.clone(), target.store.bucket().to_owned(), key.clone())) {
            continue;
        }
        let source = sources.of(cell)?;
        let failed = |error: String| SweepError::Download(format!("{key}: {error}"));
        let name = format!("{}-download", context.run_id);
        let operation = Operation { method: Method::Put, key: key.clone(), part: None };
        let anchor = context.clock.anchor();
        let store = target.store.as_asked();
        let signed = store.sign_headers(&operation, &name, anchor.wall).await;
        let signed = signed.map_err(|error| failed(error.to_string()))?;
        let endpoint = Endpoint::of(&signed.uri).map_err(|error| failed(error.to_string()))?;
        let dialer = Dialer {
            tls: endpoint.is_secure().then(|| store.tls()),
            endpoint,
            cap: None,
            receive_buffer: None,
            ids: Arc::clone(&context.connection_ids),
        };
        let task = Task {
            transfer_id: &name,
            request: &signed,
            upload: Some(&source),
            key: &key,
            expect_continue: false,
            limits: Limits {
                connect: Duration::from_micros(cell.connect_timeout_us),
                idle: Duration::from_micros(cell.idle_timeout_us),
                total: Duration::from_micros(cell.timeout_us),
            },
            sample_every: Duration::from_secs(3600),
        };
        let mut stop = context.stop.listen(None);
        let observed = transfer::run(&task, &dialer, &mut None, anchor, &mut stop).await;
        let judgement = judge(&observed);
        if judgement.outcome == Outcome::Cancelled {
            // The run was stopped: no trial will begin.
            return Ok(());
        }
        if judgement.outcome != Outcome::Completed {
            let status = observed.response.map(|response| response.status.to_string()).unwrap_or_default();
            let error = judgement.error.unwrap_or_default();
            return Err(failed(format!("{} {status} {error}", judgement.outcome)));
        }
    }
    Ok(())
}
