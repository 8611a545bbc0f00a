//! How a plan can end: whether enough of its trials outlive their link for the verdict's rules, reported before anything is sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use ttlsweep_record::decision::{
    LEAST_DELTA_US, MOST_IN_WINDOWS, are_set_apart, bound_of_none, grade_words, level, trials_for_no, trials_for_yes,
};
use ttlsweep_record::units::{count, round_time};
use ttlsweep_record::{Cell, Control, TargetKind};

use super::Plan;
use super::estimate::Estimate;
use crate::experiment::Experiment;
use crate::experiment::link_source::LinkSource;
use crate::experiment::needed::{Outlives, needed, outlives};
use crate::experiment::slow_line;

/// How a plan can end, target by target.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    targets: Vec<TargetOutlook>,
    /// The repetitions with which every target can be decided, and how long that takes.
    enough: Option<(u32, Duration)>,
    /// How many blocks there must be before the run may end; `None` if it runs all of them.
    least_blocks: Option<u32>,
}

/// How a plan can end at one target.
#[derive(Debug, Clone, PartialEq)]
struct TargetOutlook {
    name: String,
    /// Trials in which some transfer is in flight when its link expires.
    outlive: u64,
    /// Trials of which that cannot be said for certain.
    perhaps: u64,
    /// Trials of the controls without an expiry that the first ones are compared with.
    controls: u64,
    /// The share of the time at risk that lies near expiry.
    share: f64,
    /// Whether a link that has expired is tried.
    tries_expired: bool,
    /// What the p-value must not exceed.
    level: f64,
    /// How many of `outlive` a NO rests on: all of them, unless the run ends as soon as it is decided.
    for_no: u64,
}

impl Outlook {
    /// Holds the whole plan of an experiment against the verdict's rules.
    pub fn new(plan: &Plan, experiment: &Experiment) -> Self {
        let mut targets = targets(plan);
        let blocks = u64::from(experiment.repetitions.max(1));
        if let Some(least) = experiment.least_blocks {
            targets.iter_mut().for_each(|target| target.end_early(u64::from(least), blocks));
        }
        let needed =
            targets.iter().map(|target| target.blocks_needed(blocks)).try_fold(0, |most, one| Some(one?.max(most)));
        let more =
            needed.and_then(|needed| u32::try_from(needed).ok()).filter(|needed| *needed > experiment.repetitions);
        let enough = more.map(|repetitions| {
            let longer = Experiment { repetitions, ..experiment.clone() };
            (repetitions, Estimate::new(&Plan::new(&longer), &longer).duration)
        });
        Self { targets, enough, least_blocks: experiment.least_blocks }
    }

    /// Whether every target can be told to cut, and to not cut.
    pub fn can_decide(&self) -> bool {
        self.targets.iter().all(|target| target.can_be_yes() && target.can_be_no())
    }

    /// How many trials whose links expire in flight it takes at each target to end in YES or NO; `None` if no number is enough.
    pub(crate) fn needed(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        self.targets.iter().map(|target| {
            let is_possible = target.outlive + target.perhaps > 0 && target.obstacle().is_none();
            // Of trials that perhaps outlive their link, the controls are not counted.
            let for_yes = if target.outlive > 0 { target.needed_for_yes() } else { 0 };
            (
                target.name.as_str(),
                is_possible.then(|| trials_for_no().max(for_yes)).filter(|needed| *needed < u64::MAX),
            )
        })
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_words: Vec<(String, Vec<&str>)> = Vec::new();
        for target in &self.targets {
            let words = target.words();
            match by_words.iter_mut().find(|(known, _)| *known == words) {
                Some((_, names)) => names.push(&target.name),
                None => by_words.push((words, vec![&target.name])),
            }
        }
        let alone = self.targets.len() == 1;
        let lines = by_words.into_iter().map(|(words, names)| match names.as_slice() {
            _ if alone => words,
            names if names.len() == self.targets.len() => format!("at each of {} targets: {words}", names.len()),
            names => format!("at {}: {words}", names.join(" and ")),
        });
        let mut text = lines.collect::<Vec<_>>().join("\n");
        if let Some((repetitions, duration)) = self.enough {
            let time = round_time(duration);
            let set = match self.least_blocks {
                None => format!("--set experiment.repetitions={repetitions}"),
                Some(least) => format!("--set 'experiment.blocks={{ least = {least}, most = {repetitions} }}'"),
            };
            text.push_str(&format!("; `{set}` (about {time}) can end in either"));
        }
        f.write_str(&text)
    }
}

