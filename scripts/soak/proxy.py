"""A proxy that does something wrong to some of the connections it passes on, at random: proxy.py LISTEN_PORT SERVER_PORT SEED"""

import asyncio
import random
import socket
import struct
import sys

# Of a hundred connections, how many meet which fault; the rest pass.
FAULTS = {"reset": 4, "close": 4, "stall": 2, "garbage": 2, "refuse": 2, "slow": 4}


def is_measured(first):
    """Whether a request is a transfer, and not what ttlsweep asks before and after, which has to work."""
    line = first.split(b"\r\n", 1)[0]
    return b"x-run=" in line and not (line.startswith(b"PUT") and b"/download-" in line)


async def pump(first, reader, writer, left, spoil):
    """Passes bytes on, `first` before the others, until the end, or until `left` have passed, where that is a number."""
    try:
        block = first or await reader.read(16_384)
        while block:
            if left is not None and (left := left - len(block)) < 0:
                await spoil()
                return
            writer.write(block)
            await writer.drain()
            block = await reader.read(16_384)
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        # One of the two has broken the connection; the other one learns of it when both are closed.
        writer.close()


async def serve(client_reader, client_writer, server_port, dice):
    server_writer = fault = None

    async def spoil():
        if fault == "stall":
            await asyncio.sleep(60)
        elif fault == "slow":
            await asyncio.sleep(dice.uniform(0.1, 2))
        elif fault == "garbage":
            client_writer.write(b"220 mail.example.com ESMTP ready\r\n")
        elif fault == "reset":
            linger = struct.pack("ii", 1, 0)
            client_writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    try:
        first = await client_reader.read(16_384)
        fault = dice.choices([*FAULTS, None], [*FAULTS.values(), 100 - sum(FAULTS.values())])[0]
        if not is_measured(first):
            fault = None
        if fault != "refuse":
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server_port)
            left = dice.randint(0, 20_000) if fault else None
            up = asyncio.create_task(pump(first, client_reader, server_writer, left, spoil))
            down = asyncio.create_task(pump(b"", server_reader, client_writer, left, spoil))
            # A fault ends both directions; without one, each goes on until its own end.
            wait_for = asyncio.FIRST_COMPLETED if fault else asyncio.ALL_COMPLETED
            _, unfinished = await asyncio.wait([up, down], return_when=wait_for)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
    except OSError:
        pass
    finally:
        for writer in (client_writer, server_writer):
            if writer:
                writer.close()


async def main(listen_port, server_port, seed):
    dice = random.Random(seed)
    # The event loop itself keeps only weak references to tasks.
    tasks = set()

    def accept(reader, writer):
        task = asyncio.create_task(serve(reader, writer, server_port, dice))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", listen_port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*(int(argument) for argument in sys.argv[1:])))
