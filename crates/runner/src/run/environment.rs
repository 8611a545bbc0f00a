//! `environment.json`: what a run is, and the machine that runs it.

use std::collections::BTreeMap;

use ttlsweep_path::far;
use ttlsweep_record::{SCHEMA_VERSION, Timestamp};
use ttlsweep_rundir::environment::Environment;

use crate::clock::{Clock, SystemClock};
use crate::experiment::Experiment;
use crate::host::machine;
use crate::plan::Plan;
use crate::run::{Run, folder};
use crate::secret::redacted;
use crate::target::Targets;

/// That of a run of the `whole` plan that begins now on this machine. The addresses of its endpoints have yet to be looked up.
pub fn of_new_run(experiment: &Experiment, whole: &Plan, now: Timestamp, targets: &Targets) -> Environment {
    let host = machine::host();
    Environment {
        schema_version: SCHEMA_VERSION,
        run_id: folder::run_id(now, &whole.hash, &host),
        experiment: experiment.name.clone(),
        question: experiment.question.clone(),
        plan_hash: whole.hash.clone(),
        seed: whole.seed,
        repetitions: whole.repetitions,
        trials: whole.trials.len() as u64,
        shard: None,
        part: None,
        start_at: None,
        start_every_us: None,
        started_at: now,
        command: std::env::args_os().map(|word| redacted(&word.to_string_lossy()).into_owned()).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: option_env!("TTLSWEEP_GIT_REVISION").map(str::to_owned),
        build_profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        host,
        os: machine::os(),
        cpus: machine::cpus(),
        memory_bytes: machine::memory_bytes(),
        descriptor_limit: machine::descriptor_limit(),
        tcp_sysctls: machine::tcp_sysctls(),
        endpoints: BTreeMap::new(),
        regions: targets.regions(),
        proxies: targets.proxies(),
        proxies_ignored: targets.proxies_ignored(),
        path: path(experiment),
        clock_offset: BTreeMap::new(),
        hosts: Vec::new(),
    }
}

/// That of a run under way, with what it has found of the servers' clocks so far.
pub(crate) fn with_clocks(run: &Run) -> Environment {
    let mut environment = run.environment.clone();
    for target in run.targets.all() {
        if let Some(bracket) = target.offset.bracket(&SystemClock.anchor()) {
            environment.clock_offset.insert(target.endpoint.to_string(), bracket);
        }
    }
    environment
}

/// The slow line that this process is behind, as the options of `ttlsweep path`; `None` if its lines are the experiment's own.
pub(crate) fn path(experiment: &Experiment) -> Option<String> {
    if experiment.cells.iter().any(|cell| cell.path_rate_bps.is_some()) {
        return None;
    }
    std::env::var(far::LINE).ok().map(|options| redacted(&options).into_owned())
}

/// That of a run that goes on, on this machine now, which an engine may have chosen again. Which machine ran what before stands
/// in `trials.csv`.
pub(crate) fn of_resumed_run(begun: Environment, targets: &Targets) -> Environment {
    let mut begun = begun;
    // A testbed's endpoint is another one now; what was recorded of the others is what holds for their rows so far.
    begun.regions.append(&mut targets.regions());
    begun.proxies.append(&mut targets.proxies());
    Environment {
        proxies_ignored: targets.proxies_ignored(),
        // What is added now may be what the version that began the run did not know.
        schema_version: SCHEMA_VERSION,
        host: machine::host(),
        os: machine::os(),
        cpus: machine::cpus(),
        memory_bytes: machine::memory_bytes(),
        descriptor_limit: machine::descriptor_limit(),
        tcp_sysctls: machine::tcp_sysctls(),
        ..begun
    }
}
