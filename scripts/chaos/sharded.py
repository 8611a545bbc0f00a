"""run --shard --upload, merge and clean, against a testbed in a process of its own."""

import itertools
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib.loopback import BUCKET, HOST
from lib.processes import Processes

from .bucket import contents
from .kept import Kept, cut_tail
from .kill import Broken, Instant, Killer
from .story import EXPERIMENT, check_report, check_whole, count

TRY_AGAIN, INTERRUPTED = 75, 130
SHARDS, RESULTS = 2, "results"


class Sharded:
    """A run in two shards whose objects stay in the bucket until they are cleaned away."""

    KILLS = ["upload", "merge", "clean"]

    def __init__(self, killer: Killer, processes: Processes):
        self.killer, self.kept = killer, [Kept() for _ in range(SHARDS)]
        self.prefixes = [f"shard-{shard + 1}" for shard in range(SHARDS)]
        (killer.lab / "chaos.toml").write_text(EXPERIMENT)
        environment, log = killer.environment, killer.lab / "testbed.log"
        keys = ["--access-key", environment["AWS_ACCESS_KEY_ID"], "--secret-key", environment["AWS_SECRET_ACCESS_KEY"]]
        command = [killer.programs["testbed"], "--no-tls", "--listen", f"{HOST}:0", "--expiry", "in-flight", *keys]
        serving = processes.start(
            [*command, "--bucket", BUCKET, "--bucket", RESULTS], environment, log, stdout=subprocess.PIPE
        )
        # It prints its address once it answers.
        self.endpoint = serving.stdout.readline().decode().strip()
        environment["AWS_ENDPOINT_URL"] = self.endpoint
        self.run = killer.lab / "results" / "chaos" / "night"

    def tell(self, kills):
        """Carries out these kills, in the order of `KILLS`, and checks what is there in the end."""
        struck = self.killer.dice.randrange(SHARDS) if "upload" in kills else None
        with ThreadPoolExecutor(SHARDS) as pool:
            list(pool.map(lambda shard: self._shard(shard, shard == struck), range(SHARDS)))
        merged = self._merge("merge" in kills)
        told = set().union(*(kept.told for kept in self.kept))
        check_whole(self.killer, merged, told)
        self._check_uploaded(merged)
        if not contents(self.endpoint, BUCKET, self.killer.environment):
            raise Broken("nothing is in the bucket that could be cleaned away")
        self._clean(merged, "clean" in kills)
        if left := contents(self.endpoint, BUCKET, self.killer.environment):
            raise Broken(f"{len(left)} objects or uploads are in the bucket after `clean`: {left[:3]}")
        check_report(merged, self.killer.finish("report", ["report", merged]))
        check_whole(self.killer, merged, told)
        count(self.killer, merged)

    def _shard(self, shard: int, struck: bool):
        name, kept, dice = f"shard-{shard + 1}-of-{SHARDS}", self.kept[shard], self.killer.dice
        partial, whole = self.run / f".{name}.partial", self.run / name
        command = ["ttlsweep", "run", "chaos.toml", "--endpoint", self.endpoint, "--bucket", BUCKET, "--yes"]
        command += ["--progress", "none", "--keep-objects", "--run-id", "night", "--shard", f"{shard + 1}/{SHARDS}"]
        numbers = itertools.count(1)
        upload = lambda: [*command, "--upload", self._uploaded_to(shard)]  # noqa: E731
        # Finding out the server's clock takes most of the time, and little can be broken then.
        in_trials = Instant(dice.uniform(0.0, 1.0), lambda: bool(bytes_of_rows(partial)))
        at_the_end = Instant(dice.uniform(0.0, 0.05), whole.is_dir)
        instant = dice.choice([Instant(dice.uniform(0.0, 1.0)), in_trials, at_the_end])
        listens = lambda: partial.is_dir() or whole.is_dir()  # noqa: E731
        while struck:
            by = self.killer.kill("upload", upload(), instant, TRY_AGAIN, listens)
            if partial.is_dir():
                kept.note(partial)
                if by == "power":
                    kept.lose_power(partial, dice)
            if struck := by is None:
                # All was in the bucket before the kill came: what is whole here goes elsewhere, too, which takes no time.
                self.prefixes[shard] = f"{name}-{next(numbers)}"
                instant, listens = Instant(dice.uniform(0.0, 0.05)), lambda: False
        self.killer.finish("upload", upload())
        kept.note(whole)

    def _uploaded_to(self, shard: int) -> str:
        return f"s3://{RESULTS}/{self.prefixes[shard]}"

    def _merge(self, struck: bool) -> Path:
        merged, dice = self.killer.lab / "merged", self.killer.dice
        command = ["ttlsweep", "merge", self.run, "--out", merged]
        staged = lambda: any(self.killer.lab.glob(".merged.unfinished*"))  # noqa: E731
        while struck:
            instant = dice.choice([Instant(dice.uniform(0.0, 0.02)), Instant(dice.uniform(0.0, 0.02), staged)])
            by = self.killer.kill("merge", command, instant)
            if by is not None and not merged.exists():
                for path in self.killer.lab.glob(".merged.unfinished*/*") if by == "power" else []:
                    cut_tail(path, path.stat().st_size, dice)
            struck = by is None
            if merged.exists():
                # Killed or not, it was published: whole, then, and another one may be made.
                check_whole(self.killer, merged, set())
                shutil.rmtree(merged)
        self.killer.finish("merge", command)
        if left := list(self.killer.lab.glob(".merged.unfinished*")):
            raise Broken(f"{left} are there after another merge")
        return merged

    def _check_uploaded(self, merged: Path):
        """What was uploaded is what is here."""
        brought = self.killer.lab / "brought"
        uploaded = [f"{self._uploaded_to(shard)}/chaos/night" for shard in range(SHARDS)]
        self.killer.finish("merge", ["ttlsweep", "merge", *uploaded, "--out", brought])
        for path in merged.iterdir():
            if path.is_file() and path.read_bytes() != (brought / path.name).read_bytes():
                raise Broken(f"{path.name} of the shards in the bucket differs from that of those here")

    def _clean(self, merged: Path, struck: bool):
        objects, dice = merged / "objects.csv", self.killer.dice
        command = ["ttlsweep", "clean", merged]
        most = 0.05
        while struck:
            size = objects.stat().st_size
            grown = lambda: objects.stat().st_size > size  # noqa: B023, E731
            instant = dice.choice([Instant(dice.uniform(0.0, most)), Instant(dice.uniform(0.0, 0.02), grown)])
            by = self.killer.kill("clean", command, instant, INTERRUPTED, grown)
            if by == "power":
                # The rows that were there before are on the disk.
                cut_tail(objects, objects.stat().st_size - size, dice)
            # If it came to its end, all is gone by now: there is less to do, and so less time.
            struck, most = by is None, 0.02
        self.killer.finish("clean", command)


def bytes_of_rows(folder: Path) -> int:
    """How many bytes of transfers are there behind the head of the file."""
    path = folder / "transfers.csv"
    contents = path.read_bytes() if path.exists() else b""
    return len(contents) - contents.find(b"\n") - 1 if b"\n" in contents else 0
