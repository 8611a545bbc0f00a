"""The servers: how each is started on loopback, and what is known of it."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Sequence

from lib.checkout import Unavailable
from lib.loopback import BUCKET, HOST, KEYS, Keys, environment


@dataclass(frozen=True)
class Refusal:
    """How a server refuses an upload whose link had expired before it started."""

    status: int
    early: bool  # before the body was sent


@dataclass(frozen=True)
class Server:
    name: str
    command: Callable  # (home, ports) -> the command that serves at the first of the ports
    ports: int
    refusal: Optional[Refusal]  # none: it enforces nothing
    litter: Callable = lambda ports: []  # the files that it leaves outside its home
    keys: Keys = KEYS
    version: Sequence = ()  # a command that prints it among other words
    creates: Sequence = ()  # the helper that makes its bucket, with its arguments, if that is not S3's way
    minter: Optional[Callable] = None  # (endpoint) -> the command that makes its links, if they are not S3's
    stalls_all: bool = False  # whether nobody else's upload goes on while one stalls
    variables: Mapping = field(default_factory=dict)  # of the environment, beside the keys

    @property
    def methods(self) -> List[str]:
        """How it can be swept: parts are S3's alone."""
        return ["put", "get"] if self.minter else ["put", "get", "upload-part"]


def known_servers(venv: Path) -> List[Server]:
    """All servers that scripts/servers.sh installs, once it has."""
    weed, juicefs, python = (program(venv / "bin" / name) for name in ("weed", "juicefs", "python"))
    rclone = program(_rclone_path(venv))
    return [
        Server(
            "seaweedfs",
            _seaweedfs(weed),
            ports=8,
            refusal=Refusal(403, early=False),
            litter=_seaweedfs_sockets,
            version=(weed, "version"),
        ),
        Server(
            "juicefs", _juicefs(juicefs), ports=2, refusal=Refusal(403, early=True), version=(juicefs, "version")
        ),
        Server("rclone", _rclone(rclone), ports=1, refusal=Refusal(400, early=True), version=(rclone, "version")),
        Server(
            "nanio",
            _nanio(python),
            ports=1,
            refusal=Refusal(403, early=True),
            version=package_version(python, "nanio"),
        ),
        Server("moto", _moto(python), ports=1, refusal=None, version=package_version(python, "moto")),
    ]


def program(path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise Unavailable(f"{path} is missing: run scripts/servers.sh, which installs it")
    return path


def package_version(python: Path, package: str) -> Sequence:
    """A command that prints the version of a Python package."""
    return (python, "-c", f"import importlib.metadata as m; print(m.version({package!r}))")


def _rclone_path(venv: Path) -> Path:
    found = sorted(venv.glob("lib/python*/site-packages/rclone_api/bin/rclone"))
    return found[0] if found else venv / "lib/python/site-packages/rclone_api/bin/rclone"


def _seaweedfs(program: Path) -> Callable:
    def command(home: Path, ports: List[int]) -> List[str]:
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        key = {"accessKey": KEYS.access, "secretKey": KEYS.secret}
        config = home / "s3.json"
        config.write_text(json.dumps({"identities": [{"name": "a", "credentials": [key], "actions": actions}]}))
        data = home / "data"
        data.mkdir()
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = ports
        return [
            *(str(program), "server", f"-ip={HOST}", f"-ip.bind={HOST}", f"-dir={data}"),
            *(f"-master.port={master}", f"-master.port.grpc={master_grpc}"),
            # It would tell its makers about this cluster.
            "-master.telemetry=false",
            # A bucket takes several volumes, each of which counts at its full size.
            *("-master.volumeSizeLimitMB=64", "-volume.max=100"),
            *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}"),
            *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
            f"-filer.localSocket={home / 'filer.sock'}",
            *("-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.config={config}"),
            f"-s3.localSocket={home / 's3.sock'}",
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]

    return command


def _seaweedfs_sockets(ports: List[int]) -> List[Path]:
    _, s3, _, master, _, volume, _, filer = ports
    by_part = {"s3": s3, "master": master, "volume": volume, "filer": filer}
    return [Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock") for part, port in by_part.items()]


def _juicefs(program: Path) -> Callable:
    def command(home: Path, ports: List[int]) -> List[str]:
        s3, metrics = ports
        meta = f"sqlite3://{home / 'meta.db'}"
        make = [str(program), "format", "--storage", "file", "--bucket", f"{home / 'data'}/", meta, BUCKET]
        done = subprocess.run(make, env=environment(home), capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Unavailable(f"juicefs cannot make its volume:\n{done.stderr}")
        return [
            *(str(program), "gateway", "--multi-buckets", "--no-banner", "--no-usage-report"),
            *("--log", str(home / "gateway.log"), "--cache-dir", str(home / "cache")),
            *("--metrics", f"{HOST}:{metrics}", meta, f"{HOST}:{s3}"),
        ]

    return command


def _rclone(program: Path) -> Callable:
    def command(home: Path, ports: List[int]) -> List[str]:
        data = home / "data"
        data.mkdir()
        return [
            *(str(program), "--config", os.devnull, "--cache-dir", str(home / "cache"), "serve", "s3"),
            *("--addr", f"{HOST}:{ports[0]}", "--auth-key", f"{KEYS.access},{KEYS.secret}", str(data)),
        ]

    return command


def _nanio(python: Path) -> Callable:
    def command(home: Path, ports: List[int]) -> List[str]:
        where = ("--host", HOST, "--port", str(ports[0]), "--data-dir", str(home / "data"))
        return [str(python), "-m", "nanio", "serve", *where]

    return command


def _moto(python: Path) -> Callable:
    # Its own script names the folder that it was installed into, and would not survive a move.
    return lambda home, ports: [str(python), "-m", "moto.server", "--host", HOST, "--port", str(ports[0])]
