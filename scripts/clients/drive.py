"""Drives one client through one cause, and holds what it said against the testbed's own record."""

import itertools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterable, List, NamedTuple

from .causes import OTHERWISE, Cause
from .client import Client, Said
from .links import LONG_S, link
from .testbed import BUCKET, KEYS, WARM, Record, Testbed

# Where the first few agree, nothing is a race; where they do not, how often each happens is worth knowing.
FEW, MANY = 3, 20


class Row(NamedTuple):
    """What one transfer came to; equal ones are counted."""

    client: str
    version: str
    method: str
    cause: str
    close: str
    wire: str
    connection: str
    text: str
    status: int
    # How many requests the testbed had for this one transfer: a client that tries again by itself has several.
    requests: int


class Drive:
    """Counts what every client said of every cause."""

    def __init__(self, program: Path, folder: Path, file: Path, few: int = FEW, many: int = MANY):
        self.program, self.folder, self.file, self.few, self.many = program, folder, file, few, many
        self.rows: Counter = Counter()
        self._stopped = False
        self._numbers, self._counting = itertools.count(), threading.Lock()

    def ask_all(self, cause: Cause, tls: bool, clients: Iterable[Client]):
        """Drives each client through a cause over one wire."""
        for signed, arguments in cause.arguments:
            asked = [one for one in clients if cause.method in one.methods and one.signs == signed]
            objects = [_key_of(one) for one in asked] if cause.method == "get" else []
            if not asked:
                continue
            with Testbed(self.program, self.folder, tls, arguments, objects) as testbed:
                threads = ThreadPoolExecutor(cause.at_once)
                try:
                    for done in [threads.submit(self._ask, cause, testbed, one) for one in asked]:
                        done.result()
                except BaseException:
                    # After a Ctrl-C nobody is asked any more.
                    self._stopped = True
                    raise
                finally:
                    threads.shutdown(cancel_futures=True)

    def _ask(self, cause: Cause, testbed: Testbed, client: Client):
        for connection in self._connections(cause, client):
            told: List[Row] = []
            few, many = cause.times or self.few, cause.times or self.many
            while not self._stopped and (len(told) < few or (len(told) < many and _disagree(told))):
                told.append(self._ask_once(cause, testbed, client, connection))
            with self._counting:
                self.rows.update(told)

    @staticmethod
    def _connections(cause: Cause, client: Client) -> List[str]:
        if cause.kept_only or "fresh" not in client.connections:
            wanted = ["kept"]
        else:
            wanted = ["fresh", "kept"] if cause.kept else ["fresh"]
        return [one for one in wanted if one in client.connections]

    def _ask_once(self, cause: Cause, testbed: Testbed, client: Client, connection: str) -> Row:
        key = _key_of(client) if cause.method == "get" else f"t{next(self._numbers)}-{_word(client)}"
        method = cause.method.upper()
        warm = connection == "kept"
        client.prepare(testbed.certificate)
        job = {
            "method": cause.method,
            "url": link(method, testbed.address(key), KEYS, cause.left_s),
            "warm": link(cause.warm_method, testbed.address(WARM), KEYS, LONG_S) if warm else "",
            "warm_method": cause.warm_method,
            "pause_s": cause.pause_s,
            "file": str(self.file),
            "scratch": str(self.folder / f"scratch-{_word(client)}"),
            "endpoint": testbed.endpoint,
            "bucket": BUCKET,
            "key": key,
            "warm_key": WARM,
            "access_key": KEYS.access,
            "secret_key": KEYS.secret,
        }
        mark = testbed.mark()
        said = client.ask(job, testbed.certificate)
        records = testbed.requests_of(method, key, mark, None not in cause.truth)
        return self._row(cause, testbed, client, connection, said, records)

    @staticmethod
    def _row(cause, testbed, client, connection, said: Said, records: List[Record]) -> Row:
        meant = [one for one in records if one.disposition in cause.truth]
        first = next(iter(meant or records), None)
        name, close = cause.name, cause.close
        if not meant and not (first is None and None in cause.truth):
            # What really happened: a link that expired before its transfer began, above all.
            name = OTHERWISE.get(first.disposition, first.disposition) if first else "no-record"
            # Which is how the testbed ends an early answer where it is told nothing.
            close = close or ("close" if name == "refused-at-start" and cause.method == "put" else "")
        if first and not cause.kept_only:
            connection = "kept" if testbed.was_used_before(first) else "fresh"
        wire = "tls" if testbed.certificate else "http"
        said_row = (said.text, said.status, len(records))
        return Row(client.name, client.version, cause.method, name, close, wire, connection, *said_row)


def _disagree(told: List[Row]) -> bool:
    return len({(row.text, row.status) for row in told}) > 1


def _word(client: Client) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in client.name).lower()


def _key_of(client: Client) -> str:
    """Of the object that one client downloads: no other one asks for it, so that the log tells whose request it was."""
    return f"t0-{_word(client)}"
