//! `transfers.csv` → one [`Transfer`] per row. Rows are read one by one, so that a bad one can be named by its line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ttlsweep_record::text::{unguarded, visible};
use ttlsweep_record::units::UnitError;
use ttlsweep_record::{Outcome, Phase, ServerRecord, Timestamp, TransferRecord, UnknownWord, row::Row, sent_after};
use ttlsweep_rundir::csv_file::{RowFile, flag_problem, instant_problem, number_problem, read_rows};
use ttlsweep_rundir::disk;
use ttlsweep_rundir::merge::{Duplicate, Duplicates};

use super::error::LoadError;
use super::samples::note_unconfirmed;
use super::shards::Shards;
use crate::load::transfer::{Answer, Asked, Dictionary, LogPlace, Micros, Timeout, Transfer};
use crate::load::whole_attempts::{Attempts, Fate};

/// The transfers of whole trials.
#[derive(Debug)]
pub struct Transfers {
    transfers: Vec<Transfer>,
    asked: Vec<Asked>,
    answers: Vec<Answer>,
    places: Vec<u64>,
    /// For each folder the number of rows before its first.
    folders: Vec<usize>,
    logged: Vec<(usize, ServerRecord)>,
}

impl Transfers {
    /// What servers' own logs say of transfers, each with the place of its transfer.
    pub fn logged(&self) -> &[(usize, ServerRecord)] {
        &self.logged
    }

    /// Where the row stands in its folder's file, in bytes from the file's beginning.
    pub(crate) fn place(&self, row: usize) -> u64 {
        self.places[row]
    }

    /// The folder that the row came from, as its place in [`Runs::folders`](super::Runs::folders).
    pub(crate) fn folder(&self, row: usize) -> usize {
        self.folders.partition_point(|first| *first <= row).saturating_sub(1)
    }

    /// What a client could see of each transfer, in the order of folders and files.
    pub fn all(&self) -> &[Transfer] {
        &self.transfers
    }

    /// The endpoints that were asked, by each run; transfers name them by their place.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The distinct final responses; transfers name them by their place.
    pub(crate) fn answers(&self) -> &[Answer] {
        &self.answers
    }
}

/// The whole row that begins at byte `place` of the run's `transfers.csv`.
///
/// # Errors
/// The file cannot be read, or holds no row there.
pub(crate) fn transfer_at(folder: &Path, place: u64) -> Result<TransferRecord, LoadError> {
    let mut file = RowFile::open::<TransferRecord>(&folder.join(TransferRecord::FILE))?;
    file.seek(place)?;
    file.next_row()?;
    Ok(file.row()?)
}

/// What a run's files held beside the rows that count.
#[derive(Debug, Default)]
pub(super) struct RowCounts {
    /// Transfers that count, for each whole trial.
    pub(super) per_trial: Vec<u64>,
    /// Transfers of attempts whose trial was run again whole.
    pub(super) superseded: u64,
    /// Transfers of attempts whose trial has not been run whole.
    pub(super) unfinished: u64,
}

/// The transfers while they are read, over all runs.
#[derive(Default)]
pub(super) struct TransferReader {
    transfers: Vec<Transfer>,
    asked: Dictionary<Asked>,
    answers: Dictionary<Answer>,
    places: Vec<u64>,
    folders: Vec<usize>,
    logged: Vec<(usize, ServerRecord)>,
    duplicates: Duplicates,
}

/// The run whose files are read, as its transfers are judged by.
pub(super) struct RunBefore<'a> {
    /// Its place among the runs.
    pub(super) run: u32,
    /// Its name.
    pub(super) run_id: &'a str,
    /// Its attempts.
    pub(super) attempts: &'a Attempts,
    /// The places of the plan's cells.
    pub(super) cells: &'a HashMap<String, u32>,
    /// Which machine ran what.
    pub(super) shards: &'a Shards,
    /// The number of trials in the runs before.
    pub(super) first_trial: usize,
}

