"""What the rows of a run have to say, given what is known of the server. Each check returns its contradictions."""

from pathlib import Path
from typing import List

from lib.verify import verify

from .rows import Run, Transfer
from .servers import Server


def server_failures(run: Run) -> List[str]:
    """Transfers that the server answered with a 5xx of its own, told as what they are and recorded as such: no fault of
    ttlsweep's, and not to be passed over."""
    return [str(one) for one in run.transfers if one.server_failed]


def contradictions(reporter: Path, run: Run, server: Server) -> List[str]:
    return [
        *verify(reporter, run.folder)[1],
        *(f"{fault}: {one}" for one in run.transfers for fault in _unexpected(one, server)),
    ]


def report_contradictions(overall: str, enforcement: str, run: Run, server: Server) -> List[str]:
    """What the report's verdict and its line on enforcement have to say of the server."""
    starts = len(run.of_control("expired-start"))
    if any(one.server_failed for one in run.of_control("expired-start")):
        return []  # the line counts what was refused, which is one less
    if server.refusal is None:
        expected = f"enforces NOTHING ({starts} of {starts} expired starts let through)"
    else:
        expected = f"enforces expiry ({starts} of {starts} expired starts refused)"
    found = []
    if expected not in enforcement:
        found.append(f"the report's line on enforcement does not say `{expected}`: {enforcement}")
    # None of these servers cuts; whether so few trials can show that is the verdict's own affair.
    allowed = ["invalid"] if server.refusal is None else ["not-supported", "inconclusive"]
    if overall not in allowed:
        found.append(f"the verdict on a cut at expiry is `{overall}`, and not one of: {', '.join(allowed)}")
    return found


def _unexpected(transfer: Transfer, server: Server) -> List[str]:
    """What this server is known not to do."""
    if transfer.server_failed:
        return []
    if transfer.control == "expired-start":
        return _wrongly_ended(transfer, server)
    if transfer.starts_late and server.refusal:
        # The machine was so slow that the link had expired: then the server has to refuse, like any expired start.
        return [] if transfer.outcome == "rejected" else ["it started late and was not refused"]
    faults = []
    if not transfer.completed:
        faults.append("it outlived its link and was not completed" if transfer.outlived else "it was not completed")
    if transfer["ttl_s"] == SHORT_TTL and not transfer.outlived and not transfer.starts_late:
        faults.append("it ended before its link expired, so it was not capped")
    return faults


def _wrongly_ended(transfer: Transfer, server: Server) -> List[str]:
    if not transfer.starts_late:
        return ["an expired start started before expiry"]
    if server.refusal is None:
        return [] if transfer.completed else ["an expired start was not let through by a server that enforces nothing"]
    if transfer.outcome != "rejected" or transfer.status != server.refusal.status:
        return [f"an expired start was not refused with {server.refusal.status}"]
    faults = []
    if transfer.is_upload and transfer["early_response"] != str(server.refusal.early).lower():
        faults.append(f"an expired start was refused {'after' if server.refusal.early else 'before'} its whole body")
    if transfer.is_upload and transfer["object_state"] == "present":
        faults.append("an expired start was refused and stored anyway")
    return faults


# The shorter one of experiments/real-server.toml: it lives for less than a transfer takes.
SHORT_TTL = "2"
