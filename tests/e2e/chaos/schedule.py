"""What goes wrong when: a pure function of the seed, so that what a run has met can be had again."""

import dataclasses
import random

# Of each track one fault follows the other; the tracks run beside each other. Pause before a fault and how long it
# lasts, in seconds: from, to. A member that was killed holds up its group for the length of a session.
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
FROZEN = (1, 8)     # for how long SIGSTOP: shorter and longer than a session
CONNECTORS = ("ordered", "keyed", "free", "latest", "sticky", "made")


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float           # seconds from the beginning
    lasts: float
    track: str
    kind: str
    connector: str      # which it meets, where it meets one
    share: float        # of the requests that an endpoint's fault meets
    count: int          # of the members that join
    number: int         # of its track, from 0 on: what an edit writes
    waits: bool         # until records have come since the one before it

    def __str__(self):
        return (f"{self.at:7.2f} s  {self.track:8}  {self.kind:27}  lasts={self.lasts:.2f} s connector={self.connector}"
                f" share={self.share} count={self.count}{' waits' * self.waits}")


def schedule(seed, seconds, kinds=KINDS):
    """The faults of `seconds` seconds, in order of time. Each kind of a track comes once before any comes again."""
    faults = []
    for track, (pause, lasting, of_track) in TRACKS.items():
        dice = random.Random(f"{seed}/{track}")
        deck, now, number = [], 0.0, 0
        while True:
            if not deck:
                deck = dice.sample(of_track, len(of_track))
            now += dice.uniform(*pause)
            kind = deck.pop()
            lasts = dice.uniform(*(FROZEN if kind == "SIGSTOP" else lasting))
            fault = Fault(round(now, 2), round(lasts, 2), track, kind, dice.choice(CONNECTORS),
                          dice.choice((0.2, 0.5, 1)), dice.choice((1, 2)), number, dice.random() < 0.8)
            now += fault.lasts
            number += 1
            if now > seconds:
                break
            if fault.kind in kinds:
                faults.append(fault)
    return sorted(faults, key=lambda fault: (fault.at, fault.track))
