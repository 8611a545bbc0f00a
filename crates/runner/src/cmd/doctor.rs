//! `ttlsweep doctor`: whether machine, credentials and target are fit for an experiment, a line each.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Serialize;
use ttlsweep_console::{data, say};
use ttlsweep_record::units::count;
use ttlsweep_record::{Cell, Method, TargetKind};

use super::behind::get_behind;
use super::signals::stop_on_signals;
use super::{load, open_targets, tell, try_congestion};
use crate::cli::DoctorArgs;
use crate::clock::{Clock, SystemClock};
use crate::cmd::exit::{ExitCode, Failure};
use crate::dial::proxy::{Proxies, Way};
use crate::doctor::{Finding, Level, bucket, clock, credentials, enforcement, lifecycle, links, machine, rate};
use crate::experiment::Experiment;
use crate::plan::Plan;
use crate::plan::estimate::Estimate;
use crate::plan::outlook::Outlook;
use crate::run::folder;
use crate::s3::object_key::RunPrefix;
use crate::stop::StopSwitch;
use crate::target::Targets;
use crate::transfer::one_off::OneOff;
use crate::transfer::target::{Maker, Target};
use crate::wire::body::{Block, Source};
use crate::wire::endpoint::Endpoint;

/// Runs the command.
///
/// # Errors
/// The experiment is wrong. What is wrong with the rest is a finding.
pub async fn doctor(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let loaded = load(&args.experiment, &args.overrides, 1)?;
    let experiment = &loaded.experiment;
    get_behind(&experiment.cells, experiment.seed)?;
    tell(&loaded);
    let plan = Plan::new(experiment);
    let estimate = Estimate::new(&plan, experiment);
    say!("{}: {estimate}\n{}", experiment.name, Outlook::new(&plan, experiment));
    try_congestion(&plan.cells)?;
    let (stop, _) = stop_on_signals(ExitCode::Interrupted)?;

    let mut report = Report { json: args.json, errors: 0, warnings: 0, unanswered: 0 };
    for (found, advice) in loaded.warnings_in_words() {
        report.tell(Finding::new(Level::Warning, "plan", found, advice));
    }
    look_here(experiment, &plan, &mut report).await;
    match open_targets(&plan.cells, &stop, ExitCode::Interrupted).await {
        Err(_) if stop.is_thrown() => {}
        Err(failure) => {
            // What stands between may be why.
            for finding in proxies_of_environment(&plan.cells) {
                report.tell(finding);
            }
            let found = failure.text;
            report.tell(if failure.code == ExitCode::TryAgain {
                Finding::new(Level::Unreachable, "target", found, "check endpoint and network, or try again later")
            } else {
                // What to do is in the words already.
                Finding { level: Level::Error, subject: "target".to_owned(), found: found.into(), advice: None }
            });
        }
        Ok(targets) => {
            for finding in proxies(&targets) {
                report.tell(finding);
            }
            for (target, cells) in by_target(&plan, &targets) {
                if stop.is_thrown() {
                    break;
                }
                report.about(&target, &cells);
                look_there(&target, &cells, experiment, &plan, &estimate, &stop, &mut report).await;
            }
        }
    }
    advise(experiment, &plan);
    report.conclude(stop.is_thrown());
    Ok(if stop.is_thrown() { ExitCode::Interrupted } else { report.exit_code() })
}

/// This machine.
async fn look_here(experiment: &Experiment, plan: &Plan, report: &mut Report) {
    for finding in machine::check(plan, experiment.parallel_trials, &machine::Limits::here()) {
        report.tell(finding);
    }
    let secure = |cell: &Cell| match cell.target {
        TargetKind::Embedded => cell.tls.unwrap_or(true),
        // Whatever they ask, it has a certificate.
        TargetKind::Links => true,
        TargetKind::S3 => cell.endpoint.as_deref().is_none_or(|endpoint| endpoint.starts_with("https:")),
    };
    match rate::measure(plan, plan.cells.iter().any(secure), SELF_TEST).await {
        Ok(carried) => report.tell(rate::judge(&carried, plan, experiment.parallel_trials)),
        Err(error) => {
            let advice = "see what keeps this machine from it; the sweep needs the same";
            report.tell(Finding::new(Level::Warning, "rate", format!("no self-test: {error}"), advice));
        }
    }
}

