"""Installs the clients that the registries bring into .clients/, each once and pinned; nothing goes into the system.

What cannot be had here is told, and the others are driven without it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Optional

from lib import debian
from lib.checkout import PROJECT
from lib.virtual_environment import virtual_environment

WORKERS = Path(__file__).parent / "workers"
FOLDER = PROJECT / ".clients"
WITHIN_S = 900


class Go(NamedTuple):
    """The client that was built with it, and its version."""

    program: Path
    version: str


def python() -> Path:
    """A Python with the clients that requirements.txt pins."""
    FOLDER.mkdir(exist_ok=True)
    return virtual_environment(FOLDER / "python", WORKERS / "requirements.txt") / "python"


def node() -> Optional[Path]:
    """The folder in which Node's clients are started."""
    if not _have("node", "npm"):
        return None
    folder, stamp = FOLDER / "node", FOLDER / "node" / "installed.txt"
    wanted = (WORKERS / "package-lock.json").read_text()
    folder.mkdir(parents=True, exist_ok=True)
    if not stamp.is_file() or stamp.read_text() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WORKERS / name, folder)
        if not _done(["npm", "ci", "--no-audit", "--no-fund", "--prefix", folder]):
            return None
        stamp.write_text(wanted)
    # A module looks for what it imports beside itself.
    shutil.copy(WORKERS / "node_clients.mjs", folder)
    return folder


def java() -> Optional[Path]:
    """The folder of the compiled class."""
    if not _have("java", "javac"):
        return None
    folder, source = FOLDER / "java", WORKERS / "java" / "Clients.java"
    fresh = _is_newer(folder / "Clients.class", source)
    return folder if fresh or _done(["javac", "-d", folder, source]) else None


def go() -> Optional[Go]:
    """The client that Debian's Go, or the one in the path, makes."""
    compiler = shutil.which("go")
    if not compiler:
        root = FOLDER / "go" / "root"
        if not root.is_dir():
            try:
                debian.unpack(["golang-go"], FOLDER / "go", only=r"golang-\S+")
            except debian.NotUnpacked as why:
                print(f"clients: go is left out: {why}", file=sys.stderr)
                shutil.rmtree(FOLDER / "go", ignore_errors=True)
                return None
        compiler = next(root.glob("usr/lib/go-*/bin/go"))
    own = {"GOCACHE": str(FOLDER / "go" / "cache"), "GO111MODULE": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    program, source = FOLDER / "go" / "client", WORKERS / "go" / "main.go"
    if not _is_newer(program, source) and not _done([compiler, "build", "-o", program, source], own):
        return None
    told = subprocess.run([compiler, "version"], capture_output=True, text=True, check=True).stdout.split()
    return Go(program, told[2].replace("go", "", 1))


def chromium() -> Optional[str]:
    """The browser's program."""
    done = subprocess.run([PROJECT / "scripts" / "chromium.sh"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"clients: Chromium is left out: {done.stderr.strip()}", file=sys.stderr)
        return None
    return done.stdout.strip()


def _is_newer(made: Path, source: Path) -> bool:
    return made.is_file() and made.stat().st_mtime > source.stat().st_mtime


def _have(*programs) -> bool:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        print(f"clients: there is no {' and no '.join(missing)} here: its clients are left out", file=sys.stderr)
    return not missing


def _done(command, environment=None) -> bool:
    named = [str(word) for word in command]
    done = subprocess.run(
        named, capture_output=True, text=True, timeout=WITHIN_S, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode != 0:
        print(f"clients: left out, since `{named[0]} {named[1]}` failed: {done.stderr.strip()[-300:]}", file=sys.stderr)
    return done.returncode == 0
