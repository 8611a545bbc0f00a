"""A container of an image's files: Debian's runc, unpacked, with namespaces of its own and no network but loopback."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Sequence

from lib import bare, debian


class Container:
    """What runs in the files at `root` as an image's configuration says."""

    def __init__(self, root: Path, config: dict, home: Path):
        self.config, self.bundle = config, home / "bundle"
        root_of_runc = debian.unpack(["runc"], home / "runc")
        self.runc = shutil.which("runc") or root_of_runc / "usr" / "bin" / "runc"
        self.bundle.mkdir()
        debian.run([self.runc, "spec"], cwd=self.bundle)
        self.state, self.root = home / "containers", root

    def run(self, _root: Path, words: Sequence, **environment) -> subprocess.CompletedProcess:
        """Runs the image's entry point with all of `words` but the first, which names it, to its end."""
        file = self.bundle / "config.json"
        spec = json.loads(file.read_text())
        user, group = self.config["User"].split(":")
        variables = [*self.config.get("Env", []), *(f"{name}={value}" for name, value in environment.items())]
        spec["root"] = {"path": str(self.root), "readonly": False}
        spec["process"] |= {
            "args": [*self.config["Entrypoint"], *map(str, words[1:])],
            "env": variables,
            "terminal": False,
            "user": {"uid": int(user), "gid": int(group)},
        }
        file.write_text(json.dumps(spec))
        command = [self.runc, "--root", self.state, "run", "--bundle", self.bundle, "ttlsweep"]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=bare.WITHIN_S, check=False
        )
