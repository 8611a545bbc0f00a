"""Debian's packages, unpacked into a folder of their own: no right to install anything is needed, and none is used."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import List, Sequence

# Several times what the largest takes.
WITHIN_S = 900


class NotUnpacked(Exception):
    """The packages cannot be had here; the message says why."""


def unpack(wanted: Sequence[str], folder: Path, only: str = r"\S+") -> Path:
    """Unpacks packages into `folder`/root, with those that they need and the system lacks and whose names match `only`."""
    packages = re.findall(rf"^Inst ({only}) ", _planned(wanted), re.MULTILINE)
    archives, root = folder / "archives", folder / "root"
    for made in (archives, root):
        made.mkdir(parents=True)
    if packages:
        run(["apt-get", "download", "--quiet", *packages], cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        run(["dpkg-deb", "--extract", archive, root])
    shutil.rmtree(archives)
    return root


def _planned(wanted) -> str:
    """What would be installed, as apt prints it, which needs no right."""
    simulate = ["apt-get", "install", "--simulate", "--no-install-recommends", *wanted]
    try:
        return run(simulate)
    except NotUnpacked as why:
        # A fresh image knows of no package yet.
        if shutil.which("apt-get") is None:
            raise
        if os.geteuid() != 0:
            raise NotUnpacked(f"{why}; `apt-get update` may help") from None
        run(["apt-get", "update", "-qq"])
        return run(simulate)


def run(command: List, cwd=None) -> str:
    """Runs a command to its end, and returns what it printed."""
    named = [str(word) for word in command]
    if shutil.which(named[0]) is None:
        raise NotUnpacked(f"there is no {named[0]} here")
    try:
        done = subprocess.run(named, cwd=cwd, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotUnpacked(f"`{named[0]} {named[1]}` takes longer than {WITHIN_S // 60} minutes") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["no word why"]
        raise NotUnpacked(f"`{named[0]} {named[1]}` failed: {words[-1]}")
    return done.stdout
