"""The archives: the programs with what a shell, `man` and a lawyer ask for, and the sources; and their checksums.

An archive of the same commit and the same programs has the same bytes: names are sorted, and every date is the commit's.
"""

import gzip
import hashlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Dict, List

from lib.bare import PROGRAMS
from lib.checkout import PROJECT

# What stands beside the programs, as a prefix of a system has it.
COMPLETIONS = {
    "bash": "share/bash-completion/completions/ttlsweep",
    "fish": "share/fish/vendor_completions.d/ttlsweep.fish",
    "zsh": "share/zsh/site-functions/_ttlsweep",
}
MANUAL = "share/man/man1"
DOCUMENTS = "share/doc/ttlsweep"
PAGES = ["README.md", "CHANGELOG.md", "METHODOLOGY.md", "LICENSE-APACHE", "LICENSE-MIT"]
SUMS = "SHA256SUMS"


def content(programs: Path, third_party: str) -> Dict[str, bytes]:
    """The files of the programs' archive by their names below its folder."""
    files = {f"bin/{name}": (programs / name).read_bytes() for name in PROGRAMS}
    ttlsweep = programs / "ttlsweep"
    for shell, name in COMPLETIONS.items():
        files[name] = _told([ttlsweep, "completions", shell])
    with tempfile.TemporaryDirectory(prefix="manual-") as folder:
        _told([ttlsweep, "man", folder])
        files |= {f"{MANUAL}/{page.name}": page.read_bytes() for page in Path(folder).iterdir()}
    files |= {f"{DOCUMENTS}/{name}": (PROJECT / name).read_bytes() for name in PAGES}
    files[f"{DOCUMENTS}/THIRD-PARTY.txt"] = third_party.encode()
    listed = _told(["git", "ls-files", "docs", "experiments"]).decode().splitlines()
    return files | {f"{DOCUMENTS}/{name}": (PROJECT / name).read_bytes() for name in listed}


def write(folder: Path, name: str, files: Dict[str, bytes]) -> List[Path]:
    """Writes the archives of programs and sources and their sums into `folder`, which is made; returns the archives."""
    folder.mkdir(parents=True, exist_ok=True)
    committed = int(_told(["git", "log", "-1", "--format=%ct"]))
    programs, sources = folder / f"{name}.tar.gz", folder / f"{name.rsplit('-', 2)[0]}-source.tar.gz"
    programs.write_bytes(_packed(name, files, committed))
    bare = _told(["git", "archive", "--format=tar", f"--prefix={sources.name[:-7]}/", "HEAD"])
    sources.write_bytes(gzip.compress(bare, mtime=0))
    sums = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in (programs, sources)]
    (folder / SUMS).write_text("".join(sums))
    return [programs, sources]


def _packed(name: str, files: Dict[str, bytes], committed: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size, entry.mtime = len(data), committed
            entry.mode = 0o755 if file.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0)


def _told(command: List) -> bytes:
    return subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout
