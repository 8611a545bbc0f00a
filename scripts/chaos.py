#!/usr/bin/env python3
"""Kills every command at random instants, and checks that nothing is lost, nothing counted twice, and nothing needs a hand.

Each kill is SIGKILL, SIGTERM, SIGHUP, SIGINT or a loss of power: SIGKILL, after which random tails of what was being written
go, in mid-row or not. Stories of two kinds are told, several at once, until there were as many kills as are asked for:

- on the embedded testbed: `run` is killed, its `resume`, and the report on it
- in two shards against a testbed of its own: `run --shard --upload` is killed, then `merge`, then `clean`

After each kill the same command is started again (`resume` after `run`), and must mend what was left:

- `ttlsweep-report verify` finds the run whole and consistent, every transfer that the journal told of at a kill included
- every row that was in the file at a kill is there at the end, byte for byte
- a transfer that was in flight at a kill is `cancelled`
- the report counts the whole attempts and nothing else, and tells of the interrupted ones
- what was uploaded is what is here, and after `clean` the bucket is empty
- asked to end, a command does so in a few seconds, with 130 (a shard with 75), or by the signal itself before it listens
"""

import argparse
import itertools
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.embedded import Embedded
from chaos.kill import Broken, Killer
from chaos.sharded import Sharded
from chaos.toll import COMMANDS, Toll
from lib.loopback import environment
from lib.processes import Processes

PROGRAMS = {"ttlsweep": "ttlsweep", "report": "ttlsweep-report", "testbed": "ttlsweep-testbed"}


def stories(missing: Counter):
    """The kills of each story, until there are as many of every command as are missing; the kinds take turns."""
    while +missing:
        for kind in (Embedded, Sharded):
            kills = [command for command in kind.KILLS if missing[command] > 0]
            missing.subtract(kills)
            if kills:
                yield kind, kills


class Stories:
    """Tells them, each in a folder of its own that goes if all is well."""

    def __init__(self, programs, base: Path, seed: int, toll: Toll, processes: Processes):
        self.programs, self.base, self.seed, self.toll, self.processes = programs, base, seed, toll, processes

    def tell(self, story):
        number, (kind, kills) = story
        if self.toll.problems:
            return
        lab = self.base / f"story-{number}"
        lab.mkdir()
        settings = {**environment(lab), "AWS_REGION": "us-east-1"}
        killer = Killer(self.programs, lab, settings, random.Random(f"{self.seed} {number}"), self.toll)
        try:
            (kind(killer, self.processes) if kind is Sharded else kind(killer)).tell(kills)
        except Exception as error:
            told = f"{error}" if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
            self.toll.problems.append(f"{lab.name}: {told}")
        else:
            shutil.rmtree(lab)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--jobs", type=int, default=4, help="stories that are told at once: most of one is waiting")
    arguments = arguments.parse_args()
    # Whoever starts this in the background may have these ignored, and what is ignored is so for all that is started.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    programs = {short: (arguments.bin / name).resolve() for short, name in PROGRAMS.items()}
    toll, began = Toll(), time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="ttlsweep-chaos-"))
    with Processes() as processes, ThreadPoolExecutor(arguments.jobs) as pool:
        told = Stories(programs, base, arguments.seed, toll, processes)
        wanted = Counter(COMMANDS[number % len(COMMANDS)] for number in range(arguments.kills))
        numbers = itertools.count(1)
        # Now and then a command is done before its kill comes.
        while (missing := wanted - toll.by_command()) and not toll.problems:
            list(pool.map(told.tell, zip(numbers, stories(missing))))
    print(f"{toll.kills.total()} kills in {time.monotonic() - began:.0f} s, seed {arguments.seed}\n{toll}")
    if toll.problems:
        print("\n".join(toll.problems), file=sys.stderr)
        print(f"the files are in {base}", file=sys.stderr)
        return 1
    shutil.rmtree(base)
    print("0 rows lost, 0 counted twice, 0 folders that need a hand")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