impl TransferReader {
    /// Adds the rows of `folder`'s file that count, and counts them in `counts`.
    pub(super) fn read(
        &mut self,
        folder: &Path,
        before: &RunBefore<'_>,
        counts: &mut RowCounts,
    ) -> Result<(), LoadError> {
        let RunBefore { attempts, cells, first_trial, .. } = *before;
        let mut file = TransferFile::open(folder)?;
        let mut last = LastTrial::default();
        let mut waiting = HashMap::new();
        let mut logged = logged_in(folder)?;
        self.folders.push(self.transfers.len());
        while file.file.next_row()? {
            let row = file.row();
            row.of_run(before.run_id)?;
            self.duplicates.note(row.bytes(Field::TransferId));
            if !last.is_of(&row) {
                last = LastTrial::look_up(&row, attempts, cells)?;
            }
            let (trial, cell) = match last.fate {
                Fate::Superseded => {
                    counts.superseded += 1;
                    continue;
                }
                Fate::Unfinished => {
                    counts.unfinished += 1;
                    continue;
                }
                Fate::Counts(at) => {
                    counts.per_trial[at] += 1;
                    (first_trial + at, last.cell)
                }
            };
            let user = row.number(Field::User)?;
            let shard = before.shards.of_user(&attempts.whole()[trial - first_trial], user);
            let trial = u32::try_from(trial).unwrap_or(u32::MAX);
            let mut transfer = self.observe(&row, (before.run, shard), trial, cell)?;
            if transfer.waits() {
                waiting.insert(row.bytes(Field::TransferId).into(), self.transfers.len());
            }
            if let Some(lines) = logged.remove(row.bytes(Field::TransferId)) {
                transfer.logged = LogPlace::after(self.logged.len());
                self.logged.extend(lines.into_iter().map(|line| (self.transfers.len(), line)));
            }
            self.transfers.push(transfer);
            self.places.push(file.file.offset());
        }
        note_unconfirmed(folder, &waiting, &mut self.transfers)
    }

    /// The first transfer that stands twice in the files of `folders`, which were read.
    pub(super) fn duplicate(&mut self, folders: &[PathBuf]) -> Result<Option<Duplicate>, LoadError> {
        let files: Vec<PathBuf> = folders.iter().map(|folder| folder.join(TransferRecord::FILE)).collect();
        Ok(std::mem::take(&mut self.duplicates).find(&files)?)
    }

