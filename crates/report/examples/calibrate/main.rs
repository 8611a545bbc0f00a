//! How often is the verdict right? Simulates runs of many worlds and holds the verdict on each against the truth.
//!
//! The simulator (the crate `ttlsweep-simulate`) is written apart from the verdict's rules and knows none of them: it makes rows, as
//! the runner would. `score` hands them to the verdict as the forecast does, and counts; `table`, `page` and `chart` write it down.
//! `forecast` holds the forecast against what was found. `looks` asks after every block, and `bets` lays bets beside the test of the
//! windows; `looks_page` writes that down. `arms` asks which arm of an experiment closes which silence, and `arms_page` writes it down.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arms;
mod arms_page;
mod bets;
mod chart;
mod forecast;
mod looks;
mod looks_page;
mod page;
mod score;
mod table;
mod testbed;
#[cfg(test)]
mod tests;
#[allow(dead_code, reason = "charts break lines, and no page is bound here")]
#[path = "../../src/unbroken.rs"]
mod unbroken;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ttlsweep_simulate::catalogue::worlds;
use ttlsweep_simulate::chance::Seeds;
use ttlsweep_simulate::plan::{SAMPLES, Sample};
use ttlsweep_simulate::world::World;

use table::Row;

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::parse(std::env::args().skip(1))?;
    if let Some((program, runs)) = asked.program.as_ref().zip(asked.testbed) {
        let table = testbed::run(program, runs)?;
        print!("{table}");
        if let Some(docs) = &asked.docs {
            page::splice(&docs.join("calibration.md"), "testbed", &table)?;
        }
        return Ok(());
    }
    if let Some((simulations, docs)) = asked.forecast.zip(asked.docs.as_ref()) {
        let page = docs.join("forecast.md");
        page::splice(&page, "against the calibration", &forecast::against_calibration(docs, simulations)?)?;
        return Ok(page::splice(&page, "the original report", &forecast::original_report(simulations.min(200))?)?);
    }
    if let Some(simulations) = asked.looks {
        return look(&asked, simulations);
    }
    if let Some(simulations) = asked.arms {
        return judge_arms(&asked, simulations);
    }
    let kept = match asked.docs.as_ref().filter(|_| asked.keeps) {
        Some(docs) => table::read(&docs.join("calibration.csv"), &worlds(), asked.simulations)?,
        None => Vec::new(),
    };
    let kept = |world: &World| kept.iter().find(|row| row.world.name == world.name).cloned();
    let worlds = worlds().into_iter().filter(|world| asked.wants(world.name));
    let rows: Vec<Row> = worlds.map(|world| kept(&world).unwrap_or_else(|| row(world, &asked))).collect();
    let Some(docs) = &asked.docs else { return Ok(()) };
    write(docs, &rows, &asked)
}

/// Judges the cells that ended in silence with each arm.
fn judge_arms(asked: &Asked, simulations: u64) -> Result<(), Box<dyn Error>> {
    let told = |silent: &arms::Silent| {
        let tally = |(arm, score): &(arms::Arm, score::Score)| format!("{} {}", arm.name(), page::shares(score.cut));
        let tallies: Vec<String> = silent.scores.iter().map(tally).collect();
        println!("{} {}: {}", silent.world.name, silent.sample.name(), tallies.join(", "));
    };
    let all = arms::judge(&worlds(), asked.seeds, simulations, |world| asked.wants(world), told);
    let table = arms_page::table(&all, asked.seeds, simulations);
    let Some(docs) = &asked.docs else {
        print!("{table}");
        return Ok(());
    };
    arms_page::write(&docs.join("arms.csv"), &all)?;
    Ok(page::splice(&docs.join("calibration.md"), "arms", &table)?)
}

/// Asks simulated runs of every world after every block.
fn look(asked: &Asked, simulations: u64) -> Result<(), Box<dyn Error>> {
    let wanted = worlds().into_iter().filter(|world| asked.wants(world.name));
    let all = wanted.map(|world| {
        let begun = Instant::now();
        let looked = looks::look(world, asked.seeds, simulations);
        println!(
            "{}: stopped {:?} after {:.1} blocks, accused {}, acquitted {}, {:.1} s",
            looked.world.name,
            looked.stopped(),
            looked.mean_blocks(),
            looked.last().accused,
            looked.last().acquitted,
            begun.elapsed().as_secs_f64(),
        );
        looked
    });
    let all: Vec<looks::Looked> = all.collect();
    let (verdicts, tests) = (looks_page::verdicts(&all, asked.seeds), looks_page::tests(&all));
    let Some(docs) = &asked.docs else {
        print!("{verdicts}\n{tests}");
        return Ok(());
    };
    looks_page::write(&docs.join("looks.csv"), &all)?;
    page::splice(&docs.join("calibration.md"), "looks", &verdicts)?;
    Ok(page::splice(&docs.join("calibration.md"), "bets", &tests)?)
}

