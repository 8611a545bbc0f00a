"""The batch script without a Slurm: what it asks of one, and what it does as ttlsweep ends with each exit code."""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, List

from .exits import FINAL, RETRIED, WHOLE

# In place of Slurm's own: the first says what it was asked to run and ends as it is told to, the second what it was asked.
STAND_INS = {"srun": 'echo "$@"; exit "$CODE"', "scontrol": 'echo "scontrol $*"'}
LAST_RESTART = 5


class BatchScript:
    """The script."""

    def __init__(self, path: Path):
        self.path = path
        self.options = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(\S*)$", path.read_text(), re.MULTILINE))
        self.first, self.last = map(int, self.options["array"].split("-"))

    @property
    def shards(self) -> int:
        return self.last - self.first + 1

    def arguments(self) -> List[str]:
        """What ttlsweep is started with."""
        told, _ = self._run(self.first, WHOLE, "experiment.toml")
        return told.split()[1:]

    def environment(self, index: int) -> dict:
        """What Slurm sets for a task of an array, as its sbatch(1) has it."""
        return {
            "SLURM_JOB_ID": str(100 + index),
            "SLURM_ARRAY_JOB_ID": "100",
            "SLURM_ARRAY_TASK_ID": str(self.first + index),
            "SLURM_ARRAY_TASK_COUNT": str(self.shards),
            "SLURM_ARRAY_TASK_MIN": str(self.first),
            "SLURM_ARRAY_TASK_MAX": str(self.last),
            "SLURM_ARRAY_TASK_STEP": "1",
        }

    def problems(self) -> Iterator[str]:
        for needed in ("requeue", "signal", "time"):
            if needed not in self.options:
                yield f"the batch script does not say --{needed}"
        requeues = {code: code in RETRIED for code in [WHOLE, *RETRIED, *FINAL]}
        for code, wanted in requeues.items():
            told, ended = self._run(0, code, "experiment.toml")
            if ("scontrol requeue 100_1" in told) != wanted or ended != code:
                yield f"exit code {code}: ended with {ended} and said {told!r}"
        if "scontrol requeue" in self._run(0, RETRIED[0], "experiment.toml", restarts=LAST_RESTART)[0]:
            yield f"a task is started more than {LAST_RESTART} times again"
        if self._run(0, WHOLE)[1] != 2:
            yield "without an experiment it ends with another code than 2"

    def _run(self, index, code, *arguments, restarts=0):
        """Runs it as a task, with stand-ins for Slurm's programs; returns what these were asked, and the exit code."""
        with tempfile.TemporaryDirectory() as folder:
            for name, body in STAND_INS.items():
                stand_in = Path(folder) / name
                stand_in.write_text(f"#!/bin/sh\n{body}\n")
                stand_in.chmod(0o755)
            environment = {**self.environment(index), "CODE": str(code), "PATH": f"{folder}:/usr/bin:/bin"}
            if restarts:
                environment["SLURM_RESTART_COUNT"] = str(restarts)
            command = ["bash", self.path, *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout, done.returncode
