"""A testbed that was told to do one thing, and its own record of what it did to each transfer."""

import os
import re
import ssl
import subprocess
import tempfile
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List

from .links import Keys, link

KEYS = Keys("clients", "what-clients-say")
BUCKET, WARM = "ttlsweep", "warm"
# Many times what a socket takes at once.
OBJECT_SIZE = 8_000_000
# A request's record is written when it is over, which may be a moment after its client knows.
RECORDED_WITHIN_S = 3.0
LINE = re.compile(r"\b(GET|PUT|HEAD|POST|OPTIONS|DELETE) (/\S*) (.*)")


@dataclass(frozen=True)
class Record:
    """What the testbed did with one request."""

    method: str
    path: str
    connection: int
    disposition: str


class Testbed:
    """One testbed, with an object to download and a small one to warm a connection with."""

    def __init__(self, program: Path, folder: Path, tls: bool, arguments, objects: Iterable[str] = ()):
        # Each has a certificate of its own, and a client that is already running may have read another one.
        self.certificate = tempfile.NamedTemporaryFile(dir=folder, suffix=".pem", delete=False).name if tls else ""
        command = [program, "--access-key", KEYS.access, "--secret-key", KEYS.secret, *arguments]
        command += ["--cert-out", self.certificate] if tls else ["--no-tls"]
        environment = {**os.environ, "RUST_LOG": "ttlsweep_testbed=debug", "NO_COLOR": "1"}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment
        )
        self._records: List[Record] = []
        self._control = ""
        self._changed = threading.Condition()
        threading.Thread(target=self._read_log, daemon=True).start()
        self.endpoint = self._process.stdout.readline().strip()
        with self._changed:
            if not self._changed.wait_for(lambda: self._ready, timeout=30) or not self.endpoint:
                raise RuntimeError(f"the testbed does not start: {command}")
        self._put(WARM, b"warm")
        for key in objects:
            self._put(key, bytes(OBJECT_SIZE))

    _ready = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def address(self, key: str) -> str:
        return f"{self.endpoint}/{BUCKET}/{key}"

    def requests_of(self, method: str, key: str, mark: int, expected: bool) -> List[Record]:
        """The requests for `key` that ended since `mark`, in that order; waits for a first one if there must be one."""
        path = f"/{BUCKET}/{key}"

        def found():
            return [one for one in self._records[mark:] if one.method == method and one.path == path]

        with self._changed:
            self._changed.wait_for(found, timeout=RECORDED_WITHIN_S if expected else 0.3)
            return found()

    def was_used_before(self, record: Record) -> bool:
        """Whether the request came by a connection that had carried another one."""
        with self._changed:
            return any(one.connection == record.connection for one in self._records[: self._records.index(record)])

    def mark(self) -> int:
        """How many requests have ended so far."""
        with self._changed:
            return len(self._records)

    def _put(self, key: str, data: bytes):
        host = self._control or self.endpoint
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        url = link("PUT", f"{host}/{BUCKET}/{key}", KEYS)
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT"), context=context, timeout=30):
            pass

    def _read_log(self):
        for line in self._process.stderr:
            with self._changed:
                if "Ctrl-C ends it" in line:
                    self._ready = True
                elif line.startswith("the same store without the fault: "):
                    self._control = line.split()[-1]
                elif found := LINE.search(line):
                    told: Dict[str, str] = dict(word.split("=", 1) for word in found.group(3).split() if "=" in word)
                    record = Record(found.group(1), found.group(2), int(told["connection"]), told["disposition"])
                    self._records.append(record)
                self._changed.notify_all()
