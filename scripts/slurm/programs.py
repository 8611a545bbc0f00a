"""Slurm's programs: Debian's packages, unpacked into .slurm/; nothing is installed into the system, and no service started."""

import os
import shutil
import sys
from pathlib import Path
from typing import Dict

from lib import debian

PACKAGES = ["slurm-wlm", "munge"]
# In Debian's packages the daemons have a name of their own, to which an alternative leads.
SUFFIXES = ["", "-wlm"]


class Programs:
    """Where the programs are, and the environment that they run in."""

    def __init__(self, root: Path):
        self.root = root
        libraries = [folder for top in ("usr/lib", "lib") for folder in (root / top).glob("*-linux-gnu*")]
        plugins = [folder / "slurm-wlm" for folder in libraries if (folder / "slurm-wlm").is_dir()]
        # None where Slurm is installed in the system: it knows its own.
        self.plugins = plugins[0] if plugins else None
        self._libraries = os.pathsep.join(map(str, [*libraries, *plugins]))
        self._folders = [root / "usr" / "bin", root / "usr" / "sbin"]

    @classmethod
    def unpacked(cls, folder: Path) -> "Programs":
        """Debian's packages below `folder`, fetched on the first call."""
        stamp = folder / "installed.txt"
        if not stamp.is_file():
            print(f"slurm: unpacking {' and '.join(PACKAGES)} into {folder.name}/, once", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            debian.unpack(PACKAGES, folder)
            # Last, so that an interrupted one is made again.
            stamp.write_text("\n".join(PACKAGES))
        return cls(folder / "root")

    def path(self, name: str) -> Path:
        """The program of this name: an unpacked one, else the system's."""
        for folder in [*self._folders, Path("/usr/sbin"), *map(Path, os.get_exec_path())]:
            for suffix in SUFFIXES:
                if (found := folder / f"{name}{suffix}").is_file():
                    return found
        raise debian.NotUnpacked(f"{name} is neither in {self.root} nor installed: install {' and '.join(PACKAGES)}")

    def environment(self, base: Dict[str, str]) -> Dict[str, str]:
        """`base`, with the programs on its path."""
        path = os.pathsep.join([*map(str, self._folders), base.get("PATH", os.defpath)])
        libraries = [one for one in (self._libraries, base.get("LD_LIBRARY_PATH")) if one]
        return {**base, "PATH": path, "LD_LIBRARY_PATH": os.pathsep.join(libraries)}
