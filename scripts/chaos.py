#!/usr/bin/env python3
"""Kills runs at random instants, and checks that nothing is lost and nothing counted twice.

A short experiment on the embedded testbed is run; SIGKILL meets it, and each resume after it, at seeded random instants,
until the run is whole; then the next run begins. Every third kill or so is a loss of power as well: random tails of the
run's files go, in mid-row or not. After each whole run:

- `ttlsweep-report verify` finds it whole and consistent, every transfer that the journal told of at a kill included
- every row that was in the file at a kill is there at the end, byte for byte
- a transfer that was in flight at a kill is `cancelled`
- ttlsweep-report counts the whole attempts and nothing else, and tells of the interrupted ones
"""

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from verify import verify

USERS, TRANSFERS, REPETITIONS = 3, 2, 3
CELLS = 4
EXPERIMENT = f"""
[experiment]
name = "chaos"
repetitions = {REPETITIONS}
[target]
tls = false
expiry = "in-flight"
[grid]
users = {USERS}
ttl = ["1s", "60s"]
size = ["20kB", "60kB"]
bandwidth = "8Mbit/s"
[transfer]
transfers_per_user = {TRANSFERS}
jitter = "0s"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""
# Without another kill a run is whole long before this many seconds.
LAST = 180
FILES = ["transfers.csv", "journal.csv", "events.csv", "samples.csv", "harness.csv", "trials.csv"]


@dataclass
class Toll:
    """What was done, and what was found."""

    kills: int = 0
    before_the_folder: int = 0
    power_losses: int = 0
    runs: int = 0
    transfers: int = 0
    killed_in_flight: int = 0
    superseded: int = 0
    problems: list = field(default_factory=list)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def whole_rows(path):
    """The file's bytes up to its last whole row: no cell of ours holds a line break."""
    contents = path.read_bytes() if path.exists() else b""
    return contents[: contents.rfind(b"\n") + 1]


def names(contents):
    return [row["transfer_id"] for row in csv.DictReader(contents.decode().splitlines())]


