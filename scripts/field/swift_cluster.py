"""Runs OpenStack Swift on loopback, with its S3 API: swift_cluster.py HOME PORT PORT PORT PORT.

Runs in the virtual environment that Swift was installed into. One device, one replica; the proxy is at the first port.
The key comes from the AWS variables: Swift's keys are an account and a user with a colon between them.
"""

import getpass
import os
import subprocess
import sys
import time
from pathlib import Path

from swift.common.ring import RingBuilder

HOST = "127.0.0.1"
PROXY = """
[DEFAULT]
{common}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
"""
PROXY_FILTERS = ["catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "slo", "dlo", "versioned_writes"]
BACKEND = """
[DEFAULT]
{common}
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""
MODULES = {
    "proxy": "swift.proxy.server",
    "account": "swift.account.server",
    "container": "swift.container.server",
    "object": "swift.obj.server",
}
# For rings and objects of a few minutes: 8 partitions.
PARTITION_BITS = 3


def main(home, *ports):
    home, ports = Path(home), [int(port) for port in ports]
    devices = home / "devices"
    (devices / "d1").mkdir(parents=True)
    (home / "swift.conf").write_text("[swift-hash]\nswift_hash_path_prefix = field\nswift_hash_path_suffix = study\n")
    configs = {}
    for part, port in zip(MODULES, ports):
        common = "\n".join(
            [
                f"bind_ip = {HOST}\nbind_port = {port}\nswift_dir = {home}\ndevices = {devices}\nmount_check = false",
                f"user = {getpass.getuser()}\nworkers = 0\nlog_statsd_host =\nrecon_cache_path = {home}",
            ]
        )
        configs[part] = home / f"{part}-server.conf"
        configs[part].write_text(proxy(common) if part == "proxy" else BACKEND.format(common=common, part=part))
        if part != "proxy":
            make_ring(home / f"{part}.ring.gz", port)
    running = [start(part, config) for part, config in configs.items()]
    try:
        while all(process.poll() is None for process in running):
            time.sleep(0.5)
        sys.exit("a part of Swift has ended")
    finally:
        for process in running:
            process.kill()


def proxy(common) -> str:
    account, user = os.environ["AWS_ACCESS_KEY_ID"].split(":")
    text = PROXY.format(common=common, account=account, user=user, secret=os.environ["AWS_SECRET_ACCESS_KEY"])
    return text + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in PROXY_FILTERS)


def make_ring(path, port):
    ring = RingBuilder(PARTITION_BITS, replicas=1, min_part_hours=1)
    address = {"ip": HOST, "port": port, "replication_ip": HOST, "replication_port": port}
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "d1", **address})
    ring.rebalance()
    ring.get_ring().save(str(path))


def start(part, config):
    # Each would begin a session of its own, and so outlive anyone who ends this one's group.
    program = f"import os; os.setsid = lambda: None; from {MODULES[part]} import main; main()"
    return subprocess.Popen([sys.executable, "-c", program, config])


if __name__ == "__main__":
    main(*sys.argv[1:])
