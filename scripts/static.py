#!/usr/bin/env python3
"""Holds static programs against what they are for: a whole sweep and its report on a system with nothing on it but them.

- none of them names a loader or a library
- in a folder that holds the programs and is shut (chroot; a user namespace for those who are not root): a sweep of the embedded
  testbed, its report, its bundle and everything else that needs no network
- with one file more, /etc/hosts, a testbed by its name, and the certificates that are built in

Prints the programs' sizes; with --write they go into deploy/README.md.
"""

import argparse
import gzip
import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path

from lib import bare
from lib.checkout import PROJECT, Unavailable, programs
from lib.loopback import HOST, free_ports
from lib.pages import replace_part
from lib.processes import Processes

NAME = "store.test"
# The kind of a program header that names the loader.
PT_INTERP = 3
MB = 1e6


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    arguments.add_argument("--write", action="store_true", help="put the sizes into deploy/README.md")
    chosen = arguments.parse_args()
    found = programs(chosen.bin, bare.PROGRAMS)
    dynamic = [one.name for one in found if has_loader(one)]
    if dynamic:
        raise Unavailable(f"{', '.join(dynamic)} need a loader: build them with `just static`")
    with tempfile.TemporaryDirectory(prefix="static-") as folder:
        root = Path(folder) / "root"
        (root / "usr" / "bin").mkdir(parents=True)
        for one in found:
            shutil.copy(one, root / "usr" / "bin")
        began = time.monotonic()
        problem = bare.trouble(root, "/usr/bin", PROJECT / "experiments" / "smoke.toml")
        took = time.monotonic() - began
        problem = problem or by_name(root, Path(folder))
    if problem:
        print(f"static: {problem}")
        return 1
    table = sizes(found)
    print(f"static: swept and reported in {took:.0f} s, with nothing beside the programs\n{table}")
    if chosen.write:
        replace_part(PROJECT / "deploy" / "README.md", "sizes", table)
    return 0


def has_loader(program: Path) -> bool:
    """Whether a program of 64 bits names a loader, as all do that need libraries."""
    head = program.read_bytes()[:4096]
    (offset,) = struct.unpack_from("<Q", head, 32)
    size, number = struct.unpack_from("<HH", head, 54)
    kinds = [struct.unpack_from("<I", head, offset + size * index)[0] for index in range(number)]
    return PT_INTERP in kinds


def by_name(root: Path, home: Path):
    """Sweeps a testbed by a name that /etc/hosts has; what goes wrong, or `None`."""
    (root / "etc").mkdir()
    (root / "etc" / "hosts").write_text(f"{HOST} {NAME}\n")
    (port,) = free_ports(1)
    ttlsweep = "/usr/bin/ttlsweep"
    keys = {"AWS_ACCESS_KEY_ID": "ttlsweep-testbed", "AWS_SECRET_ACCESS_KEY": "ttlsweep-testbed-secret"}
    with Processes() as processes:
        serve = [ttlsweep, "testbed", "--listen", f"{HOST}:{port}", "--no-tls", "--bucket", "test"]
        log = home / "testbed.log"
        testbed = processes.start(bare.command(root, serve), {"PATH": bare.PATH}, log)
        deadline = time.monotonic() + bare.WITHIN_S
        while f":{port}" not in log.read_text():
            if testbed.poll() is not None or time.monotonic() > deadline:
                return f"the testbed does not listen: {log.read_text()}"
            time.sleep(0.1)
        sweep = ["run", "/tmp/experiment.toml", "--bucket", "test", "--endpoint", f"http://{NAME}:{port}", "--yes"]
        done = bare.run(root, [ttlsweep, *sweep, "--out", "/tmp/named"], TTLSWEEP_LOG="info", **keys)
    rows = [file.read_text() for file in (root / "tmp" / "named").glob("*/2*/transfers.csv")]
    if done.returncode != 0 or not rows or ",completed," not in rows[0]:
        return f"a sweep of a testbed by its name ended with {done.returncode}: {done.stderr}"
    if "those that are built in are trusted" not in done.stderr:
        return f"it trusts no certificates of its own: {done.stderr}"
    return None


def sizes(found) -> str:
    """A table of the programs' sizes, as they are and as an archive has them."""
    lines = ["| program | MB | MB in an archive |", "| --- | ---: | ---: |"]
    for one in found:
        data = one.read_bytes()
        lines.append(f"| `{one.name}` | {len(data) / MB:.1f} | {len(gzip.compress(data)) / MB:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as error:
        sys.exit(f"static: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
