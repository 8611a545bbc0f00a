#!/usr/bin/env python3
"""Sweeps boto3's own links, as it makes them by default, against testbeds whose policy is known, and checks every row.

The links are Signature Version 2's, made by experiments/vendors/with_boto3.py, and swept with experiments/links.toml. A testbed
that cuts in flight must be found out, and one that checks at the head acquitted. It takes a minute, and boto3 from .servers/.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

from lib.checkout import PROJECT, Unavailable, programs
from lib.loopback import HOST, Keys, environment, free_ports
from lib.processes import Processes
from lib.sweeps import Failed, last_lines, report_on
from real_servers.rows import Run
from real_servers.serving import VENV

EXPERIMENT = PROJECT / "experiments" / "links.toml"
MINTER = PROJECT / "experiments" / "vendors" / "with_boto3.py"
TESTBED = Keys("ttlsweep-testbed", "ttlsweep-testbed-secret")
WITHIN_S = 300
# The testbed's policy; what it makes of uploads that outlive their link; and the report's answer.
POLICIES = [("in-flight", "reset", "supported"), ("on-request", "completed", "not-supported")]


class Sweep:
    """A testbed with the sweep of it."""

    def __init__(self, policy, processes, home, arguments):
        self.expiry, self.outlived, self.answer = policy
        self.ttlsweep, self.report = programs(arguments.bin)
        out = arguments.out.absolute() / self.expiry
        out.mkdir(parents=True, exist_ok=True)
        self.words, self.environment = out / "ttlsweep.log", environment(home, TESTBED)
        self.words.unlink(missing_ok=True)
        (port,) = free_ports(1)
        endpoint = f"http://{HOST}:{port}"
        serve = [self.ttlsweep, "testbed", "--listen", f"{HOST}:{port}", "--no-tls", "--bucket", "test", "--expiry", self.expiry]
        processes.start(serve, self.environment, out / "testbed.log")
        self.mint = [str(VENV / "bin" / "python"), str(MINTER), "--endpoint", endpoint, "--bucket", "test"]
        command = [self.ttlsweep, "run", EXPERIMENT, "--out", out, "--yes", "--progress", "plain"]
        command += ["--set", f"target.mint={json.dumps(self.mint)}"]
        self.running = processes.start(command, self.environment, self.words, stdout=subprocess.PIPE)

    def problems(self) -> Iterator[str]:
        """What contradicts what is known of the testbed."""
        asked = {"transfer_id": "one", "method": "PUT", "size_bytes": 1, "ttl_s": 60, "user": 1}
        told = subprocess.run(
            self.mint, env=self.environment, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        if "AWSAccessKeyId=" not in told or "X-Amz-" in told:
            yield "boto3's default is not Signature Version 2 any more"
        folder, _ = self.running.communicate(timeout=WITHIN_S)
        if self.running.returncode != 0:
            raise Failed(f"ttlsweep ended with {self.running.returncode}:\n{last_lines(self.words)}")
        folder = Path(folder.decode().strip())
        answer, enforcement = report_on(self.report, folder, WITHIN_S)
        print(f"{self.expiry}, {folder}\n  {answer}\n  {enforcement}")
        run = Run.read(folder)
        expected = {"": self.outlived, "long-ttl": "completed", "expired-start": "rejected"}
        for one in run.transfers:
            if one.outcome != expected[one.control]:
                yield f"{one} in place of {expected[one.control]}"
        overall = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["overall"]
        starved = any(trial["starved"] == "true" for trial in run.trials)
        # A busy machine may leave it open.
        if overall != self.answer and not (starved and overall == "inconclusive"):
            yield f"the answer is {overall} in place of {self.answer}"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, help="the folder of ttlsweep and ttlsweep-report (target/release or debug)")
    arguments.add_argument("--out", type=Path, default=PROJECT / "target" / "boto3-links", help="where runs are written")
    chosen = arguments.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="boto3-") as home, Processes() as processes:
        for sweep in [Sweep(policy, processes, Path(home), chosen) for policy in POLICIES]:
            found = list(sweep.problems())
            for problem in found:
                print(f"  CONTRADICTION: {problem}")
            failed += bool(found)
    print(f"boto3: {len(POLICIES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unavailable, Failed) as error:
        sys.exit(f"boto3-links: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
