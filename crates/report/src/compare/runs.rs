//! Two runs, or two targets, held against each other: do matching cells fail at different rates? The unit is the trial.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ttlsweep_record::{Cell, ComparisonRecord, Control, TrialRecord};

use crate::load::Runs;
use crate::prose::{count, of};
use crate::stats::{
    Difference, Interval, PermutationTrial, StratumHits, fisher_two_sided, holm, mean_difference, newcombe,
    permutation_two_sided, stratified_two_sided,
};
use crate::summary::axes::Axes;
use crate::verdict::ALPHA;

/// What is held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Runs of one plan, on two days or from two places.
    Runs,
    /// Targets within the runs.
    Targets,
}

/// The second of two runs or targets against the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What they are.
    pub compared: Compared,
    /// The first one's name.
    pub first: String,
    /// The second one's name.
    pub second: String,
    /// The cells that both have, in the plan's order.
    pub cells: Vec<CellComparison>,
    /// The mean of the differences of the grid's own cells, each of the same weight; of the controls if there are no others.
    pub mean: Tested,
    /// How many differences the report tests in all: each must be the clearer, the more there are.
    pub tests: usize,
}

/// One matching pair of cells.
#[derive(Debug, Clone, PartialEq)]
pub struct CellComparison {
    /// The first one's cell, as its place among the plan's.
    pub first_cell: usize,
    /// The second one's cell with the same settings.
    pub second_cell: usize,
    /// What sets the cell apart from others, for people.
    pub label: String,
    /// The first one's trials.
    pub first: Side,
    /// The second one's trials.
    pub second: Side,
    /// What was found.
    pub tested: Tested,
    /// Whether its transfers begin after expiry, so that a refusal is not a failure.
    pub must_fail: bool,
}

/// The trials of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side {
    /// How many.
    pub trials: u64,
    /// The mean share of their transfers that failed.
    pub share: f64,
    /// Their transfers that failed, late starts left out.
    pub failed: u64,
    /// Their transfers, late starts left out.
    pub transfers: u64,
}

/// One trial's transfers, late starts left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    failed: u64,
    transfers: u64,
}

impl Tally {
    /// The share that failed.
    pub(crate) fn share(self) -> f64 {
        self.failed as f64 / self.transfers as f64
    }
}

/// A difference with its test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The second failure rate less the first.
    pub difference: Difference,
    /// The two-sided p of there being none.
    pub p: f64,
    /// Holm's adjustment over everything that the report compares.
    pub p_holm: f64,
}

impl Tested {
    /// Before anything has been found.
    const fn nothing() -> Self {
        let interval = Interval { low: 0.0, high: 0.0 };
        Self { difference: Difference { estimate: 0.0, interval }, p: 1.0, p_holm: 1.0 }
    }

    /// Whether the difference is shown, at a family-wise error of [`ALPHA`].
    pub fn is_shown(&self) -> bool {
        self.p_holm <= ALPHA
    }
}

/// Compares each run with the first one, and each target with the first one. `targets` are their names and cells.
pub(crate) fn compare(runs: &Runs, axes: &Axes, targets: &[(String, Vec<u32>)]) -> Vec<Comparison> {
    let trials = Trials::of(runs);
    let every_cell: Vec<u32> = (0..).zip(&runs.cells).map(|(at, _)| at).collect();
    let mut found = Vec::new();
    for later in 1..runs.environments.len() {
        let side = |run: usize| Party { run: Some(run), cells: &every_cell };
        let names = [0, later].map(|run| runs.environments[run].run_id.clone());
        found.extend(trials.compare(runs, axes, Compared::Runs, names, [side(0), side(later)]));
    }
    for later in 1..targets.len() {
        let side = |at: usize| Party { run: None, cells: &targets[at].1 };
        let names = [0, later].map(|at| targets[at].0.clone());
        found.extend(trials.compare(runs, axes, Compared::Targets, names, [side(0), side(later)]));
    }
    adjust(&mut found);
    found
}

