"""The clients that are compared: the commands by which each uploads the same bytes."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lib.checkout import Unavailable

from .tools import body_file, installed_programs, program

BUCKET = "bench"
LOCUSTFILE = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True)
class Load:
    """What is uploaded: `users` at once, each `transfers` times `size` bytes, which is whole kilobytes."""

    users: int
    size: int
    transfers: int

    @property
    def gigabytes(self) -> float:
        return self.users * self.size * self.transfers / 1e9

    def once(self) -> "Load":
        """The least that a client can be asked: what it then costs is its start."""
        return Load(1, 1000, 1)


class Client:
    """A client: the commands of a load, how many of them run at once, and the most users with whom it makes sense.

    `starts` is how many starts of a program are not part of what the load costs.
    """

    def __init__(self, name, most_users, commands, at_once=lambda load: 1, starts=lambda load: 1):
        self.name, self.most_users, self.commands = name, most_users, commands
        self.at_once, self.starts = at_once, starts


def experiment(load, endpoint, bandwidth="unlimited") -> str:
    """The experiment file of a load: no controls, no jitter."""
    return f"""[experiment]
name = "bench"
question = "What does tracing cost?"
[target]
kind = "s3"
bucket = "{BUCKET}"
endpoint = "{endpoint}"
addressing = "path"
keep_objects = true
[grid]
users = {load.users}
ttl = "1h"
size = "{load.size // 1000}kB"
bandwidth = "{bandwidth}"
[transfer]
transfers_per_user = {load.transfers}
jitter = "0s"
connect_timeout = "2m"
idle_timeout = "5m"
[controls]
long_ttl = false
header_signed = false
expired_start = false
"""


def ttlsweep_command(binary, load, endpoint, folder, bandwidth="unlimited") -> list:
    file = folder / "bench.toml"
    file.write_text(experiment(load, endpoint, bandwidth))
    return [binary, "run", file, "--out", folder / "out", "--yes", "--progress", "none"]


def known_clients(binaries) -> list:
    ttlsweep, untraced = program(binaries, "ttlsweep"), program(binaries, "examples/untraced")
    curl, programs = shutil.which("curl"), installed_programs()
    if not curl:
        raise Unavailable("curl is missing")

    def traced(load, endpoint, folder):
        return [ttlsweep_command(ttlsweep, load, endpoint, folder)]

    def plain(load, endpoint, _):
        return [[untraced, endpoint, BUCKET, load.users, load.transfers, load.size]]

    def upload(load, links, certificate):
        # Without a 100 from the sink curl would wait a second before each body.
        command = [curl, "--silent", "--fail", "--header", "Expect:"]
        command += ["--cacert", certificate] if certificate else []
        for link in links:
            command += ["--upload-file", body_file(load.size), "--output", "/dev/null", link]
        return command

    def curl_kept(load, endpoint, folder):
        return [upload(load, links(endpoint, user, load), _certificate(endpoint, folder)) for user in range(load.users)]

    def curl_apart(load, endpoint, folder):
        certificate = _certificate(endpoint, folder)
        every = [link for user in range(load.users) for link in links(endpoint, user, load)]
        return [upload(load, [link], certificate) for link in every]

    def locust(load, endpoint, folder):
        command = [programs / "locust", "--headless", "--locustfile", LOCUSTFILE, "--host", endpoint]
        command += ["--users", load.users, "--spawn-rate", load.users, "--only-summary", "--loglevel", "WARNING"]
        command += ["--body", body_file(load.size), "--transfers", load.transfers]
        certificate = _certificate(endpoint, folder)
        return [command + (["--certificate", certificate] if certificate else [])]

    return [
        Client("ttlsweep", 100_000, traced),
        Client("untraced", 100_000, plain),
        Client("curl keep-alive", 5, curl_kept, lambda load: load.users, lambda load: load.users),
        # A process for each transfer is the price of this way to upload.
        Client("curl in parallel", 100, curl_apart, lambda load: load.users, lambda load: 0),
        Client("locust", 1_000, locust),
    ]


def links(endpoint, user, load) -> list:
    """Addresses as long as a presigned URL; the sink looks at no signature, and these clients make none."""
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=bench%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
        f"&X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )
    return [f"{endpoint}/{BUCKET}/u{user}-s{sequence}?{query}" for sequence in range(load.transfers)]


def _certificate(endpoint, folder):
    return folder / "sink.pem" if endpoint.startswith("https") else None