impl TargetOutlook {
    /// A NO ends the run, after no less than `least` of its `blocks`.
    fn end_early(&mut self, least: u64, blocks: u64) {
        let needed = (trials_for_no() * blocks).div_ceil(self.outlive.max(1));
        self.for_no = self.outlive * needed.max(least).min(blocks) / blocks;
    }

    fn can_be_no(&self) -> bool {
        self.tries_expired && self.outlive >= trials_for_no()
    }

    fn can_be_yes(&self) -> bool {
        self.obstacle().is_none() && self.outlive >= self.needed_for_yes()
    }

    /// What keeps a cut from being seen however often the plan is repeated.
    fn obstacle(&self) -> Option<String> {
        if !self.tries_expired {
            Some("without `expired_start` it stays unknown whether expiry is enforced".to_owned())
        } else if self.outlive > 0 && self.controls == 0 {
            Some("without `long_ttl` and `header_signed` there is nothing to compare with".to_owned())
        } else if self.outlive > 0 && self.share > MOST_IN_WINDOWS {
            let least = 2.0 * LEAST_DELTA_US as f64 / 1e6 / MOST_IN_WINDOWS;
            Some(format!("a cut is told from chance only in transfers of {least:.1} s or more"))
        } else {
            None
        }
    }

    fn needed_for_yes(&self) -> u64 {
        let least = trials_for_yes(self.share, self.level);
        let controls = |trials: u64| self.controls * trials / self.outlive.max(1);
        (least..least.saturating_add(100)).find(|trials| are_set_apart(*trials, controls(*trials))).unwrap_or(u64::MAX)
    }

    /// How many blocks it takes to end in either; `None` if no number of them is enough.
    fn blocks_needed(&self, blocks: u64) -> Option<u64> {
        let trials = trials_for_no().max(self.needed_for_yes());
        let is_possible = self.outlive > 0 && self.obstacle().is_none() && trials < u64::MAX;
        is_possible.then(|| (trials * blocks).div_ceil(self.outlive))
    }

    fn words(&self) -> String {
        let outlive = match (self.outlive, self.perhaps) {
            (0, 0) => return "no trial outlives its link, so this run can end only in CANNOT TELL".to_owned(),
            (0, perhaps) => format!("no trial is certain to outlive its link, and {perhaps} may"),
            (1, 0) => "1 trial outlives its link".to_owned(),
            (some, 0) => format!("{} outlive their link", count(some, "trial")),
            (some, perhaps) => format!("{} outlive their link, and {perhaps} more may", count(some, "trial")),
        };
        if let Some(obstacle) = self.obstacle() {
            return format!("{outlive}; {obstacle}, so this run can end only in CANNOT TELL");
        }
        if self.outlive == 0 {
            return format!("{outlive}: if none does, this run can end only in CANNOT TELL");
        }
        let (yes, no) = (self.needed_for_yes(), trials_for_no());
        match (self.can_be_yes(), self.can_be_no()) {
            (true, true) => {
                let bound = bound_of_none(self.for_no);
                let (grade, percent) = (grade_words(bound), 100.0 * bound);
                format!(
                    "{outlive}: this run can end in YES or NO; after a NO at most {grade} such trials may still be cut \
                     ({percent:.0} %)"
                )
            }
            (true, false) => format!("{outlive}; a NO takes {no}, so this run can end in YES or CANNOT TELL"),
            (false, true) => format!("{outlive}; a YES takes {yes}, so this run can end in NO or CANNOT TELL"),
            (false, false) => {
                format!("{outlive}; a YES takes {yes} and a NO {no}, so this run can end only in CANNOT TELL")
            }
        }
    }
}

