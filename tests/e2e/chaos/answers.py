"""What the endpoint answers during a fault, and the verdict that the program must reach."""

import zlib

from endpoint import RETRY, Answer
from history import DELIVERED, REQUEST_ERROR, RESPONSE_ERROR

GOOD = Answer(delay=0.005)
_WHOLE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"retry":false}'

# Kind of fault -> its answers, each with its verdict. A hanging request ends with the client's timeout.
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
    """Returns 0 to sides - 1, always the same for the same attempt."""
    return zlib.crc32(repr((request.record, request.attempt)).encode()) % sides


def answer(request, fault, never_accepted):
    """Returns (Answer, its verdict). The endpoint asks for a retry of every `never_accepted` record, forever."""
    if fault and fault.kind in FAULTY and dice(request, 100) < 100 * fault.share:
        choices = FAULTY[fault.kind]
        return choices[dice(request, 1000) // 100 % len(choices)]
    return (RETRY, RESPONSE_ERROR) if never_accepted(request) else (GOOD, DELIVERED)
