"""A system with nothing on it but some programs: a folder that they are shut into, without a shell, a library or a setting."""

import os
import subprocess
from pathlib import Path
from typing import Callable, Optional, Sequence

PROGRAMS = ["ttlsweep", "ttlsweep-path", "ttlsweep-report", "ttlsweep-testbed"]
WITHIN_S = 120
# chroot is a program of the administrator's.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def command(root: Path, words: Sequence) -> list:
    """The command that runs `words` within `root`."""
    # Only root may change its root folder; a namespace makes one of every user.
    unshare = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    return [*unshare, "chroot", root, *words]


def run(root: Path, words: Sequence, **environment) -> subprocess.CompletedProcess:
    """Runs `words` within `root` to their end."""
    return subprocess.run(
        command(root, words),
        env={"PATH": PATH, **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def trouble(root: Path, programs: str, experiment: Path, run: Callable = run) -> Optional[str]:
    """What goes wrong within `root`, whose folder of programs is `programs`, from a sweep to a bundle; `None` if nothing does.

    `run` runs words within `root`, which may be more than a folder.
    """
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp" / "experiment.toml").write_text(experiment.read_text())
    folder = f"/tmp/results/{experiment.stem}/latest"
    for words, said, written in [
        (["run", "/tmp/experiment.toml", "--out", "/tmp/results"], "/tmp/results/", "transfers.csv"),
        (["report", folder], "testbed", "report.html"),
        (["verify", folder], "whole and consistent", None),
        (["case", folder], "case", "ttlsweep-case*/case.md"),
        (["ttl", folder], "TTL", None),
        (["explain", "socket hang up"], "cut", None),
        (["testbed", "--version"], "testbed", None),
        (["path", "--version"], "path", None),
        *((["completions", shell], "report", None) for shell in ("bash", "zsh", "fish")),
    ]:
        named = f"`ttlsweep {words[0]}` alone"
        done = run(root, [f"{programs}/ttlsweep", *words])
        if done.returncode != 0:
            return f"{named} ended with {done.returncode}: {done.stderr}"
        if said not in done.stdout:
            return f"{named} says nothing of {said}: {done.stdout}"
        files = list((root / "tmp" / "results").glob(f"*/2*/{written}")) if written else []
        if written and (not files or len(files[0].read_text().splitlines()) < 2):
            return f"{named} wrote no {written}: {done.stderr}"
    return None
