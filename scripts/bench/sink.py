"""The discarding server, a process of its own for each measurement."""

import itertools
import subprocess

# Every measurement has an address of its own: one address has some 28,000 ports, and a closed connection keeps its
# port for a minute.
_ADDRESSES = (f"127.1.{number // 250 % 250}.{1 + number % 250}" for number in itertools.count(1))


class Sink:
    """A sink that ends with the `with` block."""

    def __init__(self, program, secure, folder):
        self._program, self._secure = program, secure
        self.certificate = folder / "sink.pem" if secure else None

    def __enter__(self):
        command = [self._program, f"{next(_ADDRESSES)}:0"]
        if self._secure:
            command.append(self.certificate)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        address = self._process.stdout.readline().strip()
        if not address:
            raise RuntimeError("the sink did not start")
        self.endpoint = f"{'https' if self._secure else 'http'}://{address}"
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
