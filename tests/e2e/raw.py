"""Raw bytes on a socket, for requests that no HTTP client would send."""

import re
import socket
import time


def head(line, *lines):
    """Returns a correct request head: the request line, Host, and these lines."""
    return "\r\n".join([line, "Host: 127.0.0.1", *lines, "", ""]).encode("latin-1")


def connect(port, timeout=60):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def until_closed(connection):
    """Reads until the connection closes; a reset counts as the end."""
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionError:
        pass
    return received


def exchange(port, data):
    """Sends the data and returns everything received until the other side closes."""
    with connect(port) as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass
        return until_closed(connection)


def statuses(received):
    return [int(one) for one in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def trickle(port, begin, byte, pause, most):
    """Sends `begin`, then single bytes until the connection closes; returns the received bytes and the seconds."""
    begun = time.monotonic()
    with connect(port, pause) as connection:
        connection.sendall(begin)
        received = b""
        while time.monotonic() - begun < most:
            try:
                more = connection.recv(65536)
                if not more:
                    return received, time.monotonic() - begun
                received += more
            except socket.timeout:
                pass
            except ConnectionError:
                return received, time.monotonic() - begun
            try:
                connection.sendall(byte)
            except ConnectionError:
                pass
    raise AssertionError(f"not closed within {most} s; received {received[:200]!r}")
