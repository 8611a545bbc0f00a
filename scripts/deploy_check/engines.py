"""What `--shard auto` makes of each engine's environment: together the plan, and no trial twice."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Iterator, List

# Blocks that no engine's number of shards divides, and one that is left over.
EXPERIMENT = """
[experiment]
name = "deploy"
repetitions = 17
[grid]
users = 1
ttl = ["1s", "60s"]
size = "1kB"
"""
WITHIN_S = 60


class CloudRun:
    """Jobs of Google's Cloud Run, which need no file: their number of tasks is told to every task."""

    shards = 8

    def arguments(self) -> List[str]:
        return ["run", "experiment.toml", "--shard", "auto"]

    def environment(self, index: int) -> dict:
        return {"CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_COUNT": str(self.shards)}


class Plans:
    """Asks ttlsweep for plans, and sends nothing."""

    def __init__(self, ttlsweep: Path, folder: Path):
        self.ttlsweep, self.experiment = ttlsweep, folder / "deploy.toml"
        self.experiment.write_text(EXPERIMENT)
        self.whole = Counter(self._trials(["run", str(self.experiment)], {}))

    def problems(self, engine) -> Iterator[str]:
        """What is wrong with the shards that an engine's tasks run, each with the arguments of the engine's own file."""
        arguments = [str(self.experiment) if word.endswith(".toml") else word for word in engine.arguments()]
        shards = [Counter(self._trials(arguments, engine.environment(index))) for index in range(engine.shards)]
        if sum(shards, Counter()) != self.whole:
            yield "the shards together are not the plan"
        if not all(shards):
            yield "a shard has nothing to do"

    def _trials(self, arguments: List[str], environment: dict) -> List[str]:
        command = [self.ttlsweep, *arguments, "--dry-run", "--trials"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        if done.returncode != 0:
            raise Refused(f"`ttlsweep {' '.join(arguments)}` with {environment} ended with {done.returncode}: {done.stderr}")
        return [line.split()[0] for line in done.stdout.split("\ntrial ", 1)[1].split("\n\n")[0].splitlines()[1:]]


class Refused(Exception):
    """ttlsweep does not take what an engine hands it; the message says what it said."""
