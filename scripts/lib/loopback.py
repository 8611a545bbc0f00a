"""A bucket on loopback: its address, its keys, and an environment in which nothing leads elsewhere."""

import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import List

BUCKET = "sweep"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Keys:
    """The key pair that a server lets in."""

    access: str = "ttlsweep"
    secret: str = "ttlsweep-secret"


KEYS = Keys()


def environment(home: Path, keys: Keys = KEYS) -> dict:
    """The environment of servers and clients: these keys alone, no proxy, and no file of the user's."""
    ours = {name: value for name, value in os.environ.items() if not _leads_elsewhere(name)}
    return {
        **ours,
        "HOME": str(home),
        "TMPDIR": str(home),
        "AWS_ACCESS_KEY_ID": keys.access,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MINIO_ROOT_USER": keys.access,
        "MINIO_ROOT_PASSWORD": keys.secret,
        "MINIO_UPDATE": "off",
        "NANIO_ACCESS_KEY": keys.access,
        "NANIO_SECRET_KEY": keys.secret,
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
    return name.startswith(("AWS_", "MINIO_", "RCLONE_", "WEED_", "MOTO_", "NANIO_", "CEPH_")) or name.endswith("_PROXY")
