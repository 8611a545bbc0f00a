//! `ttlsweep-report join`: what servers' own logs say of a run's transfers, put beside them as `server.csv`.
//!
//! The way of the data: `source` opens files, folders and pipes and unpacks gzip; `lines` cuts them into records, lines of
//! text or objects of JSON, and tries the `FORMATS` on each. A room per format (`s3_text`, `s3_json`, `cloudtrail`,
//! `ceph_ops`, `nginx`, `haproxy`) makes an `Entry` of it. `transfers` says which of the run's transfers that is, by the name
//! that the request carried or by the answer's request id; `meaning` measures on the run's own transfers what a log's times
//! mean. Of a logged URL nothing is kept but the transfer's name, and what is kept of other texts is redacted.

mod args;
mod ceph_ops;
mod cloudtrail;
mod entry;
mod error;
mod haproxy;
mod lines;
pub(crate) mod meaning;
mod members;
mod nginx;
mod objects;
mod s3_json;
mod s3_text;
mod source;
mod times;
mod transfers;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use ttlsweep_record::row::Row;
use ttlsweep_record::{LogSource, ServerRecord};
use ttlsweep_rundir::csv_file::{RowWriter, read_rows};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::merge::run_folders;

use crate::prose::count;
pub use args::JoinArgs;
use entry::Entry;
pub use error::JoinError;
use lines::{BadLine, Log};
use meaning::Meaning;
use transfers::Transfers;

/// What became of the logs.
#[derive(Debug, Default)]
pub struct Joined {
    /// Transfers of the run.
    pub transfers: u64,
    /// Transfers that the logs have a line of.
    pub found: u64,
    /// Lines of the run's transfers, by the kind of log.
    pub lines: BTreeMap<LogSource, u64>,
    /// Lines of other requests.
    pub others: u64,
    /// Lines that cannot be read, the first [`Joined::MOST`] of them.
    pub bad: Vec<BadLine>,
    /// How many lines cannot be read.
    pub bad_lines: u64,
    /// Files of a folder that are no log, and were passed over.
    pub passed_over: Vec<PathBuf>,
    /// What was measured of each kind of log, in words.
    pub measured: Vec<String>,
}

impl Joined {
    /// So many bad lines are named.
    pub const MOST: usize = 100;
}

/// Joins what the arguments name, writes `server.csv`, and says to `out` what was found, after `warn` has had its turn.
///
/// # Errors
/// See [`JoinError`].
pub fn run(args: &JoinArgs, out: &mut impl Write, warn: &mut dyn FnMut(&Joined)) -> Result<(), JoinError> {
    let joined = join(&args.run, &args.logs)?;
    warn(&joined);
    out.write_all(text(&joined).as_bytes()).and_then(|()| out.flush()).map_err(JoinError::Answer)
}

/// Reads the logs and writes `server.csv` into the run's folder, or into that of each of its shards. Rows that are there
/// already stay, so that logs may be joined as they are delivered; the same logs again change nothing.
///
/// # Errors
/// See [`JoinError`].
pub fn join(run: &Path, logs: &[PathBuf]) -> Result<Joined, JoinError> {
    let folders = run_folders(&[run.to_owned()]);
    let transfers = Transfers::read(&folders)?;
    let mut joined = Joined { transfers: transfers.len(), ..Joined::default() };
    let mut rows = Vec::new();
    for log in source::logs(logs)? {
        read(&log, &transfers, &mut joined, &mut rows)?;
    }
    joined.measured.extend(zone::settle(&mut rows, &transfers));
    write(&folders, &transfers, rows, &mut joined)?;
    Ok(joined)
}

/// A line of one of the run's transfers: the place of its folder, and what it says.
struct Found {
    folder: usize,
    /// Whether its time has no zone.
    is_zoneless: bool,
    row: ServerRecord,
}

