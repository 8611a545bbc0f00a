//! `samples.csv` of a few transfers: the file is read once, row by row, and of its rows only theirs are kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use ttlsweep_record::units::format_micros;
use ttlsweep_record::{SampleRecord, TransferRecord};

use super::Collected;
use super::pair::Pair;
use crate::chart::progress::{Panel, Sample, Track};
use crate::load::{LoadError, Runs, samples, transfer_at};
use crate::summary::axes::Axes;

/// One panel for each target with a pair of which both sides have samples; at most [`MOST_PANELS`].
///
/// # Errors
/// A row of a file cannot be read.
pub(crate) fn progress(runs: &Runs, axes: &Axes, targets: &[Collected<'_>]) -> Result<Vec<Panel>, LoadError> {
    let transfers = &runs.transfers;
    let folder_of = |row: u32| transfers.folder(row as usize);
    let record = |row: u32| transfer_at(&runs.folders[folder_of(row)], transfers.place(row as usize));
    // By folder, since each has a file of its own.
    let mut wanted: HashMap<usize, HashMap<String, Vec<SampleRecord>>> = HashMap::new();
    let mut known: HashMap<u32, TransferRecord> = HashMap::new();
    for pair in targets.iter().filter(|target| !target.pairs.is_empty()).take(MOST_PANELS).flat_map(|t| &t.pairs) {
        for row in [pair.failed.row, pair.control.row] {
            if let Entry::Vacant(place) = known.entry(row) {
                let transfer = place.insert(record(row)?);
                wanted.entry(folder_of(row)).or_default().insert(transfer.transfer_id.clone(), Vec::new());
            }
        }
    }
    for (folder, tracks) in &mut wanted {
        read_samples(&runs.folders[*folder], tracks)?;
    }
    let samples = |row: u32| wanted.get(&folder_of(row))?.get(&known.get(&row)?.transfer_id);
    let enough = |row: u32| samples(row).is_some_and(|samples| samples.len() >= LEAST_SAMPLES);
    let shown = |pair: &&Pair<'_>| enough(pair.failed.row) && enough(pair.control.row);
    let mut panels = Vec::new();
    for target in targets {
        if panels.len() == MOST_PANELS {
            break;
        }
        if let Some(pair) = target.pairs.iter().find(shown) {
            let rows = [pair.failed.row, pair.control.row].map(|row| (&known[&row], samples(row)));
            let [(failed, Some(failed_samples)), (control, Some(control_samples))] = rows else { continue };
            panels.push(panel(runs, axes, target, pair, (failed, failed_samples), (control, control_samples)));
        }
    }
    Ok(panels)
}

fn panel(
    runs: &Runs,
    axes: &Axes,
    target: &Collected<'_>,
    pair: &Pair<'_>,
    failed: (&TransferRecord, &[SampleRecord]),
    control: (&TransferRecord, &[SampleRecord]),
) -> Panel {
    let seen = pair.failed.seen;
    let cell = &runs.cells[seen.cell as usize];
    let settings = axes.within_panel(cell);
    let parts = [target.title.clone(), settings, format!("block {}", failed.0.block)];
    let title = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
    let head = seen.head_written_at.get().unwrap_or(seen.started_at);
    let answered = seen.response_start_us.get().map(|at| (seen.started_at + at - head) as f64 / 1e6);
    let margin = pair.failed.expiry.map(|expiry| pair.failed.end - expiry);
    let margin = margin.map_or_else(String::new, |margin| {
        let side = if margin < 0.0 { "before" } else { "after" };
        format!(", {} {side} expiry", format_micros((margin.abs() * 1e6) as u64))
    });
    let retries = |samples: &[SampleRecord]| {
        samples.last().map_or(0, |last| last.retransmits.saturating_sub(samples[0].retransmits))
    };
    Panel {
        title,
        notes: format!(
            "Failed: {} ({}{margin}; {} samples, {} segments sent again). Control: {} ({}; {} samples, {} segments sent again).",
            failed.0.transfer_id,
            failed.0.outcome,
            failed.1.len(),
            retries(failed.1),
            control.0.transfer_id,
            control.0.outcome,
            control.1.len(),
            retries(control.1),
        ),
        unit: if cell.method.is_upload() { "MB confirmed by the peer" } else { "MB read" }.to_owned(),
        failed: track(failed, pair.failed.end, cell.method.is_upload()),
        control: track(control, pair.control.end, cell.method.is_upload()),
        expiry: pair.failed.expiry.unwrap_or(0.0),
        answered,
    }
}

fn track((transfer, samples): (&TransferRecord, &[SampleRecord]), ended: f64, is_upload: bool) -> Track {
    let started = transfer.started_at.unix_micros();
    let head = transfer.head_written_at.map_or(0, |head| head.unix_micros() - started);
    let bytes = |sample: &SampleRecord| if is_upload { sample.bytes_acked } else { sample.bytes_read };
    let first = &samples[0];
    let samples = samples.iter().map(|sample| Sample {
        at: (sample.t_us as f64 - head as f64) / 1e6,
        megabytes: bytes(sample).saturating_sub(bytes(first)) as f64 / 1e6,
        rtt_ms: f64::from(sample.rtt_us) / 1e3,
        retransmits: f64::from(sample.retransmits.saturating_sub(first.retransmits)),
    });
    Track { samples: samples.collect(), ended, outcome: transfer.outcome }
}

/// Adds to each of `tracks` its rows of the file.
fn read_samples(folder: &Path, tracks: &mut HashMap<String, Vec<SampleRecord>>) -> Result<(), LoadError> {
    samples::each(folder, |id, file| {
        if let Some(track) = std::str::from_utf8(id).ok().and_then(|id| tracks.get_mut(id)) {
            track.push(file.row()?);
        }
        Ok(())
    })?;
    for track in tracks.values_mut() {
        track.sort_by_key(|sample: &SampleRecord| sample.t_us);
    }
    Ok(())
}

const MOST_PANELS: usize = 4;
/// Fewer make no line.
const LEAST_SAMPLES: usize = 3;
