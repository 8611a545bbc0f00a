#!/usr/bin/env python3
"""How true the line of `ttlsweep path` is on this machine: the figures of docs/bloat.md.

A connection's throughput at 200 Mbit/s against what headers leave, by congestion control; how much of a core the path takes
for it; and how long what arrives at a full queue waits, against queue / rate. Each several times. The machine should be
idle: line and ends share its processors. Takes Linux with TUN devices, and namespaces for everyone or root.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

PORT = 9000
# Of 1500 bytes, those that are not headers of IP and TCP with timestamps.
PAYLOAD = 1448 / 1500
FAST = {"rate": 200e6, "options": ["--rate", "200Mbit/s", "--queue", "1MB", "--delay", "5ms"]}
SLOW = {"rate": 8e6, "queue": 300e3, "options": ["--rate", "8Mbit/s", "--queue", "300kB"]}
SENT_BYTES = 200_000_000
# What comes before is a connection that feels its way.
STARTS_BYTES = 50_000_000
FLOOD_S = 3.0
PACKET = 1500


def far() -> str:
    return os.environ["TTLSWEEP_FAR_ADDRESS"]


def tell(**figures: float):
    print(*(f"{name}={value}" for name, value in figures.items()), sep="\n", file=sys.stderr, flush=True)


def sink():
    """Takes what one connection sends, and tells how fast the bulk of it came."""
    server = socket.create_server((far(), PORT))
    connection, _ = server.accept()
    buffer, got, began = bytearray(1 << 18), 0, (0.0, 0)
    while True:
        read = connection.recv_into(buffer)
        if read == 0:
            break
        got, last = got + read, time.monotonic()
        if not began[1] and got >= STARTS_BYTES:
            began = (last, got)
    tell(goodput_bps=(got - began[1]) * 8 / (last - began[0]))


def processor_s(pid: int) -> float:
    """The processor time of a process and its threads, without its children's."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def source(congestion: str):
    """Sends much, and tells what part of a core the path took meanwhile: it is this process's parent."""
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    connection.connect((far(), PORT))
    before, began = processor_s(os.getppid()), time.monotonic()
    connection.sendall(bytes(SENT_BYTES))
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
    tell(cores=(processor_s(os.getppid()) - before) / (time.monotonic() - began))


def clock():
    """Takes datagrams that say when they were sent, and tells how long those of the later half were under way."""
    receiver = socket.socket(type=socket.SOCK_DGRAM)
    receiver.bind((far(), PORT))
    listens = socket.create_server((far(), PORT))
    late: List[float] = []
    while True:
        datagram = receiver.recv(2000)
        if len(datagram) == 1:
            break
        late.append((time.time_ns() - int.from_bytes(datagram[:8], "big")) / 1e9)
    listens.close()
    late = sorted(late[len(late) // 2 :])
    tell(standing_s=late[len(late) // 2])


def flood():
    """Sends twice what the line carries, then ends the clock."""
    sender = socket.socket(type=socket.SOCK_DGRAM)
    sender.connect((far(), PORT))
    began, sent = time.monotonic(), 0
    while time.monotonic() - began < FLOOD_S:
        while sent * PACKET * 8 < 2 * SLOW["rate"] * (time.monotonic() - began):
            sender.send(time.time_ns().to_bytes(8, "big") + bytes(PACKET - 28 - 8))
            sent += 1
        time.sleep(0.001)
    # By then the queue is empty.
    time.sleep(1)
    sender.send(b"0")
    time.sleep(0.3)


def measured(program: Path, options: List[str], at_far: str, near: List[str]) -> Dict[str, float]:
    """Runs both ends with a path between them, and returns what they tell."""
    this = [sys.executable, str(Path(__file__).absolute()), "--end"]
    command = [str(program), *options, "--far", " ".join([*this, at_far]), "--", *this, *near]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    if done.returncode != 0:
        sys.exit(f"the path ended with {done.returncode}:\n{done.stderr}")
    lines = (line.partition("=") for line in done.stderr.splitlines() if not line.startswith("path:"))
    return {name: float(value) for name, _, value in lines if value}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, default=Path("target/release"), help="the folder of the programs")
    arguments.add_argument("--times", type=int, default=3, help="how often each is measured (default: 3)")
    arguments.add_argument("--end", nargs="+", help=argparse.SUPPRESS)
    arguments = arguments.parse_args()
    if arguments.end:
        name, *rest = arguments.end
        {"sink": sink, "source": source, "clock": clock, "flood": flood}[name](*rest)
        return
    program = arguments.bin / "ttlsweep-path"
    print(f"| at 200 Mbit/s | of the {200 * PAYLOAD:.2f} Mbit/s that headers leave | of a core |")
    print("| --- | ---: | ---: |")
    for congestion in ("reno", "cubic", "bbr"):
        for _ in range(arguments.times):
            told = measured(program, FAST["options"], "sink", ["source", congestion])
            share = told["goodput_bps"] / (FAST["rate"] * PAYLOAD)
            print(f"| {congestion} | {100 * share:.2f} % | {told['cores']:.2f} |", flush=True)
    # The packet's own sending comes on top.
    expected = SLOW["queue"] * 8 / SLOW["rate"] + PACKET * 8 / SLOW["rate"]
    for _ in range(arguments.times):
        told = measured(program, SLOW["options"], "clock", ["flood"])
        deviation = 100 * (told["standing_s"] / expected - 1)
        print(f"300 kB at 8 Mbit/s: waits {told['standing_s']:.4f} s of {expected:.4f} s ({deviation:+.2f} %)", flush=True)


if __name__ == "__main__":
    main()
