//! Host against host: does one machine see another failure rate than the others? Every host ran every cell, so that a
//! difference is the host's, or its network's, and not the TTL's. The unit is the trial.

use std::collections::BTreeMap;

use ttlsweep_record::Control;

use crate::compare::runs::{failures, signed};
use crate::load::Runs;
use crate::prose::p_value;
use crate::stats::{
    BlockSums, Difference, PermutationTrial, holm, mean_difference, newcombe, permutation_normal, permutation_two_sided,
};
use crate::verdict::ALPHA;

/// One host against all others.
#[derive(Debug, Clone, PartialEq)]
pub struct HostComparison {
    /// The machine's name.
    pub host: String,
    /// Its trials of the cells that are compared.
    pub trials: u64,
    /// Its failure rate: the mean of the cells' mean shares over trials.
    pub share: f64,
    /// The other hosts' failure rate in the same cells.
    pub others: f64,
    /// Its failure rate less that of the others, each cell with the same weight.
    pub difference: Difference,
    /// The two-sided p of there being none, by permutation of the hosts within each cell.
    pub p: f64,
    /// Holm's adjustment over the hosts.
    pub p_holm: f64,
}

impl HostComparison {
    /// Whether the difference is shown, at a family-wise error of [`ALPHA`].
    pub fn is_shown(&self) -> bool {
        self.p_holm <= ALPHA
    }
}

/// Compares every host with all others in the grid's own cells, or in the controls if there are no others; in the order of
/// their names. `None` if one machine ran everything, or no two ran the same cell.
pub fn compare_hosts(runs: &Runs) -> Vec<HostComparison> {
    let names = runs.hosts();
    if names.len() < 2 {
        return Vec::new();
    }
    let table = Table::of(runs, &names);
    let few = (table.trials.len() <= MOST_REPLAYED).then_some(table.trials.as_slice());
    let mut found: Vec<HostComparison> =
        (0..names.len()).filter_map(|host| table.compare(host, names[host], few)).collect();
    let p: Vec<f64> = found.iter().map(|one| one.p).collect();
    found.iter_mut().zip(holm(&p)).for_each(|(one, adjusted)| one.p_holm = adjusted);
    found
}

/// The comparison in a sentence, for people.
pub fn sentence(hosts: &[HostComparison]) -> Option<String> {
    let farthest = hosts.iter().max_by(|one, other| reach(one).total_cmp(&reach(other)))?;
    let shown: Vec<&str> = hosts.iter().filter(|one| one.is_shown()).map(|one| one.host.as_str()).collect();
    let found = match shown.as_slice() {
        [] => format!("no difference shown between {} hosts", hosts.len()),
        [one] => format!("{one} differs from the other {}", hosts.len() - 1),
        several if several.len() <= MOST_NAMED => {
            format!("{} of {} differ from the others: {}", several.len(), hosts.len(), several.join(", "))
        }
        several => format!("{} of {} differ from the others", several.len(), hosts.len()),
    };
    let interval = farthest.difference.interval;
    Some(format!(
        "hosts: {found}; farthest off is {}, {} points ({} to {} with 95 %; {} after Holm)",
        farthest.host,
        signed(farthest.difference.estimate),
        signed(interval.low),
        signed(interval.high),
        p_value(farthest.p_holm),
    ))
}

/// How far a host lies from the others.
pub(crate) fn reach(one: &HostComparison) -> f64 {
    one.difference.estimate.abs()
}

/// The trials, summed up by cell and host: a thousand hosts are compared without going through all trials for each.
struct Table {
    /// By cell, then by host.
    sums: Vec<BTreeMap<usize, Sums>>,
    trials: Vec<(usize, usize, f64)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    trials: u64,
    sum: f64,
    squares: f64,
}

impl Table {
    fn of(runs: &Runs, names: &[&str]) -> Self {
        let of_kind = |control: bool| {
            let cells = runs.cells.iter().filter(move |cell| cell.control.is_some() == control);
            let named = cells.enumerate().map(|(at, cell)| (cell.cell_id.as_str(), at));
            named.collect::<BTreeMap<_, _>>()
        };
        // Controls are there to be alike, and would only thin it out; expired starts fail by design.
        let grid = of_kind(false);
        let cells = if grid.is_empty() { of_kind(true) } else { grid };
        let mut table = Self { sums: vec![BTreeMap::new(); cells.len()], trials: Vec::new() };
        for (trial, tally) in runs.trials.iter().zip(failures(runs)) {
            let share = tally.map(|tally| tally.share());
            let known = (cells.get(trial.cell_id.as_str()), names.binary_search(&trial.host.as_str()).ok(), share);
            let (Some(cell), Some(host), Some(share)) = known else { continue };
            if trial.control == Some(Control::ExpiredStart) {
                continue;
            }
            table.sums[*cell].entry(host).or_default().add(Sums { trials: 1, sum: share, squares: share * share });
            table.trials.push((*cell, host, share));
        }
        table
    }

    fn compare(&self, host: usize, name: &str, few: Option<&[(usize, usize, f64)]>) -> Option<HostComparison> {
        let mut differences = Vec::new();
        let mut blocks = Vec::new();
        let (mut trials, mut share, mut others) = (0, 0.0, 0.0);
        for of_cell in &self.sums {
            let Some(own) = of_cell.get(&host) else { continue };
            let mut all = Sums::default();
            of_cell.values().for_each(|sums| all.add(*sums));
            let rest = all.trials - own.trials;
            if rest == 0 {
                continue;
            }
            let (here, there) = (own.sum / own.trials as f64, ((all.sum - own.sum) / rest as f64).clamp(0.0, 1.0));
            differences.push(newcombe((there, rest), (here, own.trials))?);
            blocks.push(BlockSums {
                trials: all.trials as f64,
                sum: all.sum,
                squares: all.squares,
                treated: own.trials as f64,
                treated_sum: own.sum,
            });
            (trials, share, others) = (trials + own.trials, share + here, others + there);
        }
        let difference = mean_difference(&differences)?;
        let treated = |(cell, at, value): &(usize, usize, f64)| PermutationTrial {
            block: *cell as u64,
            treated: *at == host,
            value: *value,
        };
        let p = match few {
            Some(few) => permutation_two_sided(&few.iter().map(treated).collect::<Vec<_>>(), ROUNDS, SEED),
            None => permutation_normal(blocks),
        };
        let cells = differences.len() as f64;
        Some(HostComparison {
            host: name.to_owned(),
            trials,
            share: share / cells,
            others: others / cells,
            difference,
            p: p.unwrap_or(1.0),
            p_holm: 1.0,
        })
    }
}

impl Sums {
    fn add(&mut self, more: Self) {
        self.trials += more.trials;
        self.sum += more.sum;
        self.squares += more.squares;
    }
}

/// Beyond these the sum over trials is all but normal.
const MOST_REPLAYED: usize = 300;
const ROUNDS: u32 = 9_999;
/// Any would do; the same report must come out again.
const SEED: u64 = 1;
/// More names help nobody.
const MOST_NAMED: usize = 6;
