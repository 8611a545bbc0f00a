//! Which share of an array job a task is: by the variables that Slurm, AWS Batch, Kubernetes and Cloud Run set for it.
//!
//! A share is read, never guessed: two engines' variables at once, one that is missing, or a number that does not fit is an
//! error that says so. A task that took itself for another one would run that one's blocks a second time, and leave its own.

use std::fmt;

use ttlsweep_record::Share;

/// An engine whose array jobs tell each task which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Slurm, `sbatch --array=1-4`: the indices begin where one likes and may have a step.
    /// <https://slurm.schedmd.com/job_array.html>
    Slurm,
    /// An array job of AWS Batch: indices from 0. <https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html>
    AwsBatch,
    /// An Indexed Job of Kubernetes: indices from 0, and no variable tells how many there are.
    /// <https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode>
    Kubernetes,
    /// A job of Cloud Run: indices from 0. <https://cloud.google.com/run/docs/container-contract#jobs-env-vars>
    CloudRun,
}

/// Why the variables do not tell which share this is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// No engine's variable is set.
    #[error("no array job is found: none of {} is set; write the share, for example `2/4`", all_indices())]
    None,
    /// Those of several engines are.
    #[error("variables of several engines are set ({}), so that it is not known which of them started this task; \
             write the share, for example `2/4`, or unset those that do not count", .0.join(", "))]
    Several(Vec<&'static str>),
    /// One that the engine always sets is missing.
    #[error(
        "{engine} sets {missing} for the tasks of an array job, and it is missing here, where {found} is set; pass it on, \
         or write the share, for example `2/4`"
    )]
    Missing {
        /// The engine.
        engine: Engine,
        /// What is missing.
        missing: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Kubernetes does not tell how many tasks there are.
    #[error(
        "{engine} does not tell a task how many there are: write `auto/n`, n being the job's `completions`, \
         for example `auto/4`"
    )]
    Uncounted {
        /// The engine.
        engine: Engine,
    },
    /// A value is not a number.
    #[error("{variable} is `{value}`; expected a whole number")]
    Number {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The engine and the command line tell different numbers of tasks.
    #[error(
        "{variable} is {found}, and `auto/{asked}` says {asked}: where only some tasks of a job are run again, write the \
         share itself, for example `2/{asked}`"
    )]
    Count {
        /// The variable.
        variable: &'static str,
        /// Its value.
        found: u32,
        /// What the command line says.
        asked: u32,
    },
    /// The index does not fit the number of tasks.
    #[error("{0}")]
    Index(String),
}

/// Reads the share from the environment, which `variable` looks up; `of` is how many there are where the command line says so.
///
/// # Errors
/// The variables do not tell.
pub(crate) fn share(variable: impl Fn(&str) -> Option<String>, of: Option<u32>) -> Result<Share, EngineError> {
    let set = |engine: Engine| engine.variables().iter().copied().find(|name| variable(name).is_some());
    let found: Vec<_> = ENGINES.iter().filter_map(|engine| Some((*engine, set(*engine)?))).collect();
    let &[(engine, found)] = &found[..] else {
        return Err(match found.is_empty() {
            true => EngineError::None,
            false => EngineError::Several(found.into_iter().map(|(_, name)| name).collect()),
        });
    };
    let number = |name: &'static str| {
        let value = variable(name).ok_or(EngineError::Missing { engine, missing: name, found })?;
        value.parse::<u32>().map_err(|_| EngineError::Number { variable: name, value })
    };
    let index = number(engine.index())?;
    let of = match (engine.count(), of) {
        (None, None) => return Err(EngineError::Uncounted { engine }),
        (None, Some(asked)) => asked,
        (Some(name), asked) => {
            let found = number(name)?;
            match asked {
                Some(asked) if asked != found => return Err(EngineError::Count { variable: name, found, asked }),
                _ => found,
            }
        }
    };
    let (first, step) = match engine {
        Engine::Slurm => (number(SLURM_MIN)?, number(SLURM_STEP)?),
        Engine::AwsBatch | Engine::Kubernetes | Engine::CloudRun => (0, 1),
    };
    let place = index.checked_sub(first).filter(|distance| step > 0 && distance % step == 0);
    let share = place.and_then(|distance| (distance / step).checked_add(1)).map(|number| Share::new(number, of));
    match share {
        Some(Ok(share)) => Ok(share),
        _ if engine == Engine::Slurm => Err(EngineError::Index(format!(
            "task {index} is none of {of} that begin at {first} and are {step} apart, as {}, {SLURM_MIN} and {SLURM_STEP} say: \
             write the array as one range, for example `--array=1-{}`",
            SLURM_COUNT,
            of.max(1)
        ))),
        _ => Err(EngineError::Index(format!(
            "{} is {index}; of {of} tasks, the last one's is {}",
            engine.index(),
            i64::from(of) - 1
        ))),
    }
}

