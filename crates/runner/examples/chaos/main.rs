//! Kills every command at random instants, and checks that nothing is lost, nothing counted twice, and nothing needs a hand.
//!
//! ```text
//! chaos --bin FOLDER [--kills N] [--seed N] [--jobs N]     exit 1 if anything does not hold
//! ```
//!
//! Each kill is SIGKILL, SIGTERM, SIGHUP, SIGINT or a loss of power: SIGKILL, after which random tails of what was being written
//! go, in mid-row or not. Stories of two kinds are told, several at once, until there were as many kills as are asked for:
//!
//! - `embedded`, on the embedded testbed: `run` is killed, its `resume`, and the report on it
//! - `sharded`, in two shards against a testbed of its own: `run --shard --upload` is killed, then `merge`, then `clean`
//!
//! After each kill the same command is started again (`resume` after `run`), and must mend what was left:
//!
//! - `ttlsweep-report verify` finds the run whole and consistent, every transfer that the journal told of at a kill included
//! - every row that was in the file at a kill is there at the end, byte for byte
//! - a transfer that was in flight at a kill is `cancelled`
//! - the report counts the whole attempts and nothing else, and tells of the interrupted ones
//! - what was uploaded is what is here, and after `clean` the bucket is empty
//! - asked to end, a command does so in a few seconds, with 130 (a shard with 75), or by the signal itself before it listens

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod blow;
mod bucket;
mod dice;
mod embedded;
mod kept;
mod kill;
mod sharded;
mod story;
mod toll;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use tokio::runtime::Runtime;

use dice::Dice;
use embedded::Embedded;
use kill::{Killer, Programs};
use sharded::Sharded;
use toll::{Command, Toll};

/// A message says what does not hold that must, or what could not be done.
type Told<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Kills every command at random instants, and checks that nothing is lost, nothing counted twice, and nothing needs a hand.
#[derive(Parser)]
struct Asked {
    /// The folder of the programs
    #[arg(long)]
    bin: PathBuf,
    #[arg(long, default_value_t = 200)]
    kills: u64,
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Stories that are told at once: most of one is waiting
    #[arg(long, default_value_t = 4)]
    jobs: usize,
}

fn main() -> Told<ExitCode> {
    let asked = Asked::parse();
    let programs = Programs::of(&asked.bin)?;
    let base = tempfile::Builder::new().prefix("ttlsweep-chaos-").tempdir()?;
    let (toll, runtime, began) = (Toll::default(), Runtime::new()?, Instant::now());
    kill::listen(&runtime)?;
    let stories = Stories {
        programs,
        base: base.path(),
        seed: asked.seed,
        toll: &toll,
        runtime: &runtime,
        told: AtomicU64::new(0),
    };
    let wanted = toll::shares(asked.kills);
    // Now and then a command is done before its kill comes.
    while !toll.is_broken() {
        let missing = toll.missing(&wanted);
        if missing.is_empty() {
            break;
        }
        stories.tell_all(of(missing), asked.jobs);
    }
    if let Some(code) = kill::stopped() {
        return Ok(code);
    }
    println!("{} kills in {:.0} s, seed {}\n{toll}", toll.kills(), began.elapsed().as_secs_f64(), asked.seed);
    if toll.is_broken() {
        eprintln!("{}\nthe files are in {}", toll.problems().join("\n"), base.keep().display());
        return Ok(ExitCode::FAILURE);
    }
    println!("0 rows lost, 0 counted twice, 0 folders that need a hand");
    Ok(ExitCode::SUCCESS)
}

/// A story, by its kind and the commands that are killed in it.
struct Story {
    is_sharded: bool,
    kills: Vec<Command>,
}

/// The stories, until there are as many kills of every command as are missing; the kinds take turns.
fn of(mut missing: BTreeMap<Command, u64>) -> Vec<Story> {
    let mut stories = Vec::new();
    while missing.values().any(|count| *count > 0) {
        for (is_sharded, commands) in [(false, embedded::KILLS), (true, sharded::KILLS)] {
            let mut kills = Vec::new();
            for command in commands {
                if let Some(count @ 1..) = missing.get_mut(&command) {
                    *count -= 1;
                    kills.push(command);
                }
            }
            if !kills.is_empty() {
                stories.push(Story { is_sharded, kills });
            }
        }
    }
    stories
}

/// Tells them, each in a folder of its own that goes if all is well.
struct Stories<'a> {
    programs: Programs,
    base: &'a Path,
    seed: u64,
    toll: &'a Toll,
    runtime: &'a Runtime,
    told: AtomicU64,
}

impl Stories<'_> {
    /// Tells these, `jobs` at a time.
    fn tell_all(&self, stories: Vec<Story>, jobs: usize) {
        let left = Mutex::new(stories.into_iter());
        let next = || left.lock().ok()?.next();
        thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    while let Some(story) = next().filter(|_| !self.toll.is_broken()) {
                        self.tell(&story);
                    }
                });
            }
        });
    }

    fn tell(&self, story: &Story) {
        let number = self.told.fetch_add(1, Ordering::Relaxed) + 1;
        let lab = self.base.join(format!("story-{number}"));
        if let Err(problem) = self.tell_in(&lab, number, story) {
            self.toll.broke(format!("story-{number}: {problem}"));
        }
    }

    fn tell_in(&self, lab: &Path, number: u64, Story { is_sharded, kills }: &Story) -> Told<()> {
        std::fs::create_dir(lab)?;
        let killer = Killer::new(&self.programs, lab, Dice::new(self.seed, number), self.toll);
        if *is_sharded {
            Sharded::begin(&killer, self.runtime)?.tell(kills)?;
        } else {
            Embedded::begin(&killer)?.tell(kills)?;
        }
        Ok(std::fs::remove_dir_all(lab)?)
    }
}
