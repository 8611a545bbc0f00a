"""What a run behind a full queue recorded, what its report says, and where the two, or the server's policy, part."""

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Dict, List, Optional

# Far above a round trip on this machine, far below a round trip through the full queue.
MOST_DELTA_S = 1.0
ENDED_BY_PEER = ("reset", "closed")
# A machine that is busy with a build notes instants so late that what is nearer to expiry proves nothing. The testbed makes
# no resets but its cuts.
BEYOND_DOUBT_S = 0.5
# The report tells lateness to a tenth of a second.
TELLS_WITHIN_S = 0.06


@dataclass(frozen=True)
class Upload:
    """A row of the grid: an upload with a link that its time outlives."""

    block: int
    user: int
    outcome: str
    status: str
    life_s: float
    """From the link's date, which is cut to whole seconds, to its expiry."""
    presigned_s: float
    """From the link's date to when it was made, and so on for the others."""
    written_s: Optional[float]
    confirmed_s: Optional[float]
    ended_s: float
    rtt_s: float

    @property
    def late_s(self) -> Optional[float]:
        """How long after the link was made its head was known to have arrived."""
        return None if self.confirmed_s is None else self.confirmed_s - self.presigned_s

    @property
    def is_late(self) -> bool:
        """Whether the head arrived after expiry, and was refused for it."""
        return self.status == "403" and self.arrived_s is not None and self.arrived_s > self.life_s

    @property
    def arrived_s(self) -> Optional[float]:
        """When the head was known to have arrived, or else when it was written."""
        return self.written_s if self.confirmed_s is None else self.confirmed_s

    @property
    def outlived(self) -> bool:
        """Whether it was in flight at its link's expiry, beyond doubt."""
        return self.confirmed_s is not None and self.confirmed_s < self.life_s - 0.1 and self.ended_s > self.life_s

    def __str__(self) -> str:
        heads = (self.written_s, self.confirmed_s)
        written, confirmed = ("-" if at is None else f"{at - self.presigned_s:.2f} s" for at in heads)
        words = f"block {self.block} user {self.user}: head written {written}, confirmed {confirmed} after presigning; "
        return words + f"{self.outcome} {self.ended_s - self.life_s:+.2f} s from expiry; round trip {self.rtt_s:.2f} s"


