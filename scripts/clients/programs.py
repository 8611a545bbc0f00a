"""The clients: how each is started, which version it is, and what it can be asked."""

import json
import os
import re
import selectors
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, List, Optional

from . import install
from .chromium import InBrowser
from .client import TIMEOUT_S, Client, Said

HERE = Path(__file__).parent / "workers"
# Nothing that answers at all takes as long: some wait seconds between their own retries.
ANSWER_WITHIN_S = 45


class Worker(Client):
    """A client within a program that takes one job a line; `once` if the program must be started again for each."""

    def __init__(self, name: str, version: str, command: List, once=False, **more):
        super().__init__(name, version, **more)
        self._command, self._once = [str(word) for word in command], once
        self._process: Optional[subprocess.Popen] = None
        self._certificate: Optional[str] = None

    def prepare(self, certificate: str):
        if self._process is None or self._certificate != certificate:
            self._start(certificate)
            # There is nothing to do in it: the answer says that all is loaded.
            self._answer_to({})

    def ask(self, job: Dict, certificate: str) -> Said:
        self.prepare(certificate)
        line = self._answer_to(job)
        if line is None:
            self.close()
            return Said(f"(nothing: it hangs for {ANSWER_WITHIN_S} s and longer)", 0)
        if not line:
            code = self._process.wait()
            self.close()
            return Said(f"(nothing: its program ended with {code})", 0)
        if self._once:
            self.close()
        return Said.of(**json.loads(line))

    def _answer_to(self, job: Dict) -> Optional[bytes]:
        self._process.stdin.write((json.dumps(job) + "\n").encode())
        self._process.stdin.flush()
        with selectors.DefaultSelector() as poll:
            poll.register(self._process.stdout, selectors.EVENT_READ)
            return self._process.stdout.readline() if poll.select(ANSWER_WITHIN_S) else None

    def _start(self, certificate):
        self.close()
        # Node's fetch takes a certificate in no other way.
        trusted = {"NODE_EXTRA_CA_CERTS": certificate} if certificate else {}
        self._process = subprocess.Popen(
            [*self._command, certificate],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**plain_environment(), **trusted},
        )
        self._certificate = certificate

    def close(self):
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
        self._process = None


class Curl(Client):
    """curl, whose words are its own line on stderr."""

    def __init__(self, version: str, expect: bool):
        # Downloads never say that they expect anything.
        super().__init__("curl" if expect else "curl, no Expect", version, methods=("put", "get") if expect else ("put",))
        self._expect = expect

    def ask(self, job: Dict, certificate: str) -> Said:
        with tempfile.TemporaryDirectory() as folder:
            body = Path(folder) / "body"
            common = ["--silent", "--show-error", "--max-time", str(TIMEOUT_S)]
            common += ["--cacert", certificate] if certificate else []
            command = ["curl", "--disable"]
            if job["warm"]:
                command += [*common, "--output", os.devnull, *(["--head"] if job["warm_method"] == "HEAD" else [])]
                # This is the longest pause that it can be asked for between two requests, other than by a script.
                command += ["--rate", "2/s"] if job["pause_s"] else []
                command += [job["warm"], "--next"]
            command += [*common, "--output", body, "--write-out", "%{http_code}"]
            if job["method"] == "put":
                command += ["--upload-file", job["file"], *([] if self._expect else ["--header", "Expect:"])]
            done = _run([*command, job["url"]])
            if done is None:
                return Said(f"(nothing: it hangs for {ANSWER_WITHIN_S} s and longer)", 0)
            status = int(re.search(r"\d*$", done.stdout).group() or 0)
            told = body.read_text("utf-8", "replace")[:2000] if body.is_file() and status >= 300 else ""
            return Said.of(status, told, done.stderr.strip())


class Wget(Client):
    """GNU Wget, as it comes but for its number of tries, which is 20."""

    def __init__(self, version: str):
        super().__init__("wget", version, connections=("fresh",))

    def ask(self, job: Dict, certificate: str) -> Said:
        with tempfile.TemporaryDirectory() as folder:
            command = ["wget", "--no-config", "--no-verbose", "--tries=1", f"--timeout={TIMEOUT_S}"]
            command += ["--no-hsts", "--output-document", str(Path(folder) / "out")]
            command += [f"--ca-certificate={certificate}"] if certificate else []
            command += ["--method=PUT", f"--body-file={job['file']}"] if job["method"] == "put" else []
            done = _run([*command, job["url"]])
        if done is None:
            return Said(f"(nothing: it hangs for {ANSWER_WITHIN_S} s and longer)", 0)
        status = re.search(r"ERROR (\d{3})", done.stderr)
        if done.returncode == 0:
            return Said("200", 200)
        # It begins with the address, or with the time of day.
        lines = [re.sub(r"^(?:https?://\S*|[\d -]+[\d:]+|.*out:?)\s*", "", one) for one in done.stderr.splitlines()]
        words = " / ".join(filter(None, lines)) or f"(no word; exit code {done.returncode})"
        return Said(words, int(status.group(1)) if status else 0)