impl Engine {
    fn index(self) -> &'static str {
        self.variables()[0]
    }

    fn count(self) -> Option<&'static str> {
        self.variables().get(1).copied()
    }

    /// The task's index first, then how many there are.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Slurm => &["SLURM_ARRAY_TASK_ID", SLURM_COUNT, SLURM_MIN, SLURM_STEP],
            Self::AwsBatch => &["AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"],
            Self::Kubernetes => &["JOB_COMPLETION_INDEX"],
            Self::CloudRun => &["CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"],
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slurm => "Slurm",
            Self::AwsBatch => "AWS Batch",
            Self::Kubernetes => "Kubernetes",
            Self::CloudRun => "Cloud Run",
        })
    }
}

fn all_indices() -> String {
    ENGINES.map(Engine::index).join(", ")
}

const ENGINES: [Engine; 4] = [Engine::Slurm, Engine::AwsBatch, Engine::Kubernetes, Engine::CloudRun];
const SLURM_COUNT: &str = "SLURM_ARRAY_TASK_COUNT";
const SLURM_MIN: &str = "SLURM_ARRAY_TASK_MIN";
const SLURM_STEP: &str = "SLURM_ARRAY_TASK_STEP";

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The share in an environment such as `SLURM_ARRAY_TASK_ID=1 HOME=/root`.
    fn found(environment: &str, of: Option<u32>) -> Result<String, String> {
        let set: HashMap<_, _> = environment.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let share = share(|name| set.get(name).map(|value| (*value).to_owned()), of);
        share.map(|share| share.to_string()).map_err(|error| error.to_string())
    }

    fn slurm(id: i64, count: u32, min: u32, step: u32) -> String {
        format!(
            "SLURM_ARRAY_TASK_ID={id} SLURM_ARRAY_TASK_COUNT={count} SLURM_ARRAY_TASK_MIN={min} \
             SLURM_ARRAY_TASK_STEP={step} SLURM_ARRAY_TASK_MAX=99 SLURM_ARRAY_JOB_ID=7 SLURM_JOB_ID=9"
        )
    }

    #[test]
    fn each_engines_tasks_are_the_shares_from_first_to_last() {
        let table = [
            // --array=1-4, 0-3, 10-40:10, 5-11:2, 3
            (slurm(1, 4, 1, 1), None, "1/4"),
            (slurm(4, 4, 1, 1), None, "4/4"),
            (slurm(0, 4, 0, 1), None, "1/4"),
            (slurm(3, 4, 0, 1), None, "4/4"),
            (slurm(30, 4, 10, 10), None, "3/4"),
            (slurm(11, 4, 5, 2), None, "4/4"),
            (slurm(3, 1, 3, 1), None, "1/1"),
            (slurm(2, 4, 1, 1), Some(4), "2/4"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=2".into(), None, "1/2"),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=9999 AWS_BATCH_JOB_ARRAY_SIZE=10000 AWS_BATCH_JOB_ID=x".into(),
                None,
                "10000/10000",
            ),
            ("JOB_COMPLETION_INDEX=3".into(), Some(4), "4/4"),
            ("CLOUD_RUN_TASK_INDEX=0 CLOUD_RUN_TASK_COUNT=1 CLOUD_RUN_TASK_ATTEMPT=2".into(), None, "1/1"),
            ("CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_TASK_COUNT=3".into(), Some(3), "2/3"),
        ];
        for (environment, of, share) in table {
            assert_eq!(found(&environment, of), Ok(share.to_owned()), "{environment}");
        }
    }

    #[test]
    fn what_does_not_tell_is_an_error_and_never_a_guess() {
        let table = [
            (
                "HOME=/root SLURM_JOB_ID=9 AWS_BATCH_JOB_ID=x".to_owned(),
                None,
                "no array job is found: none of SLURM_ARRAY_TASK_ID, AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX, \
                 CLOUD_RUN_TASK_INDEX is set",
            ),
            (
                format!("{} JOB_COMPLETION_INDEX=1", slurm(2, 4, 1, 1)),
                None,
                "variables of several engines are set (SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX)",
            ),
            (
                "AWS_BATCH_JOB_ARRAY_SIZE=2 CLOUD_RUN_TASK_COUNT=2".into(),
                None,
                "variables of several engines are set (AWS_BATCH_JOB_ARRAY_SIZE, CLOUD_RUN_TASK_COUNT)",
            ),
            (
                "JOB_COMPLETION_INDEX=1".into(),
                None,
                "Kubernetes does not tell a task how many there are: write `auto/n`",
            ),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=1".into(),
                None,
                "AWS Batch sets AWS_BATCH_JOB_ARRAY_SIZE for the tasks of an array job, and it is missing here",
            ),
            // Also where the number was given: the engine is not what it seems.
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=1".into(),
                Some(2),
                "AWS_BATCH_JOB_ARRAY_SIZE for the tasks of an array job, and it is missing here",
            ),
            (
                "AWS_BATCH_JOB_ARRAY_SIZE=2".into(),
                None,
                "AWS Batch sets AWS_BATCH_JOB_ARRAY_INDEX for the tasks of an array job, and it is missing here, where \
                 AWS_BATCH_JOB_ARRAY_SIZE is set; pass it on",
            ),
            ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=4".into(), None, "Slurm sets SLURM_ARRAY_TASK_MIN"),
            ("SLURM_ARRAY_TASK_MIN=1".into(), None, "Slurm sets SLURM_ARRAY_TASK_ID"),
            ("CLOUD_RUN_TASK_INDEX=1".into(), None, "Cloud Run sets CLOUD_RUN_TASK_COUNT"),
            // --array=1,3,7 has no step: the third task of three would be the seventh.
            (slurm(7, 3, 1, 1), None, "task 7 is none of 3 that begin at 1 and are 1 apart"),
            (slurm(2, 4, 1, 2), None, "task 2 is none of 4 that begin at 1 and are 2 apart"),
            (slurm(0, 4, 1, 1), None, "write the array as one range, for example `--array=1-4`"),
            (slurm(1, 4, 1, 0), None, "are 0 apart"),
            (slurm(0, 0, 0, 1), None, "task 0 is none of 0"),
            // `sbatch --array=3` for the one task that failed is not a run of a single shard.
            (
                slurm(3, 1, 3, 1),
                Some(4),
                "SLURM_ARRAY_TASK_COUNT is 1, and `auto/4` says 4: where only some tasks of a job are run again, write",
            ),
            (slurm(-1, 4, 1, 1), None, "SLURM_ARRAY_TASK_ID is `-1`; expected a whole number"),
            ("JOB_COMPLETION_INDEX=".into(), Some(4), "JOB_COMPLETION_INDEX is ``; expected a whole number"),
            ("JOB_COMPLETION_INDEX=4".into(), Some(4), "JOB_COMPLETION_INDEX is 4; of 4 tasks, the last one's is 3"),
            (
                "AWS_BATCH_JOB_ARRAY_INDEX=2 AWS_BATCH_JOB_ARRAY_SIZE=2".into(),
                None,
                "AWS_BATCH_JOB_ARRAY_INDEX is 2; of 2 tasks, the last one's is 1",
            ),
            (
                "CLOUD_RUN_TASK_INDEX=4294967295 CLOUD_RUN_TASK_COUNT=4294967295".into(),
                None,
                "CLOUD_RUN_TASK_INDEX is 4294967295",
            ),
        ];
        for (environment, of, said) in table {
            let error = found(&environment, of).unwrap_err();
            assert!(error.contains(said), "{environment}\nsays {error}\nand not {said}");
        }
    }
}
