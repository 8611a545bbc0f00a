//! `ttlsweep run`: from an experiment file to a run's folder.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use ttlsweep_console::{data, say};
use ttlsweep_record::units::format_micros;
use ttlsweep_record::{ByteCount, Portion, TargetKind, Timestamp};

use super::ended::Ended;
use super::portion::{PlacedPortion, tell_start};
use super::upload::Upload;
use super::{carry_out, prepare, stop_on_signals, tell_proxies, try_congestion};
use crate::cli::{LimitArgs, RunArgs};
use crate::clock::{Clock, SystemClock};
use crate::cmd::exit::{ExitCode, Failure, stopped};
use crate::doctor;
use crate::experiment::{self, Experiment};
use crate::plan::Plan;
use crate::plan::estimate::Estimate;
use crate::run::files::{self, Files};
use crate::run::folder::RunFolder;
use crate::run::sweep::Earlier;
use crate::run::{Run, environment};
use crate::stop::StopSwitch;
use crate::target::Targets;

/// Runs the command.
///
/// # Errors
/// The experiment is wrong, the target cannot be used, or the results cannot be written.
pub async fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let loaded = experiment::load(&args.experiment, &args.overrides.load_options())?;
    let experiment = &loaded.experiment;
    for notice in &loaded.notices {
        say!("note: {notice}");
    }
    let whole = Plan::new(experiment);
    let usage = |error: &dyn std::fmt::Display| Failure::new(ExitCode::Usage, error);
    let portion = args.portion.resolve(|name| std::env::var(name).ok()).map_err(|error| usage(&error))?;
    let plan = match portion {
        Some(portion) => whole.of_portion(portion).map_err(|error| usage(&error))?,
        None => whole.clone(),
    };
    let met = plan.as_met_by(portion);
    let estimate = Estimate::new(&met, experiment);
    if args.dry_run {
        print_plan(experiment, &plan, portion, &estimate);
        return Ok(ExitCode::Done);
    }
    try_congestion(&plan.cells)?;
    let portion = portion.map(|portion| PlacedPortion::new(args, experiment, &whole, portion)).transpose()?;
    let upload = Upload::of(args, experiment, &whole, portion.as_ref()).await?;
    if let Some(upload) = &upload
        && upload.is_whole().await?
    {
        return Ok(ExitCode::Done);
    }
    if let Some(portion) = &portion
        && let Some(ended) = portion.go_on(args.progress).await?
    {
        return finish(upload.as_ref(), &ended).await;
    }
    say!("{}: {estimate}", experiment.name);
    if !consents(args, experiment, &estimate)? {
        return Ok(ExitCode::Done);
    }
    prepare(&met, experiment.parallel_trials);
    if let Some(upload) = &upload {
        upload.begin(&loaded.frozen).await?;
    }

    let stop = StopSwitch::new();
    let leave = StopSwitch::new();
    let code = stopped(portion.as_ref().map(|portion| portion.portion));
    stop_on_signals(&stop, &leave, code).map_err(|error| Failure::new(ExitCode::Internal, error))?;
    // Before the folder is made, so that a target that refuses leaves no empty run behind.
    let targets = Targets::open(&plan.cells).await?;
    let now = SystemClock.wall();
    tell_proxies(&targets);
    warn_of_credentials(&targets, &plan, &estimate, now);
    let mut environment = environment::of_new_run(experiment, &whole, now, &targets);
    environment.endpoints = targets.addresses().await;
    if let Some(portion) = &portion {
        environment = portion.environment(environment);
    }
    let fill = |folder: &Path| {
        environment.write(folder)?;
        files::create(folder, &plan.cells)
    };
    let made = match &portion {
        Some(portion) => portion.create(&loaded.frozen, fill),
        None => RunFolder::create(&args.out, &experiment.name, now, &loaded.frozen, fill).map_err(Failure::from),
    };
    let folder = made?;
    let files = Files::open(folder.path(), stop.clone()).map_err(|error| Failure::new(ExitCode::Internal, error))?;
    if let Some(start) = portion.as_ref().and_then(|portion| portion.start) {
        tell_start(&start, &plan, SystemClock.wall());
    }
    let run = Run { stop, leave, ..Run::new(loaded.experiment, plan, environment, targets, files.sink()) };
    let ended = carry_out(run, &folder, files, Earlier::default(), args.progress).await?;
    finish(upload.as_ref(), &ended).await
}

