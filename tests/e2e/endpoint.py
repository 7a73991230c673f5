"""The HTTP endpoint that receives records: an HTTP/1.1 server in the test process.

A test sets a function that takes the Request and returns an Answer:

    endpoint.decide = lambda request: RETRY if request.attempt == 1 else DELIVERED

`endpoint.requests` has all requests in order of arrival.
"""

import asyncio
import collections
import dataclasses
import socket
import threading
import time
import urllib.parse

from waiting import PATIENCE, eventually

REASONS = {200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 302: "Found", 400: "Bad Request",
           401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable"}


# From the monotonic clock to the wall clock. Fixed, because a thread may be interrupted between two calls.
_WALL_OFFSET = min(time.time() - time.monotonic() for _ in range(100))


@dataclasses.dataclass(frozen=True)
class Answer:
    """How the endpoint answers a request. Times are in seconds."""
    status: int = 200
    body: bytes = b'{"retry":false}'
    headers: tuple = ()         # (name, value)
    delay: float = 0            # before the first byte
    hang: bool = False          # never answers and keeps the connection open
    reset: bool = False         # closes the connection without an answer
    close: bool = False         # closes the connection after the answer
    trickle: float = 0          # pause between two bytes of the body
    raw: bytes = None           # sends these bytes instead of an HTTP response, then closes


DELIVERED = Answer()
RETRY = Answer(body=b'{"retry":true}')


@dataclasses.dataclass
class Request:
    method: str
    target: str
    header_list: list           # (name, value) as received
    body: bytes
    time: float                 # time.monotonic() when its last byte arrived
    wall: float                 # time.time() of the same moment
    connection: int             # 1 for the first accepted connection
    attempt: int = 1            # 1 for the first request with this topic, partition and offset
    finished: float = None      # when the answer was written
    cut: float = None           # when the client closed the connection before the end of the answer
    answered: bool = None       # True: finished, False: cut, None: in progress
    answer: Answer = None       # the answer of `decide`

    def __post_init__(self):
        self.headers = {name.lower(): value for name, value in self.header_list}

    @property
    def topic(self):
        return self.headers.get("x-kafka-topic")

    @property
    def partition(self):
        return int(self.headers.get("x-kafka-partition", -1))

    @property
    def offset(self):
        return int(self.headers.get("x-kafka-offset", -1))

    @property
    def position(self):
        return self.partition, self.offset

    @property
    def record(self):
        return self.topic, self.partition, self.offset

    @property
    def key(self):
        """The record key, or None."""
        encoded = self.headers.get("x-kafka-key")
        return None if encoded is None else urllib.parse.unquote_to_bytes(encoded)


class _Connection(asyncio.Protocol):
    """A client connection: parses requests and answers them in order."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.received = bytearray()
        self.current = None
        self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.endpoint._open.add(self)
        self.endpoint.connections += 1
        self.number = self.endpoint.connections

    def data_received(self, data):
        self.received += data
        self._next()

    def connection_lost(self, error):
        self.endpoint._open.discard(self)
        if self.timer:
            self.timer.cancel()
        if self.current:
            self.current.cut, self.current.answered = time.monotonic(), False
            self.current = None

    def _next(self):
        while self.current is None and not self.transport.is_closing():
            parsed = self._take_request()
            if parsed is None:
                return
            now = time.monotonic()
            self.current = Request(*parsed, now, now + _WALL_OFFSET, self.number)
            answer = self.endpoint._arrived(self.current)
            if answer.delay:
                self.timer = self.endpoint._loop.call_later(answer.delay, self._answer, answer)
            else:
                self._answer(answer)

    def _take_request(self):
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self.received[:end].decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = []
        length, chunked = 0, False
        for line in lines[1:]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            headers.append((name, value))
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() == "transfer-encoding":
                chunked = "chunked" in value.lower()
        start = end + 4
        if not chunked:
            if len(self.received) < start + length:
                return None
            body, used = bytes(self.received[start:start + length]), start + length
        else:
            body, used = self._take_chunks(start)
            if body is None:
                return None
        del self.received[:used]
        return method, target, headers, body

    def _take_chunks(self, at):
        body = bytearray()
        while True:
            line = self.received.find(b"\r\n", at)
            if line < 0:
                return None, 0
            size = int(self.received[at:line].split(b";")[0], 16)
            if len(self.received) < line + 2 + size + 2:
                return None, 0
            body += self.received[line + 2:line + 2 + size]
            at = line + 2 + size + 2
            if size == 0:
                return bytes(body), at

    def _answer(self, answer):
        if self.transport.is_closing() or answer.hang:
            return
        if answer.reset or answer.raw is not None:
            self._finish(answer.raw or b"", closing=True)
            return
        body = b"" if answer.status == 204 else answer.body
        head = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Other')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        head += f"Content-Length: {len(body)}\r\n" if answer.status != 204 else ""
        head += "Connection: close\r\n" if answer.close else ""
        head = head.encode("latin-1") + b"\r\n"
        if answer.trickle and body:
            self.transport.write(head)
            self._trickle(answer, 0)
        else:
            self._finish(head + body, answer.close)

    def _trickle(self, answer, sent):
        if self.transport.is_closing():
            return
        byte = answer.body[sent:sent + 1]
        if sent + 1 == len(answer.body):
            self._finish(byte, answer.close)
            return
        self.transport.write(byte)
        self.timer = self.endpoint._loop.call_later(answer.trickle, self._trickle, answer, sent + 1)

    def _finish(self, last_bytes, closing):
        self.current.finished, self.current.answered = time.monotonic(), True
        self.current = None
        self.transport.write(last_bytes)
        if closing:
            self.transport.close()
        elif self.received:
            self.endpoint._loop.call_soon(self._next)


class Endpoint:
    """The server. Use it as a context manager, or call close(). `tls`: the ssl.SSLContext of an HTTPS server."""

    def __init__(self, decide=lambda request: DELIVERED, tls=None, address="127.0.0.1", port=0):
        self.decide = decide
        self._address = address
        self._tls = tls
        self.requests = []
        self.connections = 0
        self.broken = None      # exception that `decide` raised
        self._attempts = collections.Counter()
        self._open = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="endpoint", daemon=True)
        self._thread.start()
        self._held = self._bound(port)
        self.port = self._held.getsockname()[1]
        self._server = None
        self.come_back()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://{self._address}:{self.port}/records"

    @property
    def refuses(self):
        return self._held is not None

    def refuse(self):
        """Closes all connections and refuses new ones, keeping the port."""
        self._run(self._stop_listening())
        self._held = self._bound(self.port)

    def come_back(self):
        """Listens on the same port again."""
        self._server = self._run(self._listen(self._held))
        self._held = None

    def close(self):
        if self._server:
            self._run(self._stop_listening())
        if self._held:
            self._held.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self.broken:
            raise AssertionError("`decide` of the test failed") from self.broken

    def of(self, topic=None, partition=None, offset=None):
        """Returns the requests for this topic, partition and offset, in order of arrival."""
        return [one for one in list(self.requests)
                if topic in (None, one.topic) and partition in (None, one.partition) and offset in (None, one.offset)]

    def positions(self, topic=None):
        return [one.position for one in self.of(topic)]

    def offsets(self, topic=None, partition=None):
        return [one.offset for one in self.of(topic, partition)]

    def bodies(self, topic=None):
        return [one.body for one in self.of(topic)]

    def wait_for(self, count, topic=None, timeout=PATIENCE):
        """Waits for at least `count` requests (for the topic) and returns them."""
        return eventually(lambda: len(self.of(topic)) >= count and self.of(topic),
                          lambda: f"{count} requests; there are {len(self.of(topic))}: {self.positions(topic)[-20:]}",
                          timeout)

    def _arrived(self, request):
        self._attempts[request.record] += 1
        request.attempt = self._attempts[request.record]
        try:
            request.answer = self.decide(request)
        except Exception as error:      # pylint: disable=broad-except
            self.broken = error
            request.answer = Answer(status=500, body=b"")
        self.requests.append(request)
        return request.answer

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    async def _listen(self, held):
        return await self._loop.create_server(lambda: _Connection(self), sock=held, backlog=1024,
                                              ssl=self._tls)

    async def _stop_listening(self):
        self._server.close()
        for connection in list(self._open):
            connection.transport.abort()
        await asyncio.sleep(0)
        self._server = None

    def _bound(self, port):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((self._address, port))
        return held
