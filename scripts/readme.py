#!/usr/bin/env python3
"""Runs the command that the README gives to a newcomer, and puts what it prints and the picture that it draws into the README.

So both are of one run, whose name stands below the picture and in the sample's last line. `--bin target/debug` puts programs that
are built in the place of the command's own, which are a release's.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

from lib.checkout import PROJECT

README, PICTURE = PROJECT / "README.md", PROJECT / "docs" / "images" / "timeline.png"
# The command, and the block that shows what it prints.
PLACE = re.compile(
    r"```sh\n(?P<command>\./run sweep (?P<experiment>[^\n ]+))\n```\n.*?\n```\n(?P<sample>.*?)\n```\n", re.DOTALL
)
# Nobody moves a README sideways.
WIDEST = 126
# Of which target the details are shown: the one that cuts.
SHOWN = "in-flight"
WITHIN_S = 3600
# A tenth of them. A newcomer's machine does nothing else, and what it prints is not in doubt.
MOST_STARVED = 14


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, help="the folder of ttlsweep and ttlsweep-report")
    programs = arguments.parse_args().bin
    text = README.read_text(encoding="utf-8")
    place = PLACE.search(text)
    if place is None:
        print(f"readme: {README} has no command with a sample behind it", file=sys.stderr)
        return 1
    said, printed = run(place, programs)
    lines = printed.splitlines()
    folder = PROJECT / Path(lines[-1]).parent.parent
    busy = re.search(r"(\d+) of them starved", printed)
    if busy and int(busy[1]) > MOST_STARVED:
        print(f"readme: {busy[1]} trials of {folder} were starved: left as it is, try it on an idle machine", file=sys.stderr)
        return 1
    sample = "\n".join(shortened(line) for line in shown(said.splitlines(), lines))
    README.write_text(text[: place.start("sample")] + sample + text[place.end("sample") :], encoding="utf-8")
    shutil.copyfile(folder / "charts" / PICTURE.name, PICTURE)
    print(f"readme: sample and picture are of {folder.relative_to(PROJECT)}")
    return 0


def run(place: re.Match, programs: Path) -> List[str]:
    """What the command says on stderr, and what it prints."""
    command = place["command"]
    if programs:
        ttlsweep = programs.resolve() / "ttlsweep"
        # What the recipe `sweep` does.
        command = f'folder=$({ttlsweep} run {place["experiment"]}) && {ttlsweep} report "$folder"'
    done = subprocess.run(["sh", "-c", command], cwd=PROJECT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    if done.returncode != 0:
        sys.exit(f"readme: `{command}` ended with {done.returncode}: {done.stderr}")
    return [done.stderr, done.stdout]


def shown(said: List[str], printed: List[str]) -> List[str]:
    """How it ends, the answers, what belongs to one of them, and where the page is."""
    done = [line for line in said if line.startswith("done: ")]
    answers = printed[: printed.index("")]
    begin = next(at for at, line in enumerate(printed) if at > len(answers) and line.endswith(SHOWN))
    details = printed[begin : printed.index("", begin)]
    clients = [line for line in printed if line.startswith("In other clients")]
    pages = [line for line in printed if line.endswith("/report.html")]
    return [*done, *answers, "", *details, *clients, *pages]


def shortened(line: str) -> str:
    """As many whole parts of a line as there is room for."""
    if len(line) <= WIDEST:
        return line
    room = line[: WIDEST - 1]
    end = max(room.rfind(part) + len(part) for part in ("; ", ", "))
    return f"{room[: end if end > WIDEST // 2 else room.rfind(' ') + 1]}…"


if __name__ == "__main__":
    sys.exit(main())
