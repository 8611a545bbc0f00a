#!/usr/bin/env python3
"""A Python environment with what a file of requirements pins, in a folder of its own.

virtual_environment.py FOLDER REQUIREMENTS prints the folder of its programs, after making it where it is missing.
"""

import subprocess
import sys
from pathlib import Path


def virtual_environment(folder: Path, requirements: Path) -> Path:
    """The folder of the environment's programs; made on the first call, and again when the pins change."""
    programs, stamp = folder / "venv" / "bin", folder / "installed.txt"
    wanted = requirements.read_text()
    if stamp.is_file() and stamp.read_text() == wanted:
        return programs
    named = " and ".join(line.split("==")[0] for line in wanted.splitlines() if "==" in line)
    print(f"installing {named} into {folder.name}/, once", file=sys.stderr)
    folder.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
    # Compiling every module ahead takes longer than importing those that are used.
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", requirements], check=True, stdout=sys.stderr)
    # Last, so that an installation that was interrupted is made again.
    stamp.write_text(wanted)
    return programs


if __name__ == "__main__":
    project = Path(__file__).resolve().parent.parent.parent
    print(virtual_environment(project / sys.argv[1], project / sys.argv[2]))
