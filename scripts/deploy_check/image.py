"""The image: a linter's view of its file, and whether its programs run from the files alone that it is made of."""

import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Tuple

from lib import bare

WITHIN_S = 120


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
        subprocess.run([collect, root, *(programs / name for name in bare.PROGRAMS)], check=True)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and path.name not in bare.PROGRAMS)
        return size, bare.trouble(root, "/usr/bin", experiment) or ""
