"""Carries out a schedule: a thread for each track, which acts one fault after the other."""

import contextlib
import http.client
import signal
import threading
import time
import traceback

from books import Window
from rest import definition
from schedule import TRACKS
from small_disk import fill_disk
from topic_faults import TopicFaults
from waiting import eventually
from world import LONG
from writer import STALLED

MEETS = 30          # requests between one fault of a track and the next,
PATIENCE = 30       # or so many seconds


class Chaos:
    """The faults of one schedule, done to a World. `run` returns when all are over."""

    def __init__(self, world, faults):
        self._world, self._faults = world, faults
        self._edits = {"edit URL": self._edit_url, "edit headers": self._edit_headers,
                       "edit back-off": self._edit_back_off, "edit in-flight": self._edit_in_flight,
                       "edit topics": self._edit_topics}
        self._acts = {**TopicFaults(world).acts, "kill -9": self._kill, "SIGTERM": self._terminate,
                      "broker kill -9": self._kill_broker, "member leaves": self._members,
                      "member killed": self._members, "REST pause": self._pause,
                      "REST restart": self._restart, "REST stop": self._stop, "secret rotated": self._rotate,
                      "state disk full": self._fill_disk, "SIGSTOP": self._freeze,
                      "stop by strategy": self._stop_by_strategy, **dict.fromkeys(self._edits, self._edit)}

    def run(self):
        self._began = time.monotonic()
        threads = [threading.Thread(target=self._track, args=(track,), name=track) for track in TRACKS
                   if track != "broker"]
        for thread in threads:
            thread.start()
        # On this thread: the broker ends with the one that started it.
        self._track("broker")
        for thread in threads:
            thread.join()
        assert not self._world.failures, "\n".join(self._world.failures)

    def _track(self, track):
        requests = self._world.endpoint.requests
        met = len(requests)
        for fault in self._faults:
            if fault.track != track or self._world.failures:
                continue
            time.sleep(max(0.0, self._began + fault.at - time.monotonic()))
            # A fault that meets nothing shows nothing, however slow the machine is.
            patience = time.monotonic() + PATIENCE
            while fault.waits and len(requests) < met + MEETS and time.monotonic() < patience:
                time.sleep(0.05)
            begin, life = time.time(), self._world.main.lives[-1].name if fault.kind == "SIGSTOP" else None
            try:
                self._acts.get(fault.kind, self._answers)(fault)
            except Exception:       # pylint: disable=broad-except
                self._world.failures.append(f"while {fault}:\n{traceback.format_exc()}")
            self._world.windows.append(Window(fault.kind, begin, time.time(), life))
            met = len(requests)

    # The endpoint

    def _answers(self, fault):
        if fault.kind == "refuse":
            self._world.endpoint.refuse()
            time.sleep(fault.lasts)
            self._world.endpoint.come_back()
            return
        self._world.fault = fault
        time.sleep(fault.lasts)
        self._world.fault = None

    # Processes

    def _kill(self, fault):
        self._world.main.kill()
        time.sleep(fault.lasts)
        self._world.main.start()

    def _terminate(self, fault):
        self._world.main.terminate()
        time.sleep(fault.lasts)
        self._world.main.start()

    def _freeze(self, fault):
        """Beyond a session the group gives its partitions to others, and it does not know."""
        self._world.main.sidecar.signal(signal.SIGSTOP)
        time.sleep(fault.lasts)
        self._world.main.sidecar.signal(signal.SIGCONT)

    def _members(self, fault):
        coming = self._world.members[1:1 + fault.count]
        for one in coming:
            one.start()
        time.sleep(fault.lasts)
        for one in coming:
            if fault.kind == "member killed":
                one.kill()
            else:
                one.terminate()

    def _kill_broker(self, fault):
        with self._world.cluster:
            self._world.broker.kill()
            time.sleep(fault.lasts)
            self._world.broker.come_back()

    # Configuration

    def _edit(self, fault):
        role, changes = self._edits[fault.kind](fault)
        self._world.edit(role, changes)
        time.sleep(fault.lasts)

    def _edit_url(self, fault):
        return fault.connector, {"callback.request.url": f"{self._world.endpoint.url}/{fault.number}"}

    def _edit_headers(self, fault):
        return fault.connector, {"callback.request.headers": self._world.headers(fault.number)}

    def _edit_back_off(self, fault):
        # As long as before, because the ledger counts the attempts before a drop.
        first = [0.1 + fault.number % 5 / 20, 0.2]
        drops = self._world.sink(fault.connector).drops_after
        return fault.connector, {"retry.backoff.sec": first + ([] if drops else LONG),
                                 "request.retry.backoff.sec": first + LONG}

    def _edit_in_flight(self, fault):
        return fault.connector, {"delivery.max.in.flight": (1, 4, 64)[fault.number % 3]}

    def _edit_topics(self, fault):
        topics = self._world.sink("free").topics
        return "free", {"topics": list(topics if fault.number % 2 else topics[:1])}

    def _pause(self, fault):
        self._held(fault, "pause")

    def _stop(self, fault):
        self._held(fault, "stop")

    def _held(self, fault, how):
        with self._world.held(fault.connector, how):
            time.sleep(fault.lasts)

    def _stop_by_strategy(self, fault):
        """One connector may not retry, and meets an endpoint that asks for it; then both think better of it."""
        sink = self._world.sink("made")
        path = f"/connectors/{sink.name}"
        self._world.refused["stop by strategy"], = sink.topics
        self._world.edit("made", {"exception.strategy": "STOP_TASK"})
        eventually(lambda: b'"FAILED"' in self._world.call("GET", f"{path}/status").body, f"{path} stops", STALLED)
        del self._world.refused["stop by strategy"]
        self._world.edit("made", {"exception.strategy": "PROGRESS_BACK_OFF_STOP_TASK"})
        self._world.call("POST", f"{path}/restart?onlyFailed=true&includeTasks=true")
        time.sleep(fault.lasts)

    def _restart(self, fault):
        self._world.call("POST", f"/connectors/{self._world.name(fault.connector)}/restart?includeTasks=true")
        time.sleep(fault.lasts)

    def _rotate(self, fault):
        self._world.definitions.rotate()
        time.sleep(fault.lasts)

    def _fill_disk(self, fault):
        """What REST is asked to make is refused, and nothing else is to notice."""
        filler = fill_disk(self._world.main.sidecar.state)
        try:
            with contextlib.suppress(OSError, http.client.HTTPException):     # its process may be gone just now
                reply = self._world.main.rest.create("x" * 200, definition("none", self._world.endpoint))
                # Or the process has just begun, or is about to end.
                assert reply.status in (500, 503), f"created on a full disk: {reply}"
            time.sleep(fault.lasts)
        finally:
            filler.unlink()


def cease(world):
    """Everything is there again, and means well; what an edit took away comes back."""
    world.fault = None
    world.edit("free", {"topics": list(world.sink("free").topics)})
    world.mend("keyed")
    eventually(lambda: world.main.sidecar.probe("/startupz") == 200, "the main member is there")
