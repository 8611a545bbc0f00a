//! What a plan will cost before it runs: time, bytes, and requests that AWS charges for.
//!
//! These are upper estimates of an undisturbed run: every transfer is counted as if it ran to its end, except those
//! that start expired, which are refused at once where the target enforces anything.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ttlsweep_record::units::{count, format_micros, grouped, round_bytes};
use ttlsweep_record::{BitRate, Cell, Control, ExpiryPolicy, Method, Presign, TargetKind};

use crate::experiment::Experiment;
use crate::experiment::needed::{SET_UP, assumed_rate, knows_rate, needed};
use crate::plan::Plan;

/// What a plan will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// All trials.
    pub trials: u64,
    /// The trials of the grid's own cells.
    pub grid_trials: u64,
    /// The trials of controls.
    pub control_trials: u64,
    /// Blocks.
    pub blocks: u32,
    /// How many trials run side by side.
    pub parallel_trials: u32,
    /// All transfers; a guess where a duration bounds some of the trials.
    pub transfers: u64,
    /// Whether the number of transfers is certain.
    pub transfers_are_counted: bool,
    /// Bytes of bodies sent, what is put for downloads beforehand included.
    pub bytes_up: u64,
    /// Bytes of bodies received.
    pub bytes_down: u64,
    /// Time from the first trial's jitter to the last trial's end, and for the clock probes.
    pub duration: Duration,
    /// The rate that was assumed where no cap is set.
    pub assumed_rate: Option<BitRate>,
    /// How the stores' clocks are found, if there are stores and they may be asked.
    pub clocks: Option<ClockProbes>,
    /// What AWS charges for, where the target is at AWS.
    pub aws: Option<AwsCost>,
    /// What it takes at least, if it may end before its last block.
    pub early: Option<Early>,
}

/// The earliest end of a plan that ends as soon as each target is decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Early {
    /// After so many blocks.
    pub least: u32,
    /// Of so many.
    pub most: u32,
    /// As of the whole plan.
    pub duration: Duration,
    /// US dollars, where the target is at AWS.
    pub usd: Option<f64>,
}

impl Early {
    fn of(plan: &Plan, experiment: &Experiment) -> Option<Self> {
        let blocks: BTreeSet<u32> = plan.trials.iter().map(|trial| trial.block).collect();
        let most = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
        let least = experiment.least_blocks.filter(|least| *least < most)?;
        let first: BTreeSet<u32> = blocks.into_iter().take(least as usize).collect();
        let trials = plan.trials.iter().filter(|trial| first.contains(&trial.block)).cloned().collect();
        let whole = Experiment { least_blocks: None, ..experiment.clone() };
        let estimate = Estimate::new(&Plan { trials, ..plan.clone() }, &whole);
        Some(Self { least, most, duration: estimate.duration, usd: estimate.aws.map(|aws| aws.usd) })
    }
}

/// What the probes of the stores' clocks take, if answers take some milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockProbes {
    /// Requests of both.
    pub requests: u64,
    /// The one before the first trial.
    pub first: Duration,
    /// The one after the last trial.
    pub last: Duration,
}

impl ClockProbes {
    /// Those of a plan whose stores may be asked for as long as `within` at a time.
    pub fn of(plan: &Plan, within: Duration) -> Option<Self> {
        let of_stores = plan.cells.iter().filter(|cell| cell.target == TargetKind::S3);
        let stores: BTreeSet<_> =
            of_stores.map(|cell| (&cell.endpoint, &cell.bucket, &cell.region, &cell.profile)).collect();
        let number = u32::try_from(stores.len()).unwrap_or(u32::MAX);
        (number > 0 && !within.is_zero()).then(|| Self {
            requests: CLOCK_REQUESTS.saturating_mul(u64::from(number)),
            first: FIRST_CLOCK_PROBE.min(within).saturating_mul(number),
            last: LAST_CLOCK_PROBE.min(within).saturating_mul(number),
        })
    }

