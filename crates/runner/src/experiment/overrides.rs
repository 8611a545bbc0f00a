//! What the command line changes: `--set table.key=value`, and `--bucket` and its kin, which turn the target into S3.

use std::borrow::Cow;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeValue};
use ttlsweep_record::TargetKind;

use super::document::{Document, Entry, unknown_table};
use super::options::{EnvironmentEndpoint, LoadOptions};
use super::problems::{Place, Problem, Problems, Source};
use super::settings::{self, Setting, Table};

/// Puts every option in place of what the file says; returns what the user should know about it.
pub(crate) fn apply<'a>(document: &mut Document<'a>, options: &'a LoadOptions, problems: &mut Problems) -> Vec<String> {
    for (index, text) in options.set.iter().enumerate() {
        let source = Source::new("--set", text, index + 1);
        if let Some(entry) = problems.keep(parse_set(&source, text)) {
            put(document, entry);
        }
    }
    let named = [
        ("--bucket", "bucket", &options.bucket),
        ("--endpoint", "endpoint", &options.endpoint),
        ("--region", "region", &options.region),
        ("--profile", "profile", &options.profile),
    ];
    for (index, (option, key, value)) in named.into_iter().enumerate() {
        if let Some(value) = value {
            let source = Source::new("command line", format!("{option} {value}"), options.set.len() + index + 1);
            put(document, option_entry(&source, key, value, option.len() + 1));
            if matches!(key, "bucket" | "endpoint") {
                put(document, option_entry(&source, "kind", TargetKind::S3.as_str(), 0));
            }
        }
    }
    let to_s3 = options.bucket.is_some() || options.endpoint.is_some();
    let mut notices = if to_s3 { leave_testbed(document) } else { Vec::new() };
    notices.extend(take_configured_endpoint(document, options));
    notices
}

/// Two ways to name an endpoint must not behave differently: one of the environment, or of an AWS profile, becomes the file's.
fn take_configured_endpoint<'a>(document: &mut Document<'a>, options: &'a LoadOptions) -> Option<String> {
    let of_s3 = |entry: &Entry<'_>| {
        entry.table == Table::Target && entry.key == "kind" && entry.value.as_ref().as_str() == Some("s3")
    };
    let has_endpoint = document.entries.iter().any(|entry| entry.key == "endpoint");
    if has_endpoint || !document.entries.iter().any(of_s3) {
        return None;
    }
    let line = options.set.len() + 5;
    if let Some(EnvironmentEndpoint { variable, url }) = &options.environment_endpoint {
        let source = Source::new("environment", format!("{variable}={url}"), line);
        put(document, option_entry(&source, "endpoint", url, variable.len() + 1));
        return Some(format!("the endpoint is {url}, as {variable} says"));
    }
    let profile = document.entries.iter().find(|entry| entry.table == Table::Target && entry.key == "profile");
    let profile = match profile.map(|entry| entry.value.as_ref().as_str()) {
        // Each of several profiles may have an endpoint of its own.
        Some(None) => return None,
        Some(Some(name)) => Some(name),
        None => None,
    };
    let url = options.profile_endpoint?(profile)?;
    let whose = profile.map_or_else(|| "AWS profile".to_owned(), |name| format!("AWS profile `{name}`"));
    let notice = format!("the endpoint is {url}, as the {whose} says");
    const KEY: &str = "endpoint_url = ";
    put(document, option_entry(&Source::new(&whose, format!("{KEY}{url}"), line), "endpoint", url, KEY.len()));
    Some(notice)
}

/// Drops what only the testbed has, so that the same file can be asked of S3.
fn leave_testbed(document: &mut Document<'_>) -> Vec<String> {
    let mut notices = Vec::new();
    document.entries.retain(|entry| {
        let setting = settings::find(&entry.key);
        let only = setting.filter(|setting| setting.may_stand_in(entry.table)).and_then(|setting| setting.only);
        let others_only = only.is_some_and(|kind| kind != TargetKind::S3);
        if others_only {
            let of = if only == Some(TargetKind::Links) {
                "only links of others have it"
            } else {
                "only the testbed has it"
            };
            notices.push(match entry.value.as_ref() {
                DeValue::Array(values) if setting.is_some_and(Setting::may_be_axis) => {
                    format!("dropped the axis `{}` ({} values): {of}", entry.key, values.len())
                }
                _ => format!("dropped the setting `{}`: {of}", entry.key),
            });
        }
        let is_parallel = entry.table == Table::Experiment && entry.key == "parallel_trials";
        let side_by_side = is_parallel && entry.value.as_ref().as_integer().is_some_and(|n| n.as_str() != "1");
        if side_by_side {
            notices.push(
                "dropped `parallel_trials` to 1: trials side by side on one uplink would disturb each other".to_owned(),
            );
        }
        !others_only && !side_by_side
    });
    notices
}