class Run:
    """One run, from its first start to its last resume."""

    def __init__(self, program, reporter, lab, dice, toll):
        self.program, self.reporter, self.lab, self.dice, self.toll = program, reporter, lab, dice, toll
        self.folder = None
        self.kept = b""
        self.told = set()
        self.whole, self.patience = 0, 1.0

    def start(self):
        if self.folder is None:
            args = ["run", "chaos.toml", "--progress", "none"]
        else:
            args = ["resume", str(self.folder), "--progress", "none"]
        environment = {"HOME": str(self.lab), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        return subprocess.Popen(
            [self.program, *args], cwd=self.lab, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def kill_until_whole(self, may_kill):
        """Returns when the run is whole; `may_kill` says whether another kill is wanted."""
        while True:
            process = self.start()
            try:
                limit = self.dice.uniform(0.02, 2.0 * self.patience) if may_kill() else LAST
                _, said = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                if limit == LAST:
                    self.toll.problems.append(f"{self.folder}: does not end")
                    return
                self.killed()
                continue
            self.find_folder()
            if process.returncode == 0:
                return
            self.toll.problems.append(f"{self.folder}: exit code {process.returncode}: {said.decode()}")
            return

    def find_folder(self):
        found = sorted(path for path in self.lab.glob("results/chaos/2*") if path.is_dir())
        if self.folder is None and found:
            self.folder = found[0]

    def killed(self):
        self.toll.kills += 1
        self.find_folder()
        if self.folder is None:
            self.toll.before_the_folder += 1
            return
        self.keep()
        # On a busy machine a trial may need longer than any kill leaves it.
        whole = (self.folder / "trials.csv").read_text().count(",whole,")
        self.patience = 1.0 if whole > self.whole else min(self.patience * 1.2, 20.0)
        self.whole = whole
        if self.dice.random() < 0.35:
            self.lose_power()

    def keep(self):
        """Notes what is there now, none of which may be lost."""
        transfers = whole_rows(self.folder / "transfers.csv")
        if not transfers.startswith(self.kept):
            self.toll.problems.append(f"{self.folder}: rows that were there at the last kill have changed or gone")
        self.kept = transfers
        self.told.update(names(whole_rows(self.folder / "journal.csv")))

    def lose_power(self):
        """Cuts tails off the files. What is lost with them is not held against the program."""
        self.toll.power_losses += 1
        for name in FILES:
            path = self.folder / name
            if not path.exists() or self.dice.random() < 0.4:
                continue
            size = path.stat().st_size
            most = size if self.dice.random() < 0.02 else min(size, 600)
            os.truncate(path, size - self.dice.randint(0, most))
        self.kept = whole_rows(self.folder / "transfers.csv")
        journal = whole_rows(self.folder / "journal.csv")
        self.told &= set(names(journal)) | set(names(self.kept)) if journal or self.kept else set()

    def check(self):
        toll, folder = self.toll, self.folder
        problem = lambda text: toll.problems.append(f"{folder}: {text}")  # noqa: E731
        self.keep()
        transfers = rows(folder / "transfers.csv")
        toll.runs += 1
        toll.transfers += len(transfers)

        counted, problems = verify(self.reporter, folder, self.told)
        for one in problems:
            problem(one)
        if counted["trials"] != CELLS * REPETITIONS:
            problem(f"{counted['trials']} trials are whole of {CELLS * REPETITIONS}")
        killed = [row for row in transfers if row["error"] == "run killed"]
        if any(row["outcome"] != "cancelled" for row in killed):
            problem("a transfer that was in flight at a kill is not `cancelled`")
        superseded = counted["superseded"]
        toll.killed_in_flight += len(killed)
        toll.superseded += superseded
        self.check_report(problem, len(transfers) - superseded, superseded)

    def check_report(self, problem, counted, superseded):
        reported = subprocess.run([self.reporter, str(self.folder)], capture_output=True, text=True)
        if reported.returncode != 0 or reported.stderr:
            problem(f"the report: {reported.stderr}")
            return
        outcomes = ["transfers", "cancelled", "failed_locally"]
        told = sum(int(row[name]) for row in rows(self.folder / "summary.csv") for name in outcomes)
        if told != counted:
            problem(f"the report counts {told} transfers of {counted}")
        if superseded and f"{superseded} transfers of interrupted attempts" not in reported.stdout:
            problem(f"the report does not tell of {superseded} superseded transfers:\n{reported.stdout}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=7)
    arguments = arguments.parse_args()
    program, reporter = (str((arguments.bin / name).resolve()) for name in ("ttlsweep", "ttlsweep-report"))
    toll, began = Toll(), time.monotonic()
    dice = random.Random(arguments.seed)
    base = Path(tempfile.mkdtemp(prefix="ttlsweep-chaos-"))
    while toll.kills < arguments.kills and not toll.problems:
        lab = base / f"run-{toll.runs + 1}"
        lab.mkdir()
        (lab / "chaos.toml").write_text(EXPERIMENT)
        run = Run(program, reporter, lab, dice, toll)
        run.kill_until_whole(lambda: toll.kills < arguments.kills)
        if not toll.problems:
            run.check()
        if not toll.problems:
            shutil.rmtree(lab)
    print(
        f"{toll.kills} kills ({toll.before_the_folder} before the run's folder was there, {toll.power_losses} with a loss "
        f"of power) over {toll.runs} runs in {time.monotonic() - began:.0f} s, seed {arguments.seed}\n"
        f"{toll.transfers} transfers: {toll.killed_in_flight} were in flight at a kill and recorded as cancelled, "
        f"{toll.superseded} belong to interrupted attempts"
    )
    if toll.problems:
        print("\n".join(toll.problems), file=sys.stderr)
        print(f"the files are in {base}", file=sys.stderr)
        return 1
    shutil.rmtree(base)
    print("0 transfers lost, 0 counted twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
