"""The image: a linter's view of its file, and whether the runner runs from the files alone that it is made of."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Tuple

WITHIN_S = 120
# chroot is a program of the administrator's.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def lint(containerfile: Path, programs: Path) -> Iterator[str]:
    """hadolint's findings, warnings and worse."""
    command = [programs / "hadolint", "--failure-threshold", "warning", "--no-color", containerfile]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    if done.returncode != 0:
        yield done.stdout.strip()


def run_alone(collect: Path, ttlsweep: Path, experiment: Path) -> Tuple[int, str]:
    """Runs an experiment with nothing around the runner but the image's files; returns their bytes, and what went wrong.

    No image is built, which would need one to start from.
    """
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        root = Path(folder) / "root"
        subprocess.run([collect, ttlsweep, root], check=True)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and path.name != ttlsweep.name)
        (root / "tmp" / "experiment.toml").write_text(experiment.read_text())
        # Only root may change its root folder; a namespace makes one of every user.
        unshare = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
        command = [*unshare, "chroot", root, "/usr/bin/ttlsweep", "run", "/tmp/experiment.toml", "--out", "/tmp/results"]
        done = subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        if done.returncode != 0:
            return size, f"ttlsweep alone ended with {done.returncode}: {done.stderr}"
        rows = list((root / "tmp" / "results").glob("*/2*/transfers.csv"))
        if not rows or len(rows[0].read_text().splitlines()) < 2:
            return size, f"ttlsweep alone wrote no row: {done.stderr}"
        return size, ""
