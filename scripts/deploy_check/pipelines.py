"""The examples for pipelines: their own commands, with a stand-in for Docker that runs the programs as they lie here.

A store that does not cut must open the gate, and one that cuts must close it.
"""

import os
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, List

import yaml

WITHIN_S = 300
# Whatever stands before the image are options of Docker's; the store is left running, and its words are its log.
DOCKER = """#!/bin/sh
set -eu
case $1 in
logs) cat "$HOME/store.log"; exit ;;
esac
detach=
until [ "$1" = "$IMAGE" ]; do
    [ "$1" = --detach ] && detach=yes
    shift
done
shift
if [ -n "$detach" ]; then
    "$PROGRAMS/ttlsweep" "$@" > "$HOME/store.log" 2>&1 &
    echo $! > "$HOME/store.pid"
else
    exec "$PROGRAMS/ttlsweep" "$@"
fi
"""
# The shape of experiments/real-server.toml, in half a minute.
EXPERIMENT = """
[experiment]
name = "real-server"
repetitions = 5
[target]
kind = "s3"
[grid]
ttl = "1s"
size = "100kB"
bandwidth = "500kbit/s"
[transfer]
jitter = "0s"
"""


class Pipeline:
    """The commands of an example."""

    def __init__(self, path: Path):
        document = yaml.safe_load(path.read_text())
        (job,) = (document.get("jobs") or document).values()
        if "steps" in job:
            self.environment = job["env"]
            self.scripts = [step["run"] for step in job["steps"] if "run" in step]
        else:
            self.environment = job["variables"]
            self.scripts = ["\n".join(job["script"])]

    def problems(self, programs: Path) -> Iterator[str]:
        """What comes of it with a store that does not cut, and with one that does."""
        for expiry, gate in [("on-request", 0), ("in-flight", 3)]:
            code, said = self._run(programs, expiry)
            if code != gate:
                yield f"a store that checks expiry {expiry} ended with {code} in place of {gate}: {said[-500:]}"
            elif f"gate {'NOT ' if gate else ''}met: --require not-supported" not in said:
                yield f"a store that checks expiry {expiry}: the last line does not say why: {said[-500:]}"

    def _run(self, programs: Path, expiry: str):
        with tempfile.TemporaryDirectory(prefix="pipeline-") as name:
            folder = Path(name)
            (folder / "experiments").mkdir()
            (folder / "experiments" / "real-server.toml").write_text(EXPERIMENT)
            (folder / "docker").write_text(DOCKER)
            (folder / "docker").chmod(0o755)
            environment = {
                **{key: str(value) for key, value in self.environment.items()},
                "HOME": name,
                "PATH": f"{name}:{os.environ['PATH']}",
                "PROGRAMS": str(programs),
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            }
            try:
                return self._scripts(folder, environment, expiry)
            finally:
                store = folder / "store.pid"
                if store.exists():
                    os.kill(int(store.read_text()), signal.SIGTERM)

    def _scripts(self, folder: Path, environment: dict, expiry: str):
        port, said = _free_port(), ""
        for script in self.scripts:
            script = re.sub("127.0.0.1:9000", f"127.0.0.1:{port}", script).replace("--expiry on-request", f"--expiry {expiry}")
            command: List[str] = ["bash", "-e", "-o", "pipefail", "-c", script]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
            )
            said += done.stdout + done.stderr
            if done.returncode != 0:
                return done.returncode, said
        return 0, said


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
