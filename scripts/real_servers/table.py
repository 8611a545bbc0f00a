"""The results as they are printed: one line a cell, one table a server."""

from collections import Counter
from typing import List

from .rows import Run, Transfer

HEADER = ("cell", "users", "ttl", "failed", "outlived completed", "late", "expired starts refused", "answers")


def table(run: Run) -> str:
    """Failure rates per cell, and what became of links that expired in flight or before."""
    lines = [HEADER]
    for cell in run.cells:
        transfers = [one for one in run.transfers if one["cell_id"] == cell["cell_id"]]
        ttl = f"{cell['ttl_s']}s" if cell["ttl_s"] else "none"
        lines.append((cell["control"] or "grid", cell["users"], ttl, *_counts(transfers)))
    lines.append(("all", "", "", *_counts(run.transfers)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join("  " + "  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() for line in lines)


def _counts(transfers: List[Transfer]) -> tuple:
    outlived = [one for one in transfers if one.outlived]
    starts = [one for one in transfers if one.control == "expired-start"]
    late = sum(one.starts_late for one in transfers if one.control != "expired-start")
    refused = sum(one.outcome == "rejected" and 400 <= one.status < 500 for one in starts)
    return (
        f"{sum(not one.completed for one in transfers)}/{len(transfers)}",
        f"{sum(one.completed for one in outlived)}/{len(outlived)}" if outlived else "-",
        str(late) if late else "-",
        f"{refused}/{len(starts)}" if starts else "-",
        _answers(transfers),
    )


def _answers(transfers: List[Transfer]) -> str:
    answers = Counter(_answer(one) for one in transfers)
    return "; ".join(f"{number} {answer}" for answer, number in answers.most_common())


def _answer(transfer: Transfer) -> str:
    words = [transfer.outcome, transfer["status"], transfer["s3_code"]]
    if transfer.is_upload and transfer["early_response"] and not transfer.completed:
        words.append("early" if transfer["early_response"] == "true" else "after the body")
    if transfer["peer_close"]:
        words.append(f"then {transfer['peer_close']}")
    return " ".join(word for word in words if word)
