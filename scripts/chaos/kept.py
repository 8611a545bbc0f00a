"""What was in a run's files at a kill, none of which may be lost; and what a loss of power takes from them."""

import csv
import os
import random
from pathlib import Path
from typing import List, Set

from .kill import Broken

FILES = ["transfers.csv", "journal.csv", "events.csv", "samples.csv", "harness.csv", "trials.csv"]


class Kept:
    """Of one folder, from one kill to the next."""

    def __init__(self):
        self.rows = b""
        self.told: Set[str] = set()

    def note(self, folder: Path):
        """Notes what is there now, all that was there before included."""
        transfers = whole_rows(folder / "transfers.csv")
        if not transfers.startswith(self.rows):
            raise Broken(f"{folder}: rows that were there at the last kill have changed or gone")
        self.rows = transfers
        self.told |= names(whole_rows(folder / "journal.csv"))

    def lose_power(self, folder: Path, dice: random.Random):
        """Cuts tails off the files. What is lost with them is not held against the program."""
        for name in FILES:
            path = folder / name
            if not path.exists() or dice.random() < 0.4:
                continue
            size = path.stat().st_size
            cut_tail(path, size if dice.random() < 0.02 else min(size, 600), dice)
        self.rows = whole_rows(folder / "transfers.csv")
        self.told &= names(whole_rows(folder / "journal.csv")) | names(self.rows)


def cut_tail(path: Path, most: int, dice: random.Random):
    """Cuts off so many bytes at most."""
    os.truncate(path, path.stat().st_size - dice.randint(0, most))


def whole_rows(path: Path) -> bytes:
    """The file's bytes up to its last whole row: no cell of ours holds a line break."""
    contents = path.read_bytes() if path.exists() else b""
    return contents[: contents.rfind(b"\n") + 1]


def names(contents: bytes) -> Set[str]:
    return {row["transfer_id"] for row in csv.DictReader(contents.decode().splitlines())}


def rows(path: Path) -> List[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
