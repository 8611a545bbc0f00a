#!/usr/bin/env python3
"""Makes the archives of a release, and uses them as a stranger would.

Into --out come an archive of the programs, with completions, manual pages, documents, experiments and every licence, one of the
sources, and SHA256SUMS. Then the sums are checked, and the programs' archive is unpacked on a system with nothing on it: a whole
sweep, its report and all else that needs no network must work there (scripts/lib/bare.py).
"""

import argparse
import gzip
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Iterator

from lib import bare
from lib.checkout import PROJECT, Unavailable, programs
from release.archive import COMPLETIONS, DOCUMENTS, MANUAL, SUMS, content, write
from release.licences import third_party

MB = 1e6


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--target", required=True, help="what they were built for, such as x86_64-unknown-linux-gnu")
    arguments.add_argument("--out", type=Path, default=PROJECT / "target" / "archives", help="where archives are written")
    chosen = arguments.parse_args()
    ttlsweep, *_ = programs(chosen.bin, bare.PROGRAMS)
    told = subprocess.run([ttlsweep, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    version = re.search(r"\d+\.\d+\.\d+\S*", told).group()
    name = f"ttlsweep-{version}-{chosen.target.split('-')[0]}-linux"
    archives = write(chosen.out, name, content(ttlsweep.parent, third_party(chosen.target)))
    found = list(problems(chosen.out, name))
    for problem in found:
        print(f"archive: {problem}")
    for one in archives:
        print(f"{one.name}: {one.stat().st_size / MB:.1f} MB")
    print(f"{(chosen.out / SUMS).read_text()}archives: {2 - bool(found)} passed, {int(bool(found))} failed")
    return 1 if found else 0


def problems(folder: Path, name: str) -> Iterator[str]:
    """What is wrong with the archives."""
    summed = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, capture_output=True, text=True, check=False)
    if summed.returncode != 0:
        yield f"the sums are wrong: {summed.stdout}{summed.stderr}"
    with tempfile.TemporaryDirectory(prefix="bare-") as root:
        with tarfile.open(folder / f"{name}.tar.gz") as archive:
            archive.extractall(root)
        unpacked = Path(root) / name
        trouble = bare.trouble(Path(root), f"/{name}/bin", unpacked / DOCUMENTS / "experiments" / "smoke.toml")
        if trouble:
            yield trouble
        yield from _missing(unpacked)
        for shell, file in COMPLETIONS.items():
            told = bare.run(Path(root), [f"/{name}/bin/ttlsweep", "completions", shell])
            if told.stdout != (unpacked / file).read_text():
                yield f"what completes in {shell} is of other programs"
    sources = gzip.decompress(next(folder.glob("*-source.tar.gz")).read_bytes())
    if b"Cargo.lock" not in sources or b"LICENSE-MIT" not in sources:
        yield "the sources are not whole"


def _missing(unpacked: Path) -> Iterator[str]:
    pages = sorted(page.name for page in (unpacked / MANUAL).iterdir())
    if "ttlsweep.1" not in pages or "ttlsweep-report.1" not in pages:
        yield f"the manual pages are {', '.join(pages)}"
    licences = (unpacked / DOCUMENTS / "THIRD-PARTY.txt").read_text()
    for words in ["polars ", "aws-sdk-s3 ", "ring ", "Apache License", "free of charge", "GNU C Library"]:
        if words not in licences:
            yield f"THIRD-PARTY.txt says nothing of {words.strip()}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as error:
        sys.exit(f"release: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
