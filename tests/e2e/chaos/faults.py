"""Injects the faults of a schedule, with one thread per track."""

import contextlib
import http.client
import signal
import threading
import time
import traceback

from history import Window
from rest import definition
from schedule import TRACKS
from small_disk import fill_disk
from topic_faults import TopicFaults
from waiting import eventually
from world import LONG_BACKOFF
from writer import STALL_TIMEOUT

REQUESTS_BETWEEN = 30   # requests between two faults of a track
MAX_WAIT = 30           # seconds to wait for them


class Chaos:
    """Injects the faults of one schedule into a World. `run` returns when all are over."""

    def __init__(self, world, faults):
        self._world, self._faults = world, faults
        self._edits = {"edit URL": self._edit_url, "edit headers": self._edit_headers,
                       "edit back-off": self._edit_back_off, "edit in-flight": self._edit_in_flight,
                       "edit topics": self._edit_topics}
        self._acts = {**TopicFaults(world).acts, "kill -9": self._kill, "SIGTERM": self._terminate,
                      "broker kill -9": self._kill_broker, "member leaves": self._members_come_and_go,
                      "member killed": self._members_come_and_go, "REST pause": self._pause,
                      "REST restart": self._restart, "REST stop": self._stop, "secret rotated": self._rotate,
                      "state disk full": self._fill_disk, "SIGSTOP": self._freeze,
                      "stop by strategy": self._stop_by_strategy, **dict.fromkeys(self._edits, self._edit)}

    def run(self):
        self._began = time.monotonic()
        threads = [threading.Thread(target=self._track, args=(track,), name=track) for track in TRACKS
                   if track != "broker"]
        for thread in threads:
            thread.start()
        # On this thread, because the broker ends with the thread that started it.
        self._track("broker")
        for thread in threads:
            thread.join()
        assert not self._world.failures, "\n".join(self._world.failures)

    def _track(self, track):
        requests = self._world.endpoint.requests
        seen = len(requests)
        for fault in self._faults:
            if fault.track != track or self._world.failures:
                continue
            time.sleep(max(0.0, self._began + fault.at - time.monotonic()))
            # A fault without records in flight shows nothing, so wait for some even on a slow machine.
            deadline = time.monotonic() + MAX_WAIT
            while fault.waits_for_requests and len(requests) < seen + REQUESTS_BETWEEN and time.monotonic() < deadline:
                time.sleep(0.05)
            begin, process = time.time(), self._world.main.processes[-1].name if fault.kind == "SIGSTOP" else None
            try:
                self._acts.get(fault.kind, self._answers)(fault)
            except Exception:       # pylint: disable=broad-except
                self._world.failures.append(f"while {fault}:\n{traceback.format_exc()}")
            self._world.windows.append(Window(fault.kind, begin, time.time(), process))
            seen = len(requests)

    # The endpoint

    def _answers(self, fault):
        if fault.kind == "refuse":
            self._world.endpoint.refuse()
            time.sleep(fault.duration)
            self._world.endpoint.come_back()
            return
        self._world.fault = fault
        time.sleep(fault.duration)
        self._world.fault = None

    # Processes

    def _kill(self, fault):
        self._world.main.kill()
        time.sleep(fault.duration)
        self._world.main.start()

    def _terminate(self, fault):
        self._world.main.terminate()
        time.sleep(fault.duration)
        self._world.main.start()

    def _freeze(self, fault):
        """Freezes the process. After a session timeout the group assigns its partitions to other members."""
        self._world.main.sidecar.signal(signal.SIGSTOP)
        time.sleep(fault.duration)
        self._world.main.sidecar.signal(signal.SIGCONT)

    def _members_come_and_go(self, fault):
        joining = self._world.members[1:1 + fault.count]
        for one in joining:
            one.start()
        time.sleep(fault.duration)
        for one in joining:
            if fault.kind == "member killed":
                one.kill()
            else:
                one.terminate()

    def _kill_broker(self, fault):
        with self._world.cluster:
            self._world.broker.kill()
            time.sleep(fault.duration)
            self._world.broker.come_back()

    # Configuration

    def _edit(self, fault):
        role, changes = self._edits[fault.kind](fault)
        self._world.edit(role, changes)
        time.sleep(fault.duration)

    def _edit_url(self, fault):
        return fault.connector, {"callback.request.url": f"{self._world.endpoint.url}/{fault.number}"}

    def _edit_headers(self, fault):
        return fault.connector, {"callback.request.headers": self._world.headers(fault.number)}

    def _edit_back_off(self, fault):
        # The number of delays stays the same, because the checker counts the attempts before a drop.
        first = [0.1 + fault.number % 5 / 20, 0.2]
        drops = self._world.connector(fault.connector).drops_after
        return fault.connector, {"retry.backoff.sec": first + ([] if drops else LONG_BACKOFF),
                                 "request.retry.backoff.sec": first + LONG_BACKOFF}

    def _edit_in_flight(self, fault):
        return fault.connector, {"delivery.max.in.flight": (1, 4, 64)[fault.number % 3]}

    def _edit_topics(self, fault):
        topics = self._world.connector("free").topics
        return "free", {"topics": list(topics if fault.number % 2 else topics[:1])}

    def _pause(self, fault):
        self._suspend(fault, "pause")

    def _stop(self, fault):
        self._suspend(fault, "stop")

    def _suspend(self, fault, how):
        with self._world.suspended(fault.connector, how):
            time.sleep(fault.duration)

    def _stop_by_strategy(self, fault):
        """Forbids retries to a connector whose endpoint asks for one, waits for the stop, and restores both."""
        connector = self._world.connector("made")
        path = f"/connectors/{connector.name}"
        self._world.rejected_topics["stop by strategy"], = connector.topics
        self._world.edit("made", {"exception.strategy": "STOP_TASK"})
        eventually(lambda: b'"FAILED"' in self._world.call("GET", f"{path}/status").body, f"{path} stops",
                   STALL_TIMEOUT)
        del self._world.rejected_topics["stop by strategy"]
        self._world.edit("made", {"exception.strategy": "PROGRESS_BACK_OFF_STOP_TASK"})
        self._world.call("POST", f"{path}/restart?onlyFailed=true&includeTasks=true")
        time.sleep(fault.duration)

    def _restart(self, fault):
        self._world.call("POST", f"/connectors/{self._world.name(fault.connector)}/restart?includeTasks=true")
        time.sleep(fault.duration)

    def _rotate(self, fault):
        self._world.definitions.rotate()
        time.sleep(fault.duration)

    def _fill_disk(self, fault):
        """Fills the disk of the REST state: creating a connector must fail, and nothing else may be affected."""
        filler = fill_disk(self._world.main.sidecar.state)
        try:
            with contextlib.suppress(OSError, http.client.HTTPException):     # the process may be down
                # 503: the process is starting or stopping.
                eventually(lambda: self._create_on_full_disk().status in (500, 503), "creating a connector fails")
            time.sleep(fault.duration)
        finally:
            filler.unlink()

    def _create_on_full_disk(self):
        """A file that another call has replaced or removed since may leave room. What is created must be stored."""
        name, rest = "x" * 200, self._world.main.rest
        reply = rest.create(name, definition("none", self._world.endpoint))
        if reply.status == 201:
            assert list(self._world.main.sidecar.state.rglob(name[:50] + "*")), f"created, but not stored: {reply}"
            rest.delete(f"/connectors/{name}")
            fill_disk(self._world.main.sidecar.state)
        return reply


def end_faults(world):
    """Makes the endpoint accept everything, restores the topics and restarts what has failed."""
    world.fault = None
    world.edit("free", {"topics": list(world.connector("free").topics)})
    world.restart_failed("keyed")
    eventually(lambda: world.main.sidecar.probe("/startupz") == 200, "the main member is up")
