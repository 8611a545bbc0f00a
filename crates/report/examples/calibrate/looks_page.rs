//! What looking after every block comes to: the tables of `docs/calibration.md`, and `docs/looks.csv`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ttlsweep_record::units::grouped;
use ttlsweep_simulate::chance::Seeds;

use crate::looks::{LEAST, Look, Looked, MOST, Said};
use crate::page::percent;

/// Verdicts after every block.
pub(crate) fn verdicts(all: &[Looked], seeds: Seeds) -> String {
    let (cutters, innocents): (Vec<&Looked>, Vec<&Looked>) = all.iter().partition(|looked| looked.world.cuts());
    let simulations = all.first().map_or(0, |looked| looked.simulations);
    let mut text = format!(
        "{} simulated runs of each of {} worlds, {} in all, each asked after every block from the {LEAST}rd to the {MOST}th, with the \
         {seeds} seeds.\n\n",
        grouped(simulations),
        all.len(),
        grouped(simulations * all.len() as u64),
    );
    goals(&mut text, &innocents, &cutters);
    text += "\n### Servers that do not cut, asked after every block\n\n";
    table(&mut text, &innocents, "accused at any look", |looked| looked.last().accused);
    text += "\n### Servers that cut, asked after every block\n\n";
    table(&mut text, &cutters, "ever NO", |looked| looked.last().acquitted);
    text
}

fn goals(text: &mut String, innocents: &[&Looked], cutters: &[&Looked]) {
    *text += "| asked at any look | runs | hit | the worst worlds |\n| --- | ---: | ---: | --- |\n";
    let enforcing: Vec<&Looked> = innocents.iter().copied().filter(|looked| looked.world.enforces()).collect();
    goal(text, "innocents accused: at most 0.1 %", &enforcing, |looked| looked.last().accused);
    let (whole, partly): (Vec<&Looked>, Vec<&Looked>) = cutters.iter().partition(|looked| looked.world.cuts_all());
    goal(text, "NO to a server that cuts all", &whole, |looked| looked.last().acquitted);
    goal(text, "NO to one that cuts 40 %", &partly, |looked| looked.last().acquitted);
}

fn goal(text: &mut String, name: &str, worlds: &[&Looked], hits: fn(&Looked) -> u64) {
    let runs: u64 = worlds.iter().map(|looked| looked.simulations).sum();
    let all: u64 = worlds.iter().map(|looked| hits(looked)).sum();
    let mut worst: Vec<&Looked> = worlds.iter().copied().filter(|looked| hits(looked) > 0).collect();
    worst.sort_by_key(|looked| std::cmp::Reverse(hits(looked)));
    let worst: Vec<String> = worst
        .iter()
        .take(WORST)
        .map(|looked| format!("{}: {}", looked.world.name, percent(hits(looked), looked.simulations)))
        .collect();
    let worst = if worst.is_empty() { "none".to_owned() } else { worst.join("; ") };
    let _ = writeln!(text, "| {name} | {} | {all}: {} | {worst} |", grouped(runs), percent(all, runs));
}

fn table(text: &mut String, worlds: &[&Looked], rare: &str, hits: fn(&Looked) -> u64) {
    let _ = writeln!(
        text,
        "| world | {rare} | right / silent / wrong, if it stops when decided | blocks: half, nine in ten | at {FIXED} blocks | at {MOST} \
         blocks | saved against {FIXED} | as sure with | saved against that |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for looked in worlds {
        let blocks =
            |share: f64| looked.decided_in(share).map_or_else(|| format!("> {MOST}"), |blocks| blocks.to_string());
        let saved = |fixed: u32| format!("{:.1}", f64::from(fixed) / looked.mean_blocks());
        let as_sure = looked.as_sure().filter(|_| looked.stopped().right > 0);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {}, {} | {} | {} | {} | {} | {} |",
            looked.world.name,
            percent(hits(looked), looked.simulations),
            crate::page::shares(looked.stopped()),
            blocks(0.5),
            blocks(0.9),
            crate::page::shares(looked.after(FIXED).now),
            crate::page::shares(looked.last().now),
            saved(FIXED),
            as_sure.map_or_else(|| "–".to_owned(), |blocks| blocks.to_string()),
            as_sure.map_or_else(|| "–".to_owned(), saved),
        );
    }
}

