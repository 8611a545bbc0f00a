"""docs/clients.csv, and the measured parts of docs/clients.md."""

import csv
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, Optional

from lib.pages import replace_part

from .causes import CAUSES
from .drive import Row
from .texts import normalised

PAGE, ROWS = "clients.md", "clients.csv"
KNOWN = {cause.name for cause in CAUSES}
COLUMNS = [*Row._fields, "count", "of"]
# A title for each cause that has a table of its own, and how the connection ended, in the order of the page.
TITLES = {
    ("put", "refused-at-start"): "403 at the head: the link had expired before the upload began",
    ("put", "refused-midway"): "403 while the body is on its way, at the link's expiry",
    ("put", "refused-at-end"): "403 after the whole body",
    ("put", "cut-reset"): "Cut by a reset (RST)",
    ("put", "cut-close"): "Cut by a close (FIN)",
    ("put", "redirect"): "307 to another host",
    ("put", "slow-down"): "503 SlowDown while the body is on its way",
    ("put", "request-timeout"): "400 RequestTimeout while the body is on its way",
    ("put", "stall"): "The server stops reading",
    ("put", "stale-connection"): "A kept-alive connection that the server had closed",
    ("get", "refused-at-start"): "Download: 403, the link had expired before",
    ("get", "cut-reset"): "Download: reset",
    ("get", "truncated"): "Download: ends before its length",
    ("get", "stall"): "Download: the server stops sending",
}


def counted(rows: Counter) -> List[Dict]:
    """One dictionary a text of a combination, with how often it came, of how many transfers."""
    of: Counter = Counter()
    strange = sum(count for row, count in rows.items() if row.cause not in KNOWN)
    if strange:
        print(f"clients: {strange} transfers are left out, since they met something that was not meant", file=sys.stderr)
    known = {row: count for row, count in rows.items() if row.cause in KNOWN}
    for row, count in known.items():
        of[row[:7]] += count
    dicts = [{**row._asdict(), "count": count, "of": of[row[:7]]} for row, count in known.items()]
    return sorted(dicts, key=lambda row: (*(row[name] for name in Row._fields[:7]), -row["count"], row["text"]))


def summary(rows: List[Dict], took: Optional[float]) -> str:
    combinations = {tuple(row[name] for name in Row._fields[:7]) for row in rows}
    clients, transfers = {row["client"] for row in rows}, sum(row["count"] for row in rows)
    within = f" in {took / 60:.0f} min" if took else ""
    return f"{len(clients)} clients, {len(combinations)} combinations, {transfers} transfers{within}"


def read_rows(paths: Iterable[Path]) -> List[Dict]:
    """Rows that were written before; texts are normalised again."""
    rows: Counter = Counter()
    for path in paths:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                numbers = {"text": normalised(row["text"]), "status": int(row["status"]), "requests": int(row["requests"])}
                rows[Row(**{name: row[name] for name in Row._fields if name not in numbers}, **numbers)] += int(row["count"])
    return counted(rows)


def write_rows(path: Path, rows: List[Dict]):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write(docs: Path, rows: List[Dict], took: Optional[float]):
    """Writes the rows, the tables between the page's markers, and what the README claims of them."""
    write_rows(docs / ROWS, rows)
    replace_part(docs / PAGE, "findings", findings(rows))
    replace_part(docs / PAGE, "clients", tables(rows, took))
    readme = docs.parent / "README.md"
    text, found = re.subn(r"\[\d+ of \d+ clients\]", f"[{claim(rows)}]", readme.read_text(encoding="utf-8"))
    if found != 1:
        raise ValueError(f"{readme} makes the claim {found} times")
    readme.write_text(text, encoding="utf-8")


def claim(rows: List[Dict]) -> str:
    """How many clients lost a 403 that came while they were sending, at least once."""
    early = [row for row in rows if _is_told_early(row)]
    losers = {row["client"] for row in early if not _says_403(row)}
    return f"{len(losers)} of {len({row['client'] for row in rows})} clients"


def _is_told_early(row: Dict) -> bool:
    # What `lost` leaves of an answer, nobody can see.
    return row["method"] == "put" and row["cause"] in ("refused-at-start", "refused-midway") and row["close"] != "lost"


def _says_403(row: Dict) -> bool:
    return row["status"] == 403 or "AccessDenied" in row["text"]


def findings(rows: List[Dict]) -> str:
    """Three findings that surprise, with their figures."""
    found = [_half_a_file(rows), _cut_told_as_403(rows), _by_wire(rows)]
    return "\n".join(f"{at}. {one}" for at, one in enumerate(found, 1))


def _half_a_file(rows: List[Dict]) -> str:
    all_told = _told(rows, lambda row: (row["method"], row["cause"]) == ("get", "truncated"), lambda row: row["text"] == "200")
    glad = {client: told for client, told in all_told.items() if told[0]}
    return (
        f"**Half a download can be a success.** Of downloads that ended before their length, these clients said 200 and no more: "
        f"{_names(glad)}. The other {len(all_told) - len(glad)} said an error each time ({_others(all_told, glad)} downloads)."
    )


