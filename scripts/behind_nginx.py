#!/usr/bin/env python3
"""Sweeps a testbed behind a real nginx, and holds what doctor and report say against what nginx does.

Debian's nginx is unpacked into .nginx/. One server of it is as it comes: it holds a request back until its body is whole,
so that a store that looks at expiry on request alone seems to look at the end. The other refuses whatever is signed in its
query, as a bucket's policy can, and lets headers pass. Both are swept at once, in a minute and a half.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List

from lib import debian
from lib.checkout import PROJECT, Unavailable, programs
from lib.loopback import BUCKET, HOST, KEYS, environment, free_ports
from lib.processes import Processes
from lib.sweeps import Failed, last_lines

FOLDER = PROJECT / ".nginx"
WITHIN_S = 600
NGINX = """
daemon off;
master_process off;
pid {home}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    proxy_set_header Host $http_host;
    default_type application/xml;
    server {{
        listen {host}:{buffering};
        location / {{ proxy_pass http://{host}:{testbed}; }}
    }}
    server {{
        listen {host}:{refusing};
        location / {{
            if ($args ~ "X-Amz-Signature") {{
                return 403 '<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
            }}
            proxy_pass http://{host}:{testbed};
        }}
    }}
}}
"""
EXPERIMENT = """
[experiment]
name = "{name}"
repetitions = 5
[target]
kind = "s3"
[grid]
ttl = ["2s", "30s"]
size = "600kB"
bandwidth = "1600kbit/s"
"""


def nginx() -> Path:
    """Debian's nginx, fetched on the first call; else the system's."""
    stamp = FOLDER / "installed.txt"
    if not stamp.is_file():
        print(f"behind_nginx: unpacking nginx into {FOLDER.name}/, once", file=sys.stderr)
        shutil.rmtree(FOLDER, ignore_errors=True)
        debian.unpack(["nginx-light"], FOLDER)
        # Last, so that an interrupted one is made again.
        stamp.write_text("nginx-light")
    found = FOLDER / "root" / "usr" / "sbin" / "nginx"
    return found if found.is_file() else Path(shutil.which("nginx") or "/usr/sbin/nginx")


class Behind:
    """A testbed of policy on-request, and nginx before it with two servers."""

    def __init__(self, folder: Path, home: Path, processes: Processes):
        self.ttlsweep, self.reporter, self._testbed = programs(
            folder, ("ttlsweep", "ttlsweep-report", "ttlsweep-testbed")
        )
        self._home, self._processes = home, processes
        self.environment = environment(home)
        self.testbed, self.buffering, self.refusing = free_ports(3)
        command = [self._testbed, "--listen", f"{HOST}:{self.testbed}", "--no-tls", "--bucket", BUCKET]
        command += ["--expiry", "on-request", "--early-close", "drain"]
        command += ["--access-key", KEYS.access, "--secret-key", KEYS.secret]
        serving = processes.start(command, self.environment, home / "testbed.log", stdout=subprocess.PIPE)
        if not serving.stdout.readline():
            raise Unavailable(f"the testbed does not start:\n{last_lines(home / 'testbed.log')}")
        config = home / "nginx.conf"
        ports = {"testbed": self.testbed, "buffering": self.buffering, "refusing": self.refusing}
        config.write_text(NGINX.format(home=home, host=HOST, **ports))
        log = home / "nginx.log"
        processes.start([nginx(), "-e", log, "-p", home, "-c", config], self.environment, log)

    def begin(self, name: str, port: int):
        """Starts a sweep of the server at this port, which prints its folder on its stdout."""
        (self._home / f"{name}.toml").write_text(EXPERIMENT.format(name=name))
        command = [self.ttlsweep, "run", *self._of(name, port), "--out", self._home / "runs", "--yes"]
        log = self._home / f"{name}.log"
        return self._processes.start(command, self.environment, log, stdout=subprocess.PIPE)

    def verdict(self, name: str, sweep) -> dict:
        """Waits for a sweep's end, lets the report judge it, prints what it says, and returns the verdict."""
        folder, _ = sweep.communicate(timeout=WITHIN_S)
        if sweep.returncode != 0:
            raise Failed(f"ttlsweep ended with {sweep.returncode}:\n{last_lines(self._home / f'{name}.log')}")
        run = Path(folder.decode().strip())
        print(f"\n{name}:\n{self._said([self.reporter, run])[1]}", flush=True)
        return json.loads((run / "verdict.json").read_text(encoding="utf-8"))

    def doctor(self, name: str, port: int) -> int:
        """Asks doctor about the server at this port, prints its findings, and returns its exit code."""
        code, said = self._said([self.ttlsweep, "doctor", *self._of(name, port)])
        print(f"\ndoctor on {name} ({code}):\n{said}", flush=True)
        return code

    def _of(self, name: str, port: int) -> List:
        return [self._home / f"{name}.toml", "--endpoint", f"http://{HOST}:{port}", "--bucket", BUCKET]

    def _said(self, command: List):
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        return done.returncode, done.stdout


def of_buffering(verdict: dict) -> List[str]:
    """What is wrong with the verdict on a store that sees each head only when the body has come."""
    at_completion = next(one for one in verdict["mechanisms"] if one["mechanism"] == "rejected-at-completion")
    if at_completion["verdict"] != "supported":
        return [f"rejected-at-completion is {at_completion['verdict']}: {at_completion['evidence']}"]
    if "hold requests back" in at_completion["evidence"]:
        return []
    return [f"the store is said to refuse at the end, without a word of what holds requests back: {at_completion}"]


def of_refusing(verdict: dict, doctors: int) -> List[str]:
    """What is wrong with doctor's answer and the verdict on a store that lets no link in, living ones neither."""
    problems = []
    if doctors != 2:
        problems.append(f"doctor ended with {doctors}, although every link is refused")
    if verdict["overall"] != "inconclusive" or "living ones too" not in verdict["headline"]:
        problems.append(f"it does not say that no link was served: {verdict['headline']}")
    return problems


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, help="the folder of the programs (target/release or debug)")
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="nginx-") as home, Processes() as processes:
        behind = Behind(arguments.bin, Path(home), processes)
        sweeps = [behind.begin("buffering", behind.buffering), behind.begin("refusing", behind.refusing)]
        doctors = behind.doctor("refusing", behind.refusing)
        buffering, refusing = map(behind.verdict, ("buffering", "refusing"), sweeps)
    problems = [f"buffering: {problem}" for problem in of_buffering(buffering)]
    problems += [f"refusing: {problem}" for problem in of_refusing(refusing, doctors)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, Failed, debian.NotUnpacked, subprocess.TimeoutExpired) as error:
        sys.exit(f"behind_nginx: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
