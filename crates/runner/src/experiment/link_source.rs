//! Where links come from, as an experiment says it and as a cell holds it.

use ttlsweep_record::Cell;

/// Who gives the links.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum LinkSource {
    /// A command that is asked line by line.
    Command {
        /// The program and its arguments; never empty.
        words: Vec<String>,
        /// The folder that it runs in.
        folder: String,
    },
    /// An API's URL.
    Api(String),
    /// A file's path.
    File(String),
}

impl LinkSource {
    /// Writes it into the cell.
    pub(crate) fn note_in(&self, cell: &mut Cell) {
        match self {
            Self::Command { words, folder } => {
                // Texts are JSON whatever is in them.
                cell.mint = serde_json::to_string(words).ok();
                cell.mint_folder = Some(folder.clone());
            }
            Self::Api(url) => cell.mint = Some(url.clone()),
            Self::File(path) => cell.links_file = Some(path.clone()),
        }
    }

    /// That of a cell; `None` if its links are signed here, or nobody can read what it holds.
    pub(crate) fn of(cell: &Cell) -> Option<Self> {
        match (&cell.mint, &cell.links_file) {
            (Some(mint), _) if mint.starts_with('[') => {
                let words: Vec<String> = serde_json::from_str(mint).ok().filter(|words: &Vec<_>| !words.is_empty())?;
                Some(Self::Command { words, folder: cell.mint_folder.clone().unwrap_or_default() })
            }
            (Some(mint), _) => Some(Self::Api(mint.clone())),
            (None, file) => file.clone().map(Self::File),
        }
    }

    /// What readers know it by.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Command { words, .. } => words.join(" "),
            Self::Api(url) => url.split('?').next().unwrap_or_default().to_owned(),
            Self::File(path) => path.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}
