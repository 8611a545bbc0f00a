//! How often the TTL's bound holds, over worlds whose lateness is known: `just ttl-coverage`. Prints tables in Markdown.

// Said to the person who runs it, not to a user.
#![allow(clippy::print_stdout)]

use ttlsweep_report::testing::ttl::{Coverage, World, coverage};

fn main() {
    let rounds: u64 = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(20_000);
    let told = |world: World| (world.spell() > 1).then(|| Some(world.spell()));
    let mut dependent: Vec<(String, Vec<Coverage>)> = Vec::new();
    head("lateness of trials");
    for (at, world) in (1..).zip(World::ALL) {
        for (percent, risk) in [(5, 0.05), (1, 0.01)] {
            for told in [None].into_iter().chain(told(world)) {
                let seed = |n: u64| SEEDS + 10_000 * at + 100 * percent + n + told.map_or(0, |_| 7_000);
                let found = TRIALS.map(|n| coverage(world, n, risk, told, rounds, seed(n)));
                let said = if told.is_some() { ", and `--spell` says so" } else { "" };
                row(&format!("{}{said}", world.name()), percent, found.map(|one| percent_of(one.all)));
                if told.is_none() && world.spell() > 1 {
                    dependent.push((format!("{} | {percent} %", world.name()), found.to_vec()));
                }
            }
        }
    }
    println!();
    head("runs whose answer warns, and those that do not");
    for (name, found) in dependent {
        let parts = found.iter().map(|one| {
            let [all, _] = one.all;
            let share = 100 * one.warned[0] / all;
            format!("{share} % warn: {}; {}", percent_of(one.warned), percent_of(one.unwarned()))
        });
        println!("| {name} | {} |", parts.collect::<Vec<_>>().join(" | "));
    }
}

fn head(first: &str) {
    println!("| {first} | risk asked | {} |", TRIALS.map(|n| format!("{n} trials")).join(" | "));
    println!("| --- | ---: | {} |", TRIALS.map(|_| "---:").join(" | "));
}

fn row(name: &str, percent: u64, held: [String; 5]) {
    println!("| {name} | {percent} % | {} |", held.join(" | "));
}

/// Of so many runs, the share in which it held.
fn percent_of([all, held]: [u64; 2]) -> String {
    format!("{:.1} %", 100.0 * held as f64 / all as f64)
}

const TRIALS: [u64; 5] = [20, 59, 93, 299, 600];
/// Seeds that were not used while the rule was made.
const SEEDS: u64 = 20_261_130;
