#!/usr/bin/env python3
"""Builds the image of deploy/container as it stands, with a real builder that needs no daemon, and runs it in a container.

- the builder is Debian's buildah, unpacked, in a network namespace with nothing in it
- what the first stage starts from is not fetched: in its place stands a small system of Debian's busybox, whose `cargo` holds
  the file's command against what it must say, and what was sent to it against all that cargo read when it built the programs;
  then it puts these where cargo would
- the image holds the programs and nothing else to run
- in a container of Debian's runc, as the image's user and by its entry point: a sweep of the embedded testbed, its report, its
  bundle and everything else that needs no network

Root alone may do so: files of an image have owners. --bin is what `just static` has built.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from image.builder import Builder, Refused
from image.container import Container
from image.toolchain import REVISION, stand_in
from lib import bare
from lib.checkout import PROJECT, Unavailable, programs
from lib.debian import NotUnpacked

CONTAINERFILE = PROJECT / "deploy" / "container" / "Containerfile"
# What root.sh writes beside the programs.
SETTINGS = {"etc/nsswitch.conf"}
NAME = "localhost/ttlsweep"
MB = 1e6


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    found = programs(arguments.parse_args().bin, bare.PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        home = Path(folder)
        builder = Builder(home)
        try:
            problem = _problem(builder, found, home)
        finally:
            builder.end()
    print(f"image: {problem}" if problem else "image: ok")
    return 1 if problem else 0


def _problem(builder: Builder, found, home: Path):
    (base,) = [line.split()[1] for line in CONTAINERFILE.read_text().splitlines() if line.startswith("FROM ") and " AS " in line]
    stand_in(home / "toolchain", found)
    builder.commit(home / "toolchain", f"docker.io/library/{base}")
    shutil.rmtree(home / "toolchain")
    began = time.monotonic()
    try:
        builder.build(CONTAINERFILE, PROJECT, {"REVISION": REVISION}, NAME)
    except Refused as refused:
        return f"the builder refuses: {refused}"
    took = time.monotonic() - began
    root, config = builder.mount(NAME), builder.config(NAME)
    files = {str(file.relative_to(root)): file for file in root.rglob("*") if not file.is_dir()}
    wanted = {f"usr/bin/{name}" for name in bare.PROGRAMS} | SETTINGS
    if set(files) != wanted:
        return f"it holds {', '.join(sorted(set(files) ^ wanted))} more or less than it should"
    size = sum(file.stat().st_size for file in files.values())
    run_by = f"user {config['User']}, entry point {config['Entrypoint'][0]}"
    print(f"built in {took:.0f} s: {len(files)} files, {size / MB:.1f} MB, {run_by}")
    began = time.monotonic()
    problem = bare.trouble(root, "/usr/bin", PROJECT / "experiments" / "smoke.toml", Container(root, config, home).run)
    print(f"run in a container: {time.monotonic() - began:.0f} s")
    return problem


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, NotUnpacked) as error:
        sys.exit(f"image: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
