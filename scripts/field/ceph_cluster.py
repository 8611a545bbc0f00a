"""Runs a Ceph object gateway on loopback, with the smallest cluster that carries one: a monitor and a store in memory.

ceph_cluster.py ROOT HOME [GATEWAY MONITOR STORE], where ROOT is a folder that Debian's packages were unpacked into, and the
last three are ports; the store takes a few from its own on. Without ports it prints the version.
The keys come from the AWS variables.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor}/0]
ms bind msgr1 = false
ms bind port min = {store}
ms bind port max = {last_store}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {home}/keyring
mon data = {home}/mon
osd data = {home}/osd
rgw data = {home}/rgw
run dir = {home}
crash dir = {home}
admin socket =
log file =
log to stderr = true
err to stderr = true
mon cluster log to file = false
mon data avail crit = 0
mon data avail warn = 0
plugin dir = {libraries}/ceph
osd class dir = {libraries}/rados-classes
erasure code dir = {libraries}/ceph/erasure-code
osd objectstore = memstore
memstore device bytes = 8589934592
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
rgw frontends = beast endpoint=127.0.0.1:{gateway}
"""
# One store listens at four ports.
STORE_PORTS = 100
ALL = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
READY_WITHIN_S = 60


class Cluster:
    """Ceph's programs, and the processes of the cluster."""

    def __init__(self, root, home):
        self.root, self.home, self.config, self.running = root, home, home / "ceph.conf", []
        self.libraries = root / "usr" / "lib" / _triplet(root)
        folders = [self.libraries, self.libraries / "ceph", root / "lib" / self.libraries.name]
        self.environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}

    def run(self, name, *arguments):
        """Runs one of the programs to its end."""
        command = [self.root / "usr" / "bin" / name, *arguments]
        subprocess.run(command, env=self.environment, check=True, timeout=READY_WITHIN_S)

    def serve(self, name, *arguments):
        command = [self.root / "usr" / "bin" / name, "-c", self.config, "-f", *arguments]
        self.running.append(subprocess.Popen(command, env=self.environment))

    def tell(self, **command):
        """Sends the monitor a command, which waits for it to be there."""
        helper = Path(__file__).with_name("ceph_tell.py")
        command = [sys.executable, helper, self.config, json.dumps(command)]
        subprocess.run(command, env=self.environment, check=True, timeout=READY_WITHIN_S)

    def start(self, gateway, monitor, store):
        home, fsid, store_id = self.home, str(uuid.uuid4()), str(uuid.uuid4())
        ports = {"gateway": gateway, "monitor": monitor, "store": store, "last_store": store + STORE_PORTS}
        self.config.write_text(CONFIG.format(fsid=fsid, home=home, libraries=self.libraries, **ports))
        for folder in ("mon", "osd", "rgw"):
            (home / folder).mkdir()
        keyring, monitors = home / "keyring", home / "monmap"
        self.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self.run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", *ALL)
        store_may = ("--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")
        self.run("ceph-authtool", keyring, "--gen-key", "-n", "osd.0", *store_may)
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor}]", monitors)
        self.run("ceph-mon", "-c", self.config, "--mkfs", "-i", "a", "--monmap", monitors, "--keyring", keyring)
        self.serve("ceph-mon", "-i", "a")
        self.tell(prefix="osd new", uuid=store_id)
        self.run("ceph-osd", "-c", self.config, "-i", "0", "--mkfs", "--osd-uuid", store_id)
        self.serve("ceph-osd", "-i", "0")
        access, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        user = ("--uid=field", "--display-name=field", f"--access-key={access}", f"--secret-key={secret}")
        self.run("radosgw-admin", "-c", self.config, "user", "create", *user)
        self.serve("radosgw", "-n", "client.admin")


def main(root, home, *ports):
    cluster = Cluster(Path(root), Path(home))
    if not ports:
        # Only its version was asked for.
        cluster.run("radosgw", "--version")
        return
    try:
        cluster.start(*map(int, ports))
        while all(process.poll() is None for process in cluster.running):
            time.sleep(0.5)
        sys.exit("a part of Ceph has ended")
    finally:
        for process in cluster.running:
            process.kill()


def _triplet(root) -> str:
    """Debian's name of the machine's kind, such as x86_64-linux-gnu."""
    return next((root / "usr" / "lib").glob("*-linux-gnu*")).name


if __name__ == "__main__":
    main(*sys.argv[1:])
