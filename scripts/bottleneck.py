#!/usr/bin/env python3
"""Sweeps a testbed behind a line that is full for seconds, and holds the report against what the testbed does.

Client, router and server are network namespaces of this machine; the router's line to the server is slow and has a long
queue (the kernel's tbf). Five users upload more than the line carries within a link's life, once against a testbed that
checks links on request alone and once against one that cuts in flight, both at once. Needs root. Where this machine has
no namespaces or no tbf, it says so and is left out.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import List

from bottleneck.judged import judged
from bottleneck.line import SERVER, Line, Queue
from lib.checkout import PROJECT, Unavailable
from lib.loopback import BUCKET, KEYS, environment
from lib.network import Refused
from lib.processes import Processes
from lib.sweeps import Failed, last_lines, report_on
from lib.verify import verify

PORT = 9000
POLICIES = ("on-request", "in-flight")
EXPERIMENT = """
[experiment]
name = "bottleneck-{policy}"
question = "Does a full uplink hide what the store does at expiry, or look like it?"
repetitions = {blocks}
[target]
kind = "s3"
[grid]
users = 5
ttl = "{ttl}s"
size = "{size}kB"
[transfer]
ramp = "1s"
# A queue fills as far as the sender lets it: the kernel's own choice may be one that does not, such as bbr.
congestion = "{congestion}"
# A handshake takes two round trips, each through the full queue.
connect_timeout = "60s"
"""


@dataclass(frozen=True)
class Form:
    """How long a form of this takes and what it can show."""

    blocks: int
    ttl: int
    size_kb: int
    within_s: int
    queue: Queue


# SYN, ClientHello and head each wait in the queue, so that some users' heads come after a link's life of 4 to 5 s, and the
# other uploads outlive it. Five blocks decide.
LONG = Form(blocks=5, ttl=5, size_kb=3000, within_s=1200, queue=Queue(mbit_s=4, bytes=3_000_000))
SHORT = Form(blocks=1, ttl=3, size_kb=1200, within_s=180, queue=Queue(mbit_s=4, bytes=1_500_000))


@dataclass(frozen=True)
class Around:
    """What all sweeps share."""

    programs: Path
    out: Path
    home: Path
    processes: Processes
    stack: ExitStack


class Sweep:
    """A sweep through a line of its own against a testbed of one policy."""

    def __init__(self, around: Around, policy: str, form: Form, congestion: str):
        programs, processes, stack = around.programs, around.processes, around.stack
        self.policy, self._form, self._out = policy, form, around.out / policy
        self._ttlsweep, self._testbed, self.reporter = (
            programs / name for name in ("ttlsweep", "ttlsweep-testbed", "ttlsweep-report")
        )
        self._out.mkdir(parents=True)
        experiment = EXPERIMENT.format(
            policy=policy, blocks=form.blocks, ttl=form.ttl, size=form.size_kb, congestion=congestion
        )
        (self._out / "bottleneck.toml").write_text(experiment)
        self._processes = processes
        self.line = stack.enter_context(Line(policy, form.queue))
        # What runs on the line ends before it does.
        stack.callback(processes.end_all)
        certificate = self._out / "certificate.pem"
        self._environment = {**environment(around.home), "AWS_CA_BUNDLE": str(certificate)}
        self._serve(certificate)
        self._words = self._out / "ttlsweep.log"
        command = [self._ttlsweep, "run", self._out / "bottleneck.toml", "--endpoint", f"https://{SERVER}:{PORT}"]
        command += ["--bucket", BUCKET, "--yes", "--progress", "plain", "--out", self._out / "runs"]
        self._sweeping = self._processes.start(
            self.line.on_client(command), self._environment, self._words, stdout=subprocess.PIPE
        )

    def _serve(self, certificate: Path):
        """Starts the testbed, which prints its address once it answers."""
        command = [self._testbed, "--listen", f"{SERVER}:{PORT}", "--expiry", self.policy, "--bucket", BUCKET]
        command += ["--cert-out", certificate, "--access-key", KEYS.access, "--secret-key", KEYS.secret]
        log = self._out / "testbed.log"
        serving = self._processes.start(self.line.on_server(command), self._environment, log, stdout=subprocess.PIPE)
        if not serving.stdout.readline():
            raise Unavailable(f"the testbed does not start:\n{last_lines(log)}")

    def done(self) -> Path:
        """Waits for the end, and returns the run's folder."""
        try:
            folder, _ = self._sweeping.communicate(timeout=self._form.within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"it is not done after {self._form.within_s} s:\n{last_lines(self._words)}") from None
        if self._sweeping.returncode != 0:
            raise Failed(f"ttlsweep ended with {self._sweeping.returncode}:\n{last_lines(self._words)}")
        return Path(folder.decode().strip())


