#!/usr/bin/env python3
"""Measures how truly a cut is recorded: the testbed cuts transfers at their link's expiry, and each row's margin_us says
how long after that instant the tool met the cut.

Client and testbed share one clock, so the margin is the error of both together: the testbed's lateness and the tool's. Also
checked: that expires_at is the whole second in the row's presigned_at plus its TTL. Writes a table into docs/bench.md.

Downloads are measured twice. Paced by the server, nothing waits in front of a FIN, and it is met when it comes. Capped by the
tool, a FIN queues behind what both kernels hold, and the row tells when the cap has let all of that through.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from bench.tools import environment, program
from lib.checkout import PROJECT, Unavailable
from lib.pages import replace_part

WITHIN_US = 5_000
# What the table calls it, the method, and whose pace it is.
CAPPED = "download, capped"
KINDS = [("upload", "put", "client"), ("download", "get", "server"), (CAPPED, "get", "client")]
EXPERIMENT = """[experiment]
name = "cuts"
question = "How long after it happened is a cut recorded?"
repetitions = {blocks}
[target]
kind = "embedded"
expiry = "in-flight"
cut = ["reset", "close", "respond"]
tls = [false, true]
{server}
[grid]
users = 10
ttl = "1s"
size = "{size}"
{client}
[transfer]
method = "{method}"
jitter = "1s"
reuse_connections = false
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""


def measure(ttlsweep, kind, blocks, bandwidth, size, folder) -> list:
    name, method, paced_by = kind
    server = f'faults = ["slow:{bandwidth}"]' if paced_by == "server" else ""
    client = f'bandwidth = "{bandwidth}"\nbandwidth_per = "user"' if paced_by == "client" else ""
    file = folder / f"{method}-{paced_by}.toml"
    file.write_text(EXPERIMENT.format(method=method, blocks=blocks, server=server, client=client, size=size))
    command = [ttlsweep, "run", file, "--out", folder / "out", "--yes", "--progress", "none"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ttlsweep ended with {done.returncode}:\n{done.stderr}")
    run = Path(done.stdout.strip())
    cells = {cell["cell_id"]: cell for cell in rows(run / "cells.csv")}
    return [(name, cells[row["cell_id"]], row) for row in rows(run / "transfers.csv")]


def rows(path) -> list:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def expiry_is_exact(row) -> bool:
    """A link's date is its signing cut to whole seconds; expiry is that and the TTL, to the microsecond."""
    signed, expires = (datetime.fromisoformat(row[name]) for name in ("presigned_at", "expires_at"))
    return expires == signed.replace(microsecond=0) + timedelta(seconds=int(row["ttl_s"]))


def table(found) -> str:
    margins, others = defaultdict(list), 0
    for name, cell, row in found:
        if row["outcome"] in ("reset", "closed", "rejected"):
            wire = "TLS" if cell["tls"] == "true" else "TCP"
            margins[(name, wire, cell["cut"])].append(int(row["margin_us"]))
        else:
            others += 1
    lines = [
        "| transfer | wire | cut by | cuts | earliest | median | p99 | latest | within 5 ms |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    names = [name for name, _, _ in KINDS]
    for (name, wire, cut), cuts in sorted(margins.items(), key=lambda item: (names.index(item[0][0]), item[0])):
        cuts.sort()
        p99 = cuts[min(len(cuts) - 1, len(cuts) * 99 // 100)]
        held = "yes" if cuts[0] >= 0 and p99 <= WITHIN_US else "**no**"
        texts = [f"{us / 1000:.1f} ms" for us in (cuts[0], cuts[len(cuts) // 2], p99, cuts[-1])]
        lines.append(f"| {name} | {wire} | {cut} | {len(cuts)} | " + " | ".join(texts) + f" | {held} |")
    together = sorted(us for (name, _, _), cuts in margins.items() if name != CAPPED for us in cuts)
    if together:
        late = sum(us > WITHIN_US for us in together)
        p99 = together[min(len(together) - 1, len(together) * 99 // 100)] / 1000
        lines += ["", f"Of all {len(together):,} that wait behind no cap: p99 {p99:.1f} ms, {late} later than 5 ms."]
    exact = sum(expiry_is_exact(row) for _, _, row in found)
    lines += ["", f"Expiry is the link's date and its TTL, to the microsecond, in {exact} of {len(found)} rows."]
    if others:
        lines.append(f"{others} transfers were over before their link expired, and were not cut.")
    return "\n".join(lines) + "\n"


def main() -> int:
    arguments = parse_arguments()
    ttlsweep, found = program(arguments.bin, "ttlsweep"), []
    with tempfile.TemporaryDirectory(prefix="cuts-") as folder:
        for kind in KINDS:
            found += measure(ttlsweep, kind, arguments.blocks, arguments.bandwidth, arguments.size, Path(folder))
            print(f"{kind[0]}: {len(found)} transfers so far", file=sys.stderr)
    text = table(found)
    if arguments.write:
        replace_part(arguments.out / "bench.md", "cuts", text)
    print(text)
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=PROJECT / "target" / "release", help="the folder of the program")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs", help="the folder of bench.md")
    parser.add_argument("--blocks", type=int, default=10, help="repetitions; each is 60 transfers of each of the three kinds")
    parser.add_argument("--bandwidth", default="8Mbit/s", help="each user's own pace")
    parser.add_argument("--size", default="4MB", help="of each body; it has to outlast a link of a second")
    parser.add_argument("--write", action="store_true", help="write the table into bench.md")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, RuntimeError) as error:
        sys.exit(f"cuts: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
