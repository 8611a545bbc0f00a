//! `stop` and `blocks`: how many blocks a run has that ends as soon as each target is decided.

use toml::de::DeValue;

use super::problems::{Problem, nearest};
use super::values::{Item, Notation, number, wrong_type};

/// The fewest and the most blocks of a run that may end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) least: u32,
    pub(crate) most: u32,
}

/// What such a run has if nothing else is said.
pub(crate) const USUAL: Blocks = Blocks { least: LEAST, most: 20 };

/// That a run ends when each target is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop;

/// When a run ends before its last block: `"decided"`.
pub(super) fn stop(item: &Item<'_>) -> Result<Stop, Problem> {
    let help = format!("write stop = \"{DECIDED}\", or leave it out to run all `repetitions`");
    match item.value {
        DeValue::String(word) if word == DECIDED => Ok(Stop),
        DeValue::String(word) => {
            let message = format!("`{word}` is nothing that a run stops at");
            Err(Problem::at(item.place, format!("expected \"{DECIDED}\""), message).help(help))
        }
        _ => Err(wrong_type(item, &format!("\"{DECIDED}\"")).help(help)),
    }
}

/// `{ least = 3, most = 20 }`; a number that is left out is the usual one.
pub(super) fn blocks(item: &Item<'_>) -> Result<Blocks, Problem> {
    let DeValue::Table(table) = item.value else {
        let problem = wrong_type(item, EXPECTED).help(HELP);
        return Err(match item.value {
            DeValue::Integer(most) => {
                problem.help(format!("write blocks = {{ least = {LEAST}, most = {} }}", most.as_str()))
            }
            _ => problem,
        });
    };
    let (mut least, mut most) = (None, None);
    for (key, value) in table {
        let (key_place, place) = (item.place.elsewhere(key.span()), item.place.elsewhere(value.span()));
        let (name, from): (&'static str, u64) = match key.as_ref().as_ref() {
            "least" => ("least", LEAST.into()),
            "most" => ("most", LEAST.into()),
            other => {
                let problem = Problem::at(&key_place, "no such key", format!("`blocks` has no key `{other}`"));
                let near = nearest(other, ["least", "most"]);
                return Err(problem.help(near.map_or_else(|| HELP.to_owned(), |near| format!("write `{near}`"))));
            }
        };
        let number = number(&Item { key: name, value: value.as_ref(), place: &place, ..*item }, from, MOST.into());
        let number = number.map_err(|problem| match value.as_ref() {
            DeValue::Integer(_) => problem.help(WHY_THREE),
            _ => problem,
        })?;
        let given = if name == "least" { &mut least } else { &mut most };
        *given = Some((number as u32, place));
    }
    let found = Blocks {
        least: least.as_ref().map_or(USUAL.least, |(least, _)| *least),
        most: most.as_ref().map_or(USUAL.most, |(most, _)| *most),
    };
    if found.least <= found.most {
        return Ok(found);
    }
    let message = format!("a run of {} blocks at least cannot have {} at most", found.least, found.most);
    let problem = match (&least, &most) {
        (Some((_, least)), Some((_, most))) => {
            Problem::at(least, "at least so many", message).and_at(most, "and at most so many")
        }
        (Some((_, place)), None) | (None, Some((_, place))) => {
            Problem::at(place, format!("the other one is left out: {}", USUAL.toml()), message)
        }
        (None, None) => wrong_type(item, EXPECTED),
    };
    Err(problem.help(format!("write for example blocks = {}", Blocks { least: LEAST, most: found.least }.toml())))
}

impl Notation for Blocks {
    fn toml(&self) -> String {
        format!("{{ least = {}, most = {} }}", self.least, self.most)
    }
}

impl Notation for Stop {
    fn toml(&self) -> String {
        format!("\"{DECIDED}\"")
    }
}

/// Fewer trials can show nothing.
const LEAST: u32 = 3;
/// As many as `repetitions` may be.
const MOST: u32 = 100_000;
const DECIDED: &str = "decided";
const EXPECTED: &str = "a table such as { least = 3, most = 20 }";
const HELP: &str = "write for example blocks = { least = 3, most = 20 }";
const WHY_THREE: &str = "write 3 or more: no verdict rests on fewer trials, and each cell has one in a block";
