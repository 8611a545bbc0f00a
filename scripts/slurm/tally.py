"""What a merged run has of what was planned: whether it is whole and consistent is for `ttlsweep-report verify` to say."""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List, Set

from lib.verify import verify


@dataclass
class Tally:
    """The rows of a merged run against its plan."""

    planned: int
    """Trials."""
    whole: int = 0
    """Trials that are there whole, each once."""
    counted: int = 0
    """Rows of whole attempts: those that the report counts."""
    superseded: int = 0
    """Rows of attempts that were interrupted."""
    problems: List[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.whole} trials of {self.planned} planned, {self.counted} rows, and {self.superseded} of interrupted "
            f"attempts; {len(self.problems)} problems"
        )


def tally(reporter: Path, folder: Path, trials: Iterable[str], told: Set[str]) -> Tally:
    """Counts a merged run that has these trials, and a row for each of the transfers `told`, which had begun at a kill."""
    planned = set(trials)
    counted, problems = verify(reporter, folder, told)
    whole = {row["trial_id"] for row in rows(folder / "trials.csv") if row["state"] == "whole"}
    if whole != planned:
        problems.append(f"the plan that was shown and the merged run differ in {sorted(whole ^ planned)[:3]}")
    return Tally(len(planned), counted["trials"], counted["transfers"], counted["superseded"], problems)


def rows(path: Path):
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def names(path: Path) -> Set[str]:
    """The transfers that a file which is being written names, up to its last whole row."""
    contents = path.read_bytes() if path.exists() else b""
    whole = contents[: contents.rfind(b"\n") + 1].decode()
    return {row["transfer_id"] for row in csv.DictReader(whole.splitlines())}
