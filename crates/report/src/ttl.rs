//! "Which TTL do I need?": what any run says to it, and what arithmetic says before there is one.
//!
//! The way of the data: `lateness` takes from the runs what TTL each trial needed, in groups of cells that differ in nothing
//! but the TTL; `curve` makes of a group's needs the TTL that a `risk` asks for, by the order statistics of `bound`; `tail` guesses
//! beyond the data and `fit` between the cells; `rule` reads in the verdict when a target looks at a link's date; `advice` puts it
//! together, `sentences`, `text` and `json` tell it. `estimate` and `experiment` are the arithmetic. `simulate` tries the bound, and `spells`
//! says what counts as one trial where late ones come together.

pub(crate) mod advice;
mod args;
mod ask;
mod bound;
mod curve;
mod error;
mod estimate;
mod experiment;
mod fit;
mod json;
mod lateness;
mod risk;
mod rule;
pub(crate) mod sentences;
pub(crate) mod simulate;
mod spells;
mod tail;
mod text;
pub(crate) mod words;

pub use advice::Advice;
pub use args::TtlArgs;
pub use error::TtlError;
pub use risk::Risk;
pub(crate) use rule::Rule;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use clap::ValueEnum;
use ttlsweep_console::say;

use crate::load::load;
use crate::names;
use crate::summary::axes::Axes;
use crate::verdict::{self, Detail, Evidence};

/// How the answer is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Answers `ttlsweep ttl`, to `out`.
///
/// # Errors
/// See [`TtlError`].
pub fn run(args: &TtlArgs, out: &mut impl Write) -> Result<(), TtlError> {
    let answer = if args.runs.is_empty() { from_arithmetic(args)? } else { from_runs(args)? };
    out.write_all(answer.as_bytes()).and_then(|()| out.flush()).map_err(TtlError::Answer)
}

fn from_runs(args: &TtlArgs) -> Result<String, TtlError> {
    args.refuse_arithmetic()?;
    let runs = load(&args.runs)?;
    let axes = Axes::of(&runs.cells);
    let evidence = Evidence::of(&runs);
    let mut named = Vec::new();
    let mut cells = Vec::new();
    let mut found = Vec::new();
    for target in verdict::tested(&evidence, Detail::Full) {
        let view = target.view();
        named.push((names::target_name(&runs, &axes, view.endpoints(), view.cells()), view.endpoints().join(" ")));
        cells.push(view.cells().to_vec());
        found.push(target.found);
    }
    let ruling = verdict::conclude(found);
    let targets = names::told_apart(named).into_iter().zip(cells).zip(&ruling.targets);
    let targets = targets.map(|((name, cells), ruling)| advice::Target { name, cells, rule: Rule::of(ruling) });
    let spell_s = args.spell.map(|time| time.as_secs().max(1));
    let mut advice = Advice::of(&runs, &axes, &evidence, targets.collect(), args.risk, spell_s);
    advice.session_s = args.session.map(|time| time.as_secs());
    runs.warnings.iter().for_each(|warning| say!("warning: {warning}"));
    let asked = ask::answer(&mut advice, &args.asked())?;
    Ok(match args.format {
        Format::Text => text::of_runs(&advice, asked.as_ref()),
        Format::Json => json::of_runs(&advice, asked.as_ref()),
    })
}

fn from_arithmetic(args: &TtlArgs) -> Result<String, TtlError> {
    args.refuse_spell()?;
    let estimate = estimate::Estimate::of(args.load()?, args.assumptions());
    let toml = experiment::toml(&estimate, args.risk);
    let answer = match args.format {
        Format::Text => text::of_arithmetic(&estimate, args.risk, args.session),
        Format::Json => json::of_arithmetic(&estimate, args.risk, args.session, &toml),
    };
    match args.experiment.as_deref() {
        None => Ok(answer),
        // Stdout is for the file alone, so that it can be redirected into one.
        Some("-") => {
            say!("{}", answer.trim_end());
            Ok(toml)
        }
        Some(path) => {
            write_new(Path::new(path), &toml)?;
            Ok(answer)
        }
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), TtlError> {
    let written =
        OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| TtlError::Experiment { path: path.to_owned(), source })
}
