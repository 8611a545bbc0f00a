//! `ttlsweep run --dry-run`: what a plan is, what it takes and how it can end; nothing is sent.

use std::io;
use std::path::Path;

use ttlsweep_console::data;
use ttlsweep_record::units::{count, format_micros};
use ttlsweep_record::{BitRate, Cell, Control, Portion, SCHEMA_VERSION, Ttls};
use ttlsweep_rundir::planned::{PlannedRun, Takes};

use crate::cmd::exit::Failure;
use crate::experiment::Experiment;
use crate::experiment::needed::{Outlives, knows_rate, micros, needed, outlives};
use crate::plan::Plan;
use crate::plan::estimate::Estimate;
use crate::plan::outlook::Outlook;

/// What is printed.
pub(super) struct DryRun<'a> {
    pub(super) experiment: &'a Experiment,
    /// What this process would run.
    pub(super) plan: &'a Plan,
    pub(super) portion: Option<Portion>,
    pub(super) estimate: &'a Estimate,
    pub(super) outlook: &'a Outlook,
    /// Whether every trial is listed.
    pub(super) trials: bool,
}

impl DryRun<'_> {
    /// Prints the cells and, last, what they take and how the run can end.
    pub(super) fn print(&self) {
        let Self { experiment, plan, .. } = self;
        data!("experiment  {}", experiment.name);
        data!("question    {}", experiment.question);
        data!("plan        {}", plan.hash);
        data!("seed        {}", plan.seed);
        if let Some(portion) = self.portion {
            data!("{:<11} {}", portion.kind(), portion.share());
        }
        if self.trials {
            print_trials(plan);
        }
        print_cells(experiment);
        data!("\n{}\n{}", self.estimate, self.outlook);
    }
}

/// Writes the plan into `folder`: its cells, and what it takes.
pub(super) fn write(experiment: &Experiment, plan: &Plan, folder: &Path) -> Result<(), Failure> {
    let more = Experiment { repetitions: experiment.repetitions.saturating_add(1), ..experiment.clone() };
    let estimate = Estimate::new(plan, experiment);
    let (takes, with_one_more) = (takes(&estimate), takes(&Estimate::new(&Plan::new(&more), &more)));
    let planned = PlannedRun {
        schema_version: SCHEMA_VERSION,
        experiment: experiment.name.clone(),
        plan_hash: plan.hash.clone(),
        blocks: plan.repetitions,
        needed_us: plan.cells.iter().map(|cell| (cell.cell_id.clone(), micros(needed(cell)))).collect(),
        assumed_bps: estimate.assumed_rate.map(BitRate::bits_per_second),
        probes_clock: estimate.clocks.is_some(),
        takes,
        each_block: Takes {
            transfers: with_one_more.transfers - takes.transfers,
            requests: with_one_more.requests - takes.requests,
            bytes_up: with_one_more.bytes_up - takes.bytes_up,
            bytes_down: with_one_more.bytes_down - takes.bytes_down,
            duration_us: with_one_more.duration_us.saturating_sub(takes.duration_us),
            usd: with_one_more.usd.zip(takes.usd).map(|(more, usd)| more - usd),
        },
    };
    planned.write(folder, &plan.cells).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(error),
        _ => Failure::internal(error),
    })
}

fn takes(estimate: &Estimate) -> Takes {
    let beside = match (&estimate.aws, estimate.clocks) {
        (Some(aws), _) => (aws.class_a + aws.class_b).saturating_sub(estimate.transfers),
        (None, clocks) => clocks.map_or(0, |clocks| clocks.requests),
    };
    Takes {
        transfers: estimate.transfers,
        requests: estimate.transfers.saturating_add(beside),
        bytes_up: estimate.bytes_up,
        bytes_down: estimate.bytes_down,
        duration_us: micros(estimate.duration),
        usd: estimate.aws.map(|aws| aws.usd),
    }
}

/// A line for each cell of the grid with what varies, and one for all controls.
fn print_cells(experiment: &Experiment) {
    let axes = &experiment.axes;
    let mut rows = vec![Vec::from(["cell".to_owned()])];
    rows[0].extend(axes.iter().map(|axis| axis.key.to_owned()));
    rows[0].extend(["needs".to_owned(), "outlives its link".to_owned()]);
    let grid: Vec<&Cell> = experiment.cells.iter().filter(|cell| cell.control.is_none()).collect();
    for (index, cell) in grid.iter().enumerate() {
        let mut row = vec![cell.cell_id.clone()];
        // The first axis varies slowest.
        let mut left = grid.len();
        let mut rest = index;
        for axis in axes {
            left /= axis.values.len();
            row.push(axis.values[rest / left].trim_matches('"').to_owned());
            rest %= left;
        }
        let outlives = match outlives(cell) {
            Outlives::Surely => "yes",
            Outlives::Perhaps => "perhaps",
            Outlives::Never => "no",
        };
        let about = if knows_rate(cell) { "" } else { "~" };
        row.extend([format!("{about}{}", format_micros(micros(needed(cell)))), outlives.to_owned()]);
        rows.push(row);
    }
    data!();
    let widths: Vec<usize> =
        (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let padded = row.iter().zip(&widths).map(|(value, width)| format!("{value:width$}"));
        data!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    if let Some(cell) = grid.first() {
        data!("every cell: {}", fixed(cell, axes.iter().map(|axis| axis.key).collect()).join(", "));
    }
    let kinds = Control::ALL.iter().filter_map(|control| {
        let number = experiment.cells.iter().filter(|cell| cell.control == Some(*control)).count();
        (number > 0).then(|| format!("{number} {control}"))
    });
    let kinds: Vec<String> = kinds.collect();
    data!("controls: {}", if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") });
}

/// The settings of a cell that are no axis, as far as they say what is asked of whom.
fn fixed(cell: &Cell, axes: Vec<&str>) -> Vec<String> {
    let settings = [
        ("method", Some(cell.method.to_string())),
        ("users", Some(count(u64::from(cell.users), "user"))),
        ("ttl", cell.ttls().map(ttl_words)),
        ("size", Some(cell.size_bytes.to_string())),
        ("bandwidth", Some(cell.bandwidth_bps.map_or_else(|| "no cap".to_owned(), |rate| rate.to_string()))),
        ("expiry", cell.expiry_policy.map(|policy| format!("expiry {policy}"))),
        ("endpoint", cell.endpoint.clone()),
    ];
    settings.into_iter().filter(|(key, _)| !axes.contains(key)).filter_map(|(_, words)| words).collect()
}

fn ttl_words(ttls: Ttls) -> String {
    let Ttls { least_s, most_s } = ttls;
    if least_s == most_s { format!("TTL {least_s} s") } else { format!("TTL drawn from {least_s} to {most_s} s") }
}

fn print_trials(plan: &Plan) {
    data!("\ntrial        position  jitter   cell");
    for trial in &plan.trials {
        let cell = plan.cell(trial);
        let control = cell.control.map(|control| format!(" ({control})")).unwrap_or_default();
        let jitter = format!("{:.2}s", trial.jitter.as_secs_f64());
        let drawn = trial.ttl_s.map(|ttl_s| format!(", TTL {ttl_s} s")).unwrap_or_default();
        data!("{:<12} {:>8}  {jitter:>6}   {}{control}{drawn}", trial.trial_id, trial.position, cell.cell_id);
    }
}