/// What is to be done once the run has ended, and only then what is to be told: anyone who reads it may be gone, or slow.
async fn finish(upload: Option<&Upload<'_>>, ended: &Ended) -> Result<ExitCode, Failure> {
    let code = match upload {
        Some(upload) => upload.end(ended.code).await,
        None => Ok(ended.code),
    };
    ended.tell();
    code
}

/// A plan that takes more than anyone would want to find out afterwards is asked about first; if nobody can answer,
/// `--yes` is the consent.
fn consents(args: &RunArgs, experiment: &Experiment, estimate: &Estimate) -> Result<bool, Failure> {
    if experiment.target != TargetKind::S3 || args.yes {
        return Ok(true);
    }
    let Some(limit) = exceeded_limit(&args.limits, estimate) else { return Ok(true) };
    if !std::io::stdin().is_terminal() {
        let message = format!(
            "this plan {limit}, and nobody is here to ask: add `--yes` to run it anyway, or `--dry-run` to see it first"
        );
        return Err(Failure::new(ExitCode::Usage, message));
    }
    say::question(format_args!("This plan {limit}. Run it? [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Failure::new(ExitCode::Internal, error))?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !yes {
        say!("nothing was sent");
    }
    Ok(yes)
}

/// What makes a plan one to ask about, in words, with the flag that sets the limit.
fn exceeded_limit(limits: &LimitArgs, estimate: &Estimate) -> Option<String> {
    let bytes = estimate.bytes_up.saturating_add(estimate.bytes_down);
    let micros = |duration: Duration| format_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    if let Some(aws) = estimate.aws.filter(|aws| aws.usd > limits.max_cost) {
        Some(format!("costs about {:.2} USD, more than {:.2} (--max-cost)", aws.usd, limits.max_cost))
    } else if bytes > limits.max_bytes.0 {
        Some(format!("moves {}, more than {} (--max-bytes)", ByteCount(bytes), limits.max_bytes))
    } else if estimate.duration > limits.max_time {
        let (time, limit) = (micros(estimate.duration), micros(limits.max_time));
        Some(format!("takes about {time}, more than {limit} (--max-time)"))
    } else {
        None
    }
}

/// A link dies with the credentials that signed it; that looks like a store that cuts.
fn warn_of_credentials(targets: &Targets, plan: &Plan, estimate: &Estimate, now: Timestamp) {
    for target in targets.all() {
        if let Some(problem) = doctor::credentials::too_short(target.store.origin().end, plan, estimate, now) {
            tracing::warn!("{problem}");
        }
    }
}

fn print_plan(experiment: &Experiment, plan: &Plan, portion: Option<Portion>, estimate: &Estimate) {
    data!("experiment  {}", experiment.name);
    data!("question    {}", experiment.question);
    data!("plan        {}", plan.hash);
    data!("seed        {}", plan.seed);
    if let Some(portion) = portion {
        data!("{:<11} {}", portion.kind(), portion.share());
    }
    for axis in &experiment.axes {
        data!("axis        {} = {}", axis.key, axis.values.join(", "));
    }
    data!("{estimate}");
    data!("\ntrial        position  jitter   cell");
    for trial in &plan.trials {
        let cell = plan.cell(trial);
        let mut settings = vec![format!("{} users", cell.users)];
        settings.extend(cell.ttl_s.map(|ttl| format!("TTL {ttl}s")));
        settings.push(cell.size_bytes.to_string());
        settings.push(cell.bandwidth_bps.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string()));
        settings.push(cell.method.to_string());
        settings.extend(cell.expiry_policy.map(|policy| policy.to_string()));
        settings.extend(cell.control.map(|control| format!("control {control}")));
        let jitter = format!("{:.2}s", trial.jitter.as_secs_f64());
        data!("{:<12} {:>8}  {jitter:>6}   {}", trial.trial_id, trial.position, settings.join(", "));
    }
}
