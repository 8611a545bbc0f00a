#!/usr/bin/env python3
"""Runs an experiment in shards with GNU parallel, merges them, and counts the rows of the whole.

The quick form of scripts/slurm.py: four processes at once on this machine against a testbed, none of them killed. GNU
parallel is the system's, else Debian's, unpacked into .parallel/.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import debian
from real_servers.processes import Processes
from real_servers.servers import Unavailable
from real_servers.serving import PROJECT, last_lines, report_on
from shards.experiment import SHARDS, Sharded
from shards.folders import Folders
from shards.merge import merged, problems_of_order
from shards.tally import tally

# Several times what it takes.
WITHIN_S = 300


def parallel() -> str:
    """The program, unpacked on the first call where the system has none."""
    if found := shutil.which("parallel"):
        return found
    folder = PROJECT / ".parallel"
    program = folder / "root" / "usr" / "bin" / "parallel"
    if not program.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        print("shards: unpacking GNU parallel into .parallel/, once", file=sys.stderr)
        debian.unpack(["parallel"], folder, only="parallel")
    return str(program)


def run_shards(program, sharded: Sharded, processes: Processes, out: Path):
    """Runs all shards at once, each with its own log, and returns GNU parallel's record of them."""
    record = out / "parallel.tsv"
    task = [str(sharded.ttlsweep), "run", str(sharded.experiment), *sharded.target, "--shard", f"{{}}/{SHARDS}"]
    task += ["--out", str(out / "runs"), "--yes", "--progress", "plain"]
    shards = [str(number) for number in range(1, SHARDS + 1)]
    command = [program, "--jobs", str(SHARDS), "--joblog", str(record), "--results", str(out / "logs")]
    # It writes into its user's home, and finds the shell by a variable.
    environment = {**sharded.environment, "SHELL": "/bin/sh"}
    running = processes.start([*command, *task, ":::", *shards], environment, out / "parallel.log")
    if running.wait(WITHIN_S) != 0:
        raise Unavailable(f"{running.returncode} shards failed:\n{record.read_text()}{last_lines(out / 'parallel.log')}")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--blocks", type=int, default=8, help=f"of the experiment, in {SHARDS} shards")
    arguments.add_argument("--out", type=Path, default=PROJECT / "target" / "shards", help="where runs are written")
    arguments = arguments.parse_args()
    program, out = parallel(), arguments.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shards-") as home, Processes() as processes:
        sharded = Sharded(arguments.bin, arguments.blocks, processes, Path(home), out)
        trials = sharded.planned_trials()
        run_shards(program, sharded, processes, out)
    folders = Folders(out / "runs").finished()
    whole = merged(sharded, folders, out / "merged")
    counts = tally(sharded.report, whole, trials, set())
    problems = counts.problems + problems_of_order(sharded, folders, whole, out)
    if len(folders) != SHARDS:
        problems.append(f"{len(folders)} shards of {SHARDS} are whole")
    print(f"merged {len(folders)} shards, {len(trials)} trials: {counts}")
    print(report_on(sharded.report, whole, WITHIN_S)[0])
    print(f"{time.monotonic() - began:.0f} s")
    for problem in problems:
        print(f"{problem}\nthe files are in {out}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, debian.NotUnpacked, subprocess.TimeoutExpired) as error:
        sys.exit(f"shards: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
