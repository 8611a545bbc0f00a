//! What the stories share: the experiment, and what must be true of a whole run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Told;
use crate::kept::{Row, rows};
use crate::kill::Killer;

const TRIALS: u64 = 3 * 4;
/// Three blocks of four cells.
pub(crate) const EXPERIMENT: &str = r#"
[experiment]
name = "chaos"
repetitions = 3
[grid]
users = 3
ttl = ["1s", "60s"]
size = ["20kB", "60kB"]
bandwidth = "8Mbit/s"
[transfer]
transfers_per_user = 2
jitter = "0s"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"#;

/// A line of `ttlsweep-report verify --json`.
#[derive(Deserialize)]
struct Verified {
    #[serde(default)]
    trials: u64,
    #[serde(default)]
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    file: String,
    line: Option<u64>,
    problem: String,
}

/// The folder is whole and consistent, all that was told at a kill is there; what was in flight is `cancelled`.
pub(crate) fn check_whole(killer: &Killer<'_>, folder: &Path, told: &BTreeSet<String>) -> Told<()> {
    let (trials, mut problems) = verify(killer, folder, told)?;
    if trials != TRIALS {
        problems.push(format!("{trials} trials are whole of {TRIALS}"));
    }
    if rows(&folder.join("transfers.csv"))?.iter().any(|row| was_in_flight(row) && row["outcome"] != "cancelled") {
        problems.push("a transfer that was in flight at a kill is not `cancelled`".to_owned());
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("{}: {}", folder.display(), problems.join("\n")).into()) }
}

/// How many whole trials the folder has, and what is wrong with it.
fn verify(killer: &Killer<'_>, folder: &Path, told: &BTreeSet<String>) -> Told<(u64, Vec<String>)> {
    let names = tempfile::NamedTempFile::new()?;
    fs::write(names.path(), told.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    let mut verify = killer.report();
    let done = verify.args(["verify", "--json", "--told"]).arg(names.path()).arg(folder).output()?;
    let (said, printed) = (String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    // 0: it is whole and consistent; 3: it is not.
    let Some(code @ (0 | 3)) = done.status.code() else {
        return Ok((0, vec![format!("verify ends with {}: {}", done.status, said.trim())]));
    };
    let answers = printed.lines().map(serde_json::from_str).collect::<Result<Vec<Verified>, _>>()?;
    let in_words = |Problem { file, line, problem }: &Problem| match line {
        Some(line) => format!("{file} line {line}: {problem}"),
        None => format!("{file}: {problem}"),
    };
    let mut problems: Vec<_> = answers.iter().flat_map(|answer| &answer.problems).map(in_words).collect();
    if code == 3 && problems.is_empty() {
        problems.push(printed.trim().to_owned());
    }
    Ok((answers.first().map_or(0, |answer| answer.trials), problems))
}

/// Adds a run that was found whole to the toll.
pub(crate) fn count(killer: &Killer<'_>, folder: &Path) -> Told<()> {
    let transfers = rows(&folder.join("transfers.csv"))?;
    let killed = transfers.iter().filter(|row| was_in_flight(row)).count();
    killer.toll.ran(transfers.len() as u64, killed as u64, transfers.len() as u64 - counted(folder, &transfers)?);
    Ok(())
}

/// The report counts the whole attempts and nothing else, and tells of the interrupted ones.
pub(crate) fn check_report(folder: &Path, said: &str) -> Told<()> {
    let transfers = rows(&folder.join("transfers.csv"))?;
    let counted = counted(folder, &transfers)?;
    let superseded = transfers.len() as u64 - counted;
    let mut reported = 0;
    for row in rows(&folder.join("summary.csv"))? {
        for column in ["transfers", "cancelled", "failed_locally"] {
            reported += row[column].parse::<u64>()?;
        }
    }
    let folder = folder.display();
    if reported != counted {
        return Err(format!("{folder}: the report counts {reported} transfers of {counted}").into());
    }
    if superseded > 0 && !said.contains(&format!("{superseded} transfers of interrupted attempts")) {
        return Err(format!("{folder}: the report does not tell of {superseded} superseded transfers:\n{said}").into());
    }
    Ok(())
}

/// How many belong to whole attempts.
fn counted(folder: &Path, transfers: &[Row]) -> Told<u64> {
    let attempt = |row: &Row| (row["trial_id"].clone(), row["attempt"].clone());
    let trials = rows(&folder.join("trials.csv"))?;
    let whole: BTreeSet<_> = trials.iter().filter(|row| row["state"] == "whole").map(attempt).collect();
    Ok(transfers.iter().filter(|row| whole.contains(&attempt(row))).count() as u64)
}

fn was_in_flight(row: &Row) -> bool {
    row["error"] == "run killed"
}

/// What is in a folder whose name begins so.
pub(crate) fn beginning(folder: &Path, name: &str) -> Told<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(name) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
