"""The folders of a run in shards, while it goes on and when it is whole."""

from pathlib import Path
from typing import List, Set

from .experiment import SHARDS
from .tally import names, rows


class Folders:
    """What lies below `out`, which holds this one run."""

    def __init__(self, out: Path):
        self.out = out

    def unfinished(self, shard: int) -> Path:
        """Where a shard is written while it goes on. There need be none."""
        return self._run() / f".shard-{shard}-of-{SHARDS}.partial"

    def finished(self) -> List[Path]:
        """The whole shards, in the order of their numbers."""
        folders = (self._run() / f"shard-{shard}-of-{SHARDS}" for shard in range(1, SHARDS + 1))
        return [folder for folder in folders if folder.is_dir()]

    def during_a_trial(self, shard: int) -> bool:
        """Whether a shard has a whole trial behind it, and transfers in flight."""
        folder = self.unfinished(shard)
        if not (folder / "trials.csv").exists():
            return False
        return any(row["state"] == "whole" for row in rows(folder / "trials.csv")) and bool(
            names(folder / "journal.csv") - names(folder / "transfers.csv")
        )

    def begun(self, shard: int) -> Set[str]:
        """The transfers that had begun, whether they have a row or not."""
        folder = self.unfinished(shard)
        return names(folder / "journal.csv") | names(folder / "transfers.csv")

    def _run(self) -> Path:
        runs = [path for path in self.out.glob("shards/*") if path.is_dir() and not path.is_symlink()]
        return runs[0] if len(runs) == 1 else self.out / "shards" / "not there yet"
