//! Brings document and settings together: which values each setting has, and what is unknown, doubled or misplaced.

use std::path::Path;

use toml::Spanned;
use toml::de::DeValue;
use ttlsweep_record::{Cell, TargetKind};

use super::blocks;
use super::document::{Document, Entry};
use super::link_defaults::link_default;
use super::overrides;
use super::problems::{Place, Problem, Problems, Source, nearest};
use super::settings::{Choice, Head, IfAbsent, Read, SETTINGS, Setting, Table, blank_cell};
use super::values::{Item, LONGEST_TTL_S, Notation, Seconds};

/// Every setting with its values, each checked by itself.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) head: Head,
    /// The properties of the whole experiment.
    pub(crate) heads: Vec<Values<Head>>,
    /// The properties of cells, in the order in which they vary.
    pub(crate) axes: Vec<Values<Cell>>,
    /// Where the kind of target was given, or the file's beginning.
    pub(crate) kind_place: Place,
    /// Whether anything was given to say whose links are asked with, also if it cannot be read.
    pub(crate) names_links: bool,
    /// Where each key of a slow line stands, and `stop`, also if its value cannot be read.
    line_keys: Vec<(&'static str, Place)>,
}

/// The values of one setting: one, or an axis of several.
#[derive(Debug)]
pub(crate) struct Values<T> {
    pub(crate) setting: &'static Setting,
    pub(crate) choices: Vec<Choice<T>>,
    /// Where each of them stands; for a default, the file's beginning.
    pub(crate) places: Vec<Place>,
    /// Where the key stands; nothing for a default.
    pub(crate) key_place: Option<Place>,
    /// Whether they were given as a list.
    pub(crate) listed: bool,
}

impl Resolved {
    /// Reads every setting; what cannot be read is among the problems and absent here.
    pub(crate) fn read(document: &Document<'_>, folder: &Path, problems: &mut Problems) -> Self {
        let lacking = report_strangers(document, problems);
        let reader = Reader { document, folder, lacking };
        let of_links = |entry: &Entry<'_>| entry.table == Table::Target && matches!(&*entry.key, "mint" | "file");
        let mut resolved = Self {
            head: Head::blank(),
            heads: Vec::new(),
            axes: Vec::new(),
            kind_place: document.start.clone(),
            names_links: document.entries.iter().any(of_links),
            line_keys: line_keys(document),
        };
        for setting in SETTINGS {
            match setting.read {
                Read::Head(read) | Read::HeadList(read) => {
                    if let Some(values) = reader.values(setting, read, &resolved, problems) {
                        resolved.add_head(values);
                    }
                }
                Read::Cell(read) => resolved.axes.extend(reader.values(setting, read, &resolved, problems)),
            }
        }
        resolved
    }

    /// The values of a setting as cells hold them, each with its place.
    pub(crate) fn cell_values<V>(&self, key: &str, value: fn(&Cell) -> V) -> Vec<(V, &Place)> {
        let Some(values) = self.axes.iter().find(|values| values.setting.key == key) else {
            return Vec::new();
        };
        let of_choice = |choice: &Choice<Cell>| {
            let mut cell = blank_cell(self.head.kind);
            choice.apply(&mut cell);
            value(&cell)
        };
        values.choices.iter().map(of_choice).zip(&values.places).collect()
    }

    /// Where a setting's key stands, if it was given.
    pub(crate) fn key_place(&self, key: &str) -> Option<&Place> {
        let heads = self.heads.iter().map(|values| (values.setting.key, &values.key_place));
        let axes = self.axes.iter().map(|values| (values.setting.key, &values.key_place));
        heads.chain(axes).find(|(name, _)| *name == key).and_then(|(_, place)| place.as_ref())
    }

    /// Where a key of a slow line or `stop` stands, if it was given, also if its value cannot be read.
    pub(crate) fn given_place(&self, key: &str) -> Option<&Place> {
        self.line_keys.iter().find(|(name, _)| *name == key).map(|(_, place)| place)
    }

    /// Leaves the default number of transfers out where a duration bounds the trial.
    pub(crate) fn drop_default_bound(&mut self) {
        if self.key_place("duration").is_some() {
            self.axes.retain(|values| values.setting.key != "transfers_per_user");
        }
    }

