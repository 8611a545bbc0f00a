"""What the rows of a run have to say, given what is known of the server. Each check returns its contradictions."""

from datetime import timedelta
from typing import List

from .rows import Run, Transfer
from .servers import Server


def server_failures(run: Run) -> List[str]:
    """Transfers that the server answered with a 5xx of its own, told as what they are and recorded as such: no fault of
    ttlsweep's, and not to be passed over."""
    return [str(one) for one in run.transfers if one.server_failed]


def contradictions(run: Run, server: Server) -> List[str]:
    return [
        *_incomplete(run),
        *(f"{fault}: {one}" for one in run.transfers for fault in _impossible(one)),
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
        found.append(f"the report's second line does not say `{expected}`: {enforcement}")
    # None of these servers cuts; whether so few trials can show that is the verdict's own affair.
    allowed = ["invalid"] if server.refusal is None else ["not-supported", "inconclusive"]
    if overall not in allowed:
        found.append(f"the verdict on a cut at expiry is `{overall}`, and not one of: {', '.join(allowed)}")
    return found


def _incomplete(run: Run) -> List[str]:
    """Every cell once a block, every trial whole, and a row for each of its transfers."""
    faults = []
    blocks = range(1, run.environment["repetitions"] + 1)
    planned = sorted((cell["cell_id"], block) for cell in run.cells for block in blocks)
    ran = sorted((trial["cell_id"], int(trial["block"])) for trial in run.trials)
    if ran != planned:
        faults.append(f"trials.csv has {ran} where {planned} was planned")
    cells = {cell["cell_id"]: cell for cell in run.cells}
    rows = run.transfers_per_trial()
    for trial in run.trials:
        cell = cells[trial["cell_id"]]
        wanted = int(cell["users"]) * int(cell["transfers_per_user"])
        found = rows.pop((trial["trial_id"], trial["attempt"]), 0)
        if (trial["state"], int(trial["transfers"]), found) != ("whole", wanted, wanted):
            faults.append(
                f"trial {trial['trial_id']} is {trial['state']} with {trial['transfers']} transfers and {found} rows "
                f"where {wanted} were planned"
            )
    faults.extend(f"transfers.csv has {found} rows of no trial, {trial}" for trial, found in rows.items())
    if len({transfer.name for transfer in run.transfers}) != len(run.transfers):
        faults.append("transfers.csv has two rows of one transfer")
    return faults


def _impossible(transfer: Transfer) -> List[str]:
    """What no server can make true: columns that disagree with each other."""
    faults = []
    instants = [transfer.presigned, transfer.started, transfer.head_written, transfer.ended]
    known = [instant for instant in instants if instant]
    if known != sorted(known):
        faults.append("its instants are out of order")
    if transfer.expires:
        if _micros(transfer["margin_us"]) != transfer.ended - transfer.expires:
            faults.append("margin_us is not the time from expires_at to ended_at")
        if transfer.head_written and _micros(transfer["link_age_us"]) != transfer.head_written - transfer.presigned:
            faults.append("link_age_us is not the time from presigned_at to head_written_at")
    if transfer.completed:
        faults.extend(_half_completed(transfer))
    if transfer.outcome == "rejected":
        stood = "request-body" if transfer["early_response"] == "true" else "wait"
        if transfer["phase"] != stood:
            faults.append(f"the answer came in phase {stood}")
    return faults


def _half_completed(transfer: Transfer) -> List[str]:
    moved = transfer["body_bytes_written"] if transfer.is_upload else transfer["response_bytes"]
    whole = moved == transfer["body_bytes"] and transfer["phase"] == "done" and 200 <= transfer.status < 300
    early = transfer["early_response"] == "true"
    faulty = transfer["errno"] or transfer["error"]
    return [] if whole and not early and not faulty else ["it completed, but not all of it"]


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
        faults.append("an expired start was refused and stored all the same")
    return faults


def _micros(text: str) -> timedelta:
    return timedelta(microseconds=int(text))


# The shorter one of experiments/real-server.toml: it lives for less than a transfer takes.
SHORT_TTL = "2"
