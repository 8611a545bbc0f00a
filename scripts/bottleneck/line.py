"""A client, a router and a server, each a network namespace, and a slow line with a long queue from router to server.

The queue stands on the router's side of the line. On the client's own interface it would stay empty: a sender's kernel
knows how much of a connection waits in its own interface, and holds the rest back.
"""

import json
from dataclasses import dataclass
from typing import List, Sequence

from lib.checkout import Unavailable
from lib.network import Network, Refused, run, within

# Of the networks for documentation (RFC 5737), which nobody has.
SERVER, ROUTER_TO_SERVER = "192.0.2.1", "192.0.2.2"
CLIENT, ROUTER_TO_CLIENT = "198.51.100.1", "198.51.100.2"
TO_SERVER = "to-server"
# What may leave at once: some ten packets, so that the line is even.
BURST_BYTES = 16_000


@dataclass(frozen=True)
class Queue:
    """A slow line: how much leaves it a second, and how much waits before anything is dropped."""

    mbit_s: float
    bytes: int

    def __str__(self) -> str:
        return f"{self.mbit_s:g} Mbit/s behind a queue of {self.bytes / 1e6:g} MB ({self.seconds:.1f} s)"

    @property
    def seconds(self) -> float:
        """How long what comes last waits in the full queue."""
        return self.bytes * 8 / (self.mbit_s * 1e6)


class Line(Network):
    """Made on entering and deleted on leaving; no address or route outside is touched."""

    def __init__(self, name: str, queue: Queue):
        super().__init__(f"bottleneck-{name}")
        self._queue = queue
        self._client = self._router = self._server = ""

    def build(self):
        self._client, self._router, self._server = (self.make(name) for name in ("client", "router", "server"))
        self.link((self._client, "to-router", f"{CLIENT}/24"), (self._router, "to-client", f"{ROUTER_TO_CLIENT}/24"))
        self.link((self._server, "to-router", f"{SERVER}/24"), (self._router, TO_SERVER, f"{ROUTER_TO_SERVER}/24"))
        self.ip(self._client, "route", "add", "default", "via", ROUTER_TO_CLIENT)
        self.ip(self._server, "route", "add", "default", "via", ROUTER_TO_SERVER)
        run(*within(self._router, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))
        rate, burst, limit = f"{self._queue.mbit_s * 1e6:.0f}bit", f"{BURST_BYTES}b", f"{self._queue.bytes}b"
        shape = ["root", "tbf", "rate", rate, "burst", burst, "limit", limit]
        try:
            run("tc", "-netns", self._router, "qdisc", "add", "dev", TO_SERVER, *shape)
        except Refused:
            raise
        except Unavailable as error:
            raise Refused(f"{error}: this kernel has no tbf (try `modprobe sch_tbf`)") from None
        if self.carried().kind != "tbf":
            raise Refused("tc took a tbf for the router's line, and does not show one")

    def on_server(self, command: Sequence) -> List[str]:
        """The command as it is run on the server."""
        return within(self._server, command)

    def on_client(self, command: Sequence) -> List[str]:
        """The command as it is run on the client."""
        return within(self._client, command)

    def carried(self) -> "Carried":
        """What the line has carried so far."""
        told = run("tc", "-netns", self._router, "-s", "-j", "qdisc", "show", "dev", TO_SERVER)
        root = next(queue for queue in json.loads(told) if queue.get("root"))
        return Carried(root["kind"], root["bytes"], root["drops"])


@dataclass(frozen=True)
class Carried:
    """What went over the line, by the kernel's own count."""

    kind: str
    bytes: int
    dropped: int
    """Packets for which the queue had no room."""