    /// Plans as many blocks as a run may have that ends when each target is decided: how many those are stands in `blocks`, and
    /// nowhere else.
    pub(crate) fn plan_most_blocks(&mut self) {
        if self.head.stop_decided {
            self.head.repetitions = self.head.blocks.unwrap_or(blocks::USUAL).most;
            self.heads.retain(|values| values.setting.key != "repetitions");
        }
    }

    fn add_head(&mut self, values: Values<Head>) {
        for choice in &values.choices {
            choice.apply(&mut self.head);
        }
        if let ("kind", Some(place)) = (values.setting.key, values.places.first()) {
            self.kind_place = place.clone();
        }
        self.heads.push(values);
    }
}

fn line_keys(document: &Document<'_>) -> Vec<(&'static str, Place)> {
    let setting = |entry: &Entry<'_>| {
        let line = SETTINGS.iter().filter(|setting| setting.table == Table::Path || setting.key == "stop");
        line.into_iter().find(|setting| setting.key == entry.key && setting.may_stand_in(entry.table))
    };
    let entries = document.entries.iter();
    entries.filter_map(|entry| Some((setting(entry)?.key, entry.key_place.clone()))).collect()
}

struct Reader<'a> {
    document: &'a Document<'a>,
    folder: &'a Path,
    /// Keys that were probably meant by misspelled ones.
    lacking: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    fn values<T>(
        &self,
        setting: &'static Setting,
        read: fn(&Item<'_>) -> Result<Choice<T>, Problem>,
        resolved: &Resolved,
        problems: &mut Problems,
    ) -> Option<Values<T>> {
        let mut entries =
            self.document.entries.iter().filter(|e| e.key == setting.key && setting.may_stand_in(e.table));
        let wanted = setting.only.is_none_or(|kind| kind == resolved.head.kind);
        let Some(entry) = entries.next() else {
            return if wanted { self.absent(setting, read, resolved, problems) } else { None };
        };
        if let Some(second) = entries.next() {
            problems.push(given_twice(setting, entry, second));
            return None;
        }
        if !wanted {
            problems.push(wrong_kind(setting, entry, resolved));
            return None;
        }
        self.given(setting, read, entry, problems)
    }

    fn given<T>(
        &self,
        setting: &'static Setting,
        read: fn(&Item<'_>) -> Result<Choice<T>, Problem>,
        entry: &Entry<'_>,
        problems: &mut Problems,
    ) -> Option<Values<T>> {
        let whole = Place::new(&entry.source, entry.value.span());
        let (items, listed): (Vec<&Spanned<DeValue<'_>>>, bool) = match entry.value.as_ref() {
            DeValue::Array(_) if matches!(setting.read, Read::HeadList(_)) => (vec![&entry.value], false),
            DeValue::Array(_) if !setting.may_be_axis() => {
                problems.push(
                    Problem::at(&whole, "expected one value", format!("`{}` cannot be an axis", setting.key)).help(
                        "write one value; axes are settings of [target] other than `kind`, of [grid], of [path] and of [transfer]",
                    ),
                );
                return None;
            }
            DeValue::Array(values) => (values.iter().collect(), true),
            _ => (vec![&entry.value], false),
        };
        if items.is_empty() {
            problems.push(
                Problem::at(&whole, "expected at least one value", format!("the axis `{}` is empty", setting.key))
                    .help(example(setting)),
            );
            return None;
        }
        let mut values = Values {
            setting,
            choices: Vec::new(),
            places: Vec::new(),
            key_place: Some(entry.key_place.clone()),
            listed,
        };
        let mut all_read = true;
        for value in items {
            let place = Place::new(&entry.source, value.span());
            let item = Item { key: setting.key, value: value.as_ref(), place: &place, folder: self.folder };
            let choice = read(&item).map_err(|problem| several(setting, read, &item, &place).unwrap_or(problem));
            let choice = problems.keep(choice).and_then(|choice| problems.keep(values.new_choice(choice, &place)));
            match choice {
                Some(choice) => values.push(choice, place),
                None => all_read = false,
            }
        }
        all_read.then_some(values)
    }

    fn absent<T>(
        &self,
        setting: &'static Setting,
        read: fn(&Item<'_>) -> Result<Choice<T>, Problem>,
        resolved: &Resolved,
        problems: &mut Problems,
    ) -> Option<Values<T>> {
        let derived = match setting.key {
            "long_ttl" => link_default(setting.key, &resolved.head).map(str::to_owned).or_else(|| long_ttl(resolved)),
            "blocks" => resolved.head.stop_decided.then(|| blocks::USUAL.toml()),
            key => link_default(key, &resolved.head).map(str::to_owned),
        };
        let toml = match (setting.absent, &derived) {
            (_, Some(derived)) => derived.as_str(),
            (IfAbsent::Default(toml), None) => toml,
            (IfAbsent::Nothing(_), None) => return None,
            (IfAbsent::Problem(help), None) => {
                let is_misspelled =
                    self.lacking.contains(&setting.key) || self.document.misspelled.contains(&setting.table);
                if !is_misspelled {
                    problems.push(self.lacks(setting, resolved).help(help));
                }
                return None;
            }
        };
        let place = Place::new(&Source::new("default", toml, 0), 0..toml.len());
        let value = DeValue::parse(toml).ok()?;
        let item = Item { key: setting.key, value: value.as_ref(), place: &place, folder: self.folder };
        let choice = problems.keep(read(&item))?;
        let mut values = Values { setting, choices: Vec::new(), places: Vec::new(), key_place: None, listed: false };
        values.push(choice, self.document.start.clone());
        Some(values)
    }

    fn lacks(&self, setting: &Setting, resolved: &Resolved) -> Problem {
        let (table, key) = (setting.table.name(), setting.key);
        if setting.only == Some(TargetKind::S3) {
            let message = format!("the target is S3, but no `{key}` is given");
            return Problem::at(&resolved.kind_place, "this target", message);
        }
        let message = format!("`{key}` is missing in [{table}]");
        match self.document.headers.get(&setting.table) {
            Some(header) => Problem::at(header, format!("has no `{key}`"), message),
            None => Problem::at(&self.document.start, format!("the file has no table [{table}]"), message),
        }
    }
}

/// The long-TTL control's lifetime where the default is no longer than the grid's longest: ten times that, if there are such
/// links.
fn long_ttl(resolved: &Resolved) -> Option<String> {
    let ttls = resolved.cell_values("ttl", |cell| cell.ttls().map_or(0, |ttls| ttls.most_s));
    let longest_s = ttls.into_iter().map(|(ttl_s, _)| ttl_s).max()?;
    let is_outlived = (DEFAULT_LONG_TTL_S..LONGEST_TTL_S).contains(&longest_s);
    is_outlived.then(|| Seconds(longest_s.saturating_mul(10).min(LONGEST_TTL_S)).toml())
}

/// What `long_ttl` is by default.
const DEFAULT_LONG_TTL_S: u32 = 3600;

/// The problem of a text that is several values of an axis without brackets.
fn several<T>(
    setting: &Setting,
    read: fn(&Item<'_>) -> Result<Choice<T>, Problem>,
    item: &Item<'_>,
    place: &Place,
) -> Option<Problem> {
    let DeValue::String(text) = item.value else { return None };
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let is_value = |part: &&str| {
        let value = overrides::parse_value(part, 0);
        read(&Item { value: value.as_ref(), ..*item }).is_ok()
    };
    if !setting.may_be_axis() || parts.len() < 2 || !parts.iter().all(is_value) {
        return None;
    }
    let key = setting.key;
    let problem = Problem::at(place, "expected a list", format!("`{key}` has {} values without brackets", parts.len()));
    Some(if place.is_option() {
        let value = overrides::list(text);
        problem.help(format!("write --set '{}.{key}={value}'", setting.table.name()))
    } else {
        let quoted = |part: &&str| if part.parse::<u64>().is_ok() { (*part).to_owned() } else { format!("\"{part}\"") };
        problem.help(format!("write {key} = [{}]", parts.iter().map(quoted).collect::<Vec<_>>().join(", ")))
    })
}

impl<T> Values<T> {
    /// The choice, unless it stands in the axis already.
    fn new_choice(&self, choice: Choice<T>, place: &Place) -> Result<Choice<T>, Problem> {
        match self.choices.iter().position(|earlier| earlier.toml == choice.toml) {
            None => Ok(choice),
            Some(index) => {
                let message = format!("the axis `{}` has {} twice", self.setting.key, choice.toml);
                Err(Problem::at(&self.places[index], "first here", message)
                    .and_at(place, "and again here")
                    .help("leave one out; how often each cell runs is the setting `repetitions`"))
            }
        }
    }

    fn push(&mut self, choice: Choice<T>, place: Place) {
        self.choices.push(choice);
        self.places.push(place);
    }
}

/// Complains about keys that nothing reads; returns the keys that were probably meant.
fn report_strangers(document: &Document<'_>, problems: &mut Problems) -> Vec<&'static str> {
    let mut meant = Vec::new();
    for entry in &document.entries {
        let mut known = SETTINGS.iter().filter(|setting| setting.key == entry.key);
        if known.clone().any(|setting| setting.may_stand_in(entry.table)) {
            continue;
        }
        let table = entry.table.name();
        let problem = Problem::at(&entry.key_place, "no such key", format!("unknown key `{}` in [{table}]", entry.key));
        if let Some(setting) = known.next() {
            let home = setting.table.name();
            meant.push(setting.key);
            problems.push(problem.help(format!("`{}` belongs below [{home}]", entry.key)));
            continue;
        }
        let here = SETTINGS.iter().filter(|setting| setting.may_stand_in(entry.table)).map(|setting| setting.key);
        let anywhere = SETTINGS.iter().map(|setting| setting.key);
        let home = SETTINGS.iter().filter(|setting| setting.table == entry.table).map(|setting| setting.key);
        let near = nearest(&entry.key, home.clone())
            .or_else(|| nearest(&entry.key, here))
            .or_else(|| nearest(&entry.key, anywhere));
        let near = near.and_then(|key| SETTINGS.iter().find(|setting| setting.key == key));
        problems.push(problem.help(match near {
            Some(setting) if setting.may_stand_in(entry.table) => format!("write `{}`", setting.key),
            Some(setting) => format!("write `{}`, below [{}]", setting.key, setting.table.name()),
            None => format!("[{table}] has the keys {}", home.collect::<Vec<_>>().join(", ")),
        }));
        meant.extend(near.map(|setting| setting.key));
    }
    meant
}

fn given_twice(setting: &Setting, one: &Entry<'_>, other: &Entry<'_>) -> Problem {
    Problem::at(
        &one.key_place,
        format!("here in [{}]", one.table.name()),
        format!("`{}` is given in two tables", setting.key),
    )
    .and_at(&other.key_place, format!("and here in [{}]", other.table.name()))
    .help("leave one of them out")
}

fn wrong_kind(setting: &Setting, entry: &Entry<'_>, resolved: &Resolved) -> Problem {
    let (key, here) = (setting.key, resolved.head.kind);
    // Only a setting of one kind gets here.
    let only = setting.only.unwrap_or(here);
    let message = format!("`{key}` is a setting of kind = \"{only}\"; this target is \"{here}\"");
    let problem = Problem::at(&entry.key_place, format!("only kind = \"{only}\" has this"), message);
    match (only, entry.key_place.is_option()) {
        (TargetKind::S3, true) => problem.help("give --bucket NAME too, which makes the target S3"),
        _ => problem.help(format!("leave it out, or write kind = \"{only}\" below [target]")),
    }
}

fn example(setting: &Setting) -> String {
    let value = match (setting.key, setting.absent) {
        ("ttl", _) => "\"10s\"",
        ("size", _) => "\"40MB\"",
        ("bandwidth", _) => "\"8Mbit/s\"",
        (_, IfAbsent::Default(toml)) => toml,
        _ => return "give at least one value, or leave the key out".to_owned(),
    };
    format!("write for example {} = [{value}]", setting.key)
}