/// One target: each question builds on the answer to the one before.
async fn look_there(
    target: &Target,
    cells: &[&Cell],
    experiment: &Experiment,
    plan: &Plan,
    estimate: &Estimate,
    stop: &StopSwitch,
    report: &mut Report,
) {
    let Some(&cell) = cells.first() else { return };
    let now = SystemClock.wall();
    let run_id = folder::run_id(now, &plan.hash, &crate::host::machine::host());
    let prefix = RunPrefix::new(&cell.prefix, &experiment.name, &run_id);
    let key = prefix.key("doctor");
    let body = Source::Generated { block: Block::new(plan.seed), len: BODY };
    // A question at a terminal must not wait as long as a transfer may.
    let patient = Cell { timeout_us: PATIENCE_US, ..cell.clone() };
    let one_off = OneOff { target, cell: &patient, clock: &SystemClock, ids: Arc::new(AtomicU64::new(0)) };
    let mut stop = stop.listen(None);
    let store = match &target.maker {
        Maker::Store(store) => store,
        Maker::Minter(maker) => {
            for finding in links::check(&one_off, &maker.minter, cells, &key, plan.seed, &mut stop).await {
                report.tell(finding);
            }
            return;
        }
    };
    if cell.target == TargetKind::S3 {
        report.tell(credentials::check(store.origin(), plan, estimate, now));
        for finding in bucket::check(store).await {
            report.tell(finding);
        }
    }

    let (put, address) = enforcement::put(&one_off, store, &key, &body, &mut stop).await;
    let is_there = put.level == Level::Ok;
    report.tell(put);
    address.into_iter().for_each(|finding| report.tell(finding));
    report.tell(clock::check(&one_off, &key, experiment.clock_probe, &mut stop).await);
    if is_there {
        let mut methods: Vec<Method> = cells.iter().map(|cell| cell.method).collect();
        methods.sort_unstable();
        methods.dedup();
        for method in methods {
            for finding in enforcement::links(&one_off, store, method, &prefix, &key, &body, &mut stop).await {
                report.tell(finding);
            }
        }
        let puts = cells.iter().filter(|cell| cell.method == Method::Put).map(|cell| cell.size_bytes.0);
        if let Some(largest) = puts.max().filter(|largest| *largest > BODY) {
            let body = Source::Generated { block: Block::new(plan.seed), len: largest };
            report.tell(enforcement::size(&one_off, store, &prefix, &body, &mut stop).await);
        }
        report.tell(enforcement::delete(store, &key).await);
    }
}

/// The lifecycle rule for what may be left anyway.
fn advise(experiment: &Experiment, plan: &Plan) {
    let cells: Vec<_> = plan.cells.iter().filter(|cell| cell.target == TargetKind::S3).collect();
    let mut buckets: Vec<_> = cells.iter().map(|cell| (cell.bucket.as_str(), cell.endpoint.as_deref())).collect();
    buckets.sort_unstable();
    buckets.dedup();
    for (bucket, endpoint) in buckets {
        let here: Vec<_> = cells.iter().copied().filter(|cell| cell.bucket == bucket).collect();
        let rules = lifecycle::configuration(&lifecycle::prefixes(&here, &experiment.name));
        let endpoint = endpoint.map(|url| format!("--endpoint-url {url} ")).unwrap_or_default();
        say!(
            "\na lifecycle rule deletes what a killed run leaves; this replaces the bucket's other rules, if it has any:\n\
             aws {endpoint}s3api put-bucket-lifecycle-configuration --bucket {bucket} --lifecycle-configuration '{rules}'"
        );
    }
}

/// The plan's cells by their targets, in the plan's order.
fn by_target<'a>(plan: &'a Plan, targets: &Targets) -> Vec<(Arc<Target>, Vec<&'a Cell>)> {
    let mut found: Vec<(Arc<Target>, Vec<&Cell>)> = Vec::new();
    for cell in &plan.cells {
        let target = targets.of(cell);
        match found.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &target)) {
            Some((_, cells)) => cells.push(cell),
            None => found.push((target, vec![cell])),
        }
    }
    found
}

/// Proxies that the environment names, those that are followed and those that are not.
fn proxies(targets: &Targets) -> Vec<Finding> {
    let followed = targets.proxies().into_iter().map(|(endpoint, proxy)| {
        let found = format!(
            "{endpoint}: asked through {}, as {} says; control requests and transfers alike",
            proxy.url, proxy.variable
        );
        Finding::ok(PROXY, found)
    });
    let ignored = targets.proxies_ignored().into_iter().map(|why| Finding::ok(PROXY, format!("not followed: {why}")));
    followed.chain(ignored).collect()
}