    fn observe(
        &mut self,
        row: &RawRow<'_>,
        (run, shard): (u32, Option<u32>),
        trial: u32,
        cell: u32,
    ) -> Result<Transfer, LoadError> {
        let instant = |field| row.optional(field, parse_instant);
        let count = |field| row.optional(field, parse_number::<i64>);
        let asked = self.asked.place(Asked { run, shard, endpoint: row.text(Field::Endpoint)?.to_owned() });
        let status: Option<u16> = row.optional(Field::Status, parse_number)?;
        let answer = match status {
            None => None,
            Some(status) => {
                let answer = Answer::new(status, &row.reported(Field::S3Code)?, &row.reported(Field::S3Message)?);
                Some(self.answers.place(answer.from_whom(
                    !row.bytes(Field::RequestId).is_empty(),
                    &row.reported(Field::Server)?,
                    &row.reported(Field::ContentType)?,
                    &row.reported(Field::Answer)?,
                )))
            }
        };
        let phase = row.required(Field::Phase, parse_word::<Phase>)?;
        let outcome = row.required(Field::Outcome, parse_word::<Outcome>)?;
        let started_at = row.required(Field::StartedAt, parse_instant)?;
        let head_written_at = instant(Field::HeadWrittenAt)?;
        let step = |field| row.optional(field, parse_number);
        let steps = [step(Field::DnsUs)?, step(Field::ConnectUs)?, step(Field::TlsUs)?];
        let sent_after = sent_after(Timestamp::from_unix_micros(started_at), steps).unix_micros();
        let transfer = Transfer {
            trial,
            cell,
            asked,
            answer,
            started_at,
            ended_at: row.required(Field::EndedAt, parse_instant)?,
            total_us: row.number(Field::TotalUs)?,
            presigned_at: instant(Field::PresignedAt)?.into(),
            expires_at: instant(Field::ExpiresAt)?.into(),
            sent_after: head_written_at.map(|_| sent_after).into(),
            head_written_at: head_written_at.into(),
            head_acked_at: instant(Field::HeadAckedAt)?.into(),
            continue_us: count(Field::ContinueUs)?.into(),
            server_time: instant(Field::ServerTime)?.into(),
            send_us: count(Field::SendUs)?.into(),
            response_start_us: count(Field::ResponseStartUs)?.into(),
            body_bytes: row.number(Field::BodyBytes)?,
            body_bytes_written: row.number(Field::BodyBytesWritten)?,
            body_bytes_acked: count(Field::BodyBytesAcked)?.into(),
            unconfirmed_at: Micros::UNKNOWN,
            response_bytes: row.number(Field::ResponseBytes)?,
            rtt_us: row.optional(Field::RttUs, parse_number)?,
            min_rtt_us: row.optional(Field::MinRttUs, parse_number)?,
            link_age_us: count(Field::LinkAgeUs)?.into(),
            mint_us: count(Field::MintUs)?.into(),
            retransmits: row.optional(Field::Retransmits, parse_number)?,
            outcome,
            phase,
            reused_connection: row.required(Field::ReusedConnection, parse_flag)?,
            local_error: LOCAL_ERRORS.contains(&row.text(Field::Errno)?),
            ran_out: (outcome == Outcome::TimedOut)
                .then(|| timeout(row.bytes(Field::Error), row.bytes(Field::Errno), phase)),
            logged: LogPlace::NONE,
        };
        Ok(transfer)
    }

    pub(super) fn into_transfers(self) -> Transfers {
        Transfers {
            transfers: self.transfers,
            asked: self.asked.values().to_vec(),
            answers: self.answers.values().to_vec(),
            places: self.places,
            folders: self.folders,
            logged: self.logged,
        }
    }
}

/// What servers' own logs say of a folder's transfers, by their names; nothing if no logs were joined.
fn logged_in(folder: &Path) -> Result<HashMap<Vec<u8>, Vec<ServerRecord>>, LoadError> {
    let mut logged: HashMap<Vec<u8>, Vec<ServerRecord>> = HashMap::new();
    if disk::is_there(&folder.join(ServerRecord::FILE)) {
        for row in read_rows::<ServerRecord>(folder)? {
            logged.entry(row.transfer_id.clone().into_bytes()).or_default().push(row);
        }
    }
    Ok(logged)
}

/// Rows of one trial mostly follow each other, so that the last one's answer mostly holds.
struct LastTrial {
    trial_id: Vec<u8>,
    attempt: Vec<u8>,
    cell_id: Vec<u8>,
    fate: Fate,
    cell: u32,
}

impl Default for LastTrial {
    fn default() -> Self {
        let nothing = Vec::new;
        Self { trial_id: nothing(), attempt: nothing(), cell_id: nothing(), fate: Fate::Unfinished, cell: 0 }
    }
}

impl LastTrial {
    fn is_of(&self, row: &RawRow<'_>) -> bool {
        self.trial_id == row.bytes(Field::TrialId)
            && self.attempt == row.bytes(Field::Attempt)
            && self.cell_id == row.bytes(Field::CellId)
            // An empty name is not a trial's; it must not pass for the default.
            && !self.trial_id.is_empty()
    }

