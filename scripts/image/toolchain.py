"""What stands for the image of Rust's toolchain: a shell, and a `cargo` that puts programs where a build of an hour would.

It ends in an error where the build's command, its environment or what was sent to it would not have led to those programs.
"""

import shutil
from pathlib import Path
from typing import Iterator, List

from lib import debian
from lib.checkout import PROJECT

REVISION = "0123456789abcdef0123456789abcdef01234567"
CARGO = """#!/bin/sh
set -eu
fail() { echo "cargo: $1" >&2; exit 1; }
for option in --locked --workspace --bins; do
    case " $* " in *" $option "*) ;; *) fail "$option is missing: $*" ;; esac
done
case ${RUSTFLAGS:-} in *"+crt-static"*) ;; *) fail "not static: RUSTFLAGS is ${RUSTFLAGS:-}" ;; esac
[ "${TTLSWEEP_GIT_REVISION:-}" = @REVISION@ ] || fail "it does not know the revision: ${TTLSWEEP_GIT_REVISION:-}"
while read -r file; do
    [ -e "$file" ] || fail "$file was not sent"
done < /toolchain/sources
profile= target= before=
for word in "$@"; do
    case $before in
    --profile) profile=$word ;;
    --target) target=$word ;;
    esac
    before=$word
done
mkdir -p "target/$target/$profile"
cp /toolchain/programs/* "target/$target/$profile/"
"""


def stand_in(folder: Path, programs: List[Path]):
    """Makes it in `folder`, for programs that cargo has built, beside which it says of what."""
    unpacked = folder.with_name("busybox")
    unpacked.mkdir()
    # Whether the system has it or not: it has to be the one without libraries.
    debian.run(["apt-get", "download", "--quiet", "busybox-static"], cwd=unpacked)
    (archive,) = unpacked.glob("*.deb")
    debian.run(["dpkg-deb", "--extract", archive, unpacked])
    for made in ("bin", "usr/local/bin", "toolchain/programs"):
        (folder / made).mkdir(parents=True)
    shutil.copy(unpacked / "bin" / "busybox", folder / "bin")
    for name in ("chmod", "cp", "dirname", "grep", "ldd", "mkdir", "sh"):
        (folder / "bin" / name).symlink_to("busybox")
    cargo = folder / "usr" / "local" / "bin" / "cargo"
    cargo.write_text(CARGO.replace("@REVISION@", REVISION))
    cargo.chmod(0o755)
    for program in programs:
        shutil.copy(program, folder / "toolchain" / "programs")
    read = {file for program in programs for file in _read_for(program)}
    (folder / "toolchain" / "sources").write_text("".join(f"{file}\n" for file in sorted(read)))


def _read_for(program: Path) -> Iterator[str]:
    """The files and folders of the project that cargo read for a program, and those that it reads before all others."""
    _, files = program.with_suffix(".d").read_text().split(": ", 1)
    for file in map(Path, files.split()):
        # The revision is told by a variable there.
        if file.is_relative_to(PROJECT) and file.relative_to(PROJECT).parts[0] not in ("target", ".git"):
            yield str(file.relative_to(PROJECT))
    yield from ["Cargo.lock", "Cargo.toml", *(str(file.relative_to(PROJECT)) for file in PROJECT.glob("crates/*/Cargo.toml"))]
