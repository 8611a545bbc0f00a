#!/usr/bin/env python3
"""Measures what ttlsweep costs: CPU seconds a gigabyte and throughput, beside the same hyper code without tracing, curl
and locust, and memory a user.

Every client sends the same bytes to a server on loopback that discards them, which is started again for each measurement.
Clients take turns, so that what else the machine does meets all of them. Writes docs/bench.csv, the chart and the tables
of docs/bench.md; --quick writes none of them and takes under a minute. Each run goes into the CSV as it ends, so that
a benchmark that is stopped has lost nothing: --redraw makes tables and chart of what is there.
"""

import argparse
import csv
import os
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import memory, report
from bench.clients import Load, known_clients
from bench.measure import run
from bench.sink import Sink
from bench.tools import environment, program
from lib.checkout import PROJECT, Unavailable
from lib.pages import replace_part

MB = 1_000_000
LOADS = [
    Load(1, 40 * MB, 50),
    Load(5, 40 * MB, 20),
    Load(100, 10 * MB, 4),
    Load(1_000, 1 * MB, 4),
    Load(10_000, 50_000, 2),
]
QUICK = [Load(1, 40 * MB, 10), Load(5, 40 * MB, 4), Load(100, 1 * MB, 4)]
# What tracing costs is to be told within a few percent, from pairs; the others differ by much more.
PAIRED = 5
PAIRS, ROUNDS = 30, 5
TRACED, UNTRACED = "ttlsweep", "untraced"
COLUMNS = ["tls", "users", "size_bytes", "transfers_per_user", "client", "round", "cpu_s", "start_cpu_s", "wall_s"]


@dataclass
class Measurement:
    """One run of one client."""

    tls: bool
    load: Load
    client: str
    round: int
    cpu_s: float
    start_cpu_s: float
    wall_s: float

    @property
    def cpu_a_gigabyte(self) -> float:
        return (self.cpu_s - self.start_cpu_s) / self.load.gigabytes

    @property
    def gigabytes_a_second(self) -> float:
        return self.load.gigabytes / self.wall_s

    @classmethod
    def read(cls, row) -> "Measurement":
        load = Load(int(row["users"]), int(row["size_bytes"]), int(row["transfers_per_user"]))
        seconds = [float(row[name]) for name in ("cpu_s", "start_cpu_s", "wall_s")]
        return cls(row["tls"] == "1", load, row["client"], int(row["round"]), *seconds)

    def row(self) -> list:
        load = self.load
        whole = [int(self.tls), load.users, load.size, load.transfers, self.client, self.round]
        return whole + [f"{seconds:.4f}" for seconds in (self.cpu_s, self.start_cpu_s, self.wall_s)]


class Bench:
    """The clients and the sink, ready to be measured."""

    def __init__(self, binaries, folder, keep):
        self.keep = keep
        self.sink = program(binaries, "examples/sink")
        self.ttlsweep = program(binaries, "ttlsweep")
        self.clients, self.folder = known_clients(binaries), folder
        self._runs = 0
        self._starts = {}

    def compare(self, load, tls, pairs, rounds) -> list:
        """All clients in `rounds`, ttlsweep and its untraced twin in `pairs`; the order is drawn again each time."""
        draw = random.Random(load.users)
        found = []
        for number in range(1, max(pairs, rounds) + 1):
            able = [one for one in self.clients if load.users <= one.most_users]
            due = [one for one in able if number <= (pairs if one.name in (TRACED, UNTRACED) else rounds)]
            draw.shuffle(due)
            found += [self._measure(client, load, tls, number) for client in due]
        return found

    def _measure(self, client, load, tls, number):
        cost = self._run(client, load, tls)
        start = self._start_of(client, load, tls)
        found = Measurement(tls, load, client.name, number, cost.cpu_s, start, cost.wall_s)
        self.keep(found)
        return found

    def _start_of(self, client, load, tls):
        """What starting costs, which has nothing to do with gigabytes: the least of three runs with a single kilobyte."""
        key = (client.name, tls)
        if key not in self._starts:
            self._starts[key] = min(self._run(client, load.once(), tls).cpu_s for _ in range(3))
        return self._starts[key] * client.starts(load)

    def _run(self, client, load, tls):
        self._runs += 1
        folder = self.folder / str(self._runs)
        folder.mkdir()
        with Sink(self.sink, tls, folder) as sink:
            commands = client.commands(load, sink.endpoint, folder)
            return run(commands, client.at_once(load), environment(sink.certificate), folder / "words.log")


def main() -> int:
    arguments = parse_arguments()
    if arguments.redraw:
        write_costs(arguments.out, read(arguments.out / "bench.csv"))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if arguments.quick:
            bench = Bench(arguments.bin, Path(folder), keep=lambda _: None)
            print(report.table(everything(bench, QUICK, pairs=3, rounds=1)))
            return 0
        with open(arguments.out / "bench.csv", "w", newline="") as file:
            bench = Bench(arguments.bin, Path(folder), keep=keeper(file))
            found = everything(bench, LOADS, arguments.pairs, arguments.rounds)
        write_costs(arguments.out, found)
        write_memory(arguments.out, measure_memory(bench, folder))
    return 0


def keeper(file):
    """Writes each measurement when it is made."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)

    def keep(one):
        rows.writerow(one.row())
        file.flush()

    return keep


def read(path) -> list:
    with open(path, newline="") as file:
        return [Measurement.read(row) for row in csv.DictReader(file)]


def everything(bench, loads, pairs, rounds) -> list:
    found = []
    for tls in (False, True):
        for load in loads:
            load_average = os.getloadavg()[0]
            many = pairs if load.users == PAIRED else rounds
            found += bench.compare(load, tls, many, rounds)
            print(report.progress(found, load, tls, load_average), file=sys.stderr)
    return found


def measure_memory(bench, folder) -> list:
    held = []
    for tls in (False, True):
        for users in (1_000, 10_000):
            apart = Path(tempfile.mkdtemp(dir=folder))
            held.append(memory.measure(bench.ttlsweep, bench.sink, users, tls, apart))
            print(report.memory_line(held[-1]), file=sys.stderr)
    return held


def write_costs(out, found):
    image = out / "images" / "bench-cpu.png"
    report.draw(out / "bench.csv", image)
    text = f"{report.headline(found)}\n{report.picture(image)}\n\n{report.table(found)}"
    replace_part(out / "bench.md", "cost", text)
    print(text)


def write_memory(out, held):
    text = report.memory_table(held)
    replace_part(out / "bench.md", "memory", text)
    print(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=PROJECT / "target" / "release", help="the folder of the programs")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs", help="the folder of bench.csv and bench.md")
    parser.add_argument("--quick", action="store_true", help="a look, in under a minute; writes nothing")
    parser.add_argument("--redraw", action="store_true", help="tables and chart again from bench.csv")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of ttlsweep and untraced at five users")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of everything else")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, RuntimeError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