/// The same where no target could be opened: by the endpoints that the cells name.
fn proxies_of_environment(cells: &[Cell]) -> Vec<Finding> {
    let asked = cells.iter().filter(|cell| cell.target == TargetKind::S3).filter_map(|cell| {
        let aws = || format!("https://{}.s3.amazonaws.com", cell.bucket);
        let url = cell.endpoint.clone().unwrap_or_else(aws);
        Endpoint::of(&url.parse().ok()?).ok()
    });
    let endpoints: HashSet<_> = asked.collect();
    let proxies = Proxies::of_environment();
    let followed = endpoints.iter().filter_map(|endpoint| match proxies.way_to(endpoint).ok()? {
        Way::Through(proxy) => Some(Finding::ok(
            PROXY,
            format!("{endpoint}: asked through {}, as {} says", proxy.server(), proxy.variable()),
        )),
        Way::Direct | Way::DirectThough { .. } => None,
    });
    let ignored = proxies.ignored(&endpoints);
    let ignored = ignored.into_iter().map(|why| Finding::ok(PROXY, format!("not followed: {why}")));
    followed.chain(ignored).collect()
}

/// Prints findings as they come.
struct Report {
    json: bool,
    errors: usize,
    warnings: usize,
    unanswered: usize,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Conclusion {
    /// `fit`, `mend`, `no-answer` or `stopped`.
    conclusion: &'static str,
    /// How many things must be mended.
    errors: usize,
    /// How many things may harm the results.
    warnings: usize,
    /// How many questions got no answer.
    unanswered: usize,
}

impl Report {
    /// Says which target the next findings are about.
    fn about(&self, target: &Target, cells: &[&Cell]) {
        let policy = cells.first().and_then(|cell| cell.expiry_policy);
        let policy = policy.map(|policy| format!(", expiry {policy}")).unwrap_or_default();
        let what = match &target.maker {
            Maker::Store(store) => format!("bucket `{}`{policy}", store.bucket()),
            Maker::Minter(maker) => format!("by links from {}", maker.minter.name()),
        };
        say!("{}, {what}:", target.endpoint);
    }

    fn tell(&mut self, finding: Finding) {
        match finding.level {
            Level::Ok => {}
            Level::Warning => self.warnings += 1,
            Level::Error => self.errors += 1,
            Level::Unreachable => self.unanswered += 1,
        }
        if self.json {
            data!("{}", serde_json::to_string(&finding).unwrap_or_default());
        } else {
            data!("{finding}");
        }
    }

    /// Says in a last line whether all is fit.
    fn conclude(&self, stopped: bool) {
        let conclusion = match self {
            _ if stopped => "stopped",
            Self { errors: 1.., .. } => "mend",
            Self { unanswered: 1.., .. } => "no-answer",
            Self { .. } => "fit",
        };
        let &Self { errors, warnings, unanswered, .. } = self;
        let conclusion = Conclusion { conclusion, errors, warnings, unanswered };
        if self.json {
            data!("{}", serde_json::to_string(&conclusion).unwrap_or_default());
        } else {
            data!("{conclusion}");
        }
    }

    /// What must be mended comes before what may mend itself.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self { errors: 1.., .. } => ExitCode::Usage,
            Self { unanswered: 1.., .. } => ExitCode::TryAgain,
            Self { .. } => ExitCode::Done,
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: usize, one: &str| count(number as u64, one);
        match (self.conclusion, self.errors) {
            ("mend", 1) => f.write_str("mend this 1 error")?,
            ("mend", errors) => write!(f, "mend these {errors} errors")?,
            ("no-answer", _) => write!(f, "no answer to {}: try again later", count(self.unanswered, "question"))?,
            ("stopped", _) => f.write_str("stopped before the end")?,
            _ => f.write_str("fit")?,
        }
        match self.warnings {
            0 => Ok(()),
            warnings => write!(f, ", {}", count(warnings, "warning")),
        }
    }
}

const PROXY: &str = "proxy";

const SELF_TEST: Duration = Duration::from_secs(1);
/// More than one segment: a path that drops large packets lets a small body through.
const BODY: u64 = 64_000;
const PATIENCE_US: u64 = 30_000_000;