/// One family over everything that the report compares.
fn adjust(comparisons: &mut [Comparison]) {
    let mut tested: Vec<&mut Tested> = comparisons
        .iter_mut()
        .flat_map(|one| std::iter::once(&mut one.mean).chain(one.cells.iter_mut().map(|cell| &mut cell.tested)))
        .collect();
    let p: Vec<f64> = tested.iter().map(|tested| tested.p).collect();
    tested.iter_mut().zip(holm(&p)).for_each(|(tested, adjusted)| tested.p_holm = adjusted);
    let tests = p.len();
    comparisons.iter_mut().for_each(|one| one.tests = tests);
}

/// The failures of each whole trial, late starts left out; `None` if none of its transfers counts.
pub(crate) fn failures(runs: &Runs) -> Vec<Option<Tally>> {
    let mut counts = vec![(0u64, 0u64); runs.trials.len()];
    for seen in runs.transfers.all() {
        let expired_start = runs.cells[seen.cell as usize].control == Some(Control::ExpiredStart);
        let late = seen.head_written_at.get().zip(seen.expires_at.get()).is_some_and(|(head, at)| head >= at);
        if !seen.counts() || (late && !expired_start) {
            continue;
        }
        let count = &mut counts[seen.trial as usize];
        count.0 += u64::from(seen.outcome.is_failure());
        count.1 += 1;
    }
    let tally = |(failed, transfers)| (transfers > 0).then_some(Tally { failed, transfers });
    counts.into_iter().map(tally).collect()
}

/// Each whole trial's failures and its host, found by run and cell.
struct Trials {
    tallies: Vec<Option<Tally>>,
    hosts: Vec<u32>,
    cells: HashMap<(Option<usize>, usize), Vec<usize>>,
}

/// Who is compared: a run with all of its cells, or a target with its own in all runs.
#[derive(Clone, Copy)]
struct Party<'a> {
    run: Option<usize>,
    cells: &'a [u32],
}

impl Trials {
    fn of(runs: &Runs) -> Self {
        let tallies = failures(runs);
        let names = runs.hosts();
        let host = |trial: &TrialRecord| names.binary_search(&trial.host.as_str()).unwrap_or(0) as u32;
        let hosts = runs.trials.iter().map(host).collect();
        let cell_of: HashMap<&str, usize> =
            runs.cells.iter().enumerate().map(|(at, cell)| (cell.cell_id.as_str(), at)).collect();
        let run_of: HashMap<&str, usize> =
            runs.environments.iter().enumerate().map(|(at, run)| (run.run_id.as_str(), at)).collect();
        let mut cells: HashMap<(Option<usize>, usize), Vec<usize>> = HashMap::new();
        for (at, trial) in runs.trials.iter().enumerate().filter(|(at, _)| tallies[*at].is_some()) {
            let Some(cell) = cell_of.get(trial.cell_id.as_str()) else { continue };
            cells.entry((None, *cell)).or_default().push(at);
            if let Some(run) = run_of.get(trial.run_id.as_str()) {
                cells.entry((Some(*run), *cell)).or_default().push(at);
            }
        }
        Self { tallies, hosts, cells }
    }

