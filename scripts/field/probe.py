"""Uploads by hand what ttlsweep does not send, and says what the server does: probe.py ENDPOINT BUCKET KIND SECONDS [MINTER...].

`late` goes on sending a large body although it has been refused, which ttlsweep does not, for nothing could change the
answer. `stall` stops sending half-way, and waits. `object` puts as many bytes as SECONDS says, for downloads by links of others.
Prints JSON. Runs in the servers' own environment, since it needs boto3; the keys come from the AWS variables. A minter is a
command that makes links (docs/links.md), in place of boto3.
"""

import fcntl
import json
import re
import select
import socket
import struct
import subprocess
import sys
import time
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

MB = 1_000_000
# Far more than the kernels of both ends hold, and slow enough to see when in its course the answer comes.
LATE_BYTES, LATE_RATE = 20 * MB, 10 * MB
STALLED_BYTES = 2 * MB
CHUNK = 64 << 10
# A server that neither reads nor closes must not hold the probe up.
SENT_WITHIN_S = 30
# How long a connection has to stay open after its end of the talk to count as kept.
KEPT_AFTER_S = 3
SIOCOUTQ = 0x5411


class Upload:
    """A PUT that is sent and read by hand, side by side."""

    def __init__(self, url, length, headers=()):
        address = urlsplit(url)
        self.length, self.sent, self.answer = length, 0, b""
        self.answered = self.ended = self.reset = None
        self.sent_by_then = None
        self.socket = socket.create_connection((address.hostname, address.port), timeout=10)
        head = [f"PUT {address.path}?{address.query} HTTP/1.1", f"Host: {address.netloc}", f"Content-Length: {length}"]
        head += [f"{name}: {value}" for name, value in headers]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        self.head_sent = time.monotonic()
        self.socket.setblocking(False)

    def send_until(self, length, rate):
        """Sends the body up to `length`, whatever the server says meanwhile, unless the connection breaks."""
        began = time.monotonic()
        while self.sent < length and self.reset is None and time.monotonic() < began + SENT_WITHIN_S:
            due = began + self.sent / rate - time.monotonic()
            writable = due <= 0
            self._wait(max(due, 0) if not writable else 1, writable)

    def listen_until(self, deadline):
        """Sends nothing more, until the connection has ended."""
        while self.ended is None and self.reset is None and time.monotonic() < deadline:
            self._wait(min(0.5, max(deadline - time.monotonic(), 0)), False)

    def _wait(self, seconds, writable):
        reads = [] if self.ended else [self.socket]
        ready, writes, _ = select.select(reads, [self.socket] if writable else [], [], seconds)
        try:
            if ready:
                self._read()
            if writes:
                self.sent += self.socket.send(bytes(min(CHUNK, self.length - self.sent)))
        except OSError:
            self.reset = time.monotonic()

    def _read(self):
        got = self.socket.recv(CHUNK)
        if not got:
            self.ended = time.monotonic()
        elif self.answered is None:
            self.answered = time.monotonic()
            (waiting,) = struct.unpack("i", fcntl.ioctl(self.socket, SIOCOUTQ, b"\0" * 4))
            self.sent_by_then = self.sent - waiting
        self.answer += got

    def facts(self) -> dict:
        # The last: a 100 may stand before it.
        status = (re.findall(rb"HTTP/1\.\d (\d+)", self.answer) or [None])[-1]
        code = re.search(rb"<Code>([^<]*)</Code>", self.answer)
        since = self.answered or self.head_sent
        return {
            "status": int(status) if status else None,
            "code": code.group(1).decode() if code else None,
            "sent_by_then": self.sent_by_then,
            "sent": self.sent,
            "length": self.length,
            # Since the answer, or the head if none came.
            "fin_after_s": self.ended and round(self.ended - since, 3),
            "rst_after_s": self.reset and round(self.reset - since, 3),
        }


def late(sign, _):
    url, headers = sign("late", 1)
    # The link's second has begun by now, and its life of 1 s ends a second later.
    time.sleep(2.2)
    upload = Upload(url, LATE_BYTES, headers)
    upload.send_until(LATE_BYTES, LATE_RATE)
    upload.listen_until(time.monotonic() + KEPT_AFTER_S)
    return upload.facts()


def stall(sign, seconds):
    url, headers = sign("stall", 3600)
    upload = Upload(url, STALLED_BYTES, headers)
    upload.send_until(STALLED_BYTES // 2, 100 * MB)
    stalled = time.monotonic()
    upload.listen_until(stalled + seconds)
    over = min((at for at in (upload.answered, upload.ended, upload.reset) if at), default=None)
    return {**upload.facts(), "stalled_s": round((over or time.monotonic()) - stalled, 3), "gave_up": over is not None}


def put_object(sign, length):
    url, headers = sign(f"download-{int(length)}", 3600)
    upload = Upload(url, int(length), headers)
    upload.send_until(length, 100 * MB)
    upload.listen_until(time.monotonic() + KEPT_AFTER_S)
    return upload.facts()


def by_minter(minter):
    def sign(name, ttl):
        asked = {"transfer_id": name, "method": "PUT", "size_bytes": LATE_BYTES, "ttl_s": ttl, "user": 1}
        told = subprocess.run(minter, input=json.dumps(asked) + "\n", stdout=subprocess.PIPE, text=True, check=True).stdout
        link = json.loads(told)
        return link["url"], link.get("headers", {}).items()

    return sign


def by_boto3(endpoint, bucket):
    config = Config(
        signature_version="s3v4", s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
    )
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)

    def sign(key, ttl):
        return client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=ttl), ()

    return sign


def main(endpoint, bucket, kind, seconds, *minter):
    sign = by_minter(minter) if minter else by_boto3(endpoint, bucket)
    print(json.dumps({"late": late, "stall": stall, "object": put_object}[kind](sign, float(seconds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
