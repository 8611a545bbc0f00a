"""A server on loopback with a bucket, and the commands that sweep it."""

import json
import re
import subprocess
from pathlib import Path

from lib.checkout import PROJECT, Unavailable
from lib.loopback import BUCKET, HOST, environment, free_ports
from lib.processes import Processes
from lib.sweeps import Failed, last_lines

from .servers import Server

VENV = PROJECT / ".servers" / "venv"
READY_WITHIN_S = 60


class Served:
    """A server that was started, with its data in `home` and its words in `log`."""

    def __init__(self, server: Server, processes: Processes, home: Path, log: Path):
        self.server, self.processes, self.log = server, processes, log
        home.mkdir()
        log.unlink(missing_ok=True)
        self.environment = {**environment(home, server.keys), **server.variables}
        ports = free_ports(server.ports)
        self.endpoint = f"http://{HOST}:{ports[0]}"
        processes.sweep_up(server.litter(ports))
        self.process = processes.start(server.command(home, ports), self.environment, log)
        self.minter = server.minter(self.endpoint) if server.minter else []
        helper, *arguments = server.creates or [Path(__file__).with_name("create_bucket.py")]
        self._creating = self.ask(helper, str(READY_WITHIN_S), *arguments)

    def ask(self, helper: Path, *arguments, stdout=None):
        """Starts a helper that needs boto3, and so the servers' own environment."""
        command = [VENV / "bin" / "python", helper, self.endpoint, BUCKET, *arguments]
        return self.processes.start(command, self.environment, self.log, stdout=stdout)

    def wait_for_bucket(self):
        if self._creating.wait(READY_WITHIN_S + 30) != 0:
            raise Unavailable(f"{self.server.name} does not start:\n{last_lines(self.log)}")

    def sweep(self, ttlsweep: Path, experiment: Path, out: Path, words: Path, settings=()):
        """Starts a sweep, which prints its folder on its stdout."""
        command = [ttlsweep, "run", experiment, "--yes", "--out", out, "--progress", "plain"]
        if self.minter:
            command += ["--set", "target.kind=links", "--set", f"target.mint={json.dumps(self.minter)}"]
        else:
            command += ["--endpoint", self.endpoint, "--bucket", BUCKET]
        for setting in settings:
            command += ["--set", setting]
        return self.processes.start(command, self.environment, words, stdout=subprocess.PIPE)

    def swept(self, sweep, words: Path, within_s: float) -> Path:
        """Waits for the end of a sweep that was started, and returns its folder."""
        try:
            folder, _ = sweep.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"the sweep is not done after {within_s} s:\n{last_lines(words)}") from None
        if sweep.returncode != 0:
            raise Failed(f"ttlsweep ended with {sweep.returncode}:\n{last_lines(words)}")
        if self.process.poll() is not None:
            raise Failed(f"the server ended with {self.process.returncode}:\n{last_lines(self.log)}")
        folder = Path(folder.decode().strip())
        if not folder.is_absolute() or not folder.is_dir():
            raise Failed(f"ttlsweep printed no run folder, but `{folder}`:\n{last_lines(words)}")
        return folder


def version_of(server: Server, home: Path) -> str:
    """The version that the server's own program tells."""
    told = subprocess.run(
        server.version, env=environment(home), capture_output=True, text=True, timeout=60, check=False
    ).stdout
    found = re.search(r"\d+\.\d+(\.\d+)?", told)
    return found.group() if found else ""