    /// `None` if the two have no cell in common in which both have trials.
    fn compare(
        &self,
        runs: &Runs,
        axes: &Axes,
        compared: Compared,
        [first, second]: [String; 2],
        [one, other]: [Party<'_>; 2],
    ) -> Option<Comparison> {
        let mut counterparts: HashMap<Cell, usize> = HashMap::new();
        for cell in other.cells {
            counterparts.entry(settings(&runs.cells[*cell as usize])).or_insert(*cell as usize);
        }
        let pairs = one.cells.iter().filter_map(|cell| {
            let cell = *cell as usize;
            // Of the same run's plan a cell is its own counterpart, whatever else is like it.
            let same = (compared == Compared::Runs).then_some(cell);
            let counterpart = same.or_else(|| counterparts.get(&settings(&runs.cells[cell])).copied())?;
            let [ours, theirs] = [(one, cell), (other, counterpart)].map(|(party, cell)| self.tallies_of(party, cell));
            (!ours.is_empty() && !theirs.is_empty()).then_some((cell, counterpart, ours, theirs))
        });
        let pairs: Vec<_> = pairs.collect();
        let rounds = (MOST_MOVES / pairs.iter().map(|(.., a, b)| a.len() + b.len()).sum::<usize>().max(1))
            .clamp(LEAST_ROUNDS, MOST_ROUNDS) as u32;
        let mut cells = Vec::new();
        let mut all: Vec<Vec<PermutationTrial>> = Vec::new();
        for (first_cell, second_cell, ours, theirs) in pairs {
            let (first, second) = (Side::of(&ours), Side::of(&theirs));
            let [ours, theirs] = [ours, theirs]
                .map(|side| side.into_iter().map(|(tally, host)| (tally.share(), host)).collect::<Vec<_>>());
            let strata = Strata::of(cells.len(), &ours, &theirs);
            let trial = |treated| {
                let strata = &strata;
                move |(value, host): &(f64, u32)| PermutationTrial {
                    block: strata.block(*host),
                    treated,
                    value: *value,
                }
            };
            let here: Vec<_> = ours.iter().map(trial(false)).chain(theirs.iter().map(trial(true))).collect();
            let whole = if strata.by_host.is_empty() { exact(&ours, &theirs) } else { exact_within(&here) };
            let p = whole.or_else(|| permutation_two_sided(&here, rounds, SEED)).unwrap_or(1.0);
            let difference = newcombe((first.share, first.trials), (second.share, second.trials))?;
            let label = label(&runs.cells[first_cell], axes, compared);
            let tested = Tested { difference, p, p_holm: 1.0 };
            let must_fail = runs.cells[first_cell].control == Some(Control::ExpiredStart);
            cells.push(CellComparison { first_cell, second_cell, label, first, second, tested, must_fail });
            all.push(here);
        }
        let mut found = Comparison { compared, first, second, cells, mean: Tested::nothing(), tests: 1 };
        let counted = found.counted(&runs.cells);
        let differences: Vec<Difference> = counted.iter().map(|at| found.cells[*at].tested.difference).collect();
        let trials: Vec<PermutationTrial> = counted.iter().flat_map(|at| all[*at].iter().copied()).collect();
        let p = permutation_two_sided(&trials, rounds, SEED).unwrap_or(1.0);
        found.mean = Tested { difference: mean_difference(&differences)?, p, p_holm: 1.0 };
        Some(found)
    }

    /// Each with its host.
    fn tallies_of(&self, party: Party<'_>, cell: usize) -> Vec<(Tally, u32)> {
        let trials = self.cells.get(&(party.run, cell)).into_iter().flatten();
        trials.filter_map(|trial| Some((self.tallies[*trial]?, self.hosts[*trial]))).collect()
    }
}

impl Side {
    fn of(trials: &[(Tally, u32)]) -> Self {
        let sum = trials.iter().map(|(tally, _)| tally.share()).sum::<f64>();
        Self {
            trials: trials.len() as u64,
            share: sum / trials.len() as f64,
            failed: trials.iter().map(|(tally, _)| tally.failed).sum(),
            transfers: trials.iter().map(|(tally, _)| tally.transfers).sum(),
        }
    }

    /// Two sides as one.
    fn and(self, other: Self) -> Self {
        let trials = self.trials + other.trials;
        let share = (self.share * self.trials as f64 + other.share * other.trials as f64) / trials.max(1) as f64;
        let (failed, transfers) = (self.failed + other.failed, self.transfers + other.transfers);
        Self { trials, share, failed, transfers }
    }

