use std::path::{Path, PathBuf};

use ttlsweep_rundir::disk;
use ttlsweep_rundir::environment::Environment;
use ttlsweep_rundir::files::EXPERIMENT;

/// How to run the same again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeat {
    /// The command lines as they were given, quoted for a shell; one a run.
    pub commands: Vec<String>,
    /// The command that runs the frozen plan again.
    pub again: String,
    /// The frozen plan, where its file could be read.
    pub plan: Option<String>,
    /// The plan's hash, which the same plan gives again.
    pub plan_hash: String,
    /// The revisions of ttlsweep's sources that made the runs.
    pub revisions: Vec<String>,
}

impl Repeat {
    /// Reads the frozen plan from the first of `folders`; all runs of one report are of one plan.
    pub fn of(environments: &[Environment], folders: &[PathBuf]) -> Self {
        let mut revisions: Vec<String> = Vec::new();
        for revision in environments.iter().filter_map(|environment| environment.git_revision.clone()) {
            if !revisions.contains(&revision) {
                revisions.push(revision);
            }
        }
        let plan = folders.first().and_then(|folder| disk::read_to_string(&folder.join(EXPERIMENT)).ok());
        Self {
            commands: environments.iter().flat_map(commands).collect(),
            again: format!("ttlsweep run {EXPERIMENT}"),
            plan,
            plan_hash: environments.first().map(|first| first.plan_hash.clone()).unwrap_or_default(),
            revisions,
        }
    }
}

/// That of the run, or of its first few shards.
fn commands(environment: &Environment) -> Vec<String> {
    let mut shards: Vec<_> = environment.hosts.iter().flat_map(|host| &host.shards).collect();
    if shards.is_empty() {
        return vec![command_line(&environment.command)];
    }
    shards.sort_by_key(|shard| (shard.shard, shard.part));
    let more = shards.len().saturating_sub(MOST_COMMANDS);
    let shown = shards.iter().take(MOST_COMMANDS).map(|shard| command_line(&shard.command));
    shown.chain((more > 0).then(|| format!("# and {more} shards more, in environment.json"))).collect()
}

/// The words as a POSIX shell reads them back. Of the program only its name: where it lay is of no use elsewhere.
pub(crate) fn command_line(command: &[String]) -> String {
    let mut words = Vec::new();
    for (at, word) in command.iter().enumerate() {
        let name = Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned());
        words.push(quoted(if at == 0 { name.as_deref().unwrap_or(word) } else { word }));
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// More of them say no more.
const MOST_COMMANDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_the_words_that_were_given() {
        let words = ["/opt/bin/ttlsweep", "run", "my plan.toml", "--set", "name=\"it's\"", ""];
        let line = command_line(&words.map(str::to_owned));
        assert_eq!(line, r#"ttlsweep run 'my plan.toml' --set 'name="it'\''s"' ''"#);
        let said =
            std::process::Command::new("sh").args(["-c", &line.replacen("ttlsweep", "printf '%s|'", 1)]).output();
        assert_eq!(String::from_utf8(said.unwrap().stdout).unwrap(), "run|my plan.toml|--set|name=\"it's\"||");
    }
}