/// The plan's targets, each with what its trials can show.
fn targets(plan: &Plan) -> Vec<TargetOutlook> {
    let as_run = cells_as_run(plan);
    let mut of_targets: BTreeMap<usize, (TargetOutlook, f64, f64)> = BTreeMap::new();
    let mut places = HashMap::new();
    let mut controls: HashMap<String, u64> = HashMap::new();
    let is_unexpiring = |cell: &Cell| matches!(cell.control, Some(Control::LongTtl | Control::HeaderSigned));
    for (_, cell, trials) in as_run.iter().filter(|(_, cell, _)| is_unexpiring(cell)) {
        *controls.entry(settings(cell)).or_default() += trials;
    }
    for (index, cell, trials) in &as_run {
        let trials = *trials;
        let place = *places.entry(cell.reported_target()).or_insert(*index);
        let (target, within, at_risk) =
            of_targets.entry(place).or_insert_with(|| (TargetOutlook::blank(cell), 0.0, 0.0));
        match (cell.control, outlives(cell)) {
            (Some(Control::ExpiredStart), _) => target.tries_expired = true,
            (Some(_), _) | (None, Outlives::Never) => {}
            (None, Outlives::Perhaps) => target.perhaps += trials,
            (None, Outlives::Surely) => {
                target.outlive += trials;
                // Controls of the same settings serve several TTLs, and are counted once.
                target.controls += controls.remove(&settings(cell)).unwrap_or(0);
                let seconds = needed(cell).as_secs_f64() * trials as f64;
                *within += (2.0 * LEAST_DELTA_US as f64 / 1e6 * trials as f64).min(seconds);
                *at_risk += seconds;
            }
        }
    }
    let number = of_targets.len() as u64;
    let whole = |(target, within, at_risk): (TargetOutlook, f64, f64)| TargetOutlook {
        for_no: target.outlive,
        share: if at_risk > 0.0 { within / at_risk } else { 0.0 },
        level: level(number),
        ..target
    };
    of_targets.into_values().map(whole).collect()
}

/// Each cell with its place and how many trials run it: once for each lifetime that they drew, if they did.
fn cells_as_run(plan: &Plan) -> Vec<(usize, Cow<'_, Cell>, u64)> {
    let mut trials_of: BTreeMap<(usize, Option<u32>), u64> = (0..plan.cells.len()).map(|at| ((at, None), 0)).collect();
    plan.trials.iter().for_each(|trial| *trials_of.entry((trial.cell, trial.ttl_s)).or_default() += 1);
    let as_run = |((at, drawn), trials): ((usize, Option<u32>), u64)| {
        let cell = &plan.cells[at];
        (at, drawn.map_or(Cow::Borrowed(cell), |ttl_s| Cow::Owned(cell.with_ttl(ttl_s))), trials)
    };
    trials_of.into_iter().map(as_run).collect()
}

impl TargetOutlook {
    fn blank(cell: &Cell) -> Self {
        Self {
            name: target_name(cell),
            outlive: 0,
            perhaps: 0,
            controls: 0,
            share: 0.0,
            tries_expired: false,
            level: 0.0,
            for_no: 0,
        }
    }
}

/// What readers know a cell's target by.
pub(crate) fn target_name(cell: &Cell) -> String {
    match cell.target {
        TargetKind::Embedded => {
            let policy = cell.expiry_policy.map(|policy| format!(", {policy}")).unwrap_or_default();
            let line = slow_line::of(cell).map(|line| format!(", {line}")).unwrap_or_default();
            format!("testbed{policy}{line}")
        }
        TargetKind::Links => {
            LinkSource::of(cell).map_or_else(String::new, |source| format!("links from {}", source.name()))
        }
        TargetKind::S3 => cell.endpoint.clone().unwrap_or_else(|| cell.bucket.clone()),
    }
}

