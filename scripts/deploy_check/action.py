"""The GitHub action: its own steps, run as a runner of GitHub's runs them, with the programs as they lie here for its archive.

A store that does not cut must open the gate, and one that cuts must close it. An archive of other bytes is not unpacked.
"""

import hashlib
import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Dict, Iterator, Tuple

import yaml

from lib.bare import PROGRAMS
from lib.loopback import HOST, free_ports
from lib.processes import Processes

from .pipelines import EXPERIMENT, WITHIN_S


class Action:
    """The action's file."""

    def __init__(self, path: Path):
        self.document = yaml.safe_load(path.read_text())

    def problems(self, programs: Path) -> Iterator[str]:
        """What comes of it with each kind of store, and with archives that it must not use."""
        with tempfile.TemporaryDirectory(prefix="action-") as folder, Processes() as processes:
            home = Path(folder)
            archive, sha256 = _archive(programs, home)
            # A busy machine may leave a cut undecided, which closes the gate, too.
            for expiry, gate, overall in [("on-request", 0, {"not-supported"}), ("in-flight", 3, {"supported", "inconclusive"})]:
                store = _store(processes, programs / "ttlsweep", expiry, home)
                given = {"archive": str(archive), "sha256": sha256, "arguments": f"--bucket=test\n--endpoint={store}\n"}
                code, said, outputs = self._run(home / expiry, given)
                if code != gate or outputs.get("overall") not in overall:
                    yield f"a store that checks expiry {expiry}: {code}, {outputs}: {said[-500:]}"
                elif not (home / expiry / outputs["folder"] / "report.html").is_file():
                    yield f"a store that checks expiry {expiry}: there is no report in {outputs['folder']}"
            for wrong in [{"archive": str(archive), "sha256": "0" * 64}, {"archive": f"https://{HOST}:1/x"}]:
                code, said, outputs = self._run(home / f"wrong-{len(wrong)}", wrong)
                if code == 0 or "bin" in outputs:
                    yield f"{wrong} is used: {said[-500:]}"

    def _run(self, workspace: Path, given: Dict[str, str]) -> Tuple[int, str, Dict[str, str]]:
        """The exit code of the first step that fails, or of the last; what was said; and what the steps have put out."""
        workspace.mkdir()
        (workspace / "experiment.toml").write_text(EXPERIMENT)
        inputs = {name: one.get("default", "") for name, one in self.document["inputs"].items()}
        values = {f"inputs.{name}": value for name, value in {**inputs, "experiment": "experiment.toml", **given}.items()}
        runner = {**os.environ, "RUNNER_TEMP": str(workspace), "GITHUB_STEP_SUMMARY": str(workspace / "summary.md")}
        runner |= {"AWS_ACCESS_KEY_ID": "ttlsweep-testbed", "AWS_SECRET_ACCESS_KEY": "ttlsweep-testbed-secret"}
        said, put_out = "", {}
        for step in self.document["runs"]["steps"]:
            output = workspace / f"{step['id']}.output"
            variables = {name: _filled(text, values) for name, text in step["env"].items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=workspace,
                env={**runner, **variables, "GITHUB_OUTPUT": str(output)},
                capture_output=True,
                text=True,
                timeout=WITHIN_S,
                check=False,
            )
            said += done.stdout + done.stderr
            told = output.read_text().splitlines() if output.exists() else []
            found = dict(line.split("=", 1) for line in told)
            put_out |= found
            values |= {f"steps.{step['id']}.outputs.{name}": value for name, value in found.items()}
            if done.returncode != 0:
                return done.returncode, said, put_out
        return 0, said, put_out


def _filled(text: str, values: Dict[str, str]) -> str:
    return re.sub(r"\$\{\{ *([a-z0-9_.-]+) *\}\}", lambda found: values[found.group(1)], text)


def _archive(programs: Path, folder: Path) -> Tuple[Path, str]:
    """An archive as `just release-archive` makes it, but of links to the programs; and its SHA-256."""
    path = folder / "ttlsweep.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in PROGRAMS:
            entry = tarfile.TarInfo(f"ttlsweep-0.0.0-x86_64-linux/bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, str(programs / name)
            archive.addfile(entry)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def _store(processes: Processes, ttlsweep: Path, expiry: str, home: Path) -> str:
    """Starts a testbed; returns its address."""
    (port,) = free_ports(1)
    command = [ttlsweep, "testbed", "--listen", f"{HOST}:{port}", "--no-tls", "--bucket", "test", "--expiry", expiry]
    processes.start(command, dict(os.environ), home / f"{expiry}.log")
    return f"http://{HOST}:{port}"
