"""Running a client and asking the kernel what it cost."""

import os
import subprocess
import time
from collections import deque
from dataclasses import dataclass


@dataclass
class Cost:
    """What the processes of one client took together."""

    cpu_s: float
    wall_s: float
    peak_kib: int


def run(commands, at_once, environment, log) -> Cost:
    """Runs all commands, `at_once` of them at a time; their CPU seconds are added up."""
    waiting, running, cpu, peak = deque(commands), {}, 0.0, 0
    start = time.monotonic()
    try:
        with open(log, "ab") as words:
            while waiting or running:
                while waiting and len(running) < at_once:
                    process = _start(waiting.popleft(), environment, words)
                    running[process.pid] = process
                pid, usage = _wait_for_one(running, log)
                cpu += usage.ru_utime + usage.ru_stime
                peak = max(peak, _peak_kib(usage))
                del running[pid]
    finally:
        for process in running.values():
            process.kill()
    return Cost(cpu, time.monotonic() - start, peak)


def run_watched(command, environment, log) -> Cost:
    """Runs one command and follows its peak of resident memory."""
    start = time.monotonic()
    with open(log, "ab") as words:
        process = _start(command, environment, words)
    peak = 0
    while True:
        # wait4's ru_maxrss counts what this process had resident at the fork, too.
        peak = max(peak, _high_water_kib(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.02)
    _check(process, status, log)
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - start, peak)


def _start(command, environment, words):
    return subprocess.Popen(
        [str(word) for word in command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=words,
    )


def _wait_for_one(running, log):
    # Not wait3: the sink is a child, too, and is not to be waited for here.
    first = next(iter(running))
    pid, status, usage = os.wait4(first, 0)
    _check(running[pid], status, log)
    return pid, usage


def _check(process, status, log):
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise RuntimeError(f"{process.args[0]} ended with {process.returncode}:\n{last}")


def _peak_kib(usage):
    return usage.ru_maxrss


def _high_water_kib(pid) -> int:
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0
