"""A builder of images that needs no daemon: Debian's buildah, unpacked, with all that it keeps in a folder of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List

from lib import debian
from lib.checkout import Unavailable

WITHIN_S = 600
# The builder starts itself again without its environment, so that its libraries must be where the loader looks.
WITH_LIBRARIES = 'mount --bind "$0" /etc/ld.so.cache && exec "$@"'
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Refused(Exception):
    """The builder does not build it; the message is its last words."""


class Builder:
    """A builder with a store of images of its own."""

    def __init__(self, home: Path):
        if os.geteuid() != 0:
            raise Unavailable("files of an image have owners, which root alone can give them")
        root = debian.unpack(["buildah"], home / "buildah")
        self.program = shutil.which("buildah") or root / "usr" / "bin" / "buildah"
        self.libraries = home / "ld.so.cache"
        debian.run(["/sbin/ldconfig", "-C", self.libraries, *(root / "usr" / "lib").glob("*-linux-gnu")])
        self.policy = home / "policy.json"
        self.policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        self.store = ["--root", home / "images", "--runroot", home / "run", "--storage-driver", "vfs"]

    def commit(self, folder: Path, name: str):
        """Makes an image of a folder's files."""
        container = self._run("from", "scratch")
        self._run("copy", container, folder, "/")
        self._run("commit", "--signature-policy", self.policy, container, name)
        self._run("rm", container)

    def build(self, file: Path, context: Path, arguments: Dict[str, str], name: str):
        """Builds what a file says, of images that are there alone."""
        given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        # By Docker's rules for what is sent to it, as the file's first line says.
        here = ["--isolation", "chroot", "--pull-never", "--signature-policy", self.policy]
        self._run("build", *here, *given, "--file", file, "--tag", name, context)

    def mount(self, name: str) -> Path:
        """The files of an image, in a folder that may be written to."""
        container = self._run("from", "--pull-never", "--signature-policy", self.policy, name)
        return Path(self._run("mount", container))

    def config(self, name: str) -> dict:
        """What an image says of how it is run."""
        return json.loads(self._run("inspect", "--type", "image", name))["OCIv1"]["config"]

    def end(self):
        """Lets go of what is mounted."""
        self._run("rm", "--all")

    def _run(self, *words) -> str:
        command: List = ["unshare", "--net", "--mount", "sh", "-c", WITH_LIBRARIES, self.libraries, self.program]
        environment = {"PATH": PATH, "HOME": str(self.policy.parent)}
        done = subprocess.run(
            [*command, *self.store, *words], env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )
        if done.returncode != 0:
            raise Refused(f"`buildah {words[0]}` ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        return done.stdout.strip()