    fn time(self) -> Duration {
        self.first.saturating_add(self.last)
    }
}

/// What AWS charges for, at the list price of us-east-1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AwsCost {
    /// PUT, POST and LIST requests (class A); an upload that fails still counts.
    pub class_a: u64,
    /// GET requests (class B).
    pub class_b: u64,
    /// Bytes that leave AWS.
    pub bytes_out: u64,
    /// What is stored.
    pub storage: Storage,
    /// US dollars, all together.
    pub usd: f64,
}

/// What is stored, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Storage {
    /// Objects are deleted as their trial ends: so many bytes for an hour come to the same.
    Deleted {
        /// Bytes × hours.
        byte_hours: f64,
    },
    /// Objects stay: what they are charged is counted for a month.
    Kept {
        /// Bytes.
        bytes: u64,
    },
}

impl Storage {
    fn usd(self) -> f64 {
        match self {
            Self::Deleted { byte_hours } => byte_hours / HOURS_A_MONTH / 1e9 * STORAGE_USD,
            Self::Kept { bytes } => bytes as f64 / 1e9 * STORAGE_USD,
        }
    }
}

impl Estimate {
    /// Adds up the plan of an experiment, or what is left of it.
    pub fn new(plan: &Plan, experiment: &Experiment) -> Self {
        let parallel_trials = experiment.parallel_trials;
        let clocks = ClockProbes::of(plan, experiment.clock_probe);
        let probing = clocks.map_or(Duration::ZERO, ClockProbes::time);
        let mut estimate = Self {
            trials: plan.trials.len() as u64,
            grid_trials: 0,
            control_trials: 0,
            blocks: plan.repetitions,
            parallel_trials,
            transfers: 0,
            transfers_are_counted: true,
            bytes_up: 0,
            bytes_down: 0,
            duration: makespan(plan, parallel_trials).saturating_add(probing),
            assumed_rate: None,
            clocks,
            aws: None,
            early: Early::of(plan, experiment),
        };
        let mut trials_of = vec![0u64; plan.cells.len()];
        plan.trials.iter().for_each(|trial| trials_of[trial.cell] += 1);
        for (cell, trials) in plan.cells.iter().zip(&trials_of) {
            estimate.add_cell(cell, *trials);
        }
        estimate.add_objects_for_get(plan);
        estimate.aws = aws_cost(plan, &trials_of, experiment.keep_objects, &estimate);
        estimate
    }

    fn add_cell(&mut self, cell: &Cell, trials: u64) {
        match cell.control {
            None => self.grid_trials += trials,
            Some(_) => self.control_trials += trials,
        }
        let transfers = transfers(cell).saturating_mul(trials);
        self.transfers = self.transfers.saturating_add(transfers);
        if trials == 0 {
            return;
        }
        self.transfers_are_counted &= cell.transfers_per_user.is_some();
        if !knows_rate(cell) {
            self.assumed_rate = Some(assumed_rate(cell.target));
        }
        if !is_refused_at_once(cell) {
            let bytes = transfers.saturating_mul(cell.size_bytes.0);
            let sum = if cell.method.is_upload() { &mut self.bytes_up } else { &mut self.bytes_down };
            *sum = sum.saturating_add(bytes);
        }
    }

    fn add_objects_for_get(&mut self, plan: &Plan) {
        let bytes: u64 = objects_for_get(plan).into_iter().map(|object| object.3).sum();
        self.bytes_up = self.bytes_up.saturating_add(bytes);
    }
}