    fn look_up(row: &RawRow<'_>, attempts: &Attempts, cells: &HashMap<String, u32>) -> Result<Self, LoadError> {
        let trial_id = row.text(Field::TrialId)?;
        let cell_id = row.text(Field::CellId)?;
        let fate = attempts.fate(trial_id, row.number(Field::Attempt)?);
        let Some(&cell) = cells.get(cell_id) else {
            return Err(row.bad(Field::CellId, format!("cells.csv has no cell `{cell_id}`")));
        };
        if let Fate::Counts(at) = fate {
            let expected = &attempts.whole()[at].cell_id;
            if expected != cell_id {
                return Err(row.bad(Field::CellId, format!("trials.csv has `{expected}` for trial {trial_id}")));
            }
        }
        Ok(Self {
            trial_id: trial_id.into(),
            attempt: row.bytes(Field::Attempt).into(),
            cell_id: cell_id.into(),
            fate,
            cell,
        })
    }
}

/// The columns that the report reads; the file may have any others.
#[derive(Debug, Clone, Copy)]
enum Field {
    RunId,
    TransferId,
    TrialId,
    Attempt,
    CellId,
    User,
    ExpiresAt,
    StartedAt,
    HeadWrittenAt,
    EndedAt,
    TotalUs,
    Status,
    Outcome,
    Endpoint,
    HeadAckedAt,
    ContinueUs,
    SendUs,
    ResponseStartUs,
    BodyBytes,
    BodyBytesWritten,
    BodyBytesAcked,
    ResponseBytes,
    S3Code,
    S3Message,
    ServerTime,
    Phase,
    Errno,
    Error,
    ReusedConnection,
    RttUs,
    MinRttUs,
    PresignedAt,
    LinkAgeUs,
    Retransmits,
    RequestId,
    Server,
    ContentType,
    Answer,
    DnsUs,
    ConnectUs,
    TlsUs,
    MintUs,
}

/// The names of [`Field`]'s columns, in its order.
const NAMES: [&str; 42] = [
    "run_id",
    "transfer_id",
    "trial_id",
    "attempt",
    "cell_id",
    "user",
    "expires_at",
    "started_at",
    "head_written_at",
    "ended_at",
    "total_us",
    "status",
    "outcome",
    "endpoint",
    "head_acked_at",
    "continue_us",
    "send_us",
    "response_start_us",
    "body_bytes",
    "body_bytes_written",
    "body_bytes_acked",
    "response_bytes",
    "s3_code",
    "s3_message",
    "server_time",
    "phase",
    "errno",
    "error",
    "reused_connection",
    "rtt_us",
    "min_rtt_us",
    "presigned_at",
    "link_age_us",
    "retransmits",
    "request_id",
    "server",
    "content_type",
    "answer",
    "dns_us",
    "connect_us",
    "tls_us",
    "mint_us",
];

struct TransferFile {
    file: RowFile,
    /// Where each of [`NAMES`] stands in the file; `None` for columns that files of its age have not.
    places: [Option<usize>; NAMES.len()],
}

impl TransferFile {
    fn open(folder: &Path) -> Result<Self, LoadError> {
        let file = RowFile::open::<TransferRecord>(&folder.join(TransferRecord::FILE))?;
        let mut places = [None; NAMES.len()];
        for (place, name) in places.iter_mut().zip(NAMES) {
            *place = match file.place::<TransferRecord>(name) {
                Err(_) if TransferRecord::ADDED_COLUMNS.contains(&name) => None,
                found => Some(found?),
            };
        }
        Ok(Self { file, places })
    }

    fn row(&self) -> RawRow<'_> {
        RawRow { file: self }
    }
}

/// One row, its fields still text.
struct RawRow<'a> {
    file: &'a TransferFile,
}