@dataclass
class Judged:
    """A run and its report."""

    uploads: List[Upload]
    controls: Counter
    endpoint: Dict
    policy: str

    def mechanism(self, name: str) -> Dict:
        """What the report says of a mechanism."""
        return next(one for one in self.endpoint["mechanisms"] if one["mechanism"] == name)

    @property
    def delta_s(self) -> float:
        return self.endpoint["delta_us"] / 1e6

    def cut(self) -> List[Upload]:
        """The uploads in flight that the peer ended at expiry."""
        near = max(self.delta_s, BEYOND_DOUBT_S)
        return [
            one
            for one in self.uploads
            if one.outlived and one.outcome in ENDED_BY_PEER and abs(one.ended_s - one.life_s) <= near
        ]

    def problems(self, decides: bool) -> List[str]:
        """Where the report is wrong; with too few trials to decide, it must only not be wrong."""
        found = []
        outlived, cut = sum(one.outlived for one in self.uploads), len(self.cut())
        if outlived == 0:
            found.append("no upload was in flight at its link's expiry: the uploads are too small for this line")
        if self.policy == "in-flight" and cut == 0:
            found.append(f"the testbed cuts, and none of {outlived} uploads in flight was seen to be cut")
        if self.policy == "on-request" and cut > 0:
            found.append(f"the testbed does not cut, and {cut} of {outlived} uploads in flight look as if it did")
        if self.delta_s >= MOST_DELTA_S:
            found.append(f"δ is {self.delta_s:.3f} s: the full queue went into it")
        verdict = self.mechanism("cut-at-expiry")["verdict"]
        right = {"in-flight": "supported", "on-request": "not-supported"}[self.policy]
        wrong = {"in-flight": "not-supported", "on-request": "supported"}[self.policy]
        if verdict == wrong or (decides and verdict != right):
            found.append(f"cut-at-expiry is {verdict}, and the testbed's policy is {self.policy}")
        return found + self._lateness_unnamed()

    def _lateness_unnamed(self) -> List[str]:
        late = [one for one in self.uploads if one.is_late and (one.arrived_s or 0) > one.life_s + BEYOND_DOUBT_S]
        if not late:
            return []
        evidence = self.mechanism("late-start")["evidence"]
        last = max(one.arrived_s or 0 for one in late)
        told = re.search(r"written (?P<written>[\d.]+) s(?:, confirmed (?P<confirmed>[\d.]+) s)? after", evidence)
        if not told:
            came = f"{len(late)} heads came late, the last {last:.1f} s after its date"
            return [f"{came}, and late-start says: {evidence}"]
        named = float(told["confirmed"] or told["written"])
        # A head within δ of expiry is late to the report, and not to us.
        if named < last - TELLS_WITHIN_S:
            return [f"the last head came {last:.1f} s after its date, and late-start says {named:.1f} s: {evidence}"]
        return []

    def told(self) -> str:
        outcomes = Counter(one.outcome for one in self.uploads)
        heads = sorted(one.late_s for one in self.uploads if one.late_s is not None)
        trip, loaded = self.endpoint["rtt_us"] / 1e6, self.endpoint["loaded_rtt_us"] / 1e6
        lines = [
            *map(str, self.uploads),
            f"uploads: {_counts(outcomes)}; controls: {_counts(self.controls)}",
            f"heads confirmed after {heads[0]:.2f} to {heads[-1]:.2f} s, half by {heads[len(heads) // 2]:.2f} s"
            if heads
            else "no head was seen confirmed",
            f"heads that came after expiry and were refused: {sum(one.is_late for one in self.uploads)}; "
            f"in flight at expiry: {sum(one.outlived for one in self.uploads)}, of which cut: {len(self.cut())}; "
            f"the report judges {self.endpoint['judged']}",
            f"δ {self.delta_s:.3f} s; a round trip took {trip:.6f} s, in the full queue {loaded:.2f} s",
        ]
        for name in ("cut-at-expiry", "late-start", "network"):
            said = self.mechanism(name)
            lines.append(f"{name}: {said['verdict']}: {said['evidence']}")
        others = [one["mechanism"] for one in self.endpoint["mechanisms"] if one["verdict"] == "supported"]
        lines.append(f"supported: {', '.join(others) or 'nothing'}")
        return "\n".join(lines)


def judged(folder: Path, policy: str) -> Judged:
    """Reads a run's rows and its verdict."""
    uploads, controls = [], Counter()
    with (folder / "transfers.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["control"]:
                controls[f"{row['control']} {row['outcome']}"] += 1
            else:
                uploads.append(_upload(row))
    uploads.sort(key=lambda one: (one.block, one.user))
    (endpoint,) = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["endpoints"]
    return Judged(uploads, controls, endpoint, policy)


def _upload(row: Dict[str, str]) -> Upload:
    life_s = float(row["ttl_s"])
    expiry = datetime.fromisoformat(row["expires_at"].replace("Z", "+00:00"))

    def since_date(column: str) -> Optional[float]:
        text = row[column].replace("Z", "+00:00")
        return life_s + (datetime.fromisoformat(text) - expiry).total_seconds() if text else None

    return Upload(
        block=int(row["block"]),
        user=int(row["user"]),
        outcome=row["outcome"],
        status=row["status"],
        life_s=life_s,
        presigned_s=since_date("presigned_at") or 0.0,
        written_s=since_date("head_written_at"),
        confirmed_s=since_date("head_acked_at"),
        ended_s=since_date("ended_at") or 0.0,
        rtt_s=int(row["rtt_us"] or 0) / 1e6,
    )


def _counts(counter: Counter) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counter.items())) or "none"