def problems_of(sweep: Sweep, form: Form) -> List[str]:
    """Waits for a sweep, reports on it, prints what came, and returns what is wrong."""
    folder = sweep.done()
    carried = sweep.line.carried()
    lines = report_on(sweep.reporter, folder, within_s=300)
    result = judged(folder, sweep.policy)
    over = f"{carried.bytes / 1e6:.1f} MB went over it, {carried.dropped} packets dropped"
    print(f"\n{sweep.policy}: {form.queue}: {over}")
    print(lines[1])
    print(result.told(), flush=True)
    problems = verify(sweep.reporter, folder)[1] + result.problems(decides=form.blocks >= LONG.blocks)
    least = form.blocks * form.size_kb * 1000
    if carried.bytes < least:
        problems.append(f"less than {least / 1e6:g} MB went over the line: the uploads took another way")
    return [f"{sweep.policy}: {problem}" for problem in problems]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--out", type=Path, default=PROJECT / "target" / "bottleneck", help="where runs are written")
    arguments.add_argument("--short", action="store_true", help="one block of smaller uploads, which decides nothing")
    arguments.add_argument("--policy", choices=POLICIES, action="append", help="this policy alone; both if left out")
    arguments.add_argument("--congestion", default="reno", help="the uploads' congestion control (default: reno)")
    arguments.add_argument("--blocks", type=int, help="how often: fewer than five decide nothing")
    arguments.add_argument("--size", type=float, help="an upload's size in MB")
    arguments.add_argument("--ttl", type=int, help="the links' TTL in seconds")
    arguments.add_argument("--rate", type=float, help="the line's rate in Mbit/s")
    arguments.add_argument("--queue", type=float, help="the queue's length in MB")
    arguments = arguments.parse_args()
    form = SHORT if arguments.short else LONG
    rate, length = arguments.rate or form.queue.mbit_s, int((arguments.queue or 0) * 1e6) or form.queue.bytes
    size_kb = int((arguments.size or 0) * 1000) or form.size_kb
    form = Form(
        arguments.blocks or form.blocks, arguments.ttl or form.ttl, size_kb, form.within_s, Queue(rate, length)
    )
    out, programs = arguments.out.absolute(), arguments.bin.absolute()
    for name in ("ttlsweep", "ttlsweep-testbed", "ttlsweep-report"):
        if not (programs / name).is_file():
            raise Unavailable(f"{programs / name} is missing: run `just build`")
    shutil.rmtree(out, ignore_errors=True)
    problems: List[str] = []
    with tempfile.TemporaryDirectory(prefix="bottleneck-") as home, ExitStack() as stack:
        around = Around(programs, out, Path(home), stack.enter_context(Processes()), stack)
        sweeps = [Sweep(around, policy, form, arguments.congestion) for policy in arguments.policy or POLICIES]
        for sweep in sweeps:
            problems += problems_of(sweep, form)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"the files are in {out}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refused as error:
        print(f"bottleneck: left out: {error}", file=sys.stderr)
        sys.exit(0)
    except (Unavailable, Failed, subprocess.TimeoutExpired) as error:
        sys.exit(f"bottleneck: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