/// The test of the windows of today and the bet.
pub(crate) fn tests(all: &[Looked]) -> String {
    let mut text = "| world | test: last, any | bet: last, any | with all rules, test: last, any | with all rules, bet: last, any | test at \
                    5 blocks | bet at 5 blocks |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let (cutters, innocents): (Vec<&Looked>, Vec<&Looked>) = all.iter().partition(|looked| looked.world.cuts());
    sum(&mut text, "**all innocents**", &innocents);
    sum(&mut text, "**all cutters**", &cutters);
    let says_something = |looked: &&&Looked| {
        let [test, bet] = looked.last().tests;
        test.alone[1] + bet.alone[1] > 0
    };
    for looked in innocents.iter().filter(says_something).chain(cutters.iter().filter(says_something)) {
        line(&mut text, looked.world.name, looked.simulations, looked.last().tests, looked.after(FEW).tests);
    }
    text
}

fn sum(text: &mut String, name: &str, worlds: &[&Looked]) {
    let runs = worlds.iter().map(|looked| looked.simulations).sum();
    let total = |of: &dyn Fn(&Looked) -> [Said; 2]| {
        worlds.iter().map(|looked| of(looked)).fold([Said::default(); 2], |mut all, one| {
            all.iter_mut().zip(one).for_each(|(all, one)| all.add(one));
            all
        })
    };
    line(text, name, runs, total(&|looked| looked.last().tests), total(&|looked| looked.after(FEW).tests));
}

fn line(text: &mut String, name: &str, runs: u64, [test, bet]: [Said; 2], [few_test, few_bet]: [Said; 2]) {
    let share = |hits: u64| {
        let share = 100.0 * hits as f64 / runs.max(1) as f64;
        let digits = if hits > 0 && share < 0.1 { 3 } else { 1 };
        let text = format!("{share:.digits$}");
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    };
    let both = |[last, any]: [u64; 2]| format!("{}, {}", share(last), share(any));
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {} | {} | {} | {} |",
        both(test.alone),
        both(bet.alone),
        both(test.ruled),
        both(bet.ruled),
        share(few_test.ruled[0]),
        share(few_bet.ruled[0]),
    );
}

/// Writes `looks.csv`: one row per world and look.
pub(crate) fn write(path: &Path, all: &[Looked]) -> io::Result<()> {
    let mut csv = csv::Writer::from_path(path)?;
    csv.write_record(HEADER)?;
    for looked in all {
        for (blocks, look) in looked.by_blocks() {
            csv.write_record(fields(looked, blocks, look))?;
        }
    }
    csv.flush()
}

fn fields(looked: &Looked, blocks: u32, look: &Look) -> Vec<String> {
    let [test, bet] = look.tests;
    let counts = [
        look.now.right,
        look.now.silent,
        look.now.wrong,
        look.stopped.right,
        look.stopped.wrong,
        look.accused,
        look.acquitted,
        test.alone[0],
        test.alone[1],
        test.ruled[0],
        test.ruled[1],
        bet.alone[0],
        bet.alone[1],
        bet.ruled[0],
        bet.ruled[1],
    ];
    let names = [looked.world.name.to_owned(), looked.world.cuts().to_string(), looked.simulations.to_string()];
    names.into_iter().chain([blocks.to_string()]).chain(counts.iter().map(u64::to_string)).collect()
}

const HEADER: [&str; 19] = [
    "world",
    "cuts_at_expiry",
    "simulations",
    "blocks",
    "right",
    "silent",
    "wrong",
    "first_decided_right",
    "first_decided_wrong",
    "accused_so_far",
    "acquitted_so_far",
    "test_now",
    "test_so_far",
    "test_ruled_now",
    "test_ruled_so_far",
    "bet_now",
    "bet_so_far",
    "bet_ruled_now",
    "bet_ruled_so_far",
];

/// The blocks of the shipped plan.
const FIXED: u32 = 10;
/// The fewest that make a NO.
const FEW: u32 = 5;
const WORST: usize = 6;
