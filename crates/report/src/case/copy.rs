//! A run's files on their way into the bundle. Columns whose words and numbers are fixed pass as they are, so that no name
//! can make a number or an outcome of something else; all other text is redacted.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use ttlsweep_record::row::Column;
use ttlsweep_rundir::disk::{self, CopyError};
use ttlsweep_rundir::environment::{self, Environment};
use ttlsweep_rundir::files::{EXPERIMENT, Needed, ROWS};

use super::error::CaseError;
use super::redact::Redactor;
use super::values::{each_row, is_free};
use crate::load::LoadError;

/// Copies what a run wrote from `run` into `folder`. What a report wrote is made again.
pub(super) fn run_files(
    run: &Path,
    folder: &Path,
    environment: &Environment,
    redactor: &Redactor,
) -> Result<(), CaseError> {
    // What else lies in the run's folder is not handed on.
    for file in &ROWS {
        let (from, to) = (run.join(file.name), folder.join(file.name));
        if !disk::is_there(&from) && file.needed != Needed::Always {
            continue;
        }
        if redactor.is_idle() {
            copy(&from, &to)?;
        } else {
            rows(&from, &to, file.columns, redactor)?;
        }
    }
    let plan = run.join(EXPERIMENT);
    if disk::is_there(&plan) {
        let text = disk::read_to_string(&plan).map_err(|source| CaseError::Read { path: plan, source })?;
        write(&folder.join(EXPERIMENT), &redacted_toml(&text, redactor))?;
    }
    if redactor.is_idle() {
        let from = run.join(environment::FILE);
        return copy(&from, &folder.join(environment::FILE));
    }
    let unwritable = |source| CaseError::Write { path: folder.join(environment::FILE), source };
    redacted_environment(environment, redactor).and_then(|redacted| redacted.write(folder)).map_err(unwritable)
}

/// Copies a file as it is. A full disk is not the file's fault.
fn copy(from: &Path, to: &Path) -> Result<(), CaseError> {
    disk::copy(from, to).map_err(|error| match error {
        CopyError::Read(source) => CaseError::Read { path: from.to_owned(), source },
        CopyError::Write(source) => CaseError::Write { path: to.to_owned(), source },
    })
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

/// Keys and tables stay: only what stands behind a key, and remarks, is text.
fn redacted_toml(text: &str, redactor: &Redactor) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((key, value)) if !line.starts_with('#') => format!("{key}={}", redactor.text(value)),
        None if line.starts_with('[') => line.to_owned(),
        _ => redactor.text(line).into_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// Every text in it, whatever it is about; and the keys that are addresses.
fn redacted_environment(environment: &Environment, redactor: &Redactor) -> io::Result<Environment> {
    let mut value = serde_json::to_value(environment)?;
    redact_value(&mut value, redactor);
    Ok(serde_json::from_value(value)?)
}

fn redact_value(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(redacted) = redactor.text(text) {
                *text = redacted;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| redact_value(value, redactor)),
        Value::Object(members) => {
            for (key, mut value) in std::mem::take(members) {
                redact_value(&mut value, redactor);
                let key = if key.contains(['.', ':', '/']) { redactor.text(&key).into_owned() } else { key };
                members.insert(key, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The texts in the copied files that a reader should look at before they are handed on, each once: what servers said, and what
/// the experiment's author wrote. Which names of somebody's may be in them, no program knows.
pub(super) fn to_read(folder: &Path) -> Result<BTreeSet<String>, CaseError> {
    let mut values = BTreeSet::new();
    for file in ROWS.iter().filter(|file| disk::is_there(&folder.join(file.name))) {
        let mut read = Vec::new();
        each_row(&folder.join(file.name), |row, header| {
            if header {
                read = row.iter().map(|name| TO_READ.contains(&name).then(|| name.to_owned())).collect();
            } else {
                let texts = row.iter().zip(&read).filter(|(text, _)| !text.is_empty());
                values.extend(texts.filter_map(|(text, name)| Some(format!("{}: {text}", name.as_ref()?))));
            }
            Ok(())
        })?;
    }
    let environment = Environment::read(folder).map_err(LoadError::Environment)?;
    values.insert(format!("question: {}", environment.question));
    values.insert(format!("command: {}", environment.command.join(" ")));
    let plan = disk::read_to_string(&folder.join(EXPERIMENT)).unwrap_or_default();
    values.extend(plan.lines().filter(|line| line.starts_with('#')).map(|line| format!("{EXPERIMENT}: {line}")));
    Ok(values)
}

fn write(path: &Path, text: &str) -> Result<(), CaseError> {
    disk::write_whole(path, text.as_bytes()).map_err(|source| CaseError::Write { path: PathBuf::from(path), source })
}

/// Of these, what sentences stand in, or whatever a server likes: a name in a form that nobody can know may be among them.
const TO_READ: &[&str] =
    &["answer", "content_type", "error", "error_code", "operation", "s3_code", "s3_message", "server", "via"];
