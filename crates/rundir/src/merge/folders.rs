use std::fs;
use std::path::{Path, PathBuf};

use crate::environment;
use ttlsweep_record::share::Portion;

/// The run folders that the `named` ones stand for: each itself, or the shards and parts that lie right below it, in the
/// order of their numbers.
///
/// A folder that is neither is kept as it is, for anyone who reads it to say so.
pub fn run_folders(named: &[PathBuf]) -> Vec<PathBuf> {
    let stands_for = |folder: &PathBuf| {
        if folder.join(environment::FILE).exists() {
            return vec![folder.clone()];
        }
        let below = portions_below(folder);
        if below.is_empty() { vec![folder.clone()] } else { below }
    };
    named.iter().flat_map(stands_for).collect()
}

/// A portion that is not whole yet has another name.
fn portions_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let portion = |name: &str| Portion::of_folder_name(name).filter(|portion| portion.folder_name() == name);
    let named = entries.filter_map(|entry| Some((portion(entry.file_name().to_str()?)?, entry.path())));
    let mut found: Vec<_> = named.filter(|(_, path)| path.join(environment::FILE).exists()).collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_stands_for_the_shards_below_it_in_the_order_of_their_numbers() {
        let base = tempfile::tempdir().unwrap();
        let run = base.path().join("run");
        for name in ["shard-10-of-12", "shard-2-of-12", ".shard-3-of-12.partial", "shard-x-of-12", "charts"] {
            fs::create_dir_all(run.join(name)).unwrap();
            fs::write(run.join(name).join(environment::FILE), "{}").unwrap();
        }
        fs::create_dir(run.join("shard-1-of-12")).unwrap();
        let expected = ["shard-2-of-12", "shard-10-of-12"].map(|name| run.join(name));
        assert_eq!(run_folders(std::slice::from_ref(&run)), expected);
        assert_eq!(run_folders(&expected), expected);
        let nothing = vec![base.path().join("nothing")];
        assert_eq!(run_folders(&nothing), nothing);
    }
}
