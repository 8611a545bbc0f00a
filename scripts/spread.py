#!/usr/bin/env python3
"""Runs one trial with many users, spread over several machines that begin it together, and counts their rows.

The machines are network namespaces of this one, each with a link of its own to a testbed in a further one, and each user
uploads 1 kB, unlimited and once. Says how far apart the machines and the users began, and what it took. Needs root.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lib.checkout import PROJECT, Unavailable
from lib.loopback import BUCKET, KEYS, environment
from lib.processes import Processes
from lib.sweeps import last_lines
from spread.namespaces import SERVER, Namespaces
from spread.tally import Tally, problems_of_merged, tally

PORT = 9000
# To load the plan, to ask the server whether it is there, and to make the folder, four times on this machine.
GET_READY_S = 10
WITHIN_S = 600
EXPERIMENT = """
[experiment]
name = "spread"
question = "Do the users of one trial begin together, whichever machine they are on?"
[grid]
users = {users}
ttl = "1h"
size = "1kB"
[transfer]
jitter = "0s"
# Connections that find no room in the server's queue are asked for again by the kernel, each time twice as late.
connect_timeout = "2m"
idle_timeout = "2m"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""


def serve(program: Path, namespaces: Namespaces, processes: Processes, environment, log: Path):
    """Starts the testbed, which prints its address once it answers."""
    command = [program, "--no-tls", "--listen", f"{SERVER}:{PORT}", "--expiry", "on-request", "--bucket", BUCKET]
    command += ["--access-key", KEYS.access, "--secret-key", KEYS.secret]
    serving = processes.start(namespaces.on_server(command), environment, log, stdout=subprocess.PIPE)
    if not serving.stdout.readline():
        raise Unavailable(f"the testbed does not start:\n{last_lines(log)}")
    return serving


def start_part(ttlsweep: Path, number: int, parts: int, start_at: str, out: Path, namespaces, processes, environment):
    command = [ttlsweep, "run", out / "spread.toml", "--endpoint", f"http://{SERVER}:{PORT}", "--bucket", BUCKET]
    command += ["--yes", "--progress", "plain", "--out", out / "runs", "--spread", f"{number}/{parts}"]
    command += ["--start-at", start_at]
    return processes.start(namespaces.on_machine(number, command), environment, out / f"part-{number}.log")


def wait_for(process, log: Path) -> int:
    """Waits for a part's end, and returns the most memory that it ever had, in bytes."""
    until = time.monotonic() + WITHIN_S
    while True:
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            # Popen need not wait for it any more.
            process.returncode = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() > until:
            raise Unavailable(f"a part is not done after {WITHIN_S} s:\n{last_lines(log)}")
        time.sleep(0.05)
    if process.returncode != 0:
        raise Unavailable(f"a part ended with {process.returncode}:\n{last_lines(log)}")
    return used.ru_maxrss * 1024


def most_memory(process) -> int:
    """The most memory that a running process ever had, in bytes."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def merge(ttlsweep: Path, parts, out: Path) -> Path:
    """Makes one run folder of all parts."""
    done = subprocess.run([ttlsweep, "merge", *parts, "--out", out], stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Unavailable(f"`ttlsweep merge` ended with {done.returncode}")
    return Path(done.stdout.decode().strip())


def told(result: Tally, users: int, parts: int) -> str:
    def by(instants, share):
        return f"{result.after_start_s(instants, share):.3f} s"

    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in result.outcomes.most_common())
    ended = (result.ended - result.starts[0]).total_seconds()
    return "\n".join(
        [
            f"{users} users on {parts} machines ({', '.join(result.hosts)}): {result.rows} rows: {outcomes}",
            f"the machines began within {result.start_spread_s * 1000:.1f} ms",
            f"of the users, half had begun {by(result.transfers, 0.5)} after the first machine's start, "
            f"99 % {by(result.transfers, 0.99)}, all {by(result.transfers, 1)}",
            f"half had written their request's head {by(result.connected, 0.5)} after it, "
            f"99 % {by(result.connected, 0.99)}, all {by(result.connected, 1)}",
            f"the last transfer ended {ended:.3f} s after it; "
            f"the runtimes woke late by {max(result.lag_us) / 1000:.0f} ms at most",
        ]
    )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--out", type=Path, default=PROJECT / "target" / "spread", help="where runs are written")
    arguments.add_argument("--users", type=int, default=20_000, help="users of the trial, all machines together")
    arguments.add_argument("--parts", type=int, default=4, help="machines")
    arguments = arguments.parse_args()
    out, users, parts = arguments.out.absolute(), arguments.users, arguments.parts
    names = ("ttlsweep", "ttlsweep-testbed", "ttlsweep-report")
    ttlsweep, testbed, reporter = (arguments.bin.absolute() / name for name in names)
    for program in (ttlsweep, testbed, reporter):
        if not program.is_file():
            raise Unavailable(f"{program} is missing: run `just build`")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "spread.toml").write_text(EXPERIMENT.format(users=users))
    with tempfile.TemporaryDirectory(prefix="spread-") as home, Processes() as processes, Namespaces(parts) as namespaces:
        around = environment(Path(home))
        serving = serve(testbed, namespaces, processes, around, out / "testbed.log")
        start_at = datetime.now(timezone.utc) + timedelta(seconds=GET_READY_S)
        start_at = start_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        numbers = range(1, parts + 1)
        running = [
            start_part(ttlsweep, number, parts, start_at, out, namespaces, processes, around) for number in numbers
        ]
        memory = [wait_for(part, out / f"part-{number}.log") for number, part in zip(numbers, running)]
        server_memory = most_memory(serving)
    (run,) = (out / "runs" / "spread").iterdir()
    folders = [run / f"part-{number}-of-{parts}" for number in numbers]
    result = tally(reporter, folders)
    result.problems += problems_of_merged(reporter, merge(ttlsweep, folders, out / "merged"), parts, result)
    print(told(result, users, parts))
    print(f"most memory: {max(memory) / 1e6:.0f} MB a machine, {server_memory / 1e6:.0f} MB the testbed")
    for problem in result.problems[:20]:
        print(f"{problem}\nthe files are in {out}", file=sys.stderr)
    return 1 if result.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, subprocess.TimeoutExpired) as error:
        sys.exit(f"spread: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
