"""What every client is asked, and what it says."""

from typing import Dict

from .texts import normalised, of_answer

TIMEOUT_S = 4


class Said:
    """What a client said of one transfer: one line, and the status that its program saw, 0 if none."""

    def __init__(self, text: str, status: int):
        self.text, self.status = normalised(text), status

    @classmethod
    def of(cls, status: int, body: str, error: str) -> "Said":
        return cls(error or of_answer(status, body), status)


class Client:
    """One client; `signs` if it signs its headers and uses no link, `kept` if it can use a connection twice."""

    def __init__(self, name: str, version: str, signs=False, connections=("fresh", "kept"), methods=("put", "get")):
        self.name, self.version, self.signs = name, version, signs
        self.connections, self.methods = connections, methods

    def prepare(self, certificate: str):
        """Starts what takes its time to start, before a link is made that may live for less than that."""

    def ask(self, job: Dict, certificate: str) -> Said:
        """Makes one transfer, and returns what the client said of it."""
        raise NotImplementedError

    def close(self):
        """Ends what is left running."""