/// Takes the lines of one log.
fn read(
    source: &source::Source,
    transfers: &Transfers,
    joined: &mut Joined,
    rows: &mut Vec<Found>,
) -> Result<(), JoinError> {
    let mut log = Log::new(source);
    let (mut known, mut unknown, mut bad) = (0_u64, 0_u64, 0_u64);
    let first_bad = joined.bad.len();
    let mut take = |read: Result<Entry, BadLine>| match read {
        Ok(entry) => {
            known += 1;
            let Some((name, folder)) = transfers.of(&entry) else {
                unknown += 1;
                return;
            };
            *joined.lines.entry(entry.row.source).or_default() += 1;
            let Entry { row, is_zoneless, .. } = entry;
            let row = ServerRecord { transfer_id: name.to_owned(), ..row };
            rows.push(Found { folder, is_zoneless, row });
        }
        Err(line) => {
            bad += 1;
            if joined.bad.len() < Joined::MOST {
                joined.bad.push(line);
            }
        }
    };
    source.read(&mut |line| log.take(line, &mut take))?;
    log.end(&mut take);
    if known == 0 && bad > 0 {
        // Not one line is known, so that its lines are not bad ones of a log.
        joined.bad.truncate(first_bad);
        if !source.is_within_folder() {
            return Err(JoinError::NoLog { source_name: source.name().to_owned() });
        }
        joined.passed_over.push(source.name().into());
        return Ok(());
    }
    joined.others += unknown;
    joined.bad_lines += bad;
    Ok(())
}

/// Adds the rows to those that are there, each once, in their own order.
fn write(folders: &[PathBuf], transfers: &Transfers, rows: Vec<Found>, joined: &mut Joined) -> Result<(), JoinError> {
    let mut by_folder: Vec<BTreeSet<ServerRecord>> = vec![BTreeSet::new(); folders.len()];
    for (folder, all) in folders.iter().zip(&mut by_folder) {
        if disk::is_there(&folder.join(ServerRecord::FILE)) {
            all.extend(read_rows::<ServerRecord>(folder)?);
        }
    }
    for found in rows {
        by_folder[found.folder].insert(found.row);
    }
    let all = || by_folder.iter().flatten();
    joined.found = all().map(|row| &row.transfer_id).collect::<BTreeSet<_>>().len() as u64;
    let sources: BTreeSet<LogSource> = all().map(|row| row.source).collect();
    for source in sources {
        let held =
            all().filter(|row| row.source == source).filter_map(|row| Some((row, *transfers.seen(&row.transfer_id)?)));
        joined.measured.push(Meaning::of(held).to_string_of(source));
    }
    for (folder, rows) in folders.iter().zip(by_folder) {
        let rows: Vec<ServerRecord> = rows.into_iter().collect();
        let path = folder.join(ServerRecord::FILE);
        RowWriter::replace(folder, &rows).map_err(|source| JoinError::Write { path, source })?;
    }
    Ok(())
}

/// What was found, for a reader.
fn text(joined: &Joined) -> String {
    let mut lines = vec![format!("{} of {} found in the logs", joined.found, count(joined.transfers, "transfer"))];
    lines.extend(joined.lines.iter().map(|(source, found)| {
        format!("{source}: {} of the run's transfers ({})", count(*found, "line"), entry::about(*source))
    }));
    if joined.others > 0 {
        lines.push(format!("{} of other requests", count(joined.others, "line")));
    }
    if joined.bad_lines > 0 {
        lines.push(format!("{} that cannot be read, named above", count(joined.bad_lines, "line")));
    }
    lines.extend(joined.measured.iter().cloned());
    lines.push(String::new());
    lines.join("\n")
}

/// What is looked for in a file, in words.
pub(crate) const FORMATS: &str = "S3 server access logs (text, or JSON from CloudWatch Logs), CloudTrail data events (JSON), \
     Ceph's ops log (JSON), nginx's access log (combined) and haproxy's (option httplog), each plain or gzip";
