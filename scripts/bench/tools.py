"""What the benchmarks need: our programs, a virtual environment with locust, files to send."""

import os
from pathlib import Path

from lib.checkout import PROJECT, Unavailable
from lib.virtual_environment import virtual_environment

FOLDER = PROJECT / ".bench"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def program(folder, name) -> Path:
    path = (folder / name).absolute()
    if not path.is_file():
        raise Unavailable(
            f"{path} is missing: run `cargo build --release --locked -p ttlsweep-runner --bins --examples`"
        )
    return path


def installed_programs() -> Path:
    """The folder of the programs that the benchmarks compare with, locust among them."""
    return virtual_environment(FOLDER, REQUIREMENTS)


def body_file(size) -> Path:
    """A file of `size` bytes that no layer could compress."""
    path = FOLDER / f"body-{size}"
    if not path.is_file() or path.stat().st_size != size:
        FOLDER.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))
    return path


def environment(certificate=None) -> dict:
    """A client's environment: credentials that only have to be there, and the sink's certificate."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    kept.update(
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    kept.pop("AWS_PROFILE", None)
    if certificate:
        kept["AWS_CA_BUNDLE"] = str(certificate)
    return kept
