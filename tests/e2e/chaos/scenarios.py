"""A correct history, into which the tests of the checker plant violations."""

import datetime

import checker
from history import DELIVERED, Acked, Attempt, Connector, History, Process, Record

TOPIC = "t"


def stamp(time):
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).isoformat(timespec="milliseconds")


def line(time, message, **more):
    return f'time={stamp(time)} level=info logger=task msg="{message}" ' + " ".join(f"{k}={v}" for k, v in more.items())


def assigned(time):
    return line(time, "partitions assigned", partitions=f"{TOPIC}[0]")


def record(offset, incarnation=0):
    return Record(TOPIC, 0, offset, incarnation)


def attempt(offset, arrived, process="a1", verdict=DELIVERED, finished=0.001, connection=1, incarnation=0):
    return Attempt(record(offset, incarnation), offset, b"k", process, arrived,
                   arrived + finished if finished else None, verdict, connection)


class Scenario:
    """One process delivers three records in order; tests change that."""

    def __init__(self, ordering="partition", drops_after=None, dead_letters=False):
        self.connector = Connector("c", [TOPIC], ordering, drops_after, dead_letters)
        self.acked = {record(offset): Acked(offset, b"k", 1.0) for offset in range(3)}
        self.attempts = [attempt(offset, 10.0 + offset) for offset in range(3)]
        self.processes = [Process("a1", 1.0, 100.0, "left", [assigned(2.0)], {"c": 0}, True)]
        self.commits, self.dead_letters, self.windows, self.secrets = [], [], [], {}
        self.recreations, self.deletions, self.early, self.new_commits = [], [], set(), []

    def second_process(self, how, at=50.0):
        """Ends the first process and starts another one; neither has committed anything."""
        self.processes[0].end, self.processes[0].how, self.processes[0].final = at, how, False
        self.processes.append(Process("a2", at, 200.0, "left", [assigned(at + 1)]))

    def history(self):
        attempts = sorted(self.attempts, key=lambda one: one.arrived)
        commits = {(TOPIC, 0, 0): self.commits, (TOPIC, 0, 1): self.new_commits}
        return History([self.connector], self.acked, attempts, self.processes, commits, self.dead_letters,
                       self.windows, self.secrets, self.recreations, self.deletions, self.early)

    def findings(self):
        return checker.check(self.history())

    def problems(self):
        return self.findings().problems()

    def must_report_only(self, words):
        problems = self.problems()
        assert problems and all(words in one for one in problems), problems
