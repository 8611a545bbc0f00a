"""What was done, and what was found."""

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import List

COMMANDS = ["run", "resume", "report", "upload", "merge", "clean"]
SIGNALS = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "power"]


@dataclass
class Toll:
    """The figures of all stories; several of them add to it at once."""

    kills: Counter = field(default_factory=Counter)
    """By command and signal."""
    ends: Counter = field(default_factory=Counter)
    """How the commands ended that were asked to: by command and exit code, negative for the signal itself."""
    slowest_s: float = 0.0
    """The longest that a command took to end once it was asked."""
    runs: int = 0
    transfers: int = 0
    cancelled: int = 0
    """Transfers that were in flight at a kill."""
    superseded: int = 0
    leftovers: Counter = field(default_factory=Counter)
    """Temporary names, by command, that a kill left; all were gone, or in nobody's way, in the end."""
    problems: List[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def killed(self, command: str, signal: str):
        with self._lock:
            self.kills[command, signal] += 1

    def ended(self, command: str, code: int, seconds: float):
        with self._lock:
            self.ends[command, code] += 1
            self.slowest_s = max(self.slowest_s, seconds)

    def left(self, command: str, names: int):
        with self._lock:
            self.leftovers[command] += names

    def ran(self, transfers: int, cancelled: int, superseded: int):
        with self._lock:
            self.runs += 1
            self.transfers += transfers
            self.cancelled += cancelled
            self.superseded += superseded

    def by_command(self) -> Counter:
        """How many kills met each command."""
        counts: Counter = Counter()
        for (command, _), count in self.kills.items():
            counts[command] += count
        return counts

    def table(self) -> str:
        """Kills by command and signal."""
        lines = ["".join(f"{word:>9}" for word in ["", *SIGNALS])]
        for command in COMMANDS:
            counts = [self.kills[command, signal] for signal in SIGNALS]
            lines.append("".join(f"{word:>9}" for word in [command, *counts]))
        return "\n".join(lines)

    def __str__(self) -> str:
        asked = ", ".join(f"{command} {code}: {count}" for (command, code), count in sorted(self.ends.items()))
        return (
            f"{self.table()}\n"
            f"asked to end, they ended within {self.slowest_s:.2f} s, with these codes: {asked or 'none'}\n"
            f"{self.runs} runs of {self.transfers} transfers: {self.cancelled} were in flight at a kill and recorded as "
            f"cancelled, {self.superseded} belong to interrupted attempts\n"
            f"{sum(self.leftovers.values())} temporary names were left by kills, and hindered nothing"
        )
