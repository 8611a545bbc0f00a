"""The checkout: where it is, and the programs that were built in it."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


class Unavailable(Exception):
    """Something that a check needs cannot be had; the message says what to do."""


def programs(folder, names=("ttlsweep", "ttlsweep-report")):
    """The programs under test: those in `folder`, else those that were built for release, else for debugging."""
    folders = [folder] if folder else [PROJECT / "target" / profile for profile in ("release", "debug")]
    for one in folders:
        if all((one / name).is_file() for name in names):
            return [(one / name).absolute() for name in names]
    tried = " or ".join(str(one) for one in folders)
    raise Unavailable(f"{' and '.join(names)} are not in {tried}: run `cargo build --workspace --bins`")
