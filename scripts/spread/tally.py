"""What the parts of one trial have together. Whether each is whole is for `ttlsweep-report verify` to say."""

import csv
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import List

from lib.verify import verify


@dataclass
class Tally:
    """The rows of all parts."""

    rows: int = 0
    outcomes: Counter = field(default_factory=Counter)
    hosts: List[str] = field(default_factory=list)
    starts: List[datetime] = field(default_factory=list)
    """When each part began the trial."""
    transfers: List[datetime] = field(default_factory=list)
    """When each transfer began, in order."""
    connected: List[datetime] = field(default_factory=list)
    """When each request's head had been written, in order."""
    ended: datetime = datetime.min
    lag_us: List[int] = field(default_factory=list)
    problems: List[str] = field(default_factory=list)

    @property
    def start_spread_s(self) -> float:
        return (self.starts[-1] - self.starts[0]).total_seconds()

    def after_start_s(self, instants: List[datetime], share: float) -> float:
        """By when so many of the instants had come, from the first part's start."""
        place = min(int(share * len(instants)), len(instants) - 1)
        return (instants[place] - self.starts[0]).total_seconds()


def tally(reporter: Path, parts: List[Path]) -> Tally:
    """Counts the parts, in the order of their numbers, of one trial in which each user makes one transfer."""
    result = Tally()
    for number, folder in enumerate(parts, 1):
        (trial,) = _rows(folder / "trials.csv")
        part = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["part"]
        if (trial["state"], part) != ("whole", f"{number}/{len(parts)}"):
            result.problems.append(f"{folder.name}: its trial is {trial['state']}, of part {part}")
        result.problems += verify(reporter, folder)[1]
        result.hosts.append(trial["host"])
        result.starts.append(_instant(trial["started_at"]))
        result.lag_us.append(int(trial["scheduler_lag_us"]))
        for row in _rows(folder / "transfers.csv"):
            result.rows += 1
            result.outcomes[row["outcome"]] += 1
            result.transfers.append(_instant(row["started_at"]))
            if row["head_written_at"]:
                result.connected.append(_instant(row["head_written_at"]))
            result.ended = max(result.ended, _instant(row["ended_at"]))
    if len(set(result.hosts)) != len(parts):
        result.problems.append(f"the parts' hosts are {result.hosts}")
    for instants in (result.starts, result.transfers, result.connected):
        instants.sort()
    return result


def problems_of_merged(reporter: Path, folder: Path, parts: int, counted: Tally) -> List[str]:
    """Holds the one run folder that `ttlsweep merge` made of all parts against what was counted in them."""
    verified, problems = verify(reporter, folder)
    found, expected = (verified["trials"], verified["transfers"]), (parts, counted.rows)
    return problems if found == expected else [*problems, f"the merged run has {found} trials and rows, and not {expected}"]


def _rows(path: Path):
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
