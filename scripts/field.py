#!/usr/bin/env python3
"""The field study: sweeps the real S3 servers that the package registries offer, and writes what they do into docs/.

Each server is started on loopback with its data in a temporary folder, swept with experiments/field.toml once a method,
asked a few single questions, and ended before the next one starts. What the runs write stays in --out, with the servers'
logs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from field import page
from field.facts import MethodFacts, ServerFacts, absent_row, row
from field.install import NotInstalled, install
from field.servers import FIELD_SERVERS
from lib.checkout import PROJECT, Unavailable, programs
from lib.processes import Processes
from lib.sweeps import Failed, last_lines, report_on
from real_servers.servers import known_servers
from real_servers.serving import VENV, Served, version_of

EXPERIMENT = PROJECT / "experiments" / "field.toml"
PROBE = Path(__file__).parent / "field" / "probe.py"
METHODS = ["put", "get", "upload-part"]
# A server may put 4 MB of a download into its socket at once; only a body many times as large is in flight for it, too.
GET_BYTES = 32_000_000
LARGER_FOR_GET = [f"grid.size={GET_BYTES // 1_000_000}MB", "grid.bandwidth=108.8Mbit/s"]
CONTINUES = ["transfer.expect_continue=true", "grid.users=1", "experiment.repetitions=1"]
# Several times what each takes.
WITHIN_S = 300
STALL_S = 70
NEVER_INSTALLED = {"garage": "no package holds a build, and one from its source takes very long"}


class Study:
    """One server with all that it is asked."""

    def __init__(self, server, processes, home, arguments):
        self.server, self.out, self.arguments = server, arguments.out.absolute() / server.name, arguments
        self.out.mkdir(parents=True, exist_ok=True)
        self.ttlsweep, self.report = programs(arguments.bin)
        self.version = version_of(server, home.parent)
        self.served = Served(server, processes, home, self.out / "server.log")

    def rows(self) -> list:
        self.served.wait_for_bucket()
        of_server = ServerFacts()
        # A stalled connection asks nothing of most servers, so that it can wait beside the sweeps.
        stalled = None if self.server.stalls_all else self._stall()
        methods = [method for method in self.arguments.methods if method in self.server.methods]
        # Uploads are capped at 4 Mbit/s a user, and do not disturb each other; downloads are large, and come alone.
        uploads = {method: self._begin(method) for method in methods if method != "get"}
        continues = self._begin("put", "continue", CONTINUES)
        folders = {method: self._swept(method, sweep) for method, sweep in uploads.items()}
        of_server.note_continues(self._swept("continue", continues))
        if "get" in methods:
            if self.served.minter:
                # Links of others read what is there.
                self._told(self._probe("object", str(GET_BYTES)))
            folders["get"] = self._swept("get", self._begin("get", settings=LARGER_FOR_GET))
        of_server.note_late(self._told(self._probe("late")))
        stalled = stalled or self._stall()
        if stalled:
            of_server.note_stall(self._told(stalled))
        return [row(self._judged(method, folders[method]), of_server) for method in methods]

    def _stall(self):
        return self._probe("stall", str(self.arguments.stalls)) if self.arguments.stalls else None

    def _begin(self, method, name=None, settings=()):
        out = self.out / (name or method)
        out.mkdir(exist_ok=True)
        settings = [f"transfer.method={method}", *settings]
        return self.served.sweep(self.ttlsweep, EXPERIMENT, out, _words(out), settings)

    def _swept(self, name, sweep) -> Path:
        return self.served.swept(sweep, _words(self.out / name), WITHIN_S)

    def _judged(self, method, folder) -> MethodFacts:
        answer, enforcement = report_on(self.report, folder, WITHIN_S)
        print(f"{self.server.name} {self.version}, {method}, {folder}\n  {answer}\n  {enforcement}", file=sys.stderr)
        return MethodFacts.of(self.server.name, self.version, method, folder)

    def _probe(self, kind, number="0"):
        return self.served.ask(PROBE, kind, number, *self.served.minter, stdout=subprocess.PIPE)

    def _told(self, probe) -> dict:
        told, _ = probe.communicate(timeout=WITHIN_S)
        if probe.returncode != 0:
            raise Failed(f"a probe ended with {probe.returncode}:\n{last_lines(self.served.log)}")
        return json.loads(told)


def _words(out: Path) -> Path:
    return out / "ttlsweep.log"


def main() -> int:
    arguments = parse_arguments()
    servers, missing = find_servers(arguments.only)
    rows, failed = [absent_row(name, f"not installed: {why}") for name, why in missing.items()], 0
    with tempfile.TemporaryDirectory(prefix="field-") as homes, Processes() as processes:
        for server in servers:
            try:
                rows += Study(server, processes, Path(homes) / server.name, arguments).rows()
            except (Failed, Unavailable, subprocess.TimeoutExpired) as error:
                print(f"{server.name}: {error}", file=sys.stderr)
                rows.append(absent_row(server.name, f"failed: {_briefly(error)}"))
                failed += 1
            finally:
                processes.end_all()
    print(page.tables(rows))
    if arguments.methods != METHODS or not arguments.stalls:
        print("field: docs/ is left as it is, since not all was asked", file=sys.stderr)
    else:
        page.write(PROJECT / "docs", rows, [*(one.name for one in known_servers(VENV)), *FIELD_SERVERS, *NEVER_INSTALLED])
    return 1 if failed else 0


def _briefly(error) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " … ".join(dict.fromkeys([lines[0], lines[-1]]))


def find_servers(only):
    """The servers that are installed, now that all are that can be; and why the others are not."""
    subprocess.run([PROJECT / "scripts" / "servers.sh"], check=True)
    servers, missing = known_servers(VENV), {}
    for name, make in FIELD_SERVERS.items():
        if only and name not in only:
            continue
        try:
            install(name, VENV.parent / name)
            servers.append(make(VENV.parent / name))
        except NotInstalled as why:
            missing[name] = str(why)
    if only:
        unknown = set(only) - {one.name for one in servers} - set(missing)
        if unknown:
            known = ", ".join([*(one.name for one in known_servers(VENV)), *FIELD_SERVERS])
            raise Unavailable(f"there is no server {' or '.join(sorted(unknown))}: {known}")
        servers = [one for one in servers if one.name in only]
    return servers, {**missing, **({} if only else NEVER_INSTALLED)}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, help="the folder of ttlsweep and ttlsweep-report (target/release or debug)")
    parser.add_argument("--only", metavar="NAME", action="append", help="study this server again; may be repeated")
    parser.add_argument("--method", dest="methods", choices=METHODS, action="append", help="sweep by this method alone")
    parser.add_argument(
        "--stalls", metavar="SECONDS", type=float, default=STALL_S, help="how long a stalled body waits; 0: not asked"
    )
    parser.add_argument("--out", type=Path, default=PROJECT / "target" / "field", help="where runs are written")
    arguments = parser.parse_args()
    arguments.methods = arguments.methods or METHODS
    return arguments


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as error:
        sys.exit(f"field: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
