"""Books of a run in which nothing went wrong, for tests that plant what does."""

import datetime

import ledger
from books import DELIVERED, Acked, Attempt, Books, Life, Record, Sink

TOPIC = "t"


def stamp(time):
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).isoformat(timespec="milliseconds")


def line(time, message, **more):
    return f'time={stamp(time)} level=info logger=task msg="{message}" ' + " ".join(f"{k}={v}" for k, v in more.items())


def record(offset, incarnation=0):
    return Record(TOPIC, 0, offset, incarnation)


def attempt(offset, arrived, life="a1", verdict=DELIVERED, finished=0.001, connection=1, incarnation=0):
    return Attempt(record(offset, incarnation), offset, b"k", life, arrived, arrived + finished if finished else None,
                   verdict, connection)


class Story:
    """Three records, delivered one after the other by one process, and whatever a test adds to that."""

    def __init__(self, ordering="partition", drops_after=None, letters=False):
        self.sink = Sink("c", [TOPIC], ordering, drops_after, letters)
        self.acked = {record(offset): Acked(offset, b"k", 1.0) for offset in range(3)}
        self.attempts = [attempt(offset, 10.0 + offset) for offset in range(3)]
        self.lives = [Life("a1", 1.0, 100.0, "left", [line(2.0, "partitions assigned", partitions=f"{TOPIC}[0]")],
                           {"c": 0}, True)]
        self.commits, self.letters, self.windows, self.secrets = [], [], [], {}
        self.recreations, self.deletions, self.early, self.new_commits = [], [], set(), []

    def second_life(self, how, at=50.0):
        """It ends, and another process begins; neither has committed anything."""
        self.lives[0].end, self.lives[0].how, self.lives[0].final = at, how, False
        self.lives.append(Life("a2", at, 200.0, "left",
                               [line(at + 1, "partitions assigned", partitions=f"{TOPIC}[0]")]))

    def verdict(self):
        books = Books([self.sink], self.acked, sorted(self.attempts, key=lambda one: one.arrived), self.lives,
                      {(TOPIC, 0, 0): self.commits, (TOPIC, 0, 1): self.new_commits}, self.letters, self.windows,
                      self.secrets, self.recreations, self.deletions, self.early)
        return ledger.judge(books)

    def problems(self):
        return self.verdict().problems()

    def must_show(self, words):
        problems = self.problems()
        assert problems and all(words in one for one in problems), problems
