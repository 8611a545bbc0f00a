"""One kill: of a command, by a signal, at an instant."""

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional

from .toll import SIGNALS, Toll

# A command that is asked to end does so in a few seconds, on a busy machine, too.
ENDS_WITHIN_S = 10
# One that has all but come to its end when the signal comes may end as if there had been none.
DONE_JUST_THEN_S = 2
# Without a kill a command is done long before this.
DONE_WITHIN_S = 180
# Stale names are removed when they are older than this by far.
LONG_AGO_S = 24 * 3600


class Broken(Exception):
    """Something does not hold that must; the message says what."""


@dataclass
class Instant:
    """When the kill comes: so long after this is so."""

    seconds: float
    once: Callable[[], bool] = lambda: True


@dataclass
class Killer:
    """Starts the commands of one story, and kills them."""

    programs: Dict[str, Path]
    lab: Path
    environment: Dict[str, str]
    dice: random.Random
    toll: Toll

    def kill(
        self, name: str, command: List, instant: Instant, stopped: int = 0, listens: Callable[[], bool] = lambda: False
    ) -> Optional[str]:
        """The signal that met the command; `None` if it was done before.

        Asked to end, it ends with the code `stopped`; or by the signal itself, unless what it left shows that it `listens`.
        """
        by = self.dice.choice(SIGNALS)
        process = self._start(command)
        try:
            if not self._reached(process, instant):
                return self._ended_by_itself(name, process)
            asked = time.monotonic()
            number = signal.SIGKILL if by == "power" else getattr(signal, by)
            process.send_signal(number)
            said = _end_of(process, ENDS_WITHIN_S, f"{name} goes on {ENDS_WITHIN_S} s after {by}")
        finally:
            process.kill()
            process.wait()
        code, took = process.returncode, time.monotonic() - asked
        if code == 0:
            if took > DONE_JUST_THEN_S:
                raise Broken(f"{name} takes no notice of {by}, and is done {took:.1f} s later")
            return None
        self.toll.killed(name, by)
        if number != signal.SIGKILL:
            self.toll.ended(name, code, took)
            if code != stopped and (code != -number or listens()):
                raise Broken(f"{name} ends with {code} after {by}: {said}")
        self.toll.left(name, self.age_leftovers())
        return by

    def finish(self, name: str, command: List) -> str:
        """Starts the command and waits until it is done; returns what it printed."""
        process = self._start(command)
        try:
            said = _end_of(process, DONE_WITHIN_S, f"{name} does not end")
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise Broken(f"{name} ends with {process.returncode}, started again after a kill: {said}")
        return said

    def leftovers(self) -> List[Path]:
        """Temporary names in the lab."""
        return [path for path in self.lab.rglob(".*") if "unfinished" in path.name or path.name.startswith(".latest-")]

    def age_leftovers(self) -> int:
        """Makes leftovers of the kill old enough that the next start takes them for what they are; returns how many."""
        found, then = self.leftovers(), time.time() - LONG_AGO_S
        fresh = [path for path in found if path.lstat().st_mtime > then + 60]
        for path in fresh:
            os.utime(path, (then, then), follow_symlinks=False)
        return len(fresh)

    def _start(self, command: List) -> subprocess.Popen:
        program, *arguments = command
        return subprocess.Popen(
            [str(part) for part in (self.programs[program], *arguments)],
            cwd=self.lab,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _reached(self, process: subprocess.Popen, instant: Instant) -> bool:
        began, reached = time.monotonic(), None
        while process.poll() is None:
            now = time.monotonic()
            if reached is None and instant.once():
                reached = now
            if reached is not None and now - reached >= instant.seconds:
                return True
            if now - began > DONE_WITHIN_S:
                raise Broken(f"not done after {DONE_WITHIN_S} s: {process.args}")
            left = 0.05 if reached is None else instant.seconds - (now - reached)
            time.sleep(min(max(left, 0), 0.001 if reached is None else 0.05))
        return False

    @staticmethod
    def _ended_by_itself(name: str, process: subprocess.Popen) -> None:
        if process.returncode != 0:
            raise Broken(f"{name} ends with {process.returncode}: {process.communicate()[0].decode()}")


def _end_of(process: subprocess.Popen, within_s: float, otherwise: str) -> str:
    try:
        return process.communicate(timeout=within_s)[0].decode()
    except subprocess.TimeoutExpired:
        raise Broken(otherwise) from None
