"""Merges shards, and asks whether the order in which they are named matters."""

import filecmp
from pathlib import Path
from typing import List

from .experiment import Sharded


def merged(sharded: Sharded, shards: List[Path], out: Path) -> Path:
    """Merges shards into a run folder, as `ttlsweep merge` prints it."""
    return Path(sharded.run("merge", *shards, "--out", out).strip())


def problems_of_order(sharded: Sharded, shards: List[Path], whole: Path, out: Path) -> List[str]:
    """Merges them once more, named the other way round, and compares the bytes with those of `whole`."""
    again = merged(sharded, shards[::-1], out / "merged-reversed")
    files = {path.relative_to(folder) for folder in (whole, again) for path in folder.rglob("*") if path.is_file()}
    _, differing, missing = filecmp.cmpfiles(whole, again, map(str, files), shallow=False)
    return [f"{name} depends on the order in which shards are named" for name in sorted(differing + missing)]