/// Simulates one world at every sample size, and says so.
fn row(world: World, asked: &Asked) -> Row {
    println!("{}: {}", world.name, world.story);
    let score = |sample| {
        let score = score::calibrate(&world, sample, asked.seeds, asked.simulations);
        let counts = |tally: score::Tally| format!("{}/{}/{}", tally.right, tally.silent, tally.wrong);
        let others = score.others.iter().map(|(mechanism, tally)| format!(", {mechanism} {}", counts(*tally)));
        println!(
            "  {:6} cut-at-expiry {}, accused {}{}, misnamed {}, δ {:.3} s",
            sample.name(),
            counts(score.cut),
            score.accused,
            others.collect::<String>(),
            score.misnamed,
            score.delta_us as f64 / 1e6 / score.cut.of().max(1) as f64,
        );
        (sample, score)
    };
    let wanted = |sample: &Sample| asked.samples.is_empty() || asked.samples.contains(&sample.name());
    let scores = SAMPLES.into_iter().filter(wanted).map(score).collect();
    Row { world, scores }
}

fn write(docs: &Path, rows: &[Row], asked: &Asked) -> Result<(), Box<dyn Error>> {
    table::write(&docs.join("calibration.csv"), rows)?;
    page::splice(&docs.join("calibration.md"), "simulated", &page::simulated(rows, asked.seeds, asked.simulations))?;
    if asked.seeds == Seeds::Judgement {
        page::splice(&docs.join("../METHODOLOGY.md"), "judged", &page::in_short(rows, asked.simulations))?;
    }
    let foot =
        format!("{} simulations a cell, {} seeds.", ttlsweep_record::units::grouped(asked.simulations), asked.seeds);
    std::fs::create_dir_all(docs.join("images"))?;
    chart::draw(&docs.join("images/calibration.png"), rows, &foot)?;
    Ok(())
}

/// The command line.
struct Asked {
    simulations: u64,
    seeds: Seeds,
    /// Only worlds whose names begin so.
    worlds: Vec<String>,
    /// Only samples of these names.
    samples: Vec<String>,
    /// So many real runs of each of the testbed's cases, and no simulation.
    testbed: Option<u64>,
    /// So many simulations of each of the forecast's cells, and no calibration.
    forecast: Option<u64>,
    /// So many simulations of each world, asked after every block, and no calibration.
    looks: Option<u64>,
    /// So many simulations of each cell that ended in silence with each arm, and no calibration.
    arms: Option<u64>,
    /// Whether what `calibration.csv` has of a world stands, so that only new worlds are simulated.
    keeps: bool,
    /// The runner's program, for these.
    program: Option<PathBuf>,
    /// Where the results go; without it they are only printed.
    docs: Option<PathBuf>,
}

impl Asked {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self {
            simulations: 1000,
            seeds: Seeds::Development,
            worlds: Vec::new(),
            samples: Vec::new(),
            testbed: None,
            forecast: None,
            looks: None,
            arms: None,
            keeps: false,
            program: None,
            docs: None,
        };
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{option} needs a value\n{USAGE}"));
            match option.as_str() {
                "--simulations" => {
                    let text = value()?;
                    asked.simulations = text.parse().map_err(|_| format!("`{text}` is not a number of simulations"))?;
                }
                "--seeds" => asked.seeds = value()?.parse()?,
                "--world" => asked.worlds.push(value()?),
                "--sample" => asked.samples.push(value()?),
                "--testbed" => {
                    let text = value()?;
                    asked.testbed = Some(text.parse().map_err(|_| format!("`{text}` is not a number of runs"))?);
                }
                "--forecast" => {
                    let text = value()?;
                    asked.forecast =
                        Some(text.parse().map_err(|_| format!("`{text}` is not a number of simulations"))?);
                }
                "--looks" => {
                    let text = value()?;
                    asked.looks = Some(text.parse().map_err(|_| format!("`{text}` is not a number of simulations"))?);
                }
                "--arms" => {
                    let text = value()?;
                    asked.arms = Some(text.parse().map_err(|_| format!("`{text}` is not a number of simulations"))?);
                }
                "--keep" => asked.keeps = true,
                "--program" => asked.program = Some(value()?.into()),
                "--docs" => asked.docs = Some(value()?.into()),
                _ => return Err(format!("`{option}` is not an option\n{USAGE}")),
            }
        }
        if asked.docs.is_some() && !(asked.worlds.is_empty() && asked.samples.is_empty()) {
            return Err("--docs writes down everything: leave out --world and --sample".to_owned());
        }
        if asked.keeps && asked.docs.is_none() {
            return Err("--keep keeps what stands below --docs DIR".to_owned());
        }
        if asked.forecast.is_some() && asked.docs.is_none() {
            return Err("--forecast reads and writes below --docs DIR".to_owned());
        }
        if asked.testbed.is_some() != asked.program.is_some() {
            return Err(
                "--testbed needs the runner's program, and nothing else does: --testbed N --program PATH".to_owned()
            );
        }
        Ok(asked)
    }

    fn wants(&self, world: &str) -> bool {
        self.worlds.is_empty() || self.worlds.iter().any(|asked| world.starts_with(asked.as_str()))
    }
}

const USAGE: &str = "usage: calibrate [--simulations N] [--seeds development|judgement|looks] [--world NAME]... [--sample N/TRIALS]... [--docs DIR [--keep]]\n       \
                     calibrate --testbed N --program PATH [--docs DIR]\n       \
                     calibrate --forecast N --docs DIR\n       \
                     calibrate --looks N [--seeds development|looks] [--world NAME]... [--docs DIR]\n       \
                     calibrate --arms N [--seeds development|judgement|arms] [--world NAME]... [--docs DIR]";
