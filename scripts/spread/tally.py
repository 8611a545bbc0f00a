"""What the parts of one trial have together, from their files alone (with Python's csv module, not ttlsweep's)."""

import csv
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import List


@dataclass
class Tally:
    """The rows of all parts against the users that the trial was to have."""

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


def tally(parts: List[Path], users: int) -> Tally:
    """Counts the parts, in the order of their numbers, of one trial in which each user makes one transfer."""
    result, seen, names = Tally(), set(), set()
    for number, folder in enumerate(parts, 1):
        (trial,) = _rows(folder / "trials.csv")
        part = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["part"]
        if (trial["state"], part) != ("whole", f"{number}/{len(parts)}"):
            result.problems.append(f"{folder.name}: its trial is {trial['state']}, of part {part}")
        result.hosts.append(trial["host"])
        result.starts.append(_instant(trial["started_at"]))
        result.lag_us.append(int(trial["scheduler_lag_us"]))
        for row in _rows(folder / "transfers.csv"):
            result.rows += 1
            user = int(row["user"])
            if user in seen or row["transfer_id"] in names or (user - 1) % len(parts) != number - 1:
                result.problems.append(f"{folder.name}: {row['transfer_id']} is there twice, or another part's")
            seen.add(user)
            names.add(row["transfer_id"])
            result.outcomes[row["outcome"]] += 1
            result.transfers.append(_instant(row["started_at"]))
            if row["head_written_at"]:
                result.connected.append(_instant(row["head_written_at"]))
            result.ended = max(result.ended, _instant(row["ended_at"]))
    missing = set(range(1, users + 1)) - seen
    if missing:
        result.problems.append(f"{len(missing)} users have no row, such as {min(missing)}")
    if len(set(result.hosts)) != len(parts):
        result.problems.append(f"the parts' hosts are {result.hosts}")
    for instants in (result.starts, result.transfers, result.connected):
        instants.sort()
    return result


def problems_of_merged(folder: Path, parts: int, counted: Tally) -> List[str]:
    """Holds the one run folder that `ttlsweep merge` made of all parts against what was counted in them."""
    trials = [row["host"] for row in _rows(folder / "trials.csv")]
    names = [row["transfer_id"] for row in _rows(folder / "transfers.csv")]
    found = (len(trials), len(names), len(set(names)))
    expected = (parts, counted.rows, counted.rows)
    return [] if found == expected else [f"the merged run has {found} trials, rows and names, and not {expected}"]


def _rows(path: Path):
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
