//! How well bandwidth caps hold: achieved over asked, and how fairly users share.
//!
//! Every user makes one transfer, all of the same size, chosen so that the trial takes 5 s, or 100 quanta a user if that is
//! longer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use ttlsweep_record::units::grouped;
use ttlsweep_record::{Method, Outcome, TransferRecord, TrialRecord};

use crate::Failure;
use crate::page::replace_part;
use crate::sweep::{self, Rows, wire};

const USERS: [u64; 3] = [1, 5, 100];
const MEGABITS: [u64; 4] = [1, 10, 100, 1000];
const SECONDS: u64 = 5;
const QUANTA: u64 = 100;
const RATE_WITHIN: f64 = 0.01;
const FAIR_FROM: f64 = 0.99;
/// Slow trials leave the machine idle, so that four of them side by side don't disturb each other.
const SIDE_BY_SIDE_UP_TO: u64 = 10;

#[derive(clap::Args)]
pub(crate) struct Asked {
    /// The folder of the program
    #[arg(long, default_value = "target/release")]
    bin: PathBuf,
    /// The folder of bench.md
    #[arg(long, default_value = "docs")]
    out: PathBuf,
    /// Two caps alone, in a few seconds in place of about five minutes; writes nothing
    #[arg(long)]
    quick: bool,
}

pub(crate) fn measure(asked: &Asked) -> Result<ExitCode, Failure> {
    let all = USERS.into_iter().flat_map(|users| MEGABITS.map(|megabits| (users, megabits))).collect();
    let wanted = if asked.quick { vec![(1, 100), (5, 100)] } else { all };
    let mut caps = Vec::new();
    for (users, megabits) in wanted {
        let rows = sweep::run(&asked.bin, &experiment(users, megabits))?;
        for trial in &rows.trials {
            caps.push(Cap::of(trial, &rows)?);
        }
        eprintln!("{users} users, {megabits} Mbit/s");
    }
    let table = table(&caps);
    if !asked.quick {
        replace_part(&asked.out.join("bench.md"), "caps", &table)?;
    }
    println!("{table}");
    Ok(if caps.iter().all(Cap::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn experiment(users: u64, megabits: u64) -> String {
    let for_seconds = megabits * 1_000_000 / 8 * SECONDS / users;
    let kilobytes = (for_seconds.max(QUANTA * quantum(users, megabits)) + 500) / 1000;
    let parallel_trials = if megabits <= SIDE_BY_SIDE_UP_TO { 4 } else { 1 };
    format!(
        r#"[experiment]
name = "caps"
question = "Do caps hold?"
parallel_trials = {parallel_trials}
[target]
kind = "embedded"
expiry = "never"
tls = [false, true]
[grid]
users = {users}
ttl = "1h"
size = "{kilobytes}kB"
bandwidth = "{megabits}Mbit/s"
[transfer]
method = ["put", "get"]
jitter = "0s"
idle_timeout = "5m"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"#
    )
}

/// Bytes, as the runner cuts its slots: 20 ms of a user's share, from 1 to 16 KiB.
fn quantum(users: u64, megabits: u64) -> u64 {
    (megabits * 1_000_000 / 8 / 50 / users).clamp(1 << 10, 16 << 10)
}

/// One trial: what was asked, and what came of it.
struct Cap {
    method: Method,
    tls: bool,
    users: u64,
    megabits: u64,
    achieved: f64,
    fairness: f64,
    /// Of all bytes of the trial.
    quantum_share: f64,
    starved: bool,
}

impl Cap {
    fn of(trial: &TrialRecord, rows: &Rows) -> Result<Self, Failure> {
        let cell = rows.cells.get(&trial.cell_id).ok_or("a trial of no cell")?;
        let users = u64::from(cell.users);
        let is_whole = |row: &&TransferRecord| row.trial_id == trial.trial_id && row.outcome == Outcome::Completed;
        let rates: Vec<_> =
            rows.transfers.iter().filter(is_whole).map(|row| row.size_bytes.0 as f64 / row.total_us as f64).collect();
        if rates.len() as u64 != users {
            return Err(format!("{} of {users} transfers of {} completed", rates.len(), trial.trial_id).into());
        }
        let (asked, achieved) = cell.bandwidth_bps.zip(trial.achieved_bps).ok_or("a trial without a cap, or a rate")?;
        let megabits = asked.bits_per_second() / 1_000_000;
        Ok(Self {
            method: cell.method,
            tls: cell.tls == Some(true),
            users,
            megabits,
            achieved: achieved as f64 / asked.bits_per_second() as f64,
            fairness: jain(&rates),
            quantum_share: quantum(users, megabits) as f64 / (users * cell.size_bytes.0) as f64,
            starved: trial.starved,
        })
    }

    fn holds(&self) -> bool {
        (self.achieved - 1.0).abs() <= RATE_WITHIN + self.quantum_share && self.fairness >= FAIR_FROM
    }

    fn text(&self) -> String {
        let text = format!("{:.4} · {:.4}", self.achieved, self.fairness);
        let text = if self.holds() { text } else { format!("**{text}**") };
        if self.starved { format!("{text} (starved)") } else { text }
    }
}

/// Jain's index: 1 if all get the same, 1/n if one gets all.
fn jain(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>().powi(2) / (shares.len() as f64 * shares.iter().map(|share| share * share).sum::<f64>())
}

fn table(caps: &[Cap]) -> String {
    // Uploads first.
    let kinds: BTreeSet<_> = caps.iter().map(|cap| (!cap.method.is_upload(), cap.tls)).collect();
    let name = |(get, tls): &(bool, bool)| format!("{}, {}", if *get { "download" } else { "upload" }, wire(*tls));
    let names: Vec<_> = kinds.iter().map(name).collect();
    let mut lines = vec![
        format!("| users | Mbit/s | {} |", names.join(" | ")),
        format!("| ---: | ---: |{}", " --- |".repeat(names.len())),
    ];
    let mut rows = BTreeMap::<_, BTreeMap<_, _>>::new();
    for cap in caps {
        rows.entry((cap.users, cap.megabits)).or_default().insert((!cap.method.is_upload(), cap.tls), cap.text());
    }
    for ((users, megabits), found) in rows {
        let cells: Vec<_> = kinds.iter().map(|kind| found.get(kind).map_or("", String::as_str)).collect();
        lines.push(format!("| {users} | {} | {} |", grouped(megabits), cells.join(" | ")));
    }
    let held = caps.iter().filter(|cap| cap.holds()).count();
    format!(
        "{}\n\n{held} of {} hold: the rate within 1 % and one quantum, and Jain's index at least 0.99.\n",
        lines.join("\n"),
        caps.len()
    )
}