impl<'a> RawRow<'a> {
    fn bytes(&self, field: Field) -> &'a [u8] {
        self.file.places[field as usize].map_or(b"", |place| self.file.file.field(place))
    }

    fn text(&self, field: Field) -> Result<&'a str, LoadError> {
        std::str::from_utf8(self.bytes(field)).map_err(|_| self.bad(field, "no UTF-8".into()))
    }

    /// What a server said, as it said it but for what a terminal would obey: another program may have written the file.
    fn reported(&self, field: Field) -> Result<String, LoadError> {
        Ok(visible(&unguarded(self.text(field)?)).into_owned())
    }

    fn number<T: FromStr>(&self, field: Field) -> Result<T, LoadError> {
        self.required(field, parse_number)
    }

    fn required<T>(&self, field: Field, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, LoadError> {
        let text = self.text(field)?;
        if text.is_empty() {
            return Err(self.bad(field, "is empty".into()));
        }
        parse(text).map_err(|problem| self.bad(field, problem))
    }

    fn optional<T>(&self, field: Field, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, LoadError> {
        if self.bytes(field).is_empty() {
            return Ok(None);
        }
        self.required(field, parse).map(Some)
    }

    fn bad(&self, field: Field, problem: String) -> LoadError {
        // A column that is not there is empty, and nothing is wrong with it.
        self.file.file.bad(self.file.places[field as usize].unwrap_or(0), problem).into()
    }

    fn of_run(&self, run_id: &str) -> Result<(), LoadError> {
        let found = self.text(Field::RunId)?;
        if found == run_id {
            return Ok(());
        }
        Err(LoadError::AnotherRun {
            path: self.file.file.path().to_owned(),
            line: self.file.file.line(),
            found: found.to_owned(),
            expected: run_id.to_owned(),
        })
    }
}

fn parse_number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| number_problem(text))
}

fn parse_flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| flag_problem(text))
}

/// Microseconds since the Unix epoch.
fn parse_instant(text: &str) -> Result<i64, String> {
    text.parse().map(Timestamp::unix_micros).map_err(|error: UnitError| instant_problem(error))
}

fn parse_word<T: FromStr<Err = UnknownWord>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

/// The runner names the setting that ran out, as `this side's timeout of 1 h ran out` (in schema 1, `timeout ran out`); where
/// it names the socket's own error, the kernel's patience did.
fn timeout(error: &[u8], errno: &[u8], phase: Phase) -> Timeout {
    let named = error.strip_prefix(b"this side's ").unwrap_or(error);
    match phase {
        Phase::Dns | Phase::Connect | Phase::Tls => Timeout::Connect,
        _ if named.starts_with(b"timeout ") => Timeout::Whole,
        _ if named.starts_with(b"kernel ") => Timeout::Kernel,
        _ if errno == b"ETIMEDOUT" && !named.starts_with(b"idle_timeout ") => Timeout::Kernel,
        _ => Timeout::Idle,
    }
}

/// Errors of sockets that are this machine's own.
const LOCAL_ERRORS: [&str; 6] = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EADDRNOTAVAIL", "EADDRINUSE"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_known_by_the_words_of_both_schemas() {
        for (error, phase, expected) in [
            ("this side's timeout of 3600 s ran out", Phase::RequestBody, Timeout::Whole),
            ("timeout ran out", Phase::RequestBody, Timeout::Whole),
            (
                "this side's idle_timeout of 5 s ran out: no byte moved in either direction for so long",
                Phase::Wait,
                Timeout::Idle,
            ),
            ("idle_timeout ran out", Phase::Wait, Timeout::Idle),
            ("this side's kernel gave up on a silent peer: timed out", Phase::RequestBody, Timeout::Kernel),
            ("this side's connect_timeout of 10 s ran out", Phase::Tls, Timeout::Connect),
        ] {
            assert_eq!(timeout(error.as_bytes(), b"", phase), expected, "{error}");
        }
        let in_schema_1 = timeout(b"Connection timed out (os error 110)", b"ETIMEDOUT", Phase::RequestBody);
        assert_eq!(in_schema_1, Timeout::Kernel);
    }

    #[test]
    fn the_names_are_columns_of_the_contract() {
        let header = TransferRecord::header();
        for name in NAMES {
            assert!(header.contains(&name), "{name}");
        }
    }
}
