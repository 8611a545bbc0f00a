//! A run's files on their way into the bundle. Columns whose words and numbers are fixed pass as they are, so that no name
//! can make a number or an outcome of something else; all other text is redacted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use ttlsweep_record::disk::{self, CopyError};
use ttlsweep_record::environment::{self, ClockOffset, Environment, ProxyUse};
use ttlsweep_record::row::{Column, Row};
use ttlsweep_record::{
    Cell, ClockRecord, EventRecord, HarnessRecord, ObjectRecord, SampleRecord, TransferRecord, TrialRecord,
};

use super::error::CaseError;
use super::redact::Redactor;

/// Copies what a run wrote from `run` into `folder`. What a report wrote is made anew.
pub(super) fn run_files(
    run: &Path,
    folder: &Path,
    environment: &Environment,
    redactor: &Redactor,
) -> Result<(), CaseError> {
    for (file, columns) in FILES {
        let (from, to) = (run.join(file), folder.join(file));
        // A report needs these three only, and an older run may lack the others.
        if !disk::is_there(&from) && ![Cell::FILE, TrialRecord::FILE, TransferRecord::FILE].contains(file) {
            continue;
        }
        if redactor.is_idle() {
            copy(&from, &to)?;
        } else {
            rows(&from, &to, columns, redactor)?;
        }
    }
    let plan = run.join(PLAN);
    if disk::is_there(&plan) {
        let text = disk::read_to_string(&plan).map_err(|source| CaseError::Read { path: plan, source })?;
        write(&folder.join(PLAN), &redacted_toml(&text, redactor))?;
    }
    if redactor.is_idle() {
        let from = run.join(environment::FILE);
        return copy(&from, &folder.join(environment::FILE));
    }
    let unwritable = |source| CaseError::Write { path: folder.join(environment::FILE), source };
    redacted_environment(environment, redactor).write(folder).map_err(unwritable)
}

/// Copies a file as it is. A full disk is not the file's fault.
fn copy(from: &Path, to: &Path) -> Result<(), CaseError> {
    disk::copy(from, to).map_err(|error| match error {
        CopyError::Read(source) => CaseError::Read { path: from.to_owned(), source },
        CopyError::Write(source) => CaseError::Write { path: to.to_owned(), source },
    })
}

/// Every value of one column, each once.
pub(super) fn column_values(run: &Path, file: &str, column: &str) -> Result<BTreeSet<String>, CaseError> {
    let path = run.join(file);
    let mut values = BTreeSet::new();
    let mut at = None;
    each_row(&path, |row, header| {
        if header {
            at = row.iter().position(|name| name == column);
        } else {
            values.extend(at.and_then(|at| row.get(at)).filter(|value| !value.is_empty()).map(str::to_owned));
        }
        Ok(())
    })?;
    Ok(values)
}

/// Every text in the run that may hold a name, each once.
pub(super) fn text_values(run: &Path) -> Result<BTreeSet<String>, CaseError> {
    let mut values = BTreeSet::new();
    for (file, columns) in FILES.iter().filter(|(file, _)| disk::is_there(&run.join(file))) {
        let mut free = Vec::new();
        each_row(&run.join(file), |row, header| {
            if header {
                free = row.iter().map(|name| is_free(name, columns)).collect();
            } else {
                let texts = row.iter().zip(&free).filter(|(text, free)| **free && text.contains("arn:"));
                values.extend(texts.map(|(text, _)| text.to_owned()));
            }
            Ok(())
        })?;
    }
    for file in [PLAN, environment::FILE] {
        values.extend(disk::read_to_string(&run.join(file)).ok());
    }
    Ok(values)
}

fn rows(from: &Path, to: &Path, columns: &[Column], redactor: &Redactor) -> Result<(), CaseError> {
    let unwritable = |source: csv::Error| CaseError::Write { path: to.to_owned(), source: source.into() };
    let mut writer = csv::WriterBuilder::new().flexible(true).from_path(to).map_err(unwritable)?;
    let mut free = Vec::new();
    each_row(from, |row, header| {
        if header {
            free = row.iter().map(|name| is_free(name, columns)).collect();
            return writer.write_record(row).map_err(unwritable);
        }
        // A field too many has no column that says what it is.
        let frees = free.iter().copied().chain(std::iter::repeat(true));
        let fields = row.iter().zip(frees).map(|(field, free)| if free { redactor.text(field) } else { field.into() });
        writer.write_record(fields.map(|field| field.into_owned())).map_err(unwritable)
    })?;
    writer.flush().map_err(|source| CaseError::Write { path: to.to_owned(), source })
}

