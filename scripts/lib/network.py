"""Network namespaces of this machine that stand for machines, and the links between them."""

import os
import subprocess
from typing import List, Sequence

from lib.checkout import Unavailable


class Refused(Unavailable):
    """This machine makes no namespaces; the message says why, and what to do."""


class Network:
    """Made by `build` on entering and deleted on leaving, with all that runs in no namespace of ours left alone."""

    def __init__(self, kind: str):
        # So that two runs of this do not meet.
        self._of_run = f"{kind}-{os.getpid()}"
        self._made: List[str] = []

    def build(self):
        """Makes the namespaces and links."""
        raise NotImplementedError

    def __enter__(self):
        if os.geteuid() != 0:
            raise Refused("network namespaces can be made by root alone: run it as root")
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # A link goes with the namespaces of its ends.
        for name in self._made:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        self._made = []

    def make(self, name: str) -> str:
        """Makes a namespace, and returns its whole name."""
        whole = f"{self._of_run}-{name}"
        try:
            run("ip", "netns", "add", whole)
        except Unavailable as error:
            raise Refused(f"{error}: run it where namespaces can be made (a container needs CAP_SYS_ADMIN)") from None
        self._made.append(whole)
        self.ip(whole, "link", "set", "lo", "up")
        return whole

    def link(self, one, other):
        """Links two namespaces, each given with its end's name, and its address with the length of the prefix."""
        # Both ends are made where they belong, so that none is ever to be seen outside.
        (name, device, _), (far, far_device, _) = one, other
        self.ip(name, "link", "add", device, "type", "veth", "peer", "name", far_device, "netns", far)
        for name, device, address in (one, other):
            self.ip(name, "address", "add", address, "dev", device)
            self.ip(name, "link", "set", device, "up")

    @staticmethod
    def ip(name: str, *arguments: str):
        """Runs `ip` within a namespace."""
        run("ip", "-netns", name, *arguments)


def within(name: str, command: Sequence) -> List[str]:
    """The command as it is run within a namespace."""
    return ["ip", "netns", "exec", name, *map(str, command)]


def run(*command: str) -> str:
    """Runs a program of iproute2, and returns what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refused(f"`{command[0]}` is missing: install iproute2") from None
    if done.returncode != 0:
        raise Unavailable(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout
