//! `ttlsweep clean`: deletes what a run left in its bucket, by the run's own record and by what lies below its prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ttlsweep_console::{data, say};
use ttlsweep_record::row::Row;
use ttlsweep_record::text::{ServerText, visible};
use ttlsweep_record::{Cell, ObjectChange, ObjectRecord, TargetKind};
use ttlsweep_rundir::csv_file::read_rows;
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::mend::Mending;

use super::signals::stop_on_signals;
use crate::cli::CleanArgs;
use crate::clock::SystemClock;
use crate::cmd::exit::{ExitCode, Failure};
use crate::run::cleanup::record::{Recorded, prefix_of};
use crate::run::cleanup::{Cleaner, CreatedObject, PendingCleanup};
use crate::run::files::append_to;
use crate::run::folder::RunFolder;
use crate::target::Targets;

/// Runs the command: prints what is left, one key a line; with `--dry-run` what would be deleted.
///
/// # Errors
/// The folder is not a run's or in use, its record cannot be read, or the target cannot be used.
pub async fn clean(args: &CleanArgs) -> Result<ExitCode, Failure> {
    let folder = if args.dry_run { RunFolder::look(&args.folder)? } else { RunFolder::open(&args.folder)? };
    let path = folder.path();
    let environment = Environment::read(path).map_err(Failure::usage)?;
    let mending = Mending::of_objects(path).map_err(Failure::usage)?;
    let all: Vec<Cell> = read_rows(path).map_err(Failure::usage)?;
    let cells: Vec<_> = all.iter().filter(|cell| cell.target == TargetKind::S3).cloned().collect();
    if cells.is_empty() {
        let links = all.iter().any(|cell| cell.target == TargetKind::Links);
        if links {
            say!("nothing can be deleted here: what links of others have put is their makers' to delete");
        } else {
            say!("nothing to delete: the testbed's objects went with it");
        }
        return Ok(ExitCode::Done);
    }
    let mut recorded = Recorded::read(path, &cells, &environment).map_err(Failure::usage)?;
    for key in &recorded.foreign {
        let key = visible(key);
        say!("left alone: {key} is in the run's files, but not below the run's own prefix");
    }
    let targets = Targets::open(&cells).await?;
    add_listed(&mut recorded.by_cell, &cells, &targets, &environment).await;
    if recorded.is_empty() {
        say!("nothing is left of this run");
        return Ok(ExitCode::Done);
    }
    if args.dry_run {
        recorded.by_cell.values().flatten().for_each(|made| data!("{made}"));
        say!("{} objects or multipart uploads would be deleted", recorded.len());
        return Ok(ExitCode::Done);
    }
    let mended = mending.carry_out().map_err(Failure::internal)?;
    mended.iter().for_each(|line| say!("{line}"));
    delete(path, recorded, &cells, &targets).await
}

async fn delete(path: &Path, recorded: Recorded, cells: &[Cell], targets: &Targets) -> Result<ExitCode, Failure> {
    // The first Ctrl-C already leaves the rest: there is nothing else to stop.
    let (leave, _) = stop_on_signals(ExitCode::Interrupted)?;
    let mut record = append_to::<ObjectRecord>(path).map_err(Failure::internal)?;
    let mut cleaner = Cleaner::new(false, Arc::new(SystemClock), leave.clone(), move |row: ObjectRecord| {
        debug_assert_eq!(row.change, ObjectChange::Deleted);
        // What cannot be noted as deleted is deleted once more next time, which does no harm.
        if let Err(error) = record.write(&row).and_then(|()| record.flush()) {
            tracing::warn!("{}: {error}", ObjectRecord::FILE);
        }
    });
    for cell in cells {
        if let Some(made) = recorded.by_cell.get(&cell.cell_id) {
            let made = made.iter().cloned().collect();
            cleaner.note(PendingCleanup { target: targets.of(cell), cell_id: cell.cell_id.clone(), made });
        }
    }
    cleaner.finish().await;
    say!("deleted: {} objects or multipart uploads", cleaner.deleted());
    let left = cleaner.left();
    let Some(first) = left.first() else { return Ok(ExitCode::Done) };
    left.iter().for_each(|left| data!("{}", left.made));
    say!("left: {}, for example {}: {}", left.len(), first.made, first.why);
    Ok(if leave.is_thrown() {
        ExitCode::Interrupted
    } else if left.iter().any(|left| left.why.may_pass()) {
        ExitCode::TryAgain
    } else {
        ExitCode::Usage
    })
}

/// Adds what lies below the run's prefix and is in no file: the last moments before a kill may not have been written down.
async fn add_listed(
    by_cell: &mut BTreeMap<String, BTreeSet<CreatedObject>>,
    cells: &[Cell],
    targets: &Targets,
    environment: &Environment,
) {
    let mut seen = Vec::new();
    let known: BTreeSet<CreatedObject> = by_cell.values().flatten().cloned().collect();
    for cell in cells {
        let (target, prefix) = (targets.of(cell), prefix_of(cell, environment));
        if seen.iter().any(|(other, below)| Arc::ptr_eq(other, &target) && *below == prefix) {
            continue;
        }
        let Some(store) = target.store() else { continue };
        let objects = store.objects_below(&prefix).await.unwrap_or_else(|error| not_listed("objects", &error));
        let uploads = store.uploads_below(&prefix).await.unwrap_or_else(|error| not_listed("uploads", &error));
        let objects = objects.into_iter().map(|key| CreatedObject { key, upload_id: None });
        let uploads =
            uploads.into_iter().map(|(key, upload_id)| CreatedObject { key, upload_id: Some(upload_id.into()) });
        let unknown: Vec<_> = objects.chain(uploads).filter(|made| !known.contains(made)).collect();
        if !unknown.is_empty() {
            by_cell.entry(cell.cell_id.clone()).or_default().extend(unknown);
        }
        seen.push((target, prefix));
    }
}

fn not_listed<T>(what: &str, error: &ServerText) -> Vec<T> {
    say!("note: {what} cannot be listed ({error}); what is deleted is what the run's files name");
    Vec::new()
}
