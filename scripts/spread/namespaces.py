"""A server and several machines, each a network namespace, and a link from each machine to the server."""

from typing import List, Sequence

from lib.checkout import Unavailable
from lib.network import Network, within

# Of the networks for documentation (RFC 5737), which nobody has: the server's address is the same from everywhere.
SERVER = "192.0.2.1"
# Room for a link's two ends in each four of 198.51.100.0/24.
MOST_MACHINES = 60


class Namespaces(Network):
    """Made on entering and deleted on leaving, with the links in them; no address or route outside is touched."""

    def __init__(self, machines: int):
        if machines > MOST_MACHINES:
            raise Unavailable(f"{machines} machines are more than the {MOST_MACHINES} that there are addresses for")
        super().__init__("spread")
        self._numbers = range(1, machines + 1)
        self._server = ""
        self._machines: List[str] = []

    def build(self):
        self._server = self.make("server")
        self.ip(self._server, "address", "add", f"{SERVER}/32", "dev", "lo")
        for number in self._numbers:
            machine = self.make(str(number))
            self._machines.append(machine)
            near, far = (f"198.51.100.{4 * number + end}" for end in (1, 2))
            self.link((self._server, f"to-{number}", f"{near}/30"), (machine, "to-server", f"{far}/30"))
            self.ip(machine, "route", "add", SERVER, "via", near)

    def on_server(self, command: Sequence) -> List[str]:
        """The command as it is run on the server."""
        return within(self._server, command)

    def on_machine(self, number: int, command: Sequence) -> List[str]:
        """The command as it is run on a machine, from 1, which is called `machine-1`."""
        named = ["unshare", "--uts", "sh", "-c", f'hostname machine-{number} && exec "$@"', "sh", *map(str, command)]
        return within(self._machines[number - 1], named)
