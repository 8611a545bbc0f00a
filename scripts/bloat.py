#!/usr/bin/env python3
"""How late heads come behind lines of several rates and queues, by congestion control, on new and on kept connections.

Runs experiments/bloat.toml behind `ttlsweep path` for each line, with links of an hour, so that none is refused and all heads
are seen to arrive. Each of five users makes three uploads, a trial takes a minute. Prints the table of docs/bloat.md.
"""

import argparse
import csv
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Dict, List, Tuple

PROJECT = Path(__file__).resolve().parent.parent
LINES = [(4, 256), (4, 1000), (4, 3000), (10, 256), (10, 1000), (10, 3000), (10, 6000), (20, 1000), (20, 3000), (20, 6000)]
CONTROLS = ("reno", "cubic", "bbr")
TTL_S = 10
SETTINGS = [
    "experiment.repetitions=1",
    "grid.ttl=1h",
    f"grid.congestion=[{', '.join(f'{name!r}' for name in CONTROLS)}]",
    "grid.reuse_connections=[false, true]",
    "transfer.transfers_per_user=3",
    "controls.long_ttl=false",
    "controls.expired_start=false",
]


@dataclass(frozen=True)
class Line:
    """A rate, a queue, and where what was run behind them lies."""

    mbit_s: int
    queue_kb: int
    out: Path

    def run(self, programs: Path):
        """Runs the experiment behind it: 15 uploads that together take a minute."""
        size_kb = self.mbit_s * 500
        command = [programs / "ttlsweep", "path", "--rate", f"{self.mbit_s}Mbit/s", "--queue", f"{self.queue_kb}kB"]
        command += ["--delay", "15ms", "--", programs / "ttlsweep", "run", PROJECT / "experiments" / "bloat.toml"]
        command += ["--out", self.out, "--progress", "plain", "--yes", "--set", f"grid.size={size_kb}kB"]
        for setting in SETTINGS:
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{self}: ttlsweep ended with {done.returncode}:\n{done.stderr[-2000:]}")

    def late(self) -> Dict[Tuple[str, str], List[float]]:
        """Seconds from links' dates to when their heads were confirmed, by congestion control and reuse of connections."""
        (folder,) = self.out.glob("*/latest")
        with (folder / "cells.csv").open(newline="", encoding="utf-8") as file:
            reuse = {row["cell_id"]: row["reuse_connections"] for row in csv.DictReader(file)}
        late = defaultdict(list)
        with (folder / "transfers.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["head_acked_at"]:
                    date = instant(row["expires_at"]) - timedelta(seconds=int(row["ttl_s"]))
                    seconds = (instant(row["head_acked_at"]) - date).total_seconds()
                    late[row["congestion"], reuse[row["cell_id"]]].append(seconds)
        return {key: sorted(values) for key, values in late.items()}

    def row(self) -> str:
        """Its row of the table."""
        late = self.late()
        cells = []
        for key in ((name, reuse) for name in CONTROLS for reuse in ("false", "true")):
            heads = late.get(key, [])
            over = sum(head > TTL_S for head in heads)
            worst = f"{heads[len(heads) // 2]:.1f}, {heads[-1]:.1f}" if heads else "–"
            cells.append(f"{worst} **({over} of {len(heads)})**" if over else worst)
        seconds = self.queue_kb * 8 / self.mbit_s / 1000
        return f"| {self.mbit_s} Mbit/s, {self.queue_kb} kB | {seconds:.1f} s | {' | '.join(cells)} |"


def instant(text: str) -> datetime:
    """An instant of a row."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--out", type=Path, default=PROJECT / "target" / "bloat", help="where runs are written")
    arguments.add_argument("--at-once", type=int, default=5, help="how many lines at once (default: 5)")
    arguments.add_argument("--read", action="store_true", help="run nothing: read what is there")
    arguments = arguments.parse_args()
    lines = [Line(rate, queue, arguments.out / f"r{rate}-q{queue}") for rate, queue in LINES]
    if not arguments.read:
        with ThreadPoolExecutor(arguments.at_once) as pool:
            list(pool.map(lambda line: line.run(arguments.bin.absolute()), lines))
    print(f"| line, queue | queue / rate | {' | '.join(f'{name}, new | {name}, kept' for name in CONTROLS)} |")
    print(f"| --- | --- |{' --- |' * len(CONTROLS) * 2}")
    for line in lines:
        print(line.row())


if __name__ == "__main__":
    main()