    const NONE: Self = Self { trials: 0, share: 0.0, failed: 0, transfers: 0 };
}

/// Trials of one pair of cells change places within their host, where it ran both of the pair: a host that differs from the
/// others must not pass for a difference between targets or runs. Hosts that ran one of the two are exchanged with each other.
struct Strata {
    pair: u64,
    by_host: BTreeSet<u32>,
}

impl Strata {
    fn of(pair: usize, ours: &[(f64, u32)], theirs: &[(f64, u32)]) -> Self {
        let hosts = |trials: &[(f64, u32)]| trials.iter().map(|(_, host)| *host).collect::<BTreeSet<_>>();
        let (here, there) = (hosts(ours), hosts(theirs));
        // One host alone is not a stratum.
        let several = here.union(&there).count() > 1;
        Self {
            pair: pair as u64,
            by_host: if several { here.intersection(&there).copied().collect() } else { BTreeSet::new() },
        }
    }

    fn block(&self, host: u32) -> u64 {
        let within = if self.by_host.contains(&host) { u64::from(host) + 1 } else { 0 };
        (self.pair << 32) | within
    }
}

/// Fisher's p where every trial failed wholly or not at all; nothing elsewhere.
fn exact(ours: &[(f64, u32)], theirs: &[(f64, u32)]) -> Option<f64> {
    let whole = |(share, _): &(f64, u32)| *share == 0.0 || *share == 1.0;
    if !ours.iter().chain(theirs).all(whole) {
        return None;
    }
    let hits = |trials: &[(f64, u32)]| trials.iter().filter(|(share, _)| *share == 1.0).count() as u64;
    Some(fisher_two_sided(hits(ours), ours.len() as u64, hits(theirs), theirs.len() as u64))
}

/// The same within strata: exact, too, where every trial failed wholly or not at all, as long as there are not too many of
/// them for it; nothing elsewhere.
fn exact_within(trials: &[PermutationTrial]) -> Option<f64> {
    let whole = |trial: &PermutationTrial| trial.value == 0.0 || trial.value == 1.0;
    if trials.len() > MOST_EXACT || !trials.iter().all(whole) {
        return None;
    }
    let mut strata: BTreeMap<u64, StratumHits> = BTreeMap::new();
    for trial in trials {
        let (stratum, hit, treated) =
            (strata.entry(trial.block).or_default(), u64::from(trial.value == 1.0), u64::from(trial.treated));
        stratum.trials += 1;
        stratum.hits += hit;
        stratum.treated += treated;
        stratum.treated_hits += hit * treated;
    }
    stratified_two_sided(&strata.into_values().collect::<Vec<_>>())
}

/// The cell without what makes it a cell of one target and not of another: what is signed into its requests, too.
fn settings(cell: &Cell) -> Cell {
    Cell {
        cell_id: String::new(),
        run_parameter: None,
        headers: None,
        query: None,
        ttl_most_s: None,
        signature: None,
        ..cell.workload_alone()
    }
}

/// The control, and the axes that are no target's own.
fn label(cell: &Cell, axes: &Axes, compared: Compared) -> String {
    let shown = if compared == Compared::Targets { settings(cell) } else { cell.clone() };
    let within = match cell.control {
        Some(Control::ExpectContinue) => axes.within_panel(&shown),
        // Other controls' TTLs are their own, and no values of the axis.
        Some(_) if axes.is_varied("users") => format!("users {}", cell.users),
        Some(_) => String::new(),
        None => axes.within_panel(&shown),
    };
    let control = cell.control.map(|control| control.to_string()).unwrap_or_default();
    let panel = if compared == Compared::Targets { axes.panel_without_target(&shown) } else { axes.panel(&shown) };
    let parts: Vec<String> = [control, panel, within].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "the only cell".to_owned() } else { parts.join(" · ") }
}

impl Comparison {
    /// Which of the cells the mean is of: controls are there to be alike, and would only thin it out.
    fn counted(&self, cells: &[Cell]) -> Vec<usize> {
        let places = || 0..self.cells.len();
        let grid: Vec<usize> = places().filter(|at| cells[self.cells[*at].first_cell].control.is_none()).collect();
        if grid.is_empty() { places().collect() } else { grid }
    }

