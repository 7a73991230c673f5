"""The schedule of faults: a pure function of the seed, so that a round can be repeated."""

import dataclasses
import random

# The faults of a track follow one another; tracks run concurrently. Track -> (pause before a fault, its duration, kinds
# of faults); times are ranges in seconds. A killed member blocks its group for a session timeout.
TRACKS = {
    "endpoint": ((1, 2), (1.5, 4), ("refuse", "reset", "hang", "trickle", "not HTTP", "not JSON", "huge body",
                                    "503 Retry-After", "retry:true", "close connections")),
    "process": ((4, 8), (0, 2), ("kill -9", "SIGTERM", "SIGSTOP")),
    "members": ((5, 9), (5, 10), ("member leaves", "member killed")),
    "broker": ((14, 20), (0.5, 8), ("broker kill -9",)),
    "config": ((1, 2), (0.5, 2), ("edit URL", "edit headers", "edit back-off", "edit in-flight", "edit topics",
                                  "REST pause", "REST restart", "REST stop", "secret rotated", "state disk full",
                                  "stop by strategy")),
    "topics": ((3, 5), (1, 2), ("partitions added", "topic added", "topic recreated", "recreated while paused",
                                    "recreated while stopped", "DeleteRecords", "DeleteRecords while stopped",
                                    "dead letter too large", "dead letter not replicated")),
}
KINDS = tuple(kind for *_, kinds in TRACKS.values() for kind in kinds)
FREEZE_DURATION = (1, 8)     # range of seconds for SIGSTOP: from shorter to longer than a session timeout
CONNECTORS = ("ordered", "keyed", "free", "latest", "sticky", "made")


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float           # seconds since the start of the round
    duration: float
    track: str
    kind: str
    connector: str      # the role of the connector that it affects, if it affects one
    share: float        # the share of requests that a fault of the endpoint affects
    count: int          # number of members that join
    number: int         # index in its track, from 0; edits write it
    waits_for_requests: bool         # whether it waits for requests since the previous fault

    def __str__(self):
        return (f"{self.at:7.2f} s  {self.track:8}  {self.kind:27}  duration={self.duration:.2f} s"
                f" connector={self.connector} share={self.share} count={self.count}{' waits' * self.waits_for_requests}")


def schedule(seed, seconds, kinds=KINDS):
    """Returns the faults of a round, by time. A track repeats a kind only after all of its kinds have come."""
    faults = []
    for track, (pause, durations, of_track) in TRACKS.items():
        dice = random.Random(f"{seed}/{track}")
        deck, now, number = [], 0.0, 0
        while True:
            if not deck:
                deck = dice.sample(of_track, len(of_track))
            now += dice.uniform(*pause)
            kind = deck.pop()
            duration = dice.uniform(*(FREEZE_DURATION if kind == "SIGSTOP" else durations))
            fault = Fault(round(now, 2), round(duration, 2), track, kind, dice.choice(CONNECTORS),
                          dice.choice((0.2, 0.5, 1)), dice.choice((1, 2)), number, dice.random() < 0.8)
            now += fault.duration
            number += 1
            if now > seconds:
                break
            if fault.kind in kinds:
                faults.append(fault)
    return sorted(faults, key=lambda fault: (fault.at, fault.track))
