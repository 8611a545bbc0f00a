#!/usr/bin/env python3
"""Measures how well bandwidth caps hold: achieved over asked, and how fairly users share, against the testbed.

Every user makes one transfer, all of the same size, chosen so that the trial takes 5 s, or 100 quanta a user where that
is longer. Writes the table of docs/bench.md; takes about five minutes, --quick a few seconds.
"""

import argparse
import csv
import itertools
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.tools import environment, program
from lib.checkout import PROJECT, Unavailable
from lib.pages import replace_part

USERS = [1, 5, 100]
MEGABITS = [1, 10, 100, 1000]
SECONDS, QUANTA = 5, 100
RATE_WITHIN, FAIR_FROM = 0.01, 0.99
# Slow trials leave the machine idle, so that four of them side by side don't disturb each other.
SIDE_BY_SIDE_UP_TO = 10


@dataclass
class Cap:
    """One trial: what was asked, and what came of it."""

    method: str
    tls: bool
    users: int
    megabits: int
    achieved: float
    fairness: float
    quantum_share: float
    rows: int
    starved: bool

    @property
    def holds(self) -> bool:
        return abs(self.achieved - 1) <= RATE_WITHIN + self.quantum_share and self.fairness >= FAIR_FROM


def quantum(users, megabits) -> int:
    """As the runner cuts its slots: 20 ms of a user's share, from 1 to 16 KiB."""
    return min(max(megabits * 1_000_000 // 8 // 50 // users, 1 << 10), 16 << 10)


def kilobytes_a_user(users, megabits) -> int:
    for_seconds = megabits * 1_000_000 / 8 * SECONDS / users
    return round(max(for_seconds, QUANTA * quantum(users, megabits)) / 1000)


def experiment(users, megabits) -> str:
    return f"""[experiment]
name = "caps"
question = "Do caps hold?"
parallel_trials = {4 if megabits <= SIDE_BY_SIDE_UP_TO else 1}
[target]
kind = "embedded"
expiry = "never"
tls = [false, true]
[grid]
users = {users}
ttl = "1h"
size = "{kilobytes_a_user(users, megabits)}kB"
bandwidth = "{megabits}Mbit/s"
[transfer]
method = ["put", "get"]
jitter = "0s"
idle_timeout = "5m"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""


def measure(ttlsweep, users, megabits, folder) -> list:
    file = folder / "caps.toml"
    file.write_text(experiment(users, megabits))
    command = [ttlsweep, "run", file, "--out", folder / "out", "--yes", "--progress", "none"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ttlsweep ended with {done.returncode}:\n{done.stderr}")
    run = Path(done.stdout.strip())
    cells = {cell["cell_id"]: cell for cell in rows(run / "cells.csv")}
    transfers = defaultdict(list)
    for row in rows(run / "transfers.csv"):
        transfers[row["trial_id"]].append(row)
    return [judge(trial, cells[trial["cell_id"]], transfers[trial["trial_id"]]) for trial in rows(run / "trials.csv")]


def judge(trial, cell, transfers) -> Cap:
    users, asked = int(cell["users"]), int(cell["bandwidth_bps"])
    completed = [row for row in transfers if row["outcome"] == "completed"]
    if len(completed) != users:
        raise RuntimeError(f"{len(completed)} of {users} transfers of {trial['trial_id']} completed")
    return Cap(
        cell["method"],
        cell["tls"] == "true",
        users,
        asked // 1_000_000,
        int(trial["achieved_bps"]) / asked,
        jain([int(row["size_bytes"]) / int(row["total_us"]) for row in completed]),
        quantum(users, asked // 1_000_000) / (users * int(cell["size_bytes"])),
        len(completed),
        trial["starved"] == "true",
    )


def jain(shares) -> float:
    """Jain's index: 1 where all get the same, 1/n where one gets all."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def rows(path) -> list:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def table(caps) -> str:
    kinds = sorted({(one.method, one.tls) for one in caps}, key=lambda kind: (kind[0] != "put", kind[1]))
    names = [f"{'upload' if method == 'put' else 'download'}, {report.wire(tls)}" for method, tls in kinds]
    lines = ["| users | Mbit/s | " + " | ".join(names) + " |", "| ---: | ---: |" + " --- |" * len(names)]
    for users, megabits in sorted({(one.users, one.megabits) for one in caps}):
        found = {(one.method, one.tls): one for one in caps if (one.users, one.megabits) == (users, megabits)}
        lines.append(f"| {users} | {megabits:,} | " + " | ".join(cell(found.get(kind)) for kind in kinds) + " |")
    held = sum(one.holds for one in caps)
    lines += ["", f"{held} of {len(caps)} hold: the rate within 1 % and one quantum, and Jain's index at least 0.99."]
    return "\n".join(lines) + "\n"


def cell(cap) -> str:
    if cap is None:
        return ""
    text = f"{cap.achieved:.4f} · {cap.fairness:.4f}"
    text = text if cap.holds else f"**{text}**"
    return text + (" (starved)" if cap.starved else "")


def main() -> int:
    arguments = parse_arguments()
    ttlsweep = program(arguments.bin, "ttlsweep")
    caps = []
    wanted = [(1, 100), (5, 100)] if arguments.quick else itertools.product(USERS, MEGABITS)
    for users, megabits in wanted:
        with tempfile.TemporaryDirectory(prefix="caps-") as folder:
            caps += measure(ttlsweep, users, megabits, Path(folder))
        print(f"{users} users, {megabits} Mbit/s", file=sys.stderr)
    if not arguments.quick:
        replace_part(arguments.out / "bench.md", "caps", table(caps))
    print(table(caps))
    return 0 if all(one.holds for one in caps) else 1


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=PROJECT / "target" / "release", help="the folder of the program")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs", help="the folder of bench.md")
    parser.add_argument("--quick", action="store_true", help="two caps alone; writes nothing")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, RuntimeError) as error:
        sys.exit(f"caps: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
