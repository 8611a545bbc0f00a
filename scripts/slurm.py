#!/usr/bin/env python3
"""Runs an experiment in shards on a real Slurm, with tasks killed halfway, and counts the rows of the whole.

Debian's Slurm is unpacked into .slurm/ and started as a cluster of one node on loopback. deploy/slurm/ttlsweep.sbatch is
submitted as an array of four, against a testbed. One task's ttlsweep is killed (SIGKILL), upon which the batch script lets
Slurm start the task again; another task is cancelled (scancel), and put back (scontrol requeue). When all are through, the
shards are merged, and the rows counted against the plan.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib import debian
from lib.checkout import PROJECT, Unavailable
from lib.processes import Processes
from lib.sweeps import report_on
from slurm.cluster import Cluster, SlurmFailed
from slurm.experiment import SHARDS, Sharded
from slurm.folders import Folders
from slurm.merge import merged, problems_of_order
from slurm.programs import Programs
from slurm.tally import tally

SCRIPT = PROJECT / "deploy" / "slurm" / "ttlsweep.sbatch"
KILLED, CANCELLED = 2, 3
# Several times what each takes.
WITHIN_S = 300
AT_WORK = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED")


class Array:
    """The submitted array, the two kills, and what came of them."""

    def __init__(self, cluster: Cluster, sharded: Sharded, out: Path):
        self.cluster, self.folders = cluster, Folders(out / "runs")
        self.told = set()
        environment = {**sharded.environment, "TTLSWEEP_OUT": str(out / "runs")}
        environment["PATH"] = os.pathsep.join([str(sharded.ttlsweep.parent), cluster.environment["PATH"]])
        submitted = [f"--array=1-{SHARDS}", "--parsable", SCRIPT, sharded.experiment, *sharded.target]
        # What Slurm itself says to the script, before anything runs.
        print(cluster.run("sbatch", "--test-only", *submitted, environment=environment, cwd=out).strip())
        self.name = cluster.run("sbatch", *submitted, environment=environment, cwd=out).strip()

    def task(self, number):
        return next((task for task in self.cluster.tasks(self.name) if task.number == number), None)

    def kill(self):
        """SIGKILL to the process itself, as a machine that is short of memory would; the batch script sees to the rest."""
        task = self._in_a_trial(KILLED)
        pid = self.cluster.pid(task)
        os.kill(pid, signal.SIGKILL)
        self._note(KILLED)
        print(f"task {task.name}: SIGKILL to ttlsweep during a trial")

    def cancel(self):
        """What a user does by mistake, and how he mends it."""
        task = self._in_a_trial(CANCELLED)
        # The script's own requeue can't come in between: Slurm ends the script, too.
        self.cluster.run("scancel", task.name)
        self._until(lambda: self.task(CANCELLED).state == "CANCELLED", f"task {task.name} is cancelled")
        self._note(CANCELLED)
        self.cluster.run("scontrol", "requeue", task.name)
        print(f"task {task.name}: scancel during a trial, then scontrol requeue")

    def wait(self):
        """Waits until no task is at work any more, and returns them."""
        self._until(self._all_are_through, "all tasks are through")
        return self._all()

    def _all_are_through(self) -> bool:
        # Those that wait to be started are not told of one by one.
        tasks = self._all()
        return len(tasks) == SHARDS and all(task.state not in AT_WORK for task in tasks)

    def _all(self):
        return self.cluster.tasks(self.name)

    def _in_a_trial(self, shard):
        self._until(lambda: self.folders.during_a_trial(shard), f"shard {shard} is during a trial", 0.01)
        return self.task(shard)

    def _note(self, shard):
        self.told |= self.folders.begun(shard)

    def _until(self, condition, what, pause=0.2):
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            if time.monotonic() > deadline:
                told = "\n".join(map(str, self._all()))
                raise SlurmFailed(f"waited {WITHIN_S} s in vain until {what}:\n{told}")
            time.sleep(pause)


def main() -> int:
    arguments = parse_arguments()
    programs = Programs.unpacked(PROJECT / ".slurm")
    out = arguments.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="slurm-") as home, Processes() as processes:
        sharded = Sharded(arguments.bin, arguments.blocks, processes, Path(home), out)
        trials = sharded.planned_trials()
        cluster = Cluster(programs, processes, Path(home), SHARDS)
        try:
            cluster.start()
            array = Array(cluster, sharded, out)
            array.kill()
            array.cancel()
            tasks = array.wait()
        finally:
            cluster.end_jobs()
    problems = [f"task {task.name} ended {task.state} ({task.exit_code})" for task in tasks if task.state != "COMPLETED"]
    for task in tasks:
        print(f"task {task.name}: {task.state}, exit code {task.exit_code}, restarts {task.restarts}")
    folders = array.folders.finished()
    if len(folders) != SHARDS:
        problems.append(f"{len(folders)} shards of {SHARDS} are whole")
        return _told(problems, out)
    whole = merged(sharded, folders, out / "merged")
    counts = tally(sharded.report, whole, trials, array.told)
    problems += counts.problems + problems_of_order(sharded, folders, whole, out)
    print(f"merged {len(folders)} shards, {len(trials)} trials: {counts}")
    print(report_on(sharded.report, whole, WITHIN_S)[0])
    print(f"{time.monotonic() - began:.0f} s")
    if not counts.superseded:
        problems.append("no attempt was interrupted: the kills met nothing")
    return _told(problems, out)


def _told(problems, out) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"the files are in {out}", file=sys.stderr)
    return 1 if problems else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    parser.add_argument("--blocks", type=int, default=8, help=f"of the experiment, in {SHARDS} shards")
    parser.add_argument("--out", type=Path, default=PROJECT / "target" / "slurm", help="where runs and logs are written")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, SlurmFailed, debian.NotUnpacked, subprocess.TimeoutExpired) as error:
        sys.exit(f"slurm: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
