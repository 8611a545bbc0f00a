"""Memory a user: the peak of ttlsweep's resident memory while all users are in the middle of their uploads."""

import csv
from dataclasses import dataclass

from .clients import Load, ttlsweep_command
from .measure import run_watched
from .sink import Sink
from .tools import environment

# Under a shared cap every user waits during its body; so long that the last has begun before the first ends.
SECONDS_A_USER = 0.006
LEAST_SECONDS = 8
BYTES = 1_000_000_000


@dataclass
class Memory:
    """What one trial with many users took and wrote."""

    users: int
    secure: bool
    idle_kib: int
    peak_kib: int
    rows: int
    completed: int
    together: int
    samples_a_second: float

    @property
    def kib_a_user(self) -> float:
        return (self.peak_kib - self.idle_kib) / self.users


def measure(ttlsweep, sink, users, secure, folder) -> Memory:
    idle, _ = _run(ttlsweep, sink, Load(1, 1_000_000, 1), secure, folder / "one")
    peak, run = _run(ttlsweep, sink, Load(users, BYTES // users, 1), secure, folder / "all")
    transfers, samples = list(_rows(run / "transfers.csv")), sum(1 for _ in _rows(run / "samples.csv"))
    seconds = max(int(row["total_us"]) for row in transfers) / 1e6
    completed = sum(row["outcome"] == "completed" for row in transfers)
    return Memory(
        users, secure, idle.peak_kib, peak.peak_kib, len(transfers), completed, together(transfers), samples / seconds
    )


def cap(load) -> str:
    seconds = max(LEAST_SECONDS, SECONDS_A_USER * load.users)
    return f"{int(BYTES * 8 / seconds / 1000)}kbit/s"


def together(transfers) -> int:
    """The most transfers that were in flight at once."""
    # Instants are RFC 3339 of one length, so their order is that of the texts.
    starts = [(row["head_written_at"], 1) for row in transfers]
    ends = [(row["ended_at"], -1) for row in transfers]
    most = now = 0
    for _, step in sorted(starts + ends):
        now += step
        most = max(most, now)
    return most


def _run(ttlsweep, sink, load, secure, folder):
    folder.mkdir()
    with Sink(sink, secure, folder) as server:
        command = ttlsweep_command(ttlsweep, load, server.endpoint, folder, cap(load))
        cost = run_watched(command, environment(server.certificate), folder / "words.log")
    return cost, (folder / "out" / "bench" / "latest").resolve()


def _rows(path):
    with open(path, newline="") as file:
        yield from csv.DictReader(file)
