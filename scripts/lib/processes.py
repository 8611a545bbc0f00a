"""Processes that end when we do, each with all that it started itself, and none but those."""

import contextlib
import os
import signal
import subprocess


class Processes:
    """Starts processes, each in a process group of its own, and ends the groups that are left at the end."""

    def __init__(self):
        self._started = []
        self._litter = []

    def __enter__(self):
        # SIGTERM and SIGHUP would end us without a word to the processes.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        return self

    def __exit__(self, *_):
        # A second Ctrl-C would leave some of them behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.end_all()

    def end_all(self):
        """Ends what was started so far, and removes what it left."""
        for process in self._started:
            _end(process)
        for path in self._litter:
            path.unlink(missing_ok=True)
        self._started, self._litter = [], []

    def sweep_up(self, paths):
        """Removes these files in the end, too."""
        self._litter.extend(paths)

    def start(self, command, environment, log, stdout=None):
        """Starts a process that writes its words to `log`, and its data to `stdout` where that is asked for."""
        with open(log, "ab") as words:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=words if stdout is None else stdout,
                stderr=words,
                start_new_session=True,
            )
        self._started.append(process)
        return process


def _leave(number, _frame):
    raise SystemExit(128 + number)


def _end(process):
    # A process that has been waited for may have given its number to another.
    if process.returncode is not None:
        return
    # At once: what it served lies in a temporary folder.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
