"""The support case's bundle of a sweep whose credentials were in its environment: they must be in no file of it."""

import base64
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import List
from urllib.parse import quote

from lib.loopback import KEYS
from real_servers.rows import Run

# In whatever way a server or a tool might have written it.
FORBIDDEN = {
    "the secret key": KEYS.secret,
    "the secret key, percent-encoded": quote(KEYS.secret, safe=""),
    "the secret key in base64": base64.b64encode(KEYS.secret.encode()).decode().rstrip("="),
    "a signature": "X-Amz-Signature=",
}


def bundle_contradictions(report: Path, run: Run, environment: dict, within_s: float) -> List[str]:
    """What is wrong with the bundle of `run`, or with there being none; nothing stays of it."""
    with tempfile.TemporaryDirectory(prefix="case-") as folder:
        command = [report, "case", run.folder, "--redact-bucket", "--redact-host", "--out", Path(folder) / "case"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=within_s, check=False)
        if done.returncode == 2 and "nothing failed at the store" in done.stderr:
            failed = [one for one in run.transfers if one.control != "expired-start" and not one.completed]
            return [f"no bundle is made, though this failed: {one}" for one in failed]
        if done.returncode != 0:
            return [f"ttlsweep-report case ended with {done.returncode}:\n{done.stderr}"]
        with tarfile.open(Path(folder) / "case.tar.gz") as archive:
            # By hand, since older Pythons have no safe way to unpack.
            files = {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}
        for path in (Path(folder) / "case").rglob("*"):
            if path.is_file():
                files[str(path.relative_to(folder))] = path.read_bytes()
    if len(files) < 10:
        return [f"the bundle has {len(files)} files only: {', '.join(files)}"]
    return [f"{what} is in the bundle's {name}" for name, data in files.items() for what in _found(data)]


def _found(data: bytes) -> List[str]:
    return [what for what, text in FORBIDDEN.items() if text.encode() in data]
