#!/usr/bin/env python3
"""Sweeps real S3 servers with experiments/real-server.toml and checks every row against what is known of them.

scripts/servers.sh installs the servers. Each is started on loopback with its data in a temporary folder, and all are
swept at once. What a run writes stays in --out, with the server's log.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from lib.checkout import PROJECT, Unavailable, programs
from lib.processes import Processes
from lib.sweeps import Failed, report_on
from real_servers.bundle import bundle_contradictions
from real_servers.checks import contradictions, report_contradictions, server_failures
from real_servers.rows import Run
from real_servers.servers import known_servers
from real_servers.serving import VENV, Served
from real_servers.table import table

EXPERIMENT = PROJECT / "experiments" / "real-server.toml"
# Three times what a sweep takes.
SWEPT_WITHIN_S = 240


class Sweep:
    """One server with the sweep of it."""

    def __init__(self, server, processes, home, out):
        self.server = server
        self.out = out / server.name
        self.out.mkdir(parents=True, exist_ok=True)
        self.words = self.out / "ttlsweep.log"
        self.words.unlink(missing_ok=True)
        self.failures = 0
        self.served = Served(server, processes, home, self.out / "server.log")

    def begin(self, ttlsweep, settings):
        """Begins the sweep once the server has the bucket."""
        self.served.wait_for_bucket()
        self.running = self.served.sweep(ttlsweep, EXPERIMENT, self.out, self.words, settings)

    def finish(self, report) -> list:
        """Waits for the end of the sweep, prints what came of it, and returns the contradictions."""
        try:
            folder = self.served.swept(self.running, self.words, SWEPT_WITHIN_S)
            run = Run.read(folder)
            print(f"\n{self.server.name}, swept in {run.seconds:.0f} s into {folder}\n{table(run)}")
            answer, enforcement = report_on(report, folder, SWEPT_WITHIN_S)
        except Failed as failed:
            return [str(failed)]
        print(f"  {answer}\n  {enforcement}")
        for failure in server_failures(run):
            self.failures += 1
            print(f"  THE SERVER'S OWN FAILURE, see {self.served.log}: {failure}")
        overall = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["overall"]
        found = contradictions(report, run, self.server) + report_contradictions(overall, enforcement, run, self.server)
        return found + bundle_contradictions(report, run, self.served.environment, SWEPT_WITHIN_S)


def main() -> int:
    arguments = parse_arguments()
    ttlsweep, report = programs(arguments.bin)
    servers = [one for one in known_servers(VENV) if arguments.only in (None, one.name)]
    if not servers:
        raise Unavailable(f"there is no server {arguments.only}: {', '.join(one.name for one in known_servers(VENV))}")
    settings = arguments.set + ([f"transfer.method={arguments.method}"] if arguments.method else [])
    failed = 0
    with tempfile.TemporaryDirectory(prefix="real-servers-") as homes, Processes() as processes:
        sweeps = [Sweep(one, processes, Path(homes) / one.name, arguments.out.absolute()) for one in servers]
        for sweep in sweeps:
            sweep.begin(ttlsweep, settings)
        print(f"sweeping {', '.join(one.name for one in servers)}, about a minute", file=sys.stderr)
        for sweep in sweeps:
            found = sweep.finish(report)
            for contradiction in found:
                print(f"  CONTRADICTION: {contradiction}")
            failed += bool(found)
            sys.stdout.flush()
    own = sum(sweep.failures for sweep in sweeps)
    told = f"; {own} transfers met a 5xx of a server's own, which is not a contradiction" if own else ""
    print(f"\nservers: {len(servers) - failed} passed, {failed} failed{told}")
    return 1 if failed else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, help="the folder of ttlsweep and ttlsweep-report (target/release or debug)")
    parser.add_argument("--only", metavar="NAME", help="sweep this server alone")
    parser.add_argument("--method", choices=["put", "get", "upload-part"], help="transfer like this (put)")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="handed on to ttlsweep")
    parser.add_argument("--out", type=Path, default=PROJECT / "target" / "real-servers", help="where runs are written")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as error:
        sys.exit(f"real-servers: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
