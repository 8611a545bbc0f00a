"""What the programs hold of others: each package with its licence, and the texts that come with them, each once."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Dict, Iterator, List

from lib.checkout import PROJECT

HEAD = """\
The programs of this archive hold the packages below, each by its own licence. If a package offers several, any of them will do.

They are linked with the GNU C Library (LGPL-2.1-or-later) and Rust's standard library (MIT OR Apache-2.0). The archive of the
sources that lies beside this one is all that it takes to link them with another version of these libraries: `just static`.
"""
TEXTS = ("licen", "copying", "copyright", "notice", "unlicense")


def third_party(target: str) -> str:
    """The text for an archive of programs for `target`."""
    packages = sorted(_linked(target), key=lambda package: (package["name"], package["version"]))
    lines = [HEAD]
    lines += [f"{one['name']} {one['version']}: {one['license'] or 'see below'}" for one in packages]
    by_text: Dict[str, List[str]] = defaultdict(list)
    for package in packages:
        for text in _texts(Path(package["manifest_path"]).parent):
            by_text[text].append(f"{package['name']} {package['version']}")
    fonts = PROJECT / "crates" / "report" / "assets" / "fonts" / "LICENSE.txt"
    by_text[fonts.read_text().strip()].append("the fonts of the charts")
    for text, holders in by_text.items():
        lines += ["", "=" * 80, ", ".join(dict.fromkeys(holders)), "", text]
    return "\n".join(lines) + "\n"


def _linked(target: str) -> Iterator[dict]:
    """The packages of others whose code is in a program: no macros, no build scripts, no tests."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    told = json.loads(subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout)
    packages = {one["id"]: one for one in told["packages"]}
    nodes = {one["id"]: one for one in told["resolve"]["nodes"]}
    left, seen = list(told["workspace_members"]), set()
    while left:
        name = left.pop()
        is_macro = any("proc-macro" in one["kind"] for one in packages[name]["targets"])
        if name in seen or is_macro:
            continue
        seen.add(name)
        for dependency in nodes[name]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                left.append(dependency["pkg"])
    return (packages[name] for name in seen - set(told["workspace_members"]))


def _texts(folder: Path) -> Iterator[str]:
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name.lower().startswith(TEXTS):
            yield file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip()
