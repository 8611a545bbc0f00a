#!/usr/bin/env python3
"""Sweeps real S3 servers with experiments/real-server.toml and checks every row against what is known of them.

scripts/servers.sh installs the servers. Each is started on loopback with its data in a temporary folder, and all are
swept at once. What a run writes stays in --out, with the server's log.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from real_servers.bundle import bundle_contradictions
from real_servers.checks import contradictions, report_contradictions
from real_servers.processes import Processes
from real_servers.rows import Run
from real_servers.servers import BUCKET, HOST, Unavailable, environment, free_ports, known_servers
from real_servers.table import table

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".servers" / "venv"
EXPERIMENT = PROJECT / "experiments" / "real-server.toml"
READY_WITHIN_S = 60
# Three times what a sweep takes.
SWEPT_WITHIN_S = 240


class Sweep:
    """One server with the sweep of it."""

    def __init__(self, server, processes, home, out):
        self.server, self.processes, self.home = server, processes, home
        self.out = out / server.name
        self.out.mkdir(parents=True, exist_ok=True)
        home.mkdir()
        self.log = self.out / "server.log"
        self.log.unlink(missing_ok=True)
        self.words = self.out / "ttlsweep.log"
        self.words.unlink(missing_ok=True)
        self.environment = environment(home)
        ports = free_ports(server.ports)
        self.endpoint = f"http://{HOST}:{ports[0]}"
        processes.sweep_up(server.litter(ports))
        self.served = processes.start(server.command(home, ports), self.environment, self.log)
        helper = Path(__file__).parent / "real_servers" / "create_bucket.py"
        create = [VENV / "bin" / "python", helper, self.endpoint, BUCKET, str(READY_WITHIN_S)]
        self.creating = processes.start(create, self.environment, self.log)

    def begin(self, ttlsweep, settings):
        """Begins the sweep once the server has the bucket."""
        if self.creating.wait(READY_WITHIN_S + 30) != 0:
            raise Unavailable(f"{self.server.name} does not start:\n{_last_lines(self.log)}")
        command = [ttlsweep, "run", EXPERIMENT, "--endpoint", self.endpoint, "--bucket", BUCKET, "--yes"]
        command += ["--out", self.out, "--progress", "plain"]
        for setting in settings:
            command += ["--set", setting]
        self.running = self.processes.start(command, self.environment, self.words, stdout=subprocess.PIPE)

    def finish(self, report) -> list:
        """Waits for the end of the sweep, prints what came of it, and returns the contradictions."""
        try:
            folder, _ = self.running.communicate(timeout=SWEPT_WITHIN_S)
        except subprocess.TimeoutExpired:
            return [f"the sweep is not done after {SWEPT_WITHIN_S} s:\n{_last_lines(self.words)}"]
        if self.running.returncode != 0:
            return [f"ttlsweep ended with {self.running.returncode}:\n{_last_lines(self.words)}"]
        if self.served.poll() is not None:
            return [f"the server ended with {self.served.returncode}:\n{_last_lines(self.log)}"]
        folder = Path(folder.decode().strip())
        if not folder.is_absolute() or not folder.is_dir():
            return [f"ttlsweep printed no run folder, but `{folder}`:\n{_last_lines(self.words)}"]
        run = Run.read(folder)
        print(f"\n{self.server.name}, swept in {run.seconds:.0f} s into {folder}\n{table(run)}")
        return contradictions(run, self.server) + self._report(report, folder, run)

    def _report(self, report, folder, run):
        done = subprocess.run([report, folder], capture_output=True, text=True, timeout=SWEPT_WITHIN_S, check=False)
        if done.returncode != 0:
            return [f"ttlsweep-report ended with {done.returncode}:\n{done.stderr}"]
        headline, enforcement = done.stdout.splitlines()[:2]
        print(f"  {headline}\n  {enforcement}")
        overall = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["overall"]
        found = report_contradictions(overall, enforcement, run, self.server)
        return found + bundle_contradictions(report, folder, self.environment, SWEPT_WITHIN_S)


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
    print(f"\nservers: {len(servers) - failed} passed, {failed} failed")
    return 1 if failed else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, help="the folder of ttlsweep and ttlsweep-report (target/release or debug)")
    parser.add_argument("--only", metavar="NAME", help="sweep this server alone")
    parser.add_argument("--method", choices=["put", "get", "upload-part"], help="transfer like this (put)")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="handed on to ttlsweep")
    parser.add_argument("--out", type=Path, default=PROJECT / "target" / "real-servers", help="where runs are written")
    return parser.parse_args()


def programs(folder):
    """The programs under test: those in `folder`, else those that were built for release, else for debugging."""
    folders = [folder] if folder else [PROJECT / "target" / profile for profile in ("release", "debug")]
    names = ("ttlsweep", "ttlsweep-report")
    for one in folders:
        if all((one / name).is_file() for name in names):
            return [(one / name).absolute() for name in names]
    tried = " or ".join(str(one) for one in folders)
    raise Unavailable(f"{' and '.join(names)} are not in {tried}: run `cargo build --workspace --bins`")


def _last_lines(path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-20:])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as error:
        sys.exit(f"real-servers: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
