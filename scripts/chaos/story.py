"""What the stories share: the experiment, and what must be true of a whole run."""

from pathlib import Path
from typing import List, Set

from lib.verify import verify

from .kept import rows
from .kill import Broken, Killer

REPETITIONS, CELLS = 3, 4
EXPERIMENT = f"""
[experiment]
name = "chaos"
repetitions = {REPETITIONS}
[grid]
users = 3
ttl = ["1s", "60s"]
size = ["20kB", "60kB"]
bandwidth = "8Mbit/s"
[transfer]
transfers_per_user = 2
jitter = "0s"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""


def check_whole(killer: Killer, folder: Path, told: Set[str]):
    """It is whole and consistent, and all that was told at a kill is there; what was in flight is `cancelled`."""
    counted, problems = verify(killer.programs["report"], folder, told)
    transfers = rows(folder / "transfers.csv")
    if counted["trials"] != CELLS * REPETITIONS:
        problems.append(f"{counted['trials']} trials are whole of {CELLS * REPETITIONS}")
    killed = [row for row in transfers if row["error"] == "run killed"]
    if any(row["outcome"] != "cancelled" for row in killed):
        problems.append("a transfer that was in flight at a kill is not `cancelled`")
    if problems:
        raise Broken("\n".join(f"{folder}: {problem}" for problem in problems))


def count(killer: Killer, folder: Path):
    """Adds a run that was found whole to the toll."""
    transfers = rows(folder / "transfers.csv")
    killed = sum(row["error"] == "run killed" for row in transfers)
    killer.toll.ran(len(transfers), killed, len(transfers) - _counted(folder, transfers))


def check_report(folder: Path, said: str):
    """The report counts the whole attempts and nothing else, and tells of the interrupted ones."""
    transfers = rows(folder / "transfers.csv")
    counted = _counted(folder, transfers)
    superseded = len(transfers) - counted
    outcomes = ["transfers", "cancelled", "failed_locally"]
    told = sum(int(row[name]) for row in rows(folder / "summary.csv") for name in outcomes)
    if told != counted:
        raise Broken(f"{folder}: the report counts {told} transfers of {counted}")
    if superseded and f"{superseded} transfers of interrupted attempts" not in said:
        raise Broken(f"{folder}: the report does not tell of {superseded} superseded transfers:\n{said}")


def _counted(folder: Path, transfers: List[dict]) -> int:
    """How many belong to whole attempts."""
    whole = {(row["trial_id"], row["attempt"]) for row in rows(folder / "trials.csv") if row["state"] == "whole"}
    return sum((row["trial_id"], row["attempt"]) in whole for row in transfers)
