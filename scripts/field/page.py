"""The study's tables, in docs/field-study.md and docs/field-study.csv."""

import csv
from pathlib import Path
from typing import List, Tuple

from lib.pages import replace_part

from .facts import columns

PAGE, ROWS = "field-study.md", "field-study.csv"
BY_METHOD = ["server", "method", "expired starts refused", "outlived: completed, cut", "controls completed", "verdict"]
BY_METHOD += ["how an expired start was refused"]
BY_SERVER = ["server", "100 Continue: living link", "expired link", "when the refused body is sent on"]
BY_SERVER += ["a body that stalls half-way", "ids"]


def write(docs: Path, rows: List[dict], order: List[str]):
    """Puts the rows in the place of those of the same servers, and writes the tables between the page's markers again."""
    new = {row["server"] for row in rows}
    kept = [row for row in _read(docs / ROWS) if row["server"] in order and row["server"] not in new]
    rows = sorted([*kept, *rows], key=lambda row: order.index(row["server"]))
    with open(docs / ROWS, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    replace_part(docs / PAGE, "study", tables(rows))


def _read(path: Path) -> List[dict]:
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables(rows: List[dict]) -> str:
    studied = [row for row in rows if not row["absent"]]
    absent = [[row["server"], *["-"] * (len(BY_METHOD) - 2), row["absent"]] for row in rows if row["absent"]]
    firsts = {row["server"]: row for row in reversed(studied)}
    servers = list(dict.fromkeys(row["server"] for row in studied))
    lines = [_note(studied), "", "### By server and method", ""]
    lines += _table(BY_METHOD, [*map(_by_method, studied), *absent])
    lines += ["", "### By server, uploads alone", ""]
    lines += _table(BY_SERVER, [_by_server(firsts[server]) for server in servers])
    return "\n".join(lines)


def _note(studied: List[dict]) -> str:
    starved, trials = (sum(int(row[name]) for row in studied) for name in ("starved_trials", "trials"))
    starts = sorted(row["started_at"] for row in studied) or [""]
    when = starts[0] if starts[0] == starts[-1] else f"{starts[0]} to {starts[-1]}"
    return f"{when}. The machine was late (`starved`) in {starved} of {trials} trials."


def _by_method(row: dict) -> List[str]:
    if int(row["failed_locally"]) and not int(row["expired_starts"]):
        why = f"not asked: {row['local_error']}"
        return [_server(row), row["method"], "-", "-", "-", row["verdict"], why]
    outlived, completed = int(row["outlived"]), int(row["outlived_completed"])
    late = f", {row['started_late']} started late" if int(row["started_late"]) else ""
    through = f", {row['let_through']} let through" if int(row["let_through"]) else ""
    return [
        _server(row),
        row["method"],
        f"{row['refused']} of {row['expired_starts']}{through}",
        f"{completed} of {outlived}, {outlived - completed}{late}",
        f"{row['controls_completed']} of {row['controls']}",
        row["verdict"],
        row["refusals"] or "-",
    ]


def _by_server(row: dict) -> List[str]:
    return [_server(row), *_continues(row), _late(row), _stall(row), _ids(row)]


def _server(row: dict) -> str:
    return f"{row['server']} {row['version']}".strip()


def _continues(row: dict) -> Tuple[str, str]:
    def told(which):
        return f"{row[which + '_continued']} of {row[which]}" if row[which] != "0" else "-"

    answers = f" ({row['expired_answers']})" if row["expired_answers"] else ""
    return told("living"), told("expired") + answers


def _late(row: dict) -> str:
    sent, all_bytes = int(row["late_bytes_sent"]), int(row["late_bytes"])
    ends = {"FIN": row["late_fin_after_s"], "RST": row["late_rst_after_s"]}
    close = ", ".join(f"{name} after {float(after):.2f} s" for name, after in ends.items() if after) or "stays open"
    if not row["late_status"]:
        return f"no answer, {close}"
    answer = f"{row['late_status']} {row['late_code']}".strip()
    at = int(row["late_bytes_at_answer"])
    when = "after the body" if at == all_bytes else f"after {at / 1e6:.1f} MB"
    took = "takes the rest" if sent == all_bytes else f"{sent / 1e6:.1f} MB leave"
    return f"{answer} {when}; {took}; {close}"


def _stall(row: dict) -> str:
    if not row["stall_waited_s"]:
        return "not asked"
    waited = f"{float(row['stall_waited_s']):.0f} s"
    if row["stall_gave_up"] != "true":
        return f"waits for {waited} and longer"
    answer = f"{row['stall_status']} {row['stall_code']}".strip() or "no answer"
    return f"gives up after {waited}: {answer}, {'closes' if row['stall_closed'] == 'true' else 'stays open'}"


def _ids(row: dict) -> str:
    names = {"request_id": "x-amz-request-id", "host_id": "x-amz-id-2"}
    return ", ".join(name for column, name in names.items() if row[column] == "true") or "none"


def _table(header: List[str], body: List[List[str]]) -> List[str]:
    return [_line(header), _line(["---"] * len(header)), *map(_line, body)]


def _line(cells: List[str]) -> str:
    # A server's own words may hold a bar.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
