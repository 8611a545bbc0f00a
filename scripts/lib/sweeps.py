"""Sweeps that did not end well, and what the report says of those that did."""

import subprocess
from pathlib import Path


class Failed(Exception):
    """A sweep or its report did not end well; the message says how."""


def report_on(report: Path, folder: Path, within_s: float) -> tuple:
    """Lets `report` judge a run, and returns its answer and its line on enforcement."""
    done = subprocess.run([report, folder], capture_output=True, text=True, timeout=within_s, check=False)
    if done.returncode != 0:
        raise Failed(f"ttlsweep-report ended with {done.returncode}:\n{done.stderr}")
    lines = done.stdout.splitlines()
    return lines[0], next(line for line in lines if "Enforcement: " in line)


def last_lines(path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-20:])