/// What a cell shares with its controls, as text.
fn settings(cell: &Cell) -> String {
    let shared = Cell { cell_id: String::new(), control: None, ttl_s: None, ttl_most_s: None, ..cell.clone() };
    format!("{shared:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{LoadOptions, load};

    #[test]
    fn the_lifetimes_that_trials_drew_decide_which_of_them_outlive_their_link() {
        let grid = |ttl: &str| {
            format!("experiment.repetitions = 40\ngrid.ttl = {ttl}\ngrid.size = \"1MB\"\ngrid.bandwidth = \"1Mbit/s\"")
        };
        // They need 8.05 s.
        let (drawn, _) = outlook(&grid("{ random = [\"4s\", \"11s\"] }"));
        let target = &drawn.targets[0];
        assert!((8..40).contains(&target.outlive), "{}", target.outlive);
        assert!(target.outlive + target.perhaps < 40, "links of 10 and 11 s outlive them");
        let (all, _) = outlook(&grid("{ random = [\"2s\", \"6s\"] }"));
        assert_eq!((all.targets[0].outlive, all.targets[0].perhaps), (40, 0));
    }

    fn outlook(settings: &str) -> (Outlook, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        let text = format!("experiment.name = \"e\"\n{settings}");
        std::fs::write(&path, text).unwrap();
        let experiment = load(&path, &LoadOptions::default()).unwrap().experiment;
        let outlook = Outlook::new(&Plan::new(&experiment), &experiment);
        let words = outlook.to_string();
        (outlook, words)
    }

    /// 8 s under the cap.
    const SLOW: &str = "grid = { ttl = [\"4s\", \"100s\"], size = \"1MB\", bandwidth = \"1Mbit/s\" }\n";

    #[test]
    fn three_trials_can_say_yes_and_five_can_say_no() {
        let (outlook, words) = outlook(&format!("experiment.repetitions = 3\n{SLOW}"));
        assert!(!outlook.can_decide());
        assert!(
            words.starts_with(
                "3 trials outlive their link; a NO takes 5, so this run can end in YES or CANNOT TELL; `--set \
                 experiment.repetitions=5` (about "
            ),
            "{words}"
        );
    }

    #[test]
    fn one_block_says_nothing_and_five_say_either() {
        let (_, words) = outlook(SLOW);
        assert!(words.starts_with("1 trial outlives its link; a YES takes 3 and a NO 5"), "{words}");
        let (outlook, words) = outlook(&format!("experiment.repetitions = 5\n{SLOW}"));
        assert!(outlook.can_decide());
        assert_eq!(
            words,
            "5 trials outlive their link: this run can end in YES or NO; after a NO at most about 1 in 2 such trials may still be cut (52 %)"
        );
    }

    #[test]
    fn a_run_that_ends_as_soon_as_it_is_decided_promises_the_bound_of_its_earliest_no() {
        let (found, words) = outlook(&format!("experiment.stop = \"decided\"\n{SLOW}"));
        assert!(found.can_decide());
        assert_eq!(
            words,
            "20 trials outlive their link: this run can end in YES or NO; after a NO at most about 1 in 2 such trials may still be cut (52 %)"
        );
        let stop = "experiment.stop = \"decided\"\nexperiment.blocks = { most = 4 }\n";
        let (_, words) = outlook(&format!("{stop}{SLOW}"));
        assert!(words.contains("`--set 'experiment.blocks={ least = 3, most = 5 }'` (about"), "{words}");
    }

    #[test]
    fn a_plan_that_lacks_what_makes_a_verdict_possible_is_reported_so() {
        let five = format!("experiment.repetitions = 5\n{SLOW}");
        for (settings, says) in [
            ("controls.expired_start = false\n", "without `expired_start`"),
            ("controls = { long_ttl = false, header_signed = false }\n", "nothing to compare with"),
        ] {
            let (outlook, words) = outlook(&format!("{five}{settings}"));
            assert!(!outlook.can_decide() && words.contains(says) && !words.contains("--set"), "{words}");
        }
        let brief = "grid = { ttl = \"1s\", size = \"45kB\", bandwidth = \"300kbit/s\" }\n";
        let (_, words) = outlook(&format!("experiment.repetitions = 5\n{brief}"));
        assert!(words.contains("outlive") || words.contains("outlives"), "{words}");
        let (_, words) = outlook("grid = { ttl = \"10s\", size = \"1MB\" }\n");
        assert_eq!(words, "no trial outlives its link, so this run can end only in CANNOT TELL");
        let (_, words) = outlook("grid = { ttl = \"1s\", size = \"10GB\" }\n");
        assert_eq!(
            words,
            "no trial is certain to outlive its link, and 1 may: if none does, this run can end only in CANNOT TELL"
        );
    }

    #[test]
    fn targets_of_which_the_same_can_be_said_share_a_line() {
        let policies = "target.expiry = [\"never\", \"in-flight\"]\nexperiment.repetitions = 5\n";
        let (_, words) = outlook(&format!("{policies}{SLOW}"));
        assert!(words.starts_with("at each of 2 targets: 5 trials outlive"), "{words}");
    }
}
