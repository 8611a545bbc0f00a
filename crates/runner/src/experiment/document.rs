//! The experiment file as text: its tables taken apart into settings, each with the place where it stands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::{Place, Problem, Problems, Source, nearest};
use super::settings::{self, Table};

/// What the file and the options say, before anything is made of it.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    /// Where each table that the file has begins.
    pub(crate) headers: BTreeMap<Table, Place>,
    /// The file's beginning, for what is missing altogether.
    pub(crate) start: Place,
    /// Tables that were probably meant by another, misspelled one; what they lack is not reported.
    pub(crate) misspelled: Vec<Table>,
}

/// One `key = value`.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) table: Table,
    pub(crate) key: Cow<'a, str>,
    pub(crate) key_place: Place,
    pub(crate) value: Spanned<DeValue<'a>>,
    pub(crate) source: Arc<Source>,
}

impl<'a> Document<'a> {
    /// Takes the text apart; `None` if it is not TOML.
    pub(crate) fn parse(source: &Arc<Source>, text: &'a str, problems: &mut Problems) -> Option<Self> {
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                problems.push(syntax_problem(source, text, &error));
                return None;
            }
        };
        let start = Place::new(source, 0..text.lines().next().map_or(0, str::len));
        let mut document = Self { entries: Vec::new(), headers: BTreeMap::new(), start, misspelled: Vec::new() };
        for (name, value) in table {
            document.add_table(source, &name, value, problems);
        }
        Some(document)
    }

    fn add_table(
        &mut self,
        source: &Arc<Source>,
        name: &Spanned<Cow<'a, str>>,
        value: Spanned<DeValue<'a>>,
        problems: &mut Problems,
    ) {
        let place = Place::new(source, name.span());
        let DeValue::Table(entries) = value.into_inner() else {
            problems.push(no_table(&place, name.as_ref()));
            return;
        };
        let Some(table) = Table::named(name.as_ref()) else {
            problems.push(unknown_table(&place, name.as_ref()));
            self.misspelled.extend(nearest(name.as_ref(), Table::names()).and_then(Table::named));
            return;
        };
        self.headers.insert(table, place);
        for (key, value) in entries {
            let key_place = Place::new(source, key.span());
            let source = Arc::clone(source);
            self.entries.push(Entry { table, key: key.into_inner(), key_place, value, source });
        }
    }
}

/// A table that no experiment has.
pub(crate) fn unknown_table(place: &Place, name: &str) -> Problem {
    let tables: Vec<_> = Table::names().map(|name| format!("[{name}]")).collect();
    let problem = Problem::at(place, "no such table", format!("unknown table [{name}]"));
    match nearest(name, Table::names()) {
        Some(near) => problem.help(format!("write [{near}]; the tables are {}", tables.join(", "))),
        None => problem.help(format!("the tables are {}", tables.join(", "))),
    }
}

fn no_table(place: &Place, name: &str) -> Problem {
    if Table::named(name).is_some() {
        return Problem::at(place, "expected a table", format!("`{name}` is a table, once in a file"))
            .help(format!("write [{name}] on a line of its own, and its settings below"));
    }
    let problem = Problem::at(place, "outside of any table", format!("`{name}` stands outside of any table"));
    match settings::find(name) {
        Some(setting) => problem.help(format!("put it below [{}]", setting.table.name())),
        None => problem.help("every setting belongs below a table, for example [experiment]"),
    }
}

fn syntax_problem(source: &Arc<Source>, text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    // An end of file has no character to point at; the last one stands for it.
    let last = text.trim_end().char_indices().next_back().map_or(0..0, |(at, last)| at..at + last.len_utf8());
    let span = if span.start >= text.len() { last } else { span };
    let help = if error.message().contains("duplicate key") {
        "write it once; several values stand in a list, and make an axis: [\"10s\", \"20s\"]"
    } else {
        "texts such as \"10s\" or \"1MB\" stand in double quotes, lists in [ ]; https://toml.io has the notation"
    };
    Problem::at(&Place::new(source, span), error.message().to_owned(), "this is not TOML").help(help)
}
