//! `ttlsweep run`: from an experiment file to a run's folder.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use ttlsweep_console::{data, say};
use ttlsweep_record::units::{format_micros, micros};
use ttlsweep_record::{ByteCount, Portion, Share, TargetKind, Timestamp};

use super::behind::get_behind;
use super::dry_run::{self, DryRun};
use super::ended::Ended;
use super::signals::{Signals, stop_on_signals};
use super::{carry_out, load, open_targets, resume, tell, tell_proxies, try_congestion};
use crate::cli::{LimitArgs, PortionArgs, RunArgs};
use crate::clock::{Clock, SystemClock};
use crate::cmd::exit::{ExitCode, Failure, stopped};
use crate::doctor;
use crate::experiment::{Experiment, Loaded};
use crate::host::machine;
use crate::plan::estimate::Estimate;
use crate::plan::outlook::Outlook;
use crate::plan::{CommonStart, Plan};
use crate::portion::placed::{AskedRun, PlacedPortion, Progress};
use crate::run::files::{self, Files};
use crate::run::folder::RunFolder;
use crate::run::progress::Mode;
use crate::run::sweep::Earlier;
use crate::run::{Run, environment};
use crate::stop::StopSwitch;
use crate::target::Targets;
use crate::upload::Upload;

/// Runs the command.
///
/// # Errors
/// The experiment is wrong, the target cannot be used, or the results cannot be written.
pub async fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let portion = args.portion.resolve(|name| std::env::var(name).ok()).map_err(Failure::usage)?;
    let parts = portion.and_then(Portion::part).map_or(1, Share::of);
    let loaded = load(&args.experiment, &args.overrides, parts)?;
    let experiment = &loaded.experiment;
    if !args.dry_run {
        get_behind(&experiment.cells, experiment.seed)?;
    }
    tell(&loaded);
    let work = Work::of(portion, experiment)?;
    if args.dry_run {
        let Work { plan, portion, estimate, outlook, .. } = &work;
        DryRun { experiment, plan, portion: *portion, estimate, outlook, trials: args.trials }.print();
        if let Some(folder) = &args.plan {
            dry_run::write(experiment, &work.whole, folder)?;
        }
        return Ok(ExitCode::Done);
    }
    try_congestion(&work.plan.cells)?;
    let portion = place(args, experiment, &work)?;
    let upload = upload_of(args, experiment, &work, portion.as_ref()).await?;
    if let Some(portion) = &portion
        && let Some(code) = settle_portion(portion, upload.as_ref(), args.progress).await?
    {
        return Ok(code);
    }
    say!("{}: {}\n{}", experiment.name, work.estimate, work.outlook);
    if !ask(args, experiment, &work.estimate)? {
        return Ok(ExitCode::Done);
    }
    machine::raise_descriptor_limit();
    if let Some(upload) = &upload {
        upload.begin(&loaded.frozen).await?;
    }
    let (stop, leave) = stop_on_signals(stopped(work.portion))?;
    let (run, folder, files) = open(args, loaded, work, portion.as_ref(), stop).await?;
    let ended = carry_out(Run { leave, ..run }, &folder, files, Earlier::default()).await?;
    finish(upload.as_ref(), &ended).await
}

/// What this process is to do.
struct Work {
    /// All of the experiment.
    whole: Plan,
    /// The portion of it, where several processes run the experiment together.
    portion: Option<Portion>,
    /// What this process runs of it.
    plan: Plan,
    estimate: Estimate,
    /// How all of it can end.
    outlook: Outlook,
}

impl Work {
    fn of(portion: Option<Portion>, experiment: &Experiment) -> Result<Self, Failure> {
        let whole = Plan::new(experiment);
        let plan = match portion {
            Some(portion) => whole.of_portion(portion).map_err(Failure::usage)?,
            None => whole.clone(),
        };
        let estimate = Estimate::new(&plan.for_portion(portion), experiment);
        let outlook = Outlook::new(&whole, experiment);
        Ok(Self { whole, portion, plan, estimate, outlook })
    }
}

/// Where the portion that is asked for lies, if one is.
fn place(args: &RunArgs, experiment: &Experiment, work: &Work) -> Result<Option<PlacedPortion>, Failure> {
    let Some(portion) = work.portion else { return Ok(None) };
    let PortionArgs { run_id, start_at, start_every, .. } = args.portion.clone();
    let asked = AskedRun { run_id, start_at, start_every };
    let placed = PlacedPortion::new(&args.out, experiment, &work.whole, portion, asked)?;
    if portion.part().is_some() && experiment.target == TargetKind::Embedded {
        say!(
            "note: each part asks a testbed of its own, behind slow lines of its own if there are any; `--endpoint` names a server that all of them ask"
        );
    }
    Ok(Some(placed))
}

/// The upload that is asked for, if one is.
async fn upload_of<'a>(
    args: &RunArgs,
    experiment: &Experiment,
    work: &Work,
    portion: Option<&'a PlacedPortion>,
) -> Result<Option<Upload<'a>>, Failure> {
    // The command line asks for both or neither.
    let (Some(url), Some(portion)) = (&args.portion.upload, portion) else { return Ok(None) };
    let profile = args.overrides.profile.as_deref();
    Ok(Some(Upload::of(portion, url, profile, experiment, &work.whole).await?))
}

