"""Ports on the loopback interface."""

import contextlib
import socket


def free_port():
    """Returns a port that nothing listens on. Use it at once, because others may take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def refused_port():
    """A port that refuses every connection: bound, so that nobody else takes it, but not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def unanswering_port():
    """A port that never answers a connect: its accept queue is full, so the kernel drops further connections."""
    with contextlib.ExitStack() as held:
        full, *fillers = [held.enter_context(socket.socket()) for _ in range(4)]
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]
