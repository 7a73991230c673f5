"""Ports on the loopback interface."""

import contextlib
import socket


def free_port():
    """A port that nothing listens on now. Somebody may take it: use it at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def refused_port():
    """A port that is ours and refuses every connection: bound, so nobody gets it, but nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def unanswering_port():
    """A port where a connect is never answered: its accept queue is full, so the kernel drops whoever comes next."""
    with contextlib.ExitStack() as held:
        full, *fillers = [held.enter_context(socket.socket()) for _ in range(4)]
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]
