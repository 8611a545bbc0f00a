//! What was in a run's files at a kill, none of which may be lost; and what a loss of power takes from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use crate::Told;
use crate::dice::Dice;

const FILES: [&str; 6] = ["transfers.csv", "journal.csv", "events.csv", "samples.csv", "harness.csv", "trials.csv"];

/// Of one folder, from one kill to the next.
#[derive(Default)]
pub(crate) struct Kept {
    rows: Vec<u8>,
    /// The transfers that the journal told of.
    pub(crate) told: BTreeSet<String>,
}

impl Kept {
    /// Notes what is there now, all that was there before included.
    pub(crate) fn note(&mut self, folder: &Path) -> Told<()> {
        let rows = whole_rows(&folder.join("transfers.csv"))?;
        if !rows.starts_with(&self.rows) {
            let folder = folder.display();
            return Err(format!("{folder}: rows that were there at the last kill have changed or gone").into());
        }
        self.rows = rows;
        self.told.extend(names(&whole_rows(&folder.join("journal.csv"))?)?);
        Ok(())
    }

    /// Cuts tails off the files. What is lost with them is not held against the program.
    pub(crate) fn lose_power(&mut self, folder: &Path, dice: &Dice) -> Told<()> {
        for name in FILES {
            let path = folder.join(name);
            if !path.exists() || dice.happens(0.4) {
                continue;
            }
            let size = fs::metadata(&path)?.len();
            cut_tail(&path, if dice.happens(0.02) { size } else { size.min(600) }, dice)?;
        }
        self.rows = whole_rows(&folder.join("transfers.csv"))?;
        let mut left = names(&whole_rows(&folder.join("journal.csv"))?)?;
        left.append(&mut names(&self.rows)?);
        self.told.retain(|name| left.contains(name));
        Ok(())
    }
}

/// Cuts off so many bytes at most.
pub(crate) fn cut_tail(path: &Path, most: u64, dice: &Dice) -> Told<()> {
    let file = File::options().write(true).open(path)?;
    Ok(file.set_len(file.metadata()?.len() - dice.below(most + 1))?)
}

/// The file's bytes up to its last whole row: no cell of ours holds a line break. None if there is no file.
pub(crate) fn whole_rows(path: &Path) -> Told<Vec<u8>> {
    let mut contents = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        contents => contents?,
    };
    contents.truncate(contents.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
    Ok(contents)
}

fn names(contents: &[u8]) -> Told<BTreeSet<String>> {
    let rows = csv::Reader::from_reader(contents).deserialize().collect::<Result<Vec<Row>, _>>()?;
    Ok(rows.into_iter().filter_map(|mut row| row.remove("transfer_id")).collect())
}

/// A row's cells by their columns.
pub(crate) type Row = BTreeMap<String, String>;

pub(crate) fn rows(path: &Path) -> Told<Vec<Row>> {
    Ok(csv::Reader::from_path(path)?.deserialize().collect::<Result<_, _>>()?)
}