/// How long a trial of `cell` takes on average, its jitter included: what progress is weighted by.
pub(crate) fn trial_duration(cell: &Cell) -> Duration {
    Duration::from_micros(cell.jitter_us / 2).saturating_add(busy_duration(cell))
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this plan: {} ({} of the grid in {}, {}), ",
            count(self.trials, "trial"),
            grouped(self.grid_trials),
            count(u64::from(self.blocks), "block"),
            count(self.control_trials, "control"),
        )?;
        let about = if self.transfers_are_counted { "" } else { "about " };
        write!(f, "{about}{}, ", count(self.transfers, "transfer"))?;
        if self.bytes_up > 0 || self.bytes_down == 0 {
            write!(f, "{} up, ", round_bytes(self.bytes_up))?;
        }
        if self.bytes_down > 0 {
            write!(f, "{} down, ", round_bytes(self.bytes_down))?;
        }
        write!(f, "about {}", whole_seconds(self.duration))?;
        if self.parallel_trials > 1 {
            write!(f, " with {} trials side by side", self.parallel_trials)?;
        }
        if let Some(rate) = self.assumed_rate {
            write!(f, "\nwhere no cap is set, {rate} are assumed")?;
        }
        if let Some(clocks) = self.clocks {
            let (requests, time) = (grouped(clocks.requests), whole_seconds(clocks.time()));
            write!(f, "\nof that, {time} and about {requests} small requests are to find the server's clock")?;
        }
        if let Some(aws) = &self.aws {
            write!(f, "\n{aws}")?;
        }
        if let Some(Early { least, most, duration, usd }) = self.early {
            let (from, to) = (whole_seconds(duration), whole_seconds(self.duration));
            write!(
                f,
                "\nit ends as soon as each target is decided, after {least} to {most} blocks: about {from} to {to}"
            )?;
            if let Some((usd, all)) = usd.zip(self.aws.map(|aws| aws.usd)).filter(|(_, all)| *all >= 0.01) {
                write!(f, ", {usd:.2} to {all:.2} USD")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for AwsCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at AWS: {} (PUT, POST, LIST), ", count(self.class_a, "class A request"))?;
        write!(f, "{} (GET), {} out; ", count(self.class_b, "class B request"), round_bytes(self.bytes_out))?;
        let usd = if self.usd < 0.01 { "less than 0.01".to_owned() } else { format!("about {:.2}", self.usd) };
        match self.storage {
            Storage::Deleted { .. } => write!(f, "objects deleted as each trial ends; ")?,
            Storage::Kept { bytes: kept } => {
                write!(f, "{} stored and kept, a month of it counted; ", round_bytes(kept))?
            }
        }
        write!(
            f,
            "{usd} USD at us-east-1's list price ({PUT_USD} USD per 1,000 class A, {GET_USD} USD per 1,000 class B, \
             {OUT_USD} USD/GB out, {STORAGE_USD} USD/GB a month stored)"
        )
    }
}

/// The wall time of the trials, each begun in order by whichever of the lanes is free first.
fn makespan(plan: &Plan, parallel_trials: u32) -> Duration {
    let mut lanes = vec![Duration::ZERO; (parallel_trials.max(1) as usize).min(plan.trials.len().max(1))];
    for trial in &plan.trials {
        let whole = trial.jitter.saturating_add(busy_duration(plan.cell(trial)));
        // There is at least one lane.
        if let Some(free) = lanes.iter_mut().min() {
            *free = free.saturating_add(whole);
        }
    }
    lanes.into_iter().max().unwrap_or_default()
}

/// From the first user's start to the last transfer's end.
pub(crate) fn busy_duration(cell: &Cell) -> Duration {
    let ramp = Duration::from_micros(cell.ramp_us).saturating_mul(cell.users.saturating_sub(1));
    if let Some(duration) = cell.duration_us {
        return ramp.saturating_add(Duration::from_micros(duration));
    }
    let transfers = cell.transfers_per_user.unwrap_or(1);
    let waits = Duration::from_micros(cell.wait_us).saturating_mul(transfers.saturating_sub(1));
    let moving = transfer_duration(cell).saturating_mul(transfers);
    // Links made when the user starts all expire together; others have to be waited for one by one.
    let expiries = match cell.presign {
        Presign::PerTransfer => transfers,
        Presign::PerUser => 1,
    };
    let expiring =
        if cell.control == Some(Control::ExpiredStart) { EXPIRY_WAIT.saturating_mul(expiries) } else { Duration::ZERO };
    ramp.saturating_add(waits).saturating_add(moving).saturating_add(expiring)
}