    /// The comparison in words, for people: who failed where, and whether that is more than chance.
    pub fn sentence(&self, cells: &[Cell]) -> String {
        let counted = self.counted(cells);
        let sum = |side: fn(&CellComparison) -> Side| {
            counted.iter().map(|at| side(&self.cells[*at])).fold(Side::NONE, Side::and)
        };
        let (first, second) = (sum(|cell| cell.first), sum(|cell| cell.second));
        let matching = count(counted.len() as u64, "matching cell");
        if first.failed + second.failed == 0 {
            return format!("{} and {}: no transfer failed on either side, in {matching}", self.first, self.second);
        }
        format!("{}; {}", self.who_failed(first, second), self.how_clear(&counted, &matching))
    }

    /// `in-flight failed where on-request did not: 25 of 25 against 0 of 25 transfers begun in time`
    fn who_failed(&self, first: Side, second: Side) -> String {
        let Self { first: one, second: other, .. } = self;
        let numbers = |side: Side| of(side.failed, side.transfers);
        match (first.failed, second.failed) {
            (0, _) => {
                format!(
                    "{other} failed where {one} did not: {} against {} transfers begun in time",
                    numbers(second),
                    numbers(first)
                )
            }
            (_, 0) => {
                format!(
                    "{one} failed where {other} did not: {} against {} transfers begun in time",
                    numbers(first),
                    numbers(second)
                )
            }
            _ => {
                let kind = |difference: f64| match () {
                    () if difference > 0.0005 => "more often than",
                    () if difference < -0.0005 => "less often than",
                    () => "as often as",
                };
                let rate = |side: Side| side.failed as f64 / side.transfers as f64;
                let (by_cell, in_all) = (kind(self.mean.difference.estimate), kind(rate(second) - rate(first)));
                let numbers = format!("{} against {} transfers begun in time", numbers(second), numbers(first));
                // If one side has more transfers in the bad cells, the sums alone would say the opposite.
                if by_cell == in_all {
                    format!("{other} failed {by_cell} {one}: {numbers}")
                } else {
                    format!("cell by cell {other} failed {by_cell} {one}, though in all it was {numbers}")
                }
            }
        }
    }

    /// Whether it is more than chance, where that can be told.
    fn how_clear(&self, counted: &[usize], matching: &str) -> String {
        let shown: Vec<&CellComparison> =
            counted.iter().map(|at| &self.cells[*at]).filter(|cell| cell.tested.is_shown()).collect();
        let controls = self.cells.iter().filter(|cell| cell.tested.is_shown()).count() - shown.len();
        let controls =
            if controls > 0 { format!(", and in {}", count(controls as u64, "control")) } else { String::new() };
        let largest = shown.iter().max_by(|one, other| {
            one.tested.difference.estimate.abs().total_cmp(&other.tested.difference.estimate.abs())
        });
        if let Some(cell) = largest {
            let (first, second) = (cell.first, cell.second);
            return format!(
                "that is more than chance in {} of {matching}{controls}, most in {}: {} against {}",
                shown.len(),
                cell.label,
                of(second.failed, second.transfers),
                of(first.failed, first.transfers)
            );
        }
        // Said of the cells in which something failed; the others could show nothing whatever their size.
        let failed = counted.iter().map(|at| &self.cells[*at]).filter(|cell| !cell.says_nothing());
        let most = failed.max_by_key(|cell| cell.first.trials.min(cell.second.trials));
        let few = most.filter(|cell| !self.can_be_shown(cell)).map(|cell| {
            format!(
                "{} a side {} too few for the report's level in a single cell, {} would do",
                count(cell.first.trials.min(cell.second.trials), "trial"),
                if cell.first.trials.min(cell.second.trials) == 1 { "is" } else { "are" },
                self.trials_needed()
            )
        });
        if self.mean.is_shown() {
            let together = "that is more than chance over all cells together";
            return few
                .map_or_else(|| format!("{together}, though not in one alone"), |few| format!("{together}; {few}"));
        }
        few.unwrap_or_else(|| {
            let interval = self.mean.difference.interval;
            let far = if -interval.low > interval.high { interval.low } else { interval.high };
            format!(
                "no difference shown, chance may do as much; over {matching} the data still allow {} points (95 %)",
                signed(far)
            )
        })
    }