/// Adds an entry in place of what it overrides.
fn put<'a>(document: &mut Document<'a>, entry: Entry<'a>) {
    let of_cells = |table: Table| matches!(table, Table::Target | Table::Grid | Table::Path | Table::Transfer);
    let excluded: &[&str] = match entry.key.as_ref() {
        "transfers_per_user" => &["duration"],
        "duration" => &["transfers_per_user"],
        "repetitions" => &["stop", "blocks"],
        "stop" | "blocks" => &["repetitions"],
        _ => &[],
    };
    document.entries.retain(|old| {
        let same_tables = old.table == entry.table || (of_cells(old.table) && of_cells(entry.table));
        let overridden = old.key == entry.key || (excluded.contains(&old.key.as_ref()) && !old.key_place.is_option());
        !(same_tables && overridden)
    });
    document.entries.push(entry);
}

fn option_entry<'a>(
    source: &Arc<Source>,
    key: &'static str,
    value: impl Into<Cow<'a, str>>,
    offset: usize,
) -> Entry<'a> {
    let end = source.len();
    Entry {
        table: Table::Target,
        key: Cow::Borrowed(key),
        key_place: Place::new(source, 0..end),
        value: Spanned::new(offset..end, DeValue::String(value.into())),
        source: Arc::clone(source),
    }
}

fn parse_set<'a>(source: &Arc<Source>, text: &'a str) -> Result<Entry<'a>, Problem> {
    let whole = Place::new(source, 0..text.len());
    let Some((path, value)) = text.split_once('=') else {
        let meant = match text.split_once(':') {
            Some((path, value)) => format!("{}={}", path.trim(), value.trim()),
            None => format!("{text}=VALUE, for example --set transfer.timeout=5s"),
        };
        return Err(
            Problem::at(&whole, "expected key=value", "--set without a value").help(format!("write --set {meant}"))
        );
    };
    let path = path.trim();
    let Some((table_name, key)) = path.split_once('.') else {
        let problem = Problem::at(&Place::new(source, 0..path.len()), "expected table.key", "--set without a table");
        return Err(match settings::find(path) {
            Some(setting) if value.contains(',') && !value.contains('[') => {
                problem.help(format!("write --set '{}.{path}={}'", setting.table.name(), list(value)))
            }
            Some(setting) => problem.help(format!("write --set {}.{path}={value}", setting.table.name())),
            None => problem.help("write for example --set transfer.timeout=5s"),
        });
    };
    let table =
        Table::named(table_name).ok_or_else(|| unknown_table(&Place::new(source, 0..table_name.len()), table_name))?;
    let start = text.len() - value.len();
    Ok(Entry {
        table,
        key: Cow::Borrowed(key),
        key_place: Place::new(source, table_name.len() + 1..path.len()),
        value: parse_value(value, start),
        source: Arc::clone(source),
    })
}

/// `10s, 20s` as a list.
pub(crate) fn list(text: &str) -> String {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    format!("[{}]", parts.join(","))
}

/// TOML where it is TOML, else a bare word, or a list of them: a shell makes quotes a burden.
pub(crate) fn parse_value(text: &str, start: usize) -> Spanned<DeValue<'_>> {
    if let Ok(value) = DeValue::parse(text) {
        return moved(value, start);
    }
    let end = start + text.len();
    let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let Some(list) = list.filter(|list| !list.contains(['"', '\'', '[', '{'])) else {
        return Spanned::new(start..end, DeValue::String(Cow::Borrowed(text)));
    };
    let mut values = DeArray::new();
    let mut from = start + 1;
    for part in list.split(',') {
        let word = part.trim();
        let indent = part.len() - part.trim_start().len();
        if !word.is_empty() {
            values.push(parse_value(word, from + indent));
        }
        from += part.len() + 1;
    }
    Spanned::new(start..end, DeValue::Array(values))
}

/// The value with every span moved: it was parsed alone, and stands within a longer text.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Array(values) => DeValue::Array(values.into_iter().map(|value| moved(value, by)).collect()),
        DeValue::Table(pairs) => DeValue::Table(
            pairs
                .into_iter()
                .map(|(name, value)| {
                    let span = name.span();
                    (Spanned::new(span.start + by..span.end + by, name.into_inner()), moved(value, by))
                })
                .collect(),
        ),
        other => other,
    };
    Spanned::new(span.start + by..span.end + by, value)
}