/// One transfer among those of all users.
fn transfer_duration(cell: &Cell) -> Duration {
    if is_refused_at_once(cell) {
        return SET_UP;
    }
    needed(cell).min(Duration::from_micros(cell.timeout_us))
}

fn transfers(cell: &Cell) -> u64 {
    let per_user = match (cell.transfers_per_user, cell.duration_us) {
        (Some(transfers), _) => u64::from(transfers),
        (None, duration) => {
            let wait = if cell.control == Some(Control::ExpiredStart) { EXPIRY_WAIT } else { Duration::ZERO };
            let turn = transfer_duration(cell) + wait + Duration::from_micros(cell.wait_us);
            (u128::from(duration.unwrap_or(0)) / turn.as_micros().max(1)) as u64 + 1
        }
    };
    per_user.saturating_mul(u64::from(cell.users))
}

/// An expired start moves no body worth speaking of, unless the testbed is told never to look.
fn is_refused_at_once(cell: &Cell) -> bool {
    cell.control == Some(Control::ExpiredStart) && cell.expiry_policy != Some(ExpiryPolicy::Never)
}

/// Where an object for downloads lies, and its size.
type ObjectForGet<'a> = (Option<&'a str>, &'a str, &'a str, u64);

/// The objects that are put before the first block: one of each size in each place.
fn objects_for_get(plan: &Plan) -> BTreeSet<ObjectForGet<'_>> {
    let gets = plan.cells.iter().filter(|cell| cell.method == Method::Get && cell.target != TargetKind::Links);
    gets.map(|cell| (cell.endpoint.as_deref(), cell.bucket.as_str(), cell.prefix.as_str(), cell.size_bytes.0)).collect()
}

fn aws_cost(plan: &Plan, trials_of: &[u64], keep: bool, estimate: &Estimate) -> Option<AwsCost> {
    let at_aws = |cell: &&Cell| cell.is_at_aws();
    let cells: Vec<_> = plan
        .cells
        .iter()
        .zip(trials_of)
        .filter(|(cell, _)| at_aws(cell))
        .map(|(cell, trials)| (cell, *trials))
        .collect();
    if cells.is_empty() {
        return None;
    }
    let requests = |is_upload: bool| -> u64 {
        let of_class = cells.iter().filter(|(cell, _)| cell.method.is_upload() == is_upload);
        of_class.map(|(cell, trials)| transfers(cell).saturating_mul(*trials)).sum()
    };
    // A multipart upload is begun and given up once a user; each object for downloads is put once.
    let multipart = cells.iter().filter(|(cell, _)| cell.method == Method::UploadPart);
    let multiparts: u64 = multipart.map(|(cell, trials)| u64::from(cell.users).saturating_mul(*trials)).sum();
    let objects = objects_for_get(plan).len() as u64;
    let class_a = requests(true).saturating_add(2 * multiparts).saturating_add(objects);
    // At AWS in part at the most, and then all of it.
    let probes = estimate.clocks.map_or(0, |clocks| clocks.requests);
    let class_b = requests(false).saturating_add(probes);
    let bytes_out = estimate.bytes_down;
    let storage = if keep {
        Storage::Kept { bytes: estimate.bytes_up }
    } else {
        let hours = |time: Duration| time.as_secs_f64() / 3600.0;
        let uploads = cells.iter().filter(|(cell, _)| cell.method.is_upload()).map(|(cell, trials)| {
            transfers(cell) as f64 * cell.size_bytes.0 as f64 * *trials as f64 * hours(trial_duration(cell))
        });
        let for_get: f64 = objects_for_get(plan).into_iter().map(|object| object.3 as f64).sum();
        Storage::Deleted { byte_hours: uploads.sum::<f64>() + for_get * hours(estimate.duration) }
    };
    let usd = class_a as f64 / 1e3 * PUT_USD
        + class_b as f64 / 1e3 * GET_USD
        + bytes_out as f64 / 1e9 * OUT_USD
        + storage.usd();
    Some(AwsCost { class_a, class_b, bytes_out, storage, usd })
}