    /// Whether so few trials could show any difference at all at the report's level.
    pub(crate) fn can_be_shown(&self, cell: &CellComparison) -> bool {
        self.least_p(cell.first.trials, cell.second.trials) <= ALPHA
    }

    /// The least p that so many trials can have after Holm's adjustment: all of one side failed, and none of the other.
    fn least_p(&self, first: u64, second: u64) -> f64 {
        fisher_two_sided(first, first, 0, second) * self.tests as f64
    }

    /// How many trials a side it takes to show the largest difference.
    fn trials_needed(&self) -> u64 {
        (2..MOST_NEEDED).find(|n| self.least_p(*n, *n) <= ALPHA).unwrap_or(MOST_NEEDED)
    }

    /// The rows of `comparison.csv`: the mean, then the cells.
    pub(crate) fn records<'a>(&'a self, cells: &'a [Cell]) -> impl Iterator<Item = ComparisonRecord> + 'a {
        let compared = match self.compared {
            Compared::Runs => "runs",
            Compared::Targets => "targets",
        };
        let row = move |first: Side, second: Side, tested: &Tested| ComparisonRecord {
            compared: compared.to_owned(),
            first: self.first.clone(),
            second: self.second.clone(),
            cell_id: None,
            second_cell_id: None,
            control: None,
            method: None,
            users: None,
            ttl_s: None,
            size_bytes: None,
            bandwidth_bps: None,
            first_trials: first.trials,
            first_failure_rate: first.share,
            second_trials: second.trials,
            second_failure_rate: second.share,
            difference: tested.difference.estimate,
            difference_low: tested.difference.interval.low,
            difference_high: tested.difference.interval.high,
            p_value: tested.p,
            p_holm: tested.p_holm,
            ttl_most_s: None,
        };
        let counted = self.counted(cells);
        let mean = |side: fn(&CellComparison) -> Side| {
            let sides = || counted.iter().map(|at| side(&self.cells[*at]));
            Side {
                share: sides().map(|side| side.share).sum::<f64>() / counted.len() as f64,
                ..sides().fold(Side::NONE, Side::and)
            }
        };
        let first = row(mean(|cell| cell.first), mean(|cell| cell.second), &self.mean);
        std::iter::once(first).chain(self.cells.iter().map(move |one| {
            let cell = &cells[one.first_cell];
            ComparisonRecord {
                cell_id: Some(cell.cell_id.clone()),
                second_cell_id: Some(cells[one.second_cell].cell_id.clone()),
                control: cell.control,
                method: Some(cell.method),
                users: Some(cell.users),
                ttl_s: cell.ttl_s,
                ttl_most_s: cell.ttl_most_s,
                size_bytes: Some(cell.size_bytes),
                bandwidth_bps: cell.bandwidth_bps,
                ..row(one.first, one.second, &one.tested)
            }
        }))
    }
}

impl CellComparison {
    /// Whether all was as it must be on either side.
    pub(crate) const fn says_nothing(&self) -> bool {
        let Self { first, second, must_fail, .. } = self;
        let all = first.transfers + second.transfers;
        first.failed + second.failed == if *must_fail { all } else { 0 }
    }
}

/// A difference in percentage points: `+12.5`, `−3`, `0`.
pub(crate) fn signed(difference: f64) -> String {
    let value = (difference * 1000.0).round() / 10.0;
    let sign = if value > 0.0 {
        "+"
    } else if value < 0.0 {
        "−"
    } else {
        ""
    };
    format!("{sign}{}", value.abs())
}

