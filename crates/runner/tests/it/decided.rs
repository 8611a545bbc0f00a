//! A run that ends as soon as each target is decided: whom it asks, what it does with the answer, and what others make of its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use ttlsweep_record::DecisionRecord;
use ttlsweep_rundir::csv_file::read_rows;

use crate::experiment::Toml;
use crate::program::{Lab, Run, rows_or_none, signal, start, wait_at_most, wait_for_words, wait_until, words};
use crate::programs::chosen;
use crate::verify::{assert_whole, verified};

/// What stands for the report's program: each target is decided once so many trials are whole. It notes each time it is asked,
/// and does not answer as long as there is a file `hang`.
fn stand_in(trials: &str) -> String {
    format!(
        "#!/bin/sh\n[ \"$1\" = interim ] || exit 2\necho asked >> \"$HOME/asked\"\n\
         while [ -e \"$HOME/hang\" ]; do sleep 0.02; done\n\
         n=$(grep -c ',whole,' \"$3/trials.csv\")\n{trials}\nd=false; code=4\n[ \"$n\" -ge \"$limit\" ] && {{ d=true; code=0; }}\n\
         echo \"{{\\\"schema_version\\\":1,\\\"decided\\\":$d,\\\"trials\\\":$n,\\\"targets\\\":[{{\\\"name\\\":\\\"store\\\",\\\"answer\\\":\\\"no\\\",\\\"decided\\\":$d}}]}}\"\n\
         exit $code\n"
    )
}

/// The program with another one beside it.
struct Beside(Lab);

