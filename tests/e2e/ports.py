"""Ports on the loopback interface."""

import contextlib
import pathlib
import random
import socket


def free_ports(count):
    """Returns different ports that nothing listens on. The kernel gives none of them to a client, so they are still
    free when a program that was killed starts again."""
    first_of_clients = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = random.SystemRandom().sample(range(1024, first_of_clients), min(100, first_of_clients - 1024))
    found = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", candidates.pop()))
                found.append(probe.getsockname()[1])
    return found


def free_port():
    return free_ports(1)[0]


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