fn whole_seconds(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000) as u64;
    if seconds < 60 { format!("{seconds}s") } else { format_micros(seconds.saturating_mul(1_000_000)) }
}

/// How long it takes to see a link of 1 s expire beyond doubt: it starts 3 to 4 s after that.
const EXPIRY_WAIT: Duration = Duration::from_millis(4_200);

/// Of a probe before the first trial (two answers, and 18 around the turns of the server's second) and one after the last.
const CLOCK_REQUESTS: u64 = 20 + 4;

/// Two turns of the server's second, the first of them half a second away on average.
const FIRST_CLOCK_PROBE: Duration = Duration::from_millis(2_000);

/// One turn.
const LAST_CLOCK_PROBE: Duration = Duration::from_millis(1_000);

const PUT_USD: f64 = 0.005;
const GET_USD: f64 = 0.0004;
const OUT_USD: f64 = 0.09;
const STORAGE_USD: f64 = 0.023;
const HOURS_A_MONTH: f64 = 730.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{LoadOptions, load};

    fn estimate(settings: &str, bucket: Option<&str>) -> (Plan, Estimate) {
        estimate_with(settings, bucket, &[])
    }

    fn estimate_with(settings: &str, bucket: Option<&str>, set: &[&str]) -> (Plan, Estimate) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("experiment.toml");
        let text = format!("experiment = {{ name = \"e\" }}\ntransfer.jitter = \"0s\"\n{settings}");
        std::fs::write(&path, text).unwrap();
        let set = set.iter().map(|set| (*set).to_owned()).collect();
        let options = LoadOptions { bucket: bucket.map(str::to_owned), set, ..LoadOptions::default() };
        let experiment = load(&path, &options).unwrap().experiment;
        let plan = Plan::new(&experiment);
        let estimate = Estimate::new(&plan, &experiment);
        (plan, estimate)
    }

    const NO_CONTROLS: &str = "controls = { long_ttl = false, header_signed = false, expired_start = false }\n";

    #[test]
    fn users_share_the_cap_of_a_trial() {
        let grid = "grid = { users = 4, ttl = \"10s\", size = \"1MB\", bandwidth = \"4Mbit/s\" }";
        let (plan, _) = estimate(&format!("{NO_CONTROLS}{grid}"), None);
        // 4 × 8 Mbit at 4 Mbit/s.
        assert_eq!(trial_duration(&plan.cells[0]), Duration::from_secs(8) + SET_UP);
        let (plan, _) = estimate(&format!("{NO_CONTROLS}transfer.bandwidth_per = \"user\"\n{grid}"), None);
        assert_eq!(trial_duration(&plan.cells[0]), Duration::from_secs(2) + SET_UP);
    }

    #[test]
    fn a_timeout_bounds_a_transfer_and_a_duration_a_trial() {
        let grid = "grid = { ttl = \"10s\", size = \"100MB\", bandwidth = \"1Mbit/s\" }";
        let (plan, _) = estimate(&format!("{NO_CONTROLS}transfer.timeout = \"5s\"\n{grid}"), None);
        assert_eq!(trial_duration(&plan.cells[0]), Duration::from_secs(5));
        let (plan, sum) = estimate(&format!("{NO_CONTROLS}transfer.duration = \"30s\"\n{grid}"), None);
        assert_eq!(trial_duration(&plan.cells[0]), Duration::from_secs(30));
        assert!(!sum.transfers_are_counted);
    }

    #[test]
    fn it_reads_like_a_sentence() {
        let grid = "grid = { users = [1, 2], ttl = [\"1s\", \"9s\"], size = \"1MB\", bandwidth = \"4Mbit/s\" }";
        let (_, sum) = estimate(grid, None);
        assert_eq!(
            sum.to_string(),
            "this plan: 10 trials (4 of the grid in 1 block, 6 controls), 15 transfers, 12 MB up, about 33s"
        );
    }

    #[test]
    fn a_plan_that_may_end_early_has_the_time_and_the_price_of_both_ends() {
        let grid = "target.clock_probe = \"0s\"\ntransfer.method = \"get\"\n\
                    grid = { ttl = \"10s\", size = \"1GB\", bandwidth = \"100Mbit/s\" }";
        let settings = format!("{NO_CONTROLS}{grid}");
        let (plan, sum) = estimate_with(&settings, Some("mine"), &["experiment.stop=decided"]);
        assert_eq!((plan.trials.len(), sum.blocks), (20, 20));
        let early = sum.early.unwrap();
        assert_eq!((early.least, early.most, early.duration * 20), (3, 20, sum.duration * 3));
        // 1 GB out costs 0.09 USD.
        let reported =
            "it ends as soon as each target is decided, after 3 to 20 blocks: about 4m01s to 26m41s, 0.27 to 1.80 USD";
        assert!(sum.to_string().ends_with(reported), "{sum}");
        let three = ["experiment.stop=decided", "experiment.blocks={ least = 3, most = 3 }"];
        assert_eq!(estimate_with(&settings, Some("mine"), &three).1.early, None);
    }

    #[test]
    fn at_aws_requests_and_bytes_out_are_priced() {
        let grid = "transfer.method = \"get\"\ntarget.clock_probe = \"0s\"\n\
                    grid = { users = 5, ttl = \"10s\", size = \"1GB\" }";
        let (_, sum) = estimate(&format!("{NO_CONTROLS}{grid}"), Some("mine"));
        let text = sum.to_string();
        assert!(text.contains("5 transfers, 1 GB up, 5 GB down"), "{text}");
        assert!(text.contains("100Mbit/s are assumed"), "{text}");
        assert!(
            text.contains(
                "1 class A request (PUT, POST, LIST), 5 class B requests (GET), 5 GB out; objects deleted as each trial \
                 ends; about 0.45 USD"
            ),
            "{text}"
        );
        assert!(text.contains("us-east-1's list price"), "{text}");
    }

    #[test]
    fn objects_that_stay_cost_a_month_and_those_that_go_next_to_nothing() {
        let grid = "grid = { users = 20, ttl = \"10s\", size = \"5GB\", bandwidth = \"800Mbit/s\" }";
        let usd = |more: &str| {
            let (_, sum) = estimate(&format!("{NO_CONTROLS}{more}{grid}"), Some("mine"));
            (sum.aws.unwrap().usd, sum.to_string())
        };
        // 100 GB at 0.023 USD a month.
        let (kept, text) = usd("target.keep_objects = true\n");
        assert!((2.30..2.31).contains(&kept), "{text}");
        assert!(text.contains("100 GB stored and kept, a month of it counted; about 2.30 USD"), "{text}");
        // For the 1000 s that the uploads take: 1000/3600/730 of that.
        let (deleted, text) = usd("");
        assert!(deleted < 0.002, "{text}");
    }

    #[test]
    fn the_clocks_of_stores_are_part_of_it() {
        let grid = "grid = { ttl = \"9s\", size = \"1MB\", bandwidth = \"4Mbit/s\" }";
        let (_, with) = estimate(&format!("{NO_CONTROLS}{grid}"), Some("mine"));
        let reported = "of that, 3s and about 24 small requests are to find the server's clock";
        assert!(with.to_string().contains(reported), "{with}");
        let (_, without) = estimate(&format!("{NO_CONTROLS}target.clock_probe = \"0s\"\n{grid}"), Some("mine"));
        assert!(without.clocks.is_none() && !without.to_string().contains("clock"), "{without}");
        assert_eq!(with.duration, without.duration + Duration::from_secs(3));
        let (_, embedded) = estimate(&format!("{NO_CONTROLS}{grid}"), None);
        assert_eq!(embedded.clocks, None);
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(109_100)), "1m50s");
    }
}
