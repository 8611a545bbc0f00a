"""The rows of a run, as far as they are checked here. Read from the files alone, with no help from ttlsweep."""

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import List, Optional


class Transfer:
    """One row of transfers.csv."""

    def __init__(self, row: dict):
        self.row = row
        self.trial = (row["trial_id"], row["attempt"])
        self.name = row["transfer_id"]
        self.control = row["control"]
        self.outcome = row["outcome"]
        self.status = int(row["status"] or 0)
        self.presigned = _instant(row["presigned_at"])
        self.expires = _instant(row["expires_at"])
        self.started = _instant(row["started_at"])
        self.head_written = _instant(row["head_written_at"])
        self.ended = _instant(row["ended_at"])

    def __getitem__(self, column: str) -> str:
        return self.row[column]

    @property
    def completed(self) -> bool:
        return self.outcome == "completed"

    @property
    def server_failed(self) -> bool:
        """A whole answer that says that the server itself has failed."""
        return self.outcome == "rejected" and 500 <= self.status < 600 and not self["error"]

    @property
    def is_upload(self) -> bool:
        return self["method"] != "get"

    @property
    def starts_late(self) -> bool:
        """The link had expired by the time at which the request's head had been written."""
        return bool(self.expires and self.head_written and self.head_written >= self.expires)

    @property
    def outlived(self) -> bool:
        """The link expired while the transfer was in flight."""
        return bool(self.expires and self.head_written and self.head_written < self.expires < self.ended)

    def __str__(self) -> str:
        shown = ("outcome", "phase", "status", "s3_code", "early_response", "peer_close", "errno", "error", "margin_us")
        words = [f"{column}={self[column]}" for column in shown if self[column]]
        return f"{self.name} ({self.control or 'grid'}, TTL {self['ttl_s'] or 'none'}): {', '.join(words)}"


@dataclass
class Run:
    """One run's folder."""

    folder: Path
    environment: dict
    cells: List[dict]
    trials: List[dict]
    transfers: List[Transfer]

    @classmethod
    def read(cls, folder: Path) -> "Run":
        return cls(
            folder=folder,
            environment=json.loads((folder / "environment.json").read_text()),
            cells=_rows(folder / "cells.csv"),
            trials=_rows(folder / "trials.csv"),
            transfers=[Transfer(row) for row in _rows(folder / "transfers.csv")],
        )

    @property
    def seconds(self) -> float:
        """From the first transfer's start to the last one's end."""
        started = min(_instant(trial["started_at"]) for trial in self.trials)
        ended = max(_instant(trial["ended_at"]) for trial in self.trials)
        return (ended - started).total_seconds()

    def of_control(self, control: str) -> List[Transfer]:
        return [transfer for transfer in self.transfers if transfer.control == control]


def _rows(path: Path) -> List[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _instant(text: str) -> Optional[datetime]:
    # Older Pythons do not read the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
