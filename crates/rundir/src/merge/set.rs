use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;

use super::error::MergeError;
use crate::csv_file::read_rows;
use crate::environment::Environment;
use crate::stops::Stops;
use ttlsweep_record::row::Row;
use ttlsweep_record::rows::Cell;
use ttlsweep_record::share::Portion;

/// One folder of a run that was divided.
#[derive(Debug, Clone)]
pub struct ShardFolder {
    /// Where it lies.
    pub path: PathBuf,
    /// Its `environment.json`.
    pub environment: Environment,
    /// What it holds of the run.
    pub portion: Portion,
}

impl ShardFolder {
    /// Which one it is of how many.
    pub(super) fn number(&self) -> u32 {
        self.portion.share().number()
    }
}

/// Folders of one run, checked against each other, in the order of their numbers.
#[derive(Debug, Clone)]
pub struct ShardSet {
    folders: Vec<ShardFolder>,
}

impl ShardSet {
    /// Reads the environments of the run folders and checks them against each other; see [`Self::checked`].
    ///
    /// # Errors
    /// A folder holds no run, or as for [`Self::checked`].
    pub fn read(folders: &[PathBuf]) -> Result<Self, MergeError> {
        let read = |folder: &PathBuf| {
            let environment = Environment::read(folder).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                    MergeError::NoRun { folder: folder.clone(), problem: source.to_string() }
                }
                _ => MergeError::Environment(source),
            })?;
            Ok((folder.clone(), environment))
        };
        Self::checked(folders.iter().map(read).collect::<Result<_, MergeError>>()?)
    }

    /// Checks that the folders are shares of one run: the same plan, seed and program, divided in the same way, no share
    /// there twice. Which of them are missing is not an error here.
    ///
    /// # Errors
    /// They are not; the message names folders and values.
    pub fn checked(folders: Vec<(PathBuf, Environment)>) -> Result<Self, MergeError> {
        let mut divided = Vec::new();
        for (path, environment) in folders {
            match environment.portion() {
                Some(portion) => divided.push(ShardFolder { path, environment, portion }),
                None => return Err(MergeError::NoShard { folder: path, run_id: environment.run_id }),
            }
        }
        // The same first complaint, too, whatever the order.
        divided.sort_by(|one, other| (one.portion, &one.path).cmp(&(other.portion, &other.path)));
        let Some(first) = divided.first() else { return Err(MergeError::Nothing) };
        divided[1..].iter().try_for_each(|folder| check_alike(first, folder))?;
        let twice = divided.windows(2).find(|pair| pair[0].portion == pair[1].portion);
        if let Some([one, other]) = twice {
            let same = [one, other].map(|folder| folder.path.canonicalize().ok());
            return Err(MergeError::ShardTwice {
                which: one.portion.to_string(),
                first: one.path.clone(),
                second: other.path.clone(),
                same_folder: same[0].is_some() && same[0] == same[1],
            });
        }
        Ok(Self { folders: divided })
    }

    /// Whether the users of every trial were divided, and not the blocks.
    pub(crate) fn is_of_parts(&self) -> bool {
        self.folders[0].portion.part().is_some()
    }

    /// What one of them is called: `shard` or `part`.
    pub fn kind(&self) -> &'static str {
        self.folders[0].portion.kind()
    }

    /// What several of them are called.
    pub fn kinds(&self) -> &'static str {
        if self.is_of_parts() { "parts" } else { "shards" }
    }

    /// Into how many the run was divided.
    pub fn of(&self) -> u32 {
        self.folders[0].portion.share().of()
    }

    /// The folders in the order of their numbers; at least one.
    pub fn folders(&self) -> &[ShardFolder] {
        &self.folders
    }

    /// The first folder's environment: the plan's identity is the same in all of them.
    pub(crate) fn first(&self) -> &Environment {
        &self.folders[0].environment
    }

    /// Where the shards ended before their share of the plan did, because each target was decided.
    ///
    /// # Errors
    /// A folder's `decisions.csv` cannot be read.
    pub fn stops(&self) -> Result<Stops, MergeError> {
        let mut stops = Stops::default();
        for folder in &self.folders {
            stops.extend(Stops::read(&folder.path, &folder.environment)?);
        }
        Ok(stops)
    }

    /// The numbers that no folder has.
    pub fn missing_numbers(&self) -> Vec<u32> {
        let there: BTreeSet<u32> = self.folders.iter().map(ShardFolder::number).collect();
        (1..=self.of()).filter(|number| !there.contains(number)).collect()
    }

    /// The plan's cells, the same in every folder but for where a body's file lies.
    ///
    /// # Errors
    /// A folder's `cells.csv` cannot be read, or has other cells.
    pub fn cells(&self) -> Result<Vec<Cell>, MergeError> {
        let cells: Vec<Cell> = read_rows(&self.folders[0].path)?;
        let known: Vec<Cell> = cells.iter().map(Cell::without_folders).collect();
        for folder in &self.folders[1..] {
            let others: Vec<Cell> = read_rows(&folder.path)?;
            let others: Vec<Cell> = others.iter().map(Cell::without_folders).collect();
            let differing = known.iter().zip(&others).find(|(one, other)| one != other).map(|(one, _)| one);
            let longer = if others.len() > known.len() { &others } else { &known };
            let beyond = (others.len() != known.len()).then(|| &longer[others.len().min(known.len())]);
            if let Some(cell) = differing.or(beyond) {
                return Err(MergeError::CellDiffers {
                    first: self.folders[0].path.join(Cell::FILE),
                    second: folder.path.join(Cell::FILE),
                    cell_id: cell.cell_id.clone(),
                });
            }
        }
        Ok(cells)
    }
}

fn check_alike(first: &ShardFolder, other: &ShardFolder) -> Result<(), MergeError> {
    let (one, two) = (&first.environment, &other.environment);
    let revision = |environment: &Environment| environment.git_revision.clone().unwrap_or_else(|| "none".to_owned());
    let divided = |folder: &ShardFolder| format!("{} of {}", folder.portion.kind(), folder.portion.share().of());
    let all: [(&'static str, String, String); 10] = [
        ("plan", plan(one), plan(two)),
        ("seed", text(one.seed), text(two.seed)),
        ("run", one.run_id.clone(), two.run_id.clone()),
        ("number of blocks", text(one.repetitions), text(two.repetitions)),
        ("number of trials", text(one.trials), text(two.trials)),
        ("schema version", text(one.schema_version), text(two.schema_version)),
        ("version of ttlsweep", one.version.clone(), two.version.clone()),
        ("revision of ttlsweep's sources", revision(one), revision(two)),
        ("build of ttlsweep", one.build_profile.clone(), two.build_profile.clone()),
        ("division of the run", divided(first), divided(other)),
    ];
    match all.into_iter().find(|(_, one, two)| one != two) {
        None => Ok(()),
        Some((what, first_value, second_value)) => Err(MergeError::Differs {
            what,
            first: first.path.clone(),
            first_value,
            second: other.path.clone(),
            second_value,
        }),
    }
}

/// Of two plans the experiment's name may tell most; where that is the same, the hash tells.
fn plan(environment: &Environment) -> String {
    format!("{} of {}", environment.plan_hash, environment.experiment)
}

fn text(value: impl Display) -> String {
    value.to_string()
}