fn each_row(path: &Path, mut take: impl FnMut(&StringRecord, bool) -> Result<(), CaseError>) -> Result<(), CaseError> {
    let unreadable = |source: csv::Error| CaseError::Read { path: path.to_owned(), source: source.into() };
    let file = disk::open(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut row = StringRecord::new();
    let mut header = true;
    while reader.read_record(&mut row).map_err(unreadable)? {
        take(&row, header)?;
        header = false;
    }
    Ok(())
}

/// Whether a column holds free text. A column that nobody knows does.
fn is_free(name: &str, columns: &[Column]) -> bool {
    FREE.contains(&name) || !columns.iter().any(|column| column.name == name)
}

/// Keys and tables stay: only what stands behind a key, and remarks, is text.
fn redacted_toml(text: &str, redactor: &Redactor) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((key, value)) if !line.starts_with('#') => format!("{key}={}", redactor.text(value)),
        None if line.starts_with('[') => line.to_owned(),
        _ => redactor.text(line).into_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

fn redacted_environment(environment: &Environment, redactor: &Redactor) -> Environment {
    let text = |text: &String| redactor.text(text).into_owned();
    let mut shown = environment.clone();
    shown.experiment = text(&environment.experiment);
    shown.question = text(&environment.question);
    shown.command = environment.command.iter().map(text).collect();
    shown.host = text(&environment.host);
    let endpoints = |known: &BTreeMap<String, Vec<String>>| {
        known.iter().map(|(url, addresses)| (text(url), addresses.iter().map(text).collect())).collect()
    };
    let offsets = |known: &BTreeMap<String, ClockOffset>| {
        known.iter().map(|(url, offset)| (text(url), *offset)).collect::<BTreeMap<_, _>>()
    };
    shown.endpoints = endpoints(&environment.endpoints);
    let texts = |known: &BTreeMap<String, String>| known.iter().map(|(url, value)| (text(url), text(value))).collect();
    shown.regions = texts(&environment.regions);
    let proxy = |used: &ProxyUse| ProxyUse { url: text(&used.url), ..used.clone() };
    shown.proxies = environment.proxies.iter().map(|(url, used)| (text(url), proxy(used))).collect();
    shown.proxies_ignored = environment.proxies_ignored.iter().map(text).collect();
    shown.clock_offset = offsets(&environment.clock_offset);
    for host in &mut shown.hosts {
        host.host = text(&host.host);
        for shard in &mut host.shards {
            shard.command = shard.command.iter().map(text).collect();
            shard.endpoints = endpoints(&shard.endpoints);
            shard.clock_offset = offsets(&shard.clock_offset);
        }
    }
    shown
}

fn write(path: &Path, text: &str) -> Result<(), CaseError> {
    disk::write_whole(path, text.as_bytes()).map_err(|source| CaseError::Write { path: PathBuf::from(path), source })
}

/// All that a run writes as rows. What else lies in its folder is not handed on.
const FILES: &[(&str, &[Column])] = &[
    (Cell::FILE, Cell::COLUMNS),
    (TrialRecord::FILE, TrialRecord::COLUMNS),
    (TransferRecord::FILE, TransferRecord::COLUMNS),
    (EventRecord::FILE, EventRecord::COLUMNS),
    (SampleRecord::FILE, SampleRecord::COLUMNS),
    (HarnessRecord::FILE, HarnessRecord::COLUMNS),
    (ObjectRecord::FILE, ObjectRecord::COLUMNS),
    (ClockRecord::FILE, ClockRecord::COLUMNS),
];

/// The columns that hold text of a user's or a server's choosing.
const FREE: &[&str] = &[
    "bucket",
    "endpoint",
    "error",
    "host",
    "local_addr",
    "object_key",
    "prefix",
    "profile",
    "remote_addr",
    "s3_code",
    "s3_message",
    "size_file",
    "value",
];

/// The frozen plan's name within a run's folder.
const PLAN: &str = "experiment.toml";
