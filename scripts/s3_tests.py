#!/usr/bin/env python3
"""Runs tests of ceph/s3-tests against a testbed that it starts, and says how many passed.

s3_tests.py DIR [--bin FOLDER] [-k EXPRESSION] takes a checkout of ceph/s3-tests; the results in docs/s3-tests.md are
those of revision 8f0ae7b. Nothing is fetched, and nothing is written into the checkout.
"""

import argparse
import configparser
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

# The suite names six users; the testbed knows one.
USERS = ["s3 main", "s3 alt", "s3 tenant", "iam", "iam root", "iam alt root"]

# Links, requests made by hand, browsers, uploads in parts.
SUBJECTS = "presign or raw or cors or multipart or post_object"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="a checkout of ceph/s3-tests")
    parser.add_argument("--bin", type=Path, default=Path("target/debug"), help="where ttlsweep-testbed is")
    parser.add_argument("-k", dest="subjects", default=SUBJECTS, help="which tests, as pytest takes it")
    options = parser.parse_args()
    if not (options.checkout / "s3tests" / "functional").is_dir():
        print(f"{options.checkout} is not a checkout of ceph/s3-tests: it has no s3tests/functional", file=sys.stderr)
        return 2
    program = options.bin / "ttlsweep-testbed"
    # So that the testbed ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        testbed = subprocess.Popen([program, "--no-tls"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            endpoint = testbed.stdout.readline().strip()
            report = run(options, endpoint, Path(folder))
        finally:
            testbed.terminate()
            testbed.wait()
        return tell(report)


def run(options: argparse.Namespace, endpoint: str, folder: Path) -> Path:
    """Runs the tests, and returns the file that says how each of them ended."""
    report = folder / "report.xml"
    tests = ["s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py"]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    command += ["-k", options.subjects, f"--junitxml={report}", *tests]
    environment = os.environ | {
        "S3TEST_CONF": str(settings(endpoint, folder)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": "",
    }
    subprocess.run(command, cwd=options.checkout, env=environment, check=False, stdout=sys.stderr)
    return report


def settings(endpoint: str, folder: Path) -> Path:
    """The suite's file of settings."""
    address = urlsplit(endpoint)
    config = configparser.RawConfigParser()
    config["DEFAULT"] = {
        "host": address.hostname,
        "port": str(address.port),
        "is_secure": str(address.scheme == "https"),
        "ssl_verify": "False",
    }
    config["fixtures"] = {"bucket prefix": "tests-{random}-"}
    for user in USERS:
        config[user] = {
            "access_key": "ttlsweep-testbed",
            "secret_key": "ttlsweep-testbed-secret",
            "display_name": "ttlsweep",
            "user_id": "ttlsweep",
            "email": "ttlsweep@example.com",
            "tenant": "",
            "api_name": "",
        }
    file = folder / "s3tests.conf"
    with file.open("w") as out:
        config.write(out)
    return file


def tell(report: Path) -> int:
    """Prints each test that did not pass, and the counts; 1 if there is nothing to count."""
    if not report.is_file():
        print("pytest wrote no report: see above", file=sys.stderr)
        return 1
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ElementTree.parse(report).iter("testcase"):
        bad = case.find("failure")
        bad = case.find("error") if bad is None else bad
        if bad is not None:
            counts["failed"] += 1
            first = (bad.get("message") or "").splitlines() or [""]
            print(f"{case.get('name')}: {first[0][:160]}")
        elif case.find("skipped") is not None:
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    return 0 if counts["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
