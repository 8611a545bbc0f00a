#!/usr/bin/env python3
"""Finds the turns of phrase that make a reader stop, in every text that is tracked; exits with 1 if there are any.

Each has a plainer way to say it, which is printed beside the place.
"""

import re
import subprocess
import sys
from pathlib import Path

FINE_AFTER_NO = "longer|more|less|reason|obstacle|surprise|matter|good|one|other|finer|narrower|worse|likelier|better|later"
PLAINER = {
    r"\banew\b": "again",
    r"\bbefalls?\b": "happens to",
    r"\b(in the )?midst\b": "during",
    r"\bwhoever\b": "anyone who, the one that",
    r"\ball the same\b": "still, anyway",
    r"\bjust so\b": "in the same way",
    r"\b(or|and) the like\b": "or similar, and so on",
    r"\bfor want of\b": "for lack of, because there is no",
    r"\bgone on with\b": "continued",
    r"\bone row an? \w": "one row per",
    rf"(?<![Tt]here )\bis no (?!(?:{FINE_AFTER_NO})\b)[a-z]": "is not a",
    r"\b[Nn]othing where\b": "`None` if",
    r"\bempty where\b": "empty if",
    r"\bthereof\b|\btherein\b|\bhereby\b|\bwherein\b": "of it, in it, by this, in which",
}
READ = {".rs", ".md", ".py", ".toml", ".sh", ".html", ".txt", ".sbatch", ".yaml", ".yml", ""}
UNREAD = {"LICENSE-MIT", "LICENSE-APACHE", "LICENSE.txt", "Cargo.lock", Path(__file__).name}


def main() -> int:
    tracked = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    found = 0
    for path in map(Path, filter(None, tracked)):
        if path.suffix not in READ or path.name in UNREAD or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for pattern, plainer in PLAINER.items():
                for match in re.finditer(pattern, line):
                    found += 1
                    print(f"{path}:{number}: `{match.group()}`: say \"{plainer}\"")
    if found:
        print(f"{found} places to say more plainly", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
