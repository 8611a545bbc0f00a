"""What a merged run has of what was planned, from its files alone (with Python's csv module, not ttlsweep's)."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List, Set

from .experiment import TRANSFERS, USERS


@dataclass
class Tally:
    """The rows of a merged run against its plan."""

    planned: int
    counted: int = 0
    """Rows of whole attempts: those that the report counts."""
    superseded: int = 0
    """Rows of attempts that were interrupted."""
    lost: int = 0
    doubled: int = 0
    problems: List[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.counted} rows of {self.planned} planned, and {self.superseded} of interrupted attempts; "
            f"{self.lost} lost, {self.doubled} doubled"
        )


def tally(folder: Path, trials: Iterable[str], told: Set[str]) -> Tally:
    """Counts a merged run that has these trials, and a row for each of the transfers `told`, which had begun at a kill."""
    planned = Counter({(trial, user, turn): 1 for trial in trials for user in _from_1(USERS) for turn in _from_1(TRANSFERS)})
    result = Tally(planned.total())
    whole = {(row["trial_id"], row["attempt"]) for row in rows(folder / "trials.csv") if row["state"] == "whole"}
    found, names = Counter(), set()
    for row in rows(folder / "transfers.csv"):
        turn = row["trial_id"], int(row["user"]), int(row["sequence"])
        counts = (row["trial_id"], row["attempt"]) in whole
        if row["transfer_id"] in names or (counts and found[turn] == planned[turn]):
            result.doubled += 1
            result.problems.append(f"{row['transfer_id']} is there twice, or was not planned")
        elif counts:
            found[turn] += 1
        else:
            result.superseded += 1
        names.add(row["transfer_id"])
    result.counted = found.total()
    missing, untold = planned - found, told - names
    result.lost = missing.total() + len(untold)
    if missing:
        result.problems.append(f"{missing.total()} planned transfers have no row, such as {next(iter(missing))}")
    if untold:
        result.problems.append(f"{len(untold)} transfers that had begun at a kill have no row, such as {min(untold)}")
    return result


def rows(path: Path):
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def names(path: Path) -> Set[str]:
    """The transfers that a file which is being written names, up to its last whole row."""
    contents = path.read_bytes() if path.exists() else b""
    whole = contents[: contents.rfind(b"\n") + 1].decode()
    return {row["transfer_id"] for row in csv.DictReader(whole.splitlines())}


def _from_1(number):
    return range(1, number + 1)
