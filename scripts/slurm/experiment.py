"""The experiment, the endpoint that it is run against, and its plan."""

import subprocess
from pathlib import Path
from typing import Dict, List, Optional

from lib.checkout import Unavailable
from lib.loopback import BUCKET, HOST, environment, free_ports
from lib.processes import Processes

SHARDS = 4
USERS, TRANSFERS = 2, 2
# A trial takes most of a second, and an expired start some more: long enough to be killed during one.
EXPERIMENT = """
[experiment]
name = "shards"
question = "Is a run in shards the run that it would be in one?"
repetitions = {blocks}
[grid]
users = {users}
ttl = ["1s", "60s"]
size = "80kB"
bandwidth = "4Mbit/s"
[transfer]
transfers_per_user = {transfers}
jitter = "0s"
"""
# A plan or a merge, neither of which takes a second.
WITHIN_S = 60


class Sharded:
    """The experiment's file, a testbed that serves it, and the environment of the user who runs it."""

    def __init__(self, bin_folder: Path, blocks: int, processes: Processes, home: Path, out: Path):
        self.ttlsweep, self.report, self._testbed = (
            _program(bin_folder, name) for name in ("ttlsweep", "ttlsweep-report", "ttlsweep-testbed")
        )
        self.environment = environment(home)
        self.experiment = out / "shards.toml"
        self.experiment.write_text(EXPERIMENT.format(blocks=blocks, users=USERS, transfers=TRANSFERS))
        port = free_ports(1)[0]
        self.target = ["--endpoint", f"http://{HOST}:{port}", "--bucket", BUCKET]
        self._serve(processes, port, out / "testbed.log")

    def _serve(self, processes, port, log):
        keys = {"--access-key": "AWS_ACCESS_KEY_ID", "--secret-key": "AWS_SECRET_ACCESS_KEY"}
        command = [self._testbed, "--no-tls", "--listen", f"{HOST}:{port}", "--expiry", "in-flight", "--bucket", BUCKET]
        for flag, name in keys.items():
            command += [flag, self.environment[name]]
        serving = processes.start(command, self.environment, log, stdout=subprocess.PIPE)
        # It prints its address once it answers.
        if not serving.stdout.readline():
            raise Unavailable(f"the testbed does not start:\n{log.read_text()}")

    def planned_trials(self) -> List[str]:
        """The names of all trials, as the plan has them that is shown before anything is run."""
        told = self.run("run", self.experiment, *self.target, "--dry-run", "--trials")
        table = told[told.index("\ntrial ") :].strip().split("\n\n")[0].splitlines()[1:]
        return [line.split()[0] for line in table]

    def run(self, *arguments, extra: Optional[Dict[str, str]] = None) -> str:
        """Runs ttlsweep, and returns its data."""
        done = subprocess.run(
            [self.ttlsweep, *arguments],
            env={**self.environment, **(extra or {})},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(f"`ttlsweep {arguments[0]}` ended with {done.returncode}:\n{done.stderr}")
        return done.stdout


def _program(folder, name) -> Path:
    path = (folder / name).absolute()
    if not path.is_file():
        raise Unavailable(f"{path} is missing: run `cargo build --workspace --all-targets --locked`")
    return path