impl Beside {
    /// `None`: nothing lies beside it.
    fn with(reporter: Option<&str>) -> Self {
        // Blocks of one trial of some 0.4 s: two users upload 50 kB each at 2 Mbit/s.
        let early = Toml::named("early").set("experiment.stop", "decided").set("target.tls", false);
        let early = early.set("experiment.blocks.least", 3).set("experiment.blocks.most", 6);
        let lab = early.set("grid.users", 2).set("grid.size", "50kB").set("grid.bandwidth", "2Mbit/s").lab();
        fs::create_dir(lab.path("bin")).unwrap();
        let built = chosen(env!("CARGO_BIN_EXE_ttlsweep"));
        let program = lab.path("bin/ttlsweep");
        fs::hard_link(&built, &program).or_else(|_| fs::copy(&built, &program).map(drop)).unwrap();
        if let Some(script) = reporter {
            lab.write("bin/ttlsweep-report", script);
            fs::set_permissions(lab.path("bin/ttlsweep-report"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(lab)
    }

    fn deciding_by(trials: u32) -> Self {
        Self::with(Some(&stand_in(&format!("limit={trials}"))))
    }

    fn ttlsweep(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.0.path("bin/ttlsweep"));
        command.args(args).current_dir(self.0.path("")).env_clear();
        command.env("HOME", self.0.path("")).env("PATH", "/usr/bin:/bin").stdin(std::process::Stdio::null());
        command
    }

    fn succeed(&self, args: &[&str]) -> Output {
        let output = self.ttlsweep(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output).1);
        output
    }

    fn asked(&self) -> usize {
        fs::read_to_string(self.0.path("asked")).unwrap_or_default().lines().count()
    }

    fn run(&self) -> Run {
        self.0.run_of("early")
    }
}

/// The looks of a run: the block, whether an answer came, and whether it ended the run.
fn looks(run: &Run) -> Vec<(u32, bool, bool)> {
    let rows: Vec<DecisionRecord> = read_rows(run.path()).unwrap();
    rows.iter().map(|row| (row.block, row.target_answer.is_some(), row.decided)).collect()
}

#[test]
fn a_run_ends_after_the_first_block_at_which_each_target_is_decided_and_everyone_knows_why() {
    let beside = Beside::deciding_by(4);
    let (_, said) = words(&beside.succeed(&["run", "early.toml", "--progress", "json"]));
    let stopped = "stopped after block 4 of at most 6, because each target was decided";
    assert!(said.contains(stopped), "{said}");
    let look = "{\"kind\":\"look\",\"block\":4,\"blocks\":4,\"decided\":true,\"targets\":[{\"name\":\"store\",\"answer\":\"no\",\"decided\":true}]";
    assert!(said.contains(look), "{said}");
    let run = beside.run();
    assert_eq!(run.trials().len(), 4);
    assert_eq!(looks(&run), [(3, true, false), (4, true, true)], "never before the third block");
    assert_whole(&run);
    assert_eq!(verified(&run).to_string(), format!("whole and consistent: 4 trials, 8 transfers; {stopped}"));
    assert!(!run.path().join("journal.csv").exists());

    let (_, said) = words(&beside.succeed(&["resume", "results/early/latest"]));
    assert!(said.contains(&format!("nothing is missing: the run {stopped}")), "{said}");
    assert_eq!((run.trials().len(), beside.asked()), (4, 2));

    // By hand: a row that decides by a block that is not there.
    let path = run.path().join("decisions.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(",4,4,", ",5,5,")).unwrap();
    let found = verified(&run).to_string();
    assert!(found.contains("decisions.csv line 3: it decides by block 5, which is not whole"), "{found}");
}

/// The plan is that of `most` blocks: what is run of it is the same trials as without an early end.
#[test]
fn the_plan_is_that_of_all_blocks_and_repetitions_run_all_of_them() {
    let beside = Beside::deciding_by(3);
    let dry = |args: &[&str]| {
        let output = beside.succeed(&[&["run", "early.toml", "--dry-run", "--trials"], args].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let (early, all) = (dry(&[]), dry(&["--set", "experiment.repetitions=6"]));
    assert!(early.contains("it ends as soon as each target is decided, after 3 to 6 blocks: about "), "{early}");
    assert!(early.starts_with(all.split("\nthis plan").next().unwrap()), "{early}\n{all}");
    assert!(!all.contains("as soon as") && beside.asked() == 0, "{all}");
    beside.succeed(&["run", "early.toml", "--set", "experiment.repetitions=4", "--progress", "none"]);
    assert_eq!((beside.run().trials().len(), beside.asked()), (4, 0));
}

#[test]
fn one_that_is_interrupted_goes_on_and_asks_again() {
    let beside = Beside::deciding_by(5);
    let mut child = start(beside.ttlsweep(&["run", "early.toml", "--progress", "json"]));
    wait_for_words(&mut child, "\"kind\":\"look\"");
    let run = beside.run();
    run.wait_for_a_second_trial();
    signal(&child, Signal::INT);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    let before = looks(&run).len();
    assert!(verified(&run).to_string().contains("planned trials are not whole"), "it has a plan to finish");
    let (_, said) = words(&beside.succeed(&["resume", "results/early/latest"]));
    assert!(said.contains("stopped after block 5 of at most 6"), "{said}");
    assert_eq!(looks(&run).last(), Some(&(5, true, true)));
    assert!(looks(&run).len() > before);
    assert_whole(&run);
}

/// SIGKILL between a block and the answer: the block is whole, and nobody wrote down that it is enough.
#[test]
fn one_that_is_killed_while_it_asks_asks_first_when_it_is_resumed() {
    let beside = Beside::deciding_by(3);
    beside.0.write("hang", "");
    let mut child = start(beside.ttlsweep(&["run", "early.toml", "--progress", "none"]));
    wait_until("it asks", || beside.asked() == 1);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    fs::remove_file(beside.0.path("hang")).unwrap();
    let run = beside.run();
    assert_eq!(looks(&run), []);
    let (_, said) = words(&beside.succeed(&["resume", "results/early/latest"]));
    assert!(said.contains("stopped after block 3 of at most 6"), "{said}");
    assert_eq!((run.trials().len(), looks(&run)), (3, vec![(3, true, true)]));
    assert_whole(&run);
}

#[test]
fn ctrl_c_waits_for_no_answer() {
    let beside = Beside::deciding_by(3);
    beside.0.write("hang", "");
    let child = start(beside.ttlsweep(&["run", "early.toml", "--progress", "none"]));
    wait_until("it asks", || beside.asked() == 1);
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let (code, said) = words(&output);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("3 trials are missing") && !said.contains("WARN"), "{said}");
    assert_eq!(looks(&beside.run()), [], "an answer that was not waited for is none");
}

#[test]
#[ignore = "slow"]
fn without_a_clear_word_all_blocks_are_run_and_that_is_said_once() {
    for (reporter, doubt) in [
        (None, "`ttlsweep-report` is not in"),
        (
            Some("#!/bin/sh\necho 'error: unexpected argument' >&2\nexit 2\n"),
            "exit status: 2 (error: unexpected argument)",
        ),
        (Some("#!/bin/sh\nkill -SEGV $$\n"), "signal: 11"),
        (Some("#!/bin/sh\necho '{\"decided\":true}'\n"), "an answer that is not understood"),
    ] {
        let beside = Beside::with(reporter);
        let (_, said) = words(&beside.succeed(&["run", "early.toml", "--progress", "none"]));
        assert_eq!(said.matches("WARN").count(), 1, "{said}");
        assert!(said.contains(doubt) && !said.contains("stopped"), "{said}");
        let run = beside.run();
        assert_eq!(run.trials().len(), 6, "{said}");
        assert_eq!(looks(&run), [(3, false, false), (4, false, false), (5, false, false)]);
        assert_whole(&run);
    }
}

#[test]
fn each_shard_ends_by_its_own_looks_and_together_they_are_a_whole_run() {
    let limits = "limit=4\ncase \"$3\" in *shard-1-of-2*) limit=3;; esac";
    let beside = Beside::with(Some(&stand_in(limits)));
    let options = ["--set", "experiment.blocks={ most = 12 }", "--progress", "none"];
    for (shard, ran) in [("1/2", 3), ("2/2", 4)] {
        let (_, said) = words(&beside.succeed(&[&["run", "early.toml", "--shard", shard], &options[..]].concat()));
        assert!(said.contains(&format!("shard {shard} stopped after its block {ran} of at most 6")), "{said}");
    }
    let below = fs::read_dir(beside.0.path("results/early")).unwrap().map(|entry| entry.unwrap().path());
    let run: PathBuf = below.into_iter().next().unwrap();
    let merged = beside.succeed(&["merge", run.to_str().unwrap(), "--out", "merged"]);
    let stopped = "shard 1/2 stopped after its block 3 of at most 6, shard 2/2 stopped after its block 4 of at most 6, because each \
                   target was decided";
    let (_, said) = words(&merged);
    assert!(said.contains(stopped), "{said}");
    let merged = Run(beside.0.path("merged"));
    assert_whole(&merged);
    assert!(verified(&merged).to_string().contains(stopped), "{}", verified(&merged));
    assert_eq!((merged.trials().len(), looks(&merged).len()), (7, 3));
}

/// The programs as they lie beside each other: one policy cuts and one does not.
#[test]
#[ignore = "slow"]
fn a_testbed_that_cuts_is_found_in_three_blocks_and_one_that_does_not_in_five() {
    // Long enough that a clock which is known to half a second tells a cut from chance.
    let real = Toml::named("real").set("experiment.stop", "decided").set("experiment.parallel_trials", 12);
    let real = real.set("target.tls", false).set("grid.ttl", "4s").set("grid.size", "1MB");
    let real = real.set("grid.bandwidth", "1Mbit/s").unset("transfer").unset("controls");
    for (policy, answer, fewest) in [("in-flight", "YES", 3), ("on-request", "NO", 5)] {
        let lab = real.lab();
        let child = start(lab.ttlsweep(&["run", "real.toml", "--set", &format!("target.expiry={policy}")]));
        let decisions = lab.path("results/real/latest/decisions.csv");
        let over = || rows_or_none::<DecisionRecord>(&decisions).last().is_some_and(|row| row.decided);
        wait_at_most(Duration::from_secs(300), "it is decided", over);
        let (code, said) = words(&child.wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{said}");
        let run = lab.run_of("real");
        let (last, _, _) = *looks(&run).last().unwrap();
        // A machine that is too busy judges fewer trials, and takes longer to know.
        let starved = run.trials().iter().filter(|trial| trial.starved).count();
        assert!(
            last == fewest || (last > fewest && starved > 0),
            "after block {last}, {starved} trials starved: {said}"
        );
        assert!(said.contains(&format!("after block {last}: testbed, {policy} {answer}")), "{said}");
        assert_whole(&run);
    }
}