/// Leaves alone a portion that is whole, in the bucket or here, and finishes one that was interrupted; `None` if it has yet to
/// begin. Nobody is asked for consent to either.
async fn settle_portion(
    portion: &PlacedPortion,
    upload: Option<&Upload<'_>>,
    progress: Mode,
) -> Result<Option<ExitCode>, Failure> {
    if let Some(upload) = upload
        && let Some(url) = upload.whole().await?
    {
        data!("{url}");
        say!("{portion} is whole; it is left alone");
        return Ok(Some(ExitCode::Done));
    }
    let ended = match portion.look()? {
        Progress::Nothing => return Ok(None),
        Progress::Whole(folder) => {
            let words = format!("{portion} is whole; it is left alone");
            Ended { code: ExitCode::Done, folder, left: Vec::new(), words }
        }
        Progress::Unfinished(folder) => {
            say!("{portion} was interrupted earlier; resuming it");
            resume::finish(&folder, progress).await?
        }
    };
    finish(upload, &ended).await.map(Some)
}

/// Opens the targets, and then the run's folder and files, so that a target that refuses leaves no empty run behind.
async fn open(
    args: &RunArgs,
    loaded: Loaded,
    work: Work,
    portion: Option<&PlacedPortion>,
    stop: StopSwitch,
) -> Result<(Run, RunFolder, Files), Failure> {
    let Loaded { experiment, frozen, .. } = loaded;
    let targets = open_targets(&work.plan.cells, &stop, stopped(work.portion)).await?;
    let now = SystemClock.wall();
    tell_proxies(&targets);
    warn_of_credentials(&targets, &work.plan, &work.estimate, now);
    let mut environment = environment::of_new_run(&experiment, &work.whole, now, &targets);
    environment.endpoints = targets.addresses().await;
    if let Some(portion) = portion {
        environment = portion.environment(environment);
    }
    let fill = |folder: &Path| {
        environment.write(folder)?;
        files::create(folder, &work.plan.cells)
    };
    let folder = match portion {
        Some(portion) => portion.create(&frozen, fill)?,
        None => RunFolder::create(&args.out, &experiment.name, now, &frozen, fill)?,
    };
    let files = Files::open(folder.path(), stop.clone()).map_err(Failure::internal)?;
    if let Some(start) = portion.and_then(|portion| portion.start) {
        tell_start(&start, &work.plan, SystemClock.wall());
    }
    let run =
        Run { stop, progress: args.progress, ..Run::new(experiment, work.plan, environment, targets, files.sink()) };
    Ok((run, folder, files))
}

/// Says when the trials begin, and to whom it was left.
fn tell_start(start: &CommonStart, plan: &Plan, now: Timestamp) {
    let last = start.schedule(plan).last();
    let late = now.micros_since(start.at);
    if late > 0 {
        let late = format_micros(late.unsigned_abs());
        say!("warning: the first trial began on all machines at {}, {late} ago: this part comes late", start.at);
    } else {
        say!("the first trial begins on all machines at {}, the last one at {last}", start.at);
    }
}

/// What is to be done once the run has ended, and only then what is to be reported: anyone who reads it may be gone, or slow.
async fn finish(upload: Option<&Upload<'_>>, ended: &Ended) -> Result<ExitCode, Failure> {
    let code = match upload.filter(|_| ended.code == ExitCode::Done) {
        Some(upload) => put_results(upload).await,
        None => Ok(ended.code),
    };
    ended.tell();
    code
}

/// Puts the files of a run that is whole into the bucket, until a signal says to try again later.
async fn put_results(upload: &Upload<'_>) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen().map_err(Failure::internal)?;
    tokio::select! {
        put = upload.end() => {
            say!("uploaded: {}", put?);
            Ok(ExitCode::Done)
        }
        () = signals.any() => Ok(ExitCode::TryAgain),
    }
}

/// A plan that takes more than anyone would want to find out afterwards is asked about first; if nobody can answer,
/// `--yes` is the consent.
fn ask(args: &RunArgs, experiment: &Experiment, estimate: &Estimate) -> Result<bool, Failure> {
    if experiment.target == TargetKind::Embedded || args.yes {
        return Ok(true);
    }
    let Some(limit) = exceeded_limit(&args.limits, estimate) else { return Ok(true) };
    if !std::io::stdin().is_terminal() {
        let message = format!(
            "this plan {limit}, and nobody is here to ask: add `--yes` to run it anyway, or `--dry-run` to see it first"
        );
        return Err(Failure::usage(message));
    }
    say::question(format_args!("This plan {limit}. Run it? [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failure::internal)?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !yes {
        say!("nothing was sent");
    }
    Ok(yes)
}

/// What makes a plan one to ask about, in words, with the flag that sets the limit.
fn exceeded_limit(limits: &LimitArgs, estimate: &Estimate) -> Option<String> {
    let bytes = estimate.bytes_up.saturating_add(estimate.bytes_down);
    let time = |duration: Duration| format_micros(micros(duration));
    if let Some(aws) = estimate.aws.filter(|aws| aws.usd > limits.max_cost) {
        Some(format!("costs about {:.2} USD, more than {:.2} (--max-cost)", aws.usd, limits.max_cost))
    } else if bytes > limits.max_bytes.0 {
        Some(format!("moves {}, more than {} (--max-bytes)", ByteCount(bytes), limits.max_bytes))
    } else if estimate.duration > limits.max_time {
        let (time, limit) = (time(estimate.duration), time(limits.max_time));
        Some(format!("takes about {time}, more than {limit} (--max-time)"))
    } else {
        None
    }
}

/// A link dies with the credentials that signed it; that looks like a store that cuts.
fn warn_of_credentials(targets: &Targets, plan: &Plan, estimate: &Estimate, now: Timestamp) {
    for target in targets.all() {
        let end = target.store().and_then(|store| store.origin().end);
        if let Some(problem) = doctor::credentials::too_short(end, plan, estimate, now) {
            tracing::warn!("{problem}");
        }
    }
}
