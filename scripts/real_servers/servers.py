"""The servers: how each is started on loopback, and what is known of it."""

import json
import os
import random
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional

ACCESS_KEY = "ttlsweep"
SECRET_KEY = "ttlsweep-secret"
BUCKET = "sweep"
HOST = "127.0.0.1"


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


class Unavailable(Exception):
    """A server or program that this needs cannot be had; the message says what to do."""


def known_servers(venv: Path) -> List[Server]:
    """All servers that scripts/servers.sh installs, once it has."""
    bin_folder = venv / "bin"
    return [
        Server(
            "seaweedfs",
            _seaweedfs(_program(bin_folder / "weed")),
            ports=8,
            refusal=Refusal(403, early=False),
            litter=_seaweedfs_sockets,
        ),
        Server("juicefs", _juicefs(_program(bin_folder / "juicefs")), ports=2, refusal=Refusal(403, early=True)),
        Server("rclone", _rclone(_program(_rclone_path(venv))), ports=1, refusal=Refusal(400, early=True)),
        Server("moto", _moto(_program(bin_folder / "python")), ports=1, refusal=None),
    ]


def environment(home: Path) -> dict:
    """The environment of servers and clients: our keys alone, no proxy, and no file of the user's."""
    ours = {name: value for name, value in os.environ.items() if not _leads_elsewhere(name)}
    return {
        **ours,
        "HOME": str(home),
        "TMPDIR": str(home),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": SECRET_KEY,
        "MINIO_UPDATE": "off",
    }


def free_ports(number: int) -> List[int]:
    """Ports that nobody listens at, outside the range from which outgoing connections are given theirs."""
    held = []
    try:
        while len(held) < number:
            candidate = socket.socket()
            try:
                candidate.bind((HOST, random.randrange(10_240, 32_768)))
            except OSError:
                candidate.close()
            else:
                held.append(candidate)
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _leads_elsewhere(variable: str) -> bool:
    name = variable.upper()
    return name.startswith(("AWS_", "MINIO_", "RCLONE_", "WEED_", "MOTO_")) or name.endswith("_PROXY")


def _program(path: Path) -> Path:
    if not os.access(path, os.X_OK):
        raise Unavailable(f"{path} is missing: run scripts/servers.sh, which installs it")
    return path


def _rclone_path(venv: Path) -> Path:
    found = sorted(venv.glob("lib/python*/site-packages/rclone_api/bin/rclone"))
    return found[0] if found else venv / "lib/python/site-packages/rclone_api/bin/rclone"


def _seaweedfs(program: Path) -> Callable:
    def command(home: Path, ports: List[int]) -> List[str]:
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        key = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
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
            *("--addr", f"{HOST}:{ports[0]}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", str(data)),
        ]

    return command


def _moto(python: Path) -> Callable:
    # Its own script names the folder that it was installed into, and would not survive a move.
    return lambda home, ports: [str(python), "-m", "moto.server", "--host", HOST, "--port", str(ports[0])]
