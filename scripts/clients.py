#!/usr/bin/env python3
"""What real clients say of transfers that a store refused or cut: drives them against the testbed, and writes docs/clients.

Each client is asked as it comes, but for a timeout of 4 s. The testbed's own record says what was really done to each
transfer. A case is asked three times, and twenty times where the three do not agree.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from clients import page
from clients.causes import BODY, CAUSES
from clients.drive import FEW, MANY, Drive
from clients.programs import all_clients, short_clients
from lib.checkout import PROJECT, Unavailable, programs


def main() -> int:
    arguments = parse_arguments()
    if arguments.again:
        page.write(PROJECT / "docs", page.read_rows(arguments.again), None)
        return 0
    # So that testbeds and clients end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    (program,) = programs(arguments.bin, ["ttlsweep-testbed"])
    clients = short_clients(sys.executable) if arguments.short else all_clients()
    causes = [one for one in CAUSES if not arguments.short or one.name in ("refused-at-start", "cut-reset")]
    if arguments.client:
        clients = [one for one in clients if any(word in one.name for word in arguments.client)]
    if arguments.cause:
        causes = [one for one in causes if one.name in arguments.cause]
    few, many = (1, 1) if arguments.short else (FEW, MANY)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        file = Path(folder) / "body.bin"
        file.write_bytes(os.urandom(BODY))
        drive = Drive(program, Path(folder), file, few, many)
        try:
            for tls in [one for one in (False, True) if arguments.wire in (None, "tls" if one else "http")]:
                for cause in causes:
                    before, since = sum(drive.rows.values()), time.monotonic()
                    drive.ask_all(cause, tls, clients)
                    done, took = sum(drive.rows.values()) - before, time.monotonic() - since
                    what = f"{cause.method} {cause.name} {cause.close} {'tls' if tls else 'http'}"
                    print(f"clients: {what}: {done} transfers, {took:.0f} s", file=sys.stderr)
                    if arguments.rows:
                        page.write_rows(arguments.rows, page.counted(drive.rows))
        finally:
            for client in clients:
                client.close()
    rows, took = page.counted(drive.rows), time.monotonic() - began
    print(page.summary(rows, took))
    if arguments.short:
        return check(rows)
    if arguments.client or arguments.cause or arguments.wire:
        page.write_rows(Path("/dev/stdout"), rows)
        print("clients: docs/ is left as it is, since not all was asked", file=sys.stderr)
    else:
        page.write(PROJECT / "docs", rows, took)
    return 0


def check(rows) -> int:
    """Holds the short drive against what is known for certain: what the client said is what the testbed did."""
    wrong = []
    for row in rows:
        early = row["cause"] == "refused-at-start" and row["close"] in ("drain", "linger")
        if early and not row["text"].startswith("403 AccessDenied: Request has expired"):
            wrong.append(row)
        # A client that sent it again by itself was told of the expiry.
        if row["cause"] == "cut-reset" and row["method"] == "put" and row["requests"] == 1 and row["status"] >= 200:
            wrong.append(row)
        if any(word in row["text"] for word in ("127.0.0.1", "X-Amz-", "/ttlsweep/")):
            wrong.append(row)
    for row in wrong:
        print(f"clients: {row}", file=sys.stderr)
    return 1 if wrong or not rows else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, help="the folder of ttlsweep-testbed (target/release or debug)")
    parser.add_argument("--short", action="store_true", help="curl and Python's own client alone, once each; writes nothing")
    parser.add_argument("--client", action="append", metavar="WORD", help="clients with this in their names; writes nothing")
    parser.add_argument("--cause", action="append", metavar="NAME", help="this cause alone; writes nothing")
    parser.add_argument("--wire", choices=["http", "tls"], help="over this alone; writes nothing")
    parser.add_argument(
        "--again", type=Path, nargs="+", metavar="FILE", help="drive nothing: write docs/ from rows that --rows wrote"
    )
    parser.add_argument("--rows", type=Path, metavar="FILE", help="write the rows here after each cause, too")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as error:
        sys.exit(f"clients: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
