//! How often the TTL's bound holds, over worlds whose lateness is known: `just ttl-coverage`. Prints a table in Markdown.

// Said to the person who runs it, not to a user.
#![allow(clippy::print_stdout)]

use ttlsweep_report::testing::ttl::{World, coverage};

fn main() {
    let rounds: u64 = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(20_000);
    println!("| lateness of trials | risk asked | {} |", TRIALS.map(|n| format!("{n} trials")).join(" | "));
    println!("| --- | ---: | {} |", TRIALS.map(|_| "---:").join(" | "));
    for (at, world) in (1..).zip(World::ALL) {
        for (percent, risk) in [(5, 0.05), (1, 0.01)] {
            let held =
                |n: u64| format!("{:.1} %", 100.0 * coverage(world, n, risk, rounds, 10_000 * at + 100 * percent + n));
            println!("| {} | {percent} % | {} |", world.name(), TRIALS.map(held).join(" | "));
        }
    }
}

const TRIALS: [u64; 5] = [20, 59, 93, 299, 600];
