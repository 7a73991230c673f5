"""Ports on the loopback interface."""

import contextlib
import pathlib
import random
import socket


def free_port():
    """Returns a port that nothing listens on. It is not one that the kernel gives to clients, so that it is still free
    when a program that was killed starts again."""
    first_of_clients = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(100):
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", random.SystemRandom().randrange(1024, max(first_of_clients, 1025))))
                return probe.getsockname()[1]
    raise OSError("no free port was found")


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
