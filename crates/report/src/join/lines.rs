//! From the lines of a log to its entries: each record is tried against the formats, the one that the last one had first.

use serde_json::{Map, Value};

use super::entry::Entry;
use super::objects::{Found, Objects};
use super::source::{Line, Source};
use super::{ceph_ops, cloudtrail, haproxy, nginx, s3_json, s3_text};

/// A line that says nothing, and why. What stands in it is not repeated: there may be secrets in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The log.
    pub log: String,
    /// The line, from 1; of an object of JSON, where it begins.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
}

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.log, self.line, self.problem)
    }
}

/// A log that is being read.
pub(super) struct Log<'a> {
    source: &'a Source,
    objects: Objects,
}

type Take<'t> = &'t mut dyn FnMut(Result<Entry, BadLine>);

impl<'a> Log<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, objects: Objects::default() }
    }

    /// Reads a line.
    pub(super) fn take(&mut self, line: Line<'_>, take: Take<'_>) {
        if let Some(error) = line.broken {
            self.end(take);
            take(Err(self.bad(line.number, &format!("its gzip data break off or are damaged here ({error})"))));
            return;
        }
        if self.objects.is_open() || line.text.trim_start().starts_with(['{', '[', ']', ',', '}']) {
            self.take_json(line.text, line.number, take);
            return;
        }
        // CloudWatch's exports have the time before the record.
        if let Some((_, object)) = line.text.split_once(" {").filter(|(before, _)| super::times::iso(before).is_some())
        {
            self.take_json(&format!("{{{object}"), line.number, take);
            return;
        }
        let text = line.text;
        let read = match () {
            () if s3_text::is_it(text) => s3_text::entry(text),
            () if nginx::is_it(text) => nginx::entry(text, line.is_ended),
            () if haproxy::is_it(text) => haproxy::entry(text),
            () => Err("it is of no format that is known here"),
        };
        take(read.map_err(|problem| self.bad(line.number, problem)));
    }

    /// The log has ended.
    pub(super) fn end(&mut self, take: Take<'_>) {
        let mut objects = std::mem::take(&mut self.objects);
        objects.end(&mut |found| self.found(found, take));
    }

    fn take_json(&mut self, text: &str, number: u64, take: Take<'_>) {
        let mut objects = std::mem::take(&mut self.objects);
        objects.take(text, number, &mut |found| self.found(found, take));
        self.objects = objects;
    }

    fn found(&self, found: Found<'_>, take: Take<'_>) {
        match found {
            Found::Object(text, line) => match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(object) => take(of_object(&object).map_err(|problem| self.bad(line, problem))),
                Err(error) => {
                    let problem = format!("it is not JSON: {:?} error", error.classify());
                    take(Err(self.bad(line, &problem.to_lowercase())));
                }
            },
            Found::BrokenOff(line) => take(Err(self.bad(line, "an object of JSON that begins here breaks off"))),
            Found::Stray(line) => take(Err(self.bad(line, "it is not JSON, as what is before it is"))),
        }
    }

    fn bad(&self, line: u64, problem: &str) -> BadLine {
        BadLine { log: self.source.name().to_owned(), line, problem: problem.to_owned() }
    }
}

fn of_object(object: &Map<String, Value>) -> Result<Entry, &'static str> {
    // CloudWatch hands a record on as the text of an event of its own.
    if let Some(Value::String(message)) = object.get("message") {
        return match serde_json::from_str::<Map<String, Value>>(message) {
            Ok(inner) if !inner.contains_key("message") => of_object(&inner),
            _ => Err("its message is not a record that is known here"),
        };
    }
    match () {
        () if s3_json::is_it(object) => s3_json::entry(object),
        () if cloudtrail::is_it(object) => cloudtrail::entry(object),
        () if ceph_ops::is_it(object) => ceph_ops::entry(object),
        () => Err("it is an object of JSON of no format that is known here"),
    }
}