def _cut_told_as_403(rows: List[Dict]) -> str:
    all_told = _told(rows, lambda row: row["method"] == "put" and row["cause"] in ("cut-reset", "cut-close"), _says_403)
    again = {client: told for client, told in all_told.items() if told[0]}
    return (
        "**A cut can come back as `403 Request has expired`.** Some clients send an upload again by themselves when it was cut "
        f"without an answer. By then the link has expired, and they are refused. So it was with {_names(again)}. The other "
        f"{len(all_told) - len(again)} never said so ({_others(all_told, again)} cuts). A 403 in a log does not acquit a store."
    )


def _by_wire(rows: List[Dict]) -> str:
    http, tls = (
        _told(rows, lambda row, wire=wire: _is_told_early(row) and row["wire"] == wire, _says_403) for wire in ("http", "tls")
    )
    gain = {client: tls[client][0] / tls[client][1] - seen / of for client, (seen, of) in http.items()}
    in_order = sorted(gain, key=gain.get)
    worse, better = [sum(change < 0 for change in gain.values()), sum(change > 0 for change in gain.values())]

    def pair(client):
        return f"{client} ({_of(http[client])} over plain HTTP, {_of(tls[client])} over TLS)"

    return (
        f"**TLS changes who sees one and the same 403, both ways.** {worse} clients saw an early 403 less often over TLS than "
        f"over plain HTTP, most of all {pair(in_order[0])}. {better} saw it more often, most of all {pair(in_order[-1])}."
    )


def _told(rows: List[Dict], is_meant, says) -> Dict[str, tuple]:
    """Each client with how often it says this, of how many such transfers."""
    told: Dict[str, tuple] = {}
    for row in filter(is_meant, rows):
        seen, of = told.get(row["client"], (0, 0))
        told[row["client"]] = (seen + row["count"] * says(row), of + row["count"])
    return told


def _others(told: Dict[str, tuple], but: Dict[str, tuple]) -> int:
    return sum(of for client, (_, of) in told.items() if client not in but)


def _of(told: tuple) -> str:
    return f"{told[0]} of {told[1]}"


def _names(told: Dict[str, tuple]) -> str:
    in_order = sorted(told.items(), key=lambda one: -one[1][0] / one[1][1])
    return "; ".join(f"{client} ({_of(counts)})" for client, counts in in_order)


def tables(rows: List[Dict], took: Optional[float]) -> str:
    """One table a cause: a row a client, a column a wire, connection and close."""
    versions = dict.fromkeys(f"{row['client']} {row['version']}" for row in rows)
    lines = [f"{summary(rows, took)}. {', '.join(versions)}.", "", "## Who sees the answer", "", *_seen(rows), "", "## By cause"]
    for (method, cause), title in TITLES.items():
        of_cause = [row for row in rows if (row["method"], row["cause"]) == (method, cause)]
        if of_cause:
            lines += ["", f"### {title}", "", *_table(of_cause)]
    return "\n".join(lines)


def _seen(rows: List[Dict]) -> List[str]:
    """How often each client brought the 403 back, and how often it said 403 of a cut that never answered."""
    lines = [_line(["client", "early 403 seen, plain HTTP", "TLS", "cut told as a 403, plain HTTP", "TLS"]), _line(["---"] * 5)]
    for (client,), own in sorted(_by(rows, ("client",)).items()):
        cells = [client]
        for causes in (("refused-at-start", "refused-midway"), ("cut-reset", "cut-close")):
            for wire in ("http", "tls"):
                # What `lost` leaves of an answer, nobody can see.
                of = [
                    row
                    for row in own
                    if row["method"] == "put" and row["cause"] in causes and row["wire"] == wire and row["close"] != "lost"
                ]
                told = sum(row["count"] for row in of if _says_403(row))
                cells.append(f"{told} of {sum(row['count'] for row in of)}")
        lines.append(_line(cells))
    return lines


def _table(rows: List[Dict]) -> List[str]:
    lines = [_line(["client", "wire", "connection", "ended by", "says"]), _line(["---"] * 5)]
    cells: Dict[tuple, List[str]] = {}
    for key, texts in _by(rows, ("client", "wire", "connection", "close")).items():
        cells[key] = [_says(row) for row in texts]
    # Combinations of one client that say the same share a row.
    alike: Dict[tuple, List[tuple]] = {}
    for (client, *rest), says in cells.items():
        alike.setdefault((client, "<br>".join(says)), []).append(tuple(rest))
    every = {one: sorted({row[one] for row in rows}) for one in ("wire", "connection", "close")}
    for (client, says), where in alike.items():
        shown = []
        for at, name in enumerate(("wire", "connection", "close")):
            here = sorted({one[at] for one in where})
            shown.append("any" if here == every[name] and len(here) > 1 else ", ".join(filter(None, here)) or "-")
        lines.append(_line([client, *shown, says]))
    return lines


def _says(row: Dict) -> str:
    count = "" if row["count"] == row["of"] else f" {row['count']}/{row['of']}"
    again = f" (after {row['requests']} requests)" if row["requests"] > 1 else ""
    text = row["text"] if len(row["text"]) <= LONGEST else row["text"][:LONGEST] + "…"
    return f"`{text}`{again}{count}".replace("|", "\\|")


def _by(rows: List[Dict], names) -> Dict[tuple, List[Dict]]:
    found: Dict[tuple, List[Dict]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def _line(cells: List[str]) -> str:
    return "| " + " | ".join(cells) + " |"


LONGEST = 160
