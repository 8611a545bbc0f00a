#!/usr/bin/env python3
"""A long run with random faults, watched: does anything leak, and has every transfer its row?

A few hundred users upload and download against a testbed behind a proxy that resets, closes, stalls, garbles or refuses one
connection in six. Every few seconds memory, descriptors, threads and sockets in TIME_WAIT of both processes go into
samples.csv, of which chart.png is drawn. Near its end the run is killed (SIGKILL) and resumed. Then the rows are counted.
"""

import argparse
import csv
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench.tools import installed_programs
from lib.verify import verify

HERE = Path(__file__).resolve().parent
BUCKET = "ttlsweep"
# Four cells of 15 s: a block is a minute.
EXPERIMENT = """
[experiment]
name = "soak"
repetitions = {minutes}
[grid]
users = {users}
ttl = ["4s", "1h"]
size = "20kB"
bandwidth = "8Mbit/s"
method = ["put", "get"]
[transfer]
duration = "15s"
jitter = "0s"
idle_timeout = "5s"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""
COLUMNS = ["t_s", "part", "process", "rss_kb", "descriptors", "threads", "time_wait"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def time_wait():
    """Sockets of this machine in TIME_WAIT: no process holds them any more."""
    with open("/proc/net/tcp") as table:
        return sum(line.split()[3] == "06" for line in table.readlines()[1:])


def held(process):
    """What a process holds now; `None` if it has just ended."""
    folder = Path("/proc") / str(process.pid)
    try:
        fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return int(fields["VmRSS"].split()[0]), len(os.listdir(folder / "fd")), int(fields["Threads"])
    except (OSError, KeyError):
        return None


class Watch:
    """Samples both processes into a CSV file."""

    def __init__(self, path, testbed):
        self.file = path.open("w", newline="")
        self.csv = csv.writer(self.file)
        self.csv.writerow(COLUMNS)
        self.testbed, self.began = testbed, time.monotonic()
        self.memory = []

    def until(self, process, part, deadline=None):
        """Samples until the process ends (true) or the deadline passes."""
        while process.poll() is None:
            if deadline and time.monotonic() > deadline:
                return False
            at, waiting = time.monotonic() - self.began, time_wait()
            for name, one in (("ttlsweep", process), ("ttlsweep-testbed", self.testbed)):
                if found := held(one):
                    self.csv.writerow([f"{at:.1f}", part, name, *found, waiting])
                    if name == "ttlsweep" and part == 1:
                        self.memory.append(found[0])
            self.file.flush()
            time.sleep(2)
        return True


def rows(path):
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def check(reporter, folder, killed_journal):
    """What is wrong with the run's files, how its transfers ended, and how many trials are whole."""
    counted, problems = verify(reporter, folder, killed_journal)
    outcomes = Counter(row["outcome"] for row in rows(folder / "transfers.csv"))
    return problems, outcomes, counted["trials"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--minutes", type=int, default=60)
    arguments.add_argument("--users", type=int, default=300)
    arguments.add_argument("--out", type=Path, default=Path("results/soak-watch"))
    arguments = arguments.parse_args()
    python = installed_programs() / "python"
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    experiment = out / "soak.toml"
    experiment.write_text(EXPERIMENT.format(minutes=arguments.minutes, users=arguments.users))
    server_port, proxy_port = free_port(), free_port()
    programs = ("ttlsweep", "ttlsweep-testbed", "ttlsweep-report")
    ttlsweep, testbed, reporter = ((arguments.bin / name).resolve() for name in programs)
    environment = dict(
        os.environ, AWS_ACCESS_KEY_ID="TESTBEDACCESSKEY", AWS_SECRET_ACCESS_KEY="testbed-secret-key",
        AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    processes = []

    def start(command, **more):
        processes.append(subprocess.Popen([str(part) for part in command], env=environment, **more))
        return processes[-1]

    try:
        serving = start(
            [testbed, "--no-tls", "--listen", f"127.0.0.1:{server_port}", "--expiry", "in-flight", "--bucket", BUCKET,
             "--access-key", environment["AWS_ACCESS_KEY_ID"], "--secret-key", environment["AWS_SECRET_ACCESS_KEY"]],
            stdout=subprocess.PIPE, stderr=(out / "testbed.log").open("w"),
        )
        serving.stdout.readline()
        proxy = start([sys.executable, HERE / "soak" / "proxy.py", proxy_port, server_port, 7], stdout=subprocess.PIPE)
        proxy.stdout.readline()
        words = (out / "ttlsweep.log").open("w")
        endpoint = ["--endpoint", f"http://127.0.0.1:{proxy_port}", "--bucket", BUCKET, "--yes"]
        run = start([ttlsweep, "run", experiment, *endpoint, "--out", out / "runs", "--progress", "plain"],
                    stdout=subprocess.PIPE, stderr=words)
        watch = Watch(out / "samples.csv", serving)
        kill_at = time.monotonic() + max(arguments.minutes - 0.6, 0.3) * 60
        if watch.until(run, 1, kill_at):
            print(f"the run ended before it was killed, with code {run.returncode}; see {words.name}", file=sys.stderr)
            return 1
        run.send_signal(signal.SIGKILL)
        run.wait()
        folder = (out / "runs" / "soak" / "latest").resolve()
        whole_lines = [line for line in (folder / "journal.csv").read_text().splitlines(keepends=True) if line.endswith("\n")]
        started = {row["transfer_id"] for row in csv.DictReader(whole_lines)}
        run = start([ttlsweep, "resume", folder, "--progress", "plain"], stdout=subprocess.PIPE, stderr=words)
        watch.until(run, 2)
        if run.returncode != 0:
            print(f"resume ended with code {run.returncode}; see {words.name}", file=sys.stderr)
            return 1
        watch.file.close()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    subprocess.run([python, HERE / "soak" / "chart.py", out / "samples.csv", out / "chart.png"], check=True)
    problems, outcomes, trials = check(reporter, folder, started)
    third = max(len(watch.memory) // 3, 1)
    first, last = statistics.median(watch.memory[third // 2 : third + 1]), statistics.median(watch.memory[-third:])
    print(f"{arguments.minutes} minutes, {arguments.users} users: {outcomes.total()} transfers in {trials} whole trials")
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()))
    print(f"ttlsweep's memory: {first / 1000:.1f} MB early, {last / 1000:.1f} MB in the last third before the kill")
    print(out / "chart.png")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
