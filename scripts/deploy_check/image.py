"""The image: a linter's view of its file, and whether its programs run from the files alone that it is made of."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Tuple

WITHIN_S = 120
# chroot is a program of the administrator's.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ["ttlsweep", "ttlsweep-path", "ttlsweep-report", "ttlsweep-testbed"]


def lint(containerfile: Path, programs: Path) -> Iterator[str]:
    """hadolint's findings, warnings and worse."""
    command = [programs / "hadolint", "--failure-threshold", "warning", "--no-color", containerfile]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    if done.returncode != 0:
        yield done.stdout.strip()


def run_alone(collect: Path, programs: Path, experiment: Path) -> Tuple[int, str]:
    """Runs an experiment and reports on it with nothing around the programs but the image's files; returns the bytes of these,
    and what went wrong.

    No image is built, which would need one to start from.
    """
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        root = Path(folder) / "root"
        subprocess.run([collect, root, *(programs / name for name in PROGRAMS)], check=True)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and path.name not in PROGRAMS)
        (root / "tmp" / "experiment.toml").write_text(experiment.read_text())
        run = f"/tmp/results/{experiment.stem}/latest"
        for command, said, written in [
            (["run", "/tmp/experiment.toml", "--out", "/tmp/results"], "/tmp/results/", "transfers.csv"),
            (["report", run], "testbed", "report.html"),
            (["verify", run], "whole and consistent", None),
            (["case", run], "case", "ttlsweep-case*/case.md"),
            (["ttl", run], "TTL", None),
            (["explain", "socket hang up"], "cut", None),
            (["testbed", "--version"], "testbed", None),
            *((["completions", shell], "report", None) for shell in ("bash", "zsh", "fish")),
        ]:
            done = _within(root, ["/usr/bin/ttlsweep", *command])
            if done.returncode != 0:
                return size, f"`ttlsweep {command[0]}` alone ended with {done.returncode}: {done.stderr}"
            if said not in done.stdout:
                return size, f"`ttlsweep {command[0]}` alone says nothing of {said}: {done.stdout}"
            files = list((root / "tmp" / "results").glob(f"*/2*/{written}")) if written else []
            if written and (not files or len(files[0].read_text().splitlines()) < 2):
                return size, f"`ttlsweep {command[0]}` alone wrote no {written}: {done.stderr}"
        return size, ""


def _within(root: Path, command: list) -> subprocess.CompletedProcess:
    # Only root may change its root folder; a namespace makes one of every user.
    unshare = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    command = [*unshare, "chroot", root, *command]
    return subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True, timeout=WITHIN_S, check=False)