def plain_environment() -> Dict[str, str]:
    """The environment without proxies and certificates, which some clients take before what they are told."""
    words = ("PROXY", "CA_BUNDLE", "SSL_CERT", "CA_CERTS", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not any(word in name.upper() for word in words)}
    return {**kept, "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}


def _run(command: List) -> Optional[subprocess.CompletedProcess]:
    named = [str(word) for word in command]
    environment = plain_environment()
    try:
        return subprocess.run(
            named, capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=False, env=environment, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return None


def _version(command: List, pattern: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else ""


def short_clients(python) -> List[Client]:
    """Those that a machine with Python has: curl, and Python's own."""
    own = _version([python, "--version"], r"Python (\S+)")
    clients: List[Client] = [Worker("urllib", own, [python, HERE / "python_clients.py", "urllib"], connections=("fresh",))]
    if shutil.which("curl"):
        version = _version(["curl", "--version"], r"curl (\S+)")
        clients += [Curl(version, expect=True), Curl(version, expect=False)]
    return clients


def all_clients() -> List[Client]:
    """Every client that can be had here, after installing those that are missing; what cannot be had is told."""
    python = install.python()
    clients = short_clients(python)
    if shutil.which("wget"):
        clients.append(Wget(_version(["wget", "--version"], r"GNU Wget (\S+)")))
    versions = json.loads(subprocess.run([python, "-c", _VERSIONS], check=True, capture_output=True, text=True).stdout)
    for name in ("requests", "urllib3", "httpx", "aiohttp", "pycurl"):
        clients.append(Worker(name, versions[name], [python, HERE / "python_clients.py", name]))
    for name, shown in (("boto3", "boto3 put_object"), ("boto3-transfer", "boto3 upload_file")):
        clients.append(Worker(shown, versions["boto3"], [python, HERE / "python_clients.py", name], signs=True))
    return clients + _of_node() + _of_java() + _of_go() + _of_chromium()


_VERSIONS = (
    "import importlib.metadata, json; names = ['requests', 'urllib3', 'httpx', 'aiohttp', 'pycurl', 'boto3'];"
    "print(json.dumps({name: importlib.metadata.version(name) for name in names}))"
)


def _of_node() -> List[Client]:
    folder = install.node()
    if not folder:
        return []
    node = _version(["node", "--version"], r"v(\S+)")
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]

    def worker(name, shown, version, once=False, signs=False):
        return Worker(shown, version, ["node", folder / "node_clients.mjs", name], once=once, signs=signs)

    def of_npm(name, shown, signs=False):
        return worker(name, shown, locked[f"node_modules/{shown}"]["version"], signs=signs)

    return [
        worker("fetch-buffer", "node fetch, buffer", node, once=True),
        worker("fetch-stream", "node fetch, stream", node, once=True),
        worker("http", "node http", node),
        of_npm("axios", "axios"),
        of_npm("got", "got"),
        worker("aws-sdk-js", "aws-sdk-js", locked["node_modules/@aws-sdk/client-s3"]["version"], signs=True),
    ]


def _of_java() -> List[Client]:
    folder = install.java()
    if not folder:
        return []
    version = _version(["java", "-version"], r'version "(\S+)"')
    java = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", folder, "Clients"]
    return [
        Worker("java HttpClient", version, [*java, "HttpClient"]),
        Worker("java HttpURLConnection", version, [*java, "HttpURLConnection"], once=True),
    ]


def _of_go() -> List[Client]:
    built = install.go()
    return [Worker("go net/http", built.version, [built.program])] if built else []


def _of_chromium() -> List[Client]:
    program = install.chromium()
    if not program:
        return []
    version = _version([program, "--version"], r"(\d+\.[\d.]+)")
    return [InBrowser(how, version, program) for how in ("XMLHttpRequest", "fetch")]