/// Any would do; the same report must come out again.
const SEED: u64 = 1;
/// Beyond these the sum over trials is all but normal, and every arrangement takes long.
const MOST_EXACT: usize = 2_000;
/// Nobody runs more trials to tell all from none.
const MOST_NEEDED: u64 = 100;
/// Rounds × trials.
const MOST_MOVES: usize = 20_000_000;
const LEAST_ROUNDS: usize = 999;
const MOST_ROUNDS: usize = 29_999;

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(failed: &[(u32, usize)], whole: &[(u32, usize)]) -> Vec<(f64, u32)> {
        let of = |share: f64, hosts: &[(u32, usize)]| {
            hosts.iter().flat_map(|(host, count)| vec![(share, *host); *count]).collect::<Vec<_>>()
        };
        [of(1.0, failed), of(0.0, whole)].concat()
    }

    fn p(ours: &[(f64, u32)], theirs: &[(f64, u32)], strata: &Strata) -> f64 {
        let trial = |treated: bool| {
            move |(value, host): &(f64, u32)| PermutationTrial { block: strata.block(*host), treated, value: *value }
        };
        let all: Vec<_> = ours.iter().map(trial(false)).chain(theirs.iter().map(trial(true))).collect();
        permutation_two_sided(&all, 2_000, SEED).unwrap()
    }

    #[test]
    fn sums_that_say_the_opposite_of_the_cells_are_told_beside_them() {
        let side = |failed, transfers| Side { trials: 1, share: 0.0, failed, transfers };
        let compared = |estimate, first, second| {
            let interval = Interval { low: -1.0, high: 1.0 };
            let mean = Tested { difference: Difference { estimate, interval }, ..Tested::nothing() };
            let (compared, cells) = (Compared::Runs, Vec::new());
            Comparison { compared, first: "a".into(), second: "b".into(), cells, mean, tests: 1 }
                .who_failed(first, second)
        };
        assert_eq!(
            compared(0.2, side(10, 25), side(1_500, 3_000)),
            "b failed more often than a: 1,500 of 3,000 against 10 of 25 transfers begun in time"
        );
        assert_eq!(
            compared(-0.2, side(10, 25), side(12, 25)),
            "cell by cell b failed less often than a, though in all it was 12 of 25 against 10 of 25 transfers begun in time"
        );
        assert_eq!(
            compared(0.4, side(0, 25), side(10, 25)),
            "b failed where a did not: 10 of 25 against 0 of 25 transfers begun in time"
        );
    }

    #[test]
    fn a_host_that_fails_everywhere_is_no_difference_between_those_who_ran_there_more_or_less_often() {
        // Whatever runs on host 0 fails, on either side; one side ran there more often.
        let (ours, theirs) = (trials(&[(0, 15)], &[(1, 5)]), trials(&[(0, 5)], &[(1, 15)]));
        let together = Strata { pair: 0, by_host: BTreeSet::new() };
        assert!(p(&ours, &theirs, &together) < 0.01);
        let within = Strata::of(0, &ours, &theirs);
        assert!(p(&ours, &theirs, &within) > 0.9);
        let trial = |treated: bool| {
            let within = &within;
            move |(value, host): &(f64, u32)| PermutationTrial { block: within.block(*host), treated, value: *value }
        };
        let all: Vec<_> = ours.iter().map(trial(false)).chain(theirs.iter().map(trial(true))).collect();
        assert_eq!(exact_within(&all), Some(1.0));
    }

    #[test]
    fn hosts_of_one_side_each_are_exchanged_and_one_host_is_no_stratum() {
        let (ours, theirs) = (trials(&[(0, 9)], &[]), trials(&[], &[(1, 9)]));
        assert!(p(&ours, &theirs, &Strata::of(0, &ours, &theirs)) < 0.01, "they are what is compared");
        assert!(Strata::of(0, &trials(&[(2, 3)], &[]), &trials(&[], &[(2, 3)])).by_host.is_empty());
        assert_ne!(Strata::of(0, &ours, &ours).block(0), Strata::of(1, &ours, &ours).block(0));
    }
}
