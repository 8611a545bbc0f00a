"""A server and several machines, each a network namespace, and a link from each machine to the server."""

import os
import subprocess
from typing import List, Sequence

from real_servers.servers import Unavailable

# Of the networks for documentation (RFC 5737), which nobody has: the server's address is the same from everywhere.
SERVER = "192.0.2.1"
# Room for a link's two ends in each four of 198.51.100.0/24.
MOST_MACHINES = 60


class Namespaces:
    """Made on entering and deleted on leaving, with the links in them; no address or route outside is touched."""

    def __init__(self, machines: int):
        if machines > MOST_MACHINES:
            raise Unavailable(f"{machines} machines are more than the {MOST_MACHINES} that there are addresses for")
        # So that two runs of this do not meet.
        self._of_run = f"spread-{os.getpid()}"
        self._server = f"{self._of_run}-server"
        self._machines = [f"{self._of_run}-{number}" for number in range(1, machines + 1)]
        self._made: List[str] = []

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("network namespaces can be made by root alone")
        try:
            self._make(self._server)
            self._ip(self._server, "address", "add", f"{SERVER}/32", "dev", "lo")
            for number, machine in enumerate(self._machines, 1):
                self._make(machine)
                self._link(number, machine)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # A link goes with the namespaces of its ends.
        for name in self._made:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        self._made = []

    def on_server(self, command: Sequence) -> List[str]:
        """The command as it is run on the server."""
        return _within(self._server, command)

    def on_machine(self, number: int, command: Sequence) -> List[str]:
        """The command as it is run on a machine, from 1, which is called `machine-1`."""
        named = ["unshare", "--uts", "sh", "-c", f'hostname machine-{number} && exec "$@"', "sh", *map(str, command)]
        return _within(self._machines[number - 1], named)

    def _make(self, name):
        _run("ip", "netns", "add", name)
        self._made.append(name)
        self._ip(name, "link", "set", "lo", "up")

    def _link(self, number, machine):
        # Both ends are made where they belong, so that none is ever to be seen outside.
        near, far = (f"198.51.100.{4 * number + end}" for end in (1, 2))
        here = f"to-{number}"
        self._ip(self._server, "link", "add", here, "type", "veth", "peer", "name", "to-server", "netns", machine)
        for name, device, address in ((self._server, here, near), (machine, "to-server", far)):
            self._ip(name, "address", "add", f"{address}/30", "dev", device)
            self._ip(name, "link", "set", device, "up")
        self._ip(machine, "route", "add", SERVER, "via", near)

    def _ip(self, name, *arguments):
        _run("ip", "-netns", name, *arguments)


def _within(name, command) -> List[str]:
    return ["ip", "netns", "exec", name, *map(str, command)]


def _run(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable("`ip` is missing: install iproute2") from None
    if done.returncode != 0:
        raise Unavailable(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")
