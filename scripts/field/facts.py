"""From the rows of a server's runs, and from the probes, to what the study says of it."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import List, Optional

from real_servers.rows import Run, Transfer


@dataclass
class MethodFacts:
    """What one sweep says of a server, by one method. A row of docs/field-study.csv."""

    server: str
    version: str
    method: str
    started_at: str
    git_revision: str
    trials: int
    starved_trials: int
    seconds: int
    expired_starts: int
    refused: int
    let_through: int
    outlived: int
    outlived_completed: int
    controls: int
    controls_completed: int
    started_late: int
    failed_locally: int
    local_error: str
    refusals: str
    request_id: bool
    host_id: bool
    verdict: str
    headline: str

    @classmethod
    def of(cls, server: str, version: str, method: str, folder: Path) -> "MethodFacts":
        run = Run.read(folder)
        verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        counted = [one for one in run.transfers if one.outcome not in ("cancelled", "failed-locally")]
        local = [one for one in run.transfers if one.outcome == "failed-locally"]
        starts = [one for one in counted if one.control == "expired-start"]
        grid = [one for one in counted if not one.control]
        outlived = [one for one in grid if one.outlived]
        controls = [one for one in counted if one.control in ("long-ttl", "header-signed")]
        return cls(
            server=server,
            version=version,
            method=method,
            started_at=run.environment["started_at"][:16] + "Z",
            git_revision=run.environment["git_revision"] or "",
            trials=len(run.trials),
            starved_trials=sum(trial["starved"] == "true" for trial in run.trials),
            seconds=round(run.seconds),
            expired_starts=len(starts),
            refused=sum(_refused(one) for one in starts),
            let_through=sum(one.completed for one in starts),
            outlived=len(outlived),
            outlived_completed=sum(one.completed for one in outlived),
            controls=len(controls),
            controls_completed=sum(one.completed for one in controls),
            started_late=sum(one.starts_late for one in grid),
            failed_locally=len(local),
            local_error=local[0]["error"] if local else "",
            refusals=_spoken(Counter(_refusal(one) for one in starts if not one.completed)),
            request_id=all(one["request_id"] for one in counted) if counted else False,
            host_id=all(one["host_id"] for one in counted) if counted else False,
            verdict=verdict["overall"],
            headline=verdict["headline"],
        )


@dataclass
class ServerFacts:
    """What the single transfers say of a server, by PUT. Rows of docs/field-study.csv repeat it."""

    # How many uploads with `Expect: 100-continue` were told to go on: living links or none, and links that had expired.
    living: int = 0
    living_continued: int = 0
    expired: int = 0
    expired_continued: int = 0
    expired_answers: str = ""
    # What follows when a large body is sent on after its refusal.
    late_status: Optional[int] = None
    late_code: Optional[str] = None
    late_bytes: Optional[int] = None
    late_bytes_at_answer: Optional[int] = None
    late_bytes_sent: Optional[int] = None
    late_fin_after_s: Optional[float] = None
    late_rst_after_s: Optional[float] = None
    # What it does when a body stops half-way.
    stall_waited_s: Optional[float] = None
    stall_gave_up: Optional[bool] = None
    stall_status: Optional[int] = None
    stall_code: Optional[str] = None
    stall_closed: Optional[bool] = None
    # Why the server was not studied.
    absent: str = ""

    def note_continues(self, folder: Path):
        rows = Run.read(folder).transfers
        expired = [one for one in rows if one.control == "expired-start"]
        living = [one for one in rows if one.control != "expired-start" and not one.starts_late]
        self.living, self.living_continued = len(living), sum(bool(one["continue_us"]) for one in living)
        self.expired, self.expired_continued = len(expired), sum(bool(one["continue_us"]) for one in expired)
        self.expired_answers = _spoken(Counter(_refusal(one) for one in expired))

    def note_late(self, told: dict):
        self.late_status, self.late_code = told["status"], told["code"]
        self.late_bytes, self.late_bytes_sent = told["length"], told["sent"]
        self.late_bytes_at_answer = told["sent_by_then"]
        self.late_fin_after_s, self.late_rst_after_s = told["fin_after_s"], told["rst_after_s"]

    def note_stall(self, told: dict):
        self.stall_waited_s, self.stall_gave_up = told["stalled_s"], told["gave_up"]
        self.stall_status, self.stall_code = told["status"], told["code"]
        self.stall_closed = told["fin_after_s"] is not None or told["rst_after_s"] is not None


def row(of_method: MethodFacts, of_server: ServerFacts) -> dict:
    """The row of docs/field-study.csv."""
    joined = {**asdict(of_method), **asdict(of_server)}
    return {name: _cell(value) for name, value in joined.items()}


def absent_row(server: str, why: str) -> dict:
    """The row of a server that was not studied."""
    return {**dict.fromkeys(columns(), ""), "server": server, "absent": why}


def columns() -> List[str]:
    return [*MethodFacts.__dataclass_fields__, *ServerFacts.__dataclass_fields__]


def _cell(value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(one: Transfer) -> bool:
    return one.outcome == "rejected" and 400 <= one.status < 500


def _refusal(one: Transfer) -> str:
    words = [one.outcome if one.outcome != "rejected" else "", one["status"], one["s3_code"]]
    if one.is_upload and not one.completed and one["early_response"]:
        words.append("early" if one["early_response"] == "true" else "after the body")
    if one["peer_close"]:
        words.append(f"then {one['peer_close']}")
    return " ".join(word for word in words if word)


def _spoken(counted: Counter) -> str:
    return "; ".join(f"{number} × {words}" for words, number in counted.most_common())
