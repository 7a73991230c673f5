#!/usr/bin/python3
"""An HTTP endpoint for the benchmark: answers {"retry":false} after a delay, and records the age of each body.

    receiver.py PORT DELAY_SECONDS [AGES_FILE]

A body that is a time in nanoseconds since the epoch has an age; SIGTERM writes the ages, one per line.
"""

import asyncio
import signal
import sys
import time

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"retry":false}'


class Receiver(asyncio.Protocol):
    def __init__(self, delay, ages):
        self.delay, self.ages, self.buffer, self.transport = delay, ages, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        now = time.time_ns()
        self.buffer += data
        while True:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            if self.ages is not None and body.isdigit():
                self.ages.append(now - int(body))
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.answer)
            else:
                self.answer()

    def answer(self):
        if not self.transport.is_closing():
            self.transport.write(ANSWER)


async def main(port, delay, file):
    ages = [] if file else None
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await loop.create_server(lambda: Receiver(delay, ages), "127.0.0.1", port, backlog=1024)
    await ended.wait()
    if file:
        with open(file, "w", encoding="ascii") as out:
            out.writelines(f"{age}\n" for age in ages)


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
