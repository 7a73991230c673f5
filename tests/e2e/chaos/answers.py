"""What the endpoint answers while a fault lasts, and what that means by the contract."""

import zlib

from books import DELIVERED, REQUEST_ERROR, RESPONSE_ERROR
from endpoint import RETRY, Answer

GOOD = Answer(delay=0.005)
_WHOLE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"retry":false}'

# By kind: some answers, each with its meaning. A connection is cut at the client's time limit when nothing comes.
FAULTY = {
    "reset": [(Answer(reset=True), REQUEST_ERROR)],
    "hang": [(Answer(hang=True), REQUEST_ERROR)],
    "trickle": [(Answer(trickle=pause), DELIVERED) for pause in (0.02, 0.1, 0.3, 0.6)],
    "not HTTP": [(Answer(raw=raw), REQUEST_ERROR) for raw in
                 (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 200 OK\r\nContent-Le",
                  b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"retry\":")],
    "not JSON": [(Answer(status=status, body=body), RESPONSE_ERROR) for status in (200, 500)
                 for body in (b"{retry:false", b'["retry",false]', b'{"retry":0}', b"\xff\xfe", b"")],
    "huge body": [(Answer(body=b'{"retry":false,"more":"' + b"x" * 200_000 + b'"}'), RESPONSE_ERROR)],
    "503 Retry-After": [(Answer(status=503, body=b"", headers=(("Retry-After", "1"),)), REQUEST_ERROR)],
    "retry:true": [(RETRY, RESPONSE_ERROR)],
    "close connections": [(Answer(close=True), DELIVERED), (Answer(raw=_WHOLE), DELIVERED)],
}


def dice(request, sides):
    """0 to sides - 1, the same for the same attempt in every run."""
    return zlib.crc32(repr((request.record, request.attempt)).encode()) % sides


def answer(request, fault, hopeless):
    """(Answer, its meaning). `hopeless` records are asked for again for ever."""
    if fault and fault.kind in FAULTY and dice(request, 100) < 100 * fault.share:
        choices = FAULTY[fault.kind]
        return choices[dice(request, 1000) // 100 % len(choices)]
    return (RETRY, RESPONSE_ERROR) if hopeless(request) else (GOOD, DELIVERED)
