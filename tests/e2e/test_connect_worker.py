"""Sends the same calls to a real Kafka Connect worker and to our program on the same broker. Their answers differ only
as the table in etc/README.md documents, and every documented difference is observed.
"""

import dataclasses
import time

import pytest

import kafka_cluster
from connect_calls import STEPS, Repair, Until
from connect_compare import Answer, Call, Side, differing
from connect_differences import ELSEWHERE, EVERYWHERE, reference_rows
from connect_worker import ConnectWorker
from endpoint import DELIVERED, RETRY, Endpoint
from rest import Rest
from sidecar import Sidecar
from waiting import eventually

REBALANCE_SECONDS = 60      # a worker answers 409 during a rebalance
READ_BACK_SECONDS = 30      # a worker may answer before it has read back its own writes


@dataclasses.dataclass(frozen=True)
class Comparison:
    seen: list      # documented differences
    stale: list     # documented differences that this call should show but does not
    undocumented: list  # (path, theirs, ours)

    @property
    def wrong(self):
        return bool(self.stale or self.undocumented)


def compare(call, theirs, ours):
    seen = []
    for one in (*call.differs, *EVERYWHERE):
        try:
            made = one.erase(theirs, ours)
        except (KeyError, IndexError, TypeError, AttributeError, AssertionError):
            made = None     # the answers do not have the shape of this difference
        if made and len(differing(*made)) < len(differing(theirs, ours)):
            seen.append(one)
            theirs, ours = made
    stale = [one for one in call.differs if one not in seen and not one.sometimes]
    return Comparison(seen, stale, differing(theirs, ours))


@dataclasses.dataclass(frozen=True)
class Asked:
    call: Call
    theirs: Answer
    ours: Answer
    comparison: Comparison

    def __str__(self):
        lines = [str(self.call), *(f"    documented but not different: {one.row}" for one in self.comparison.stale)]
        for where, theirs, ours in self.comparison.undocumented:
            lines.append(f"    {where}\n        Kafka Connect: {theirs!s:.300}\n        here: {ours!s:.300}")
        return "\n".join(lines)


class Pair:
    def __init__(self, theirs, ours, repair):
        self._theirs, self._ours, self._repair = theirs, ours, repair
        self.asked = []

    def play(self, step):
        if isinstance(step, Repair):
            self._repair()
        elif isinstance(step, Until):
            self._wait(self._theirs, step.path, step.holds)
            self._wait(self._ours, step.path, step.ours or step.holds)
        else:
            self.asked.append(self._ask(step))

    def _wait(self, side, path, holds):
        call = Call("GET", path)
        eventually(lambda: holds(side.ask(call)),
                   lambda: f"{side.name} answers {call}{side.ask(call)}\n{self.report()}")

    def _ask(self, call):
        """Asks both. Theirs is asked again while its answer may still change; ours must be right at once."""
        theirs, ours = self._theirs.ask(call), self._ours.ask(call)
        begun = time.monotonic()
        while True:
            asked = Asked(call, theirs, ours, compare(call, theirs, ours))
            reads = call.method == "GET" or "/restart?" in call.path     # this call returns the status
            timeout = REBALANCE_SECONDS if theirs.status == 409 else READ_BACK_SECONDS if reads else 0
            if not asked.comparison.wrong or time.monotonic() - begun > timeout:
                return asked
            theirs = self._theirs.ask(call)

    def wrong(self):
        return [one for one in self.asked if one.comparison.wrong]

    def report(self):
        return "\n".join(str(one) for one in self.wrong())


@pytest.fixture(scope="module")
def pair(binary, kafka, tmp_path_factory):
    """Both servers, after all calls."""
    directory = tmp_path_factory.mktemp("pair")
    node = kafka_cluster.load_node()
    sidecar = Sidecar(binary, directory / "sidecar", kafka.bootstrap)
    sidecar.settings["log.level"] = "warn"      # the same as in log4j.properties, because GET /admin/loggers shows it
    ours = Rest(sidecar)
    try:
        worker = ConnectWorker(node, directory, kafka.bootstrap)
    except node.Unavailable as error:
        kafka_cluster.without(str(error))
    try:
        with Endpoint() as endpoint:
            sidecar.start()
            worker.wait()
            both = side_by_side(kafka, directory, worker.calls, ours, endpoint)
            for step in STEPS:
                both.play(step)
            yield both
            sidecar.stop()
    finally:
        worker.stop()
        sidecar.end_of_test()


def side_by_side(kafka, directory, theirs, ours, endpoint):
    topic, run = kafka.topic(), kafka_cluster.unique("run")
    kafka.produce(topic, [b"0", b"1", b"2"])

    def words(side, package, plugin):
        return {"@class@": f"{package}{plugin}Connector", "@package@": package, "@plugin@": plugin, "@topic@": topic,
                "@n@": f"{run}-{side}-"}

    def decide(request):
        return RETRY if request.target.endswith("/failing") else DELIVERED

    def repair():
        (directory / "later").mkdir()
        endpoint.decide = lambda request: DELIVERED

    endpoint.decide = decide
    return Pair(
        Side("Kafka Connect", theirs, words("theirs", "org.apache.kafka.connect.file.", "FileStreamSink"), {
            "good": {"file": str(directory / "records")},
            "failing": {"file": str(directory / "later" / "records")}}),
        Side("our program", ours, words("ours", "nz.ac.auckland.kafka.http.sink.", "HttpSink"), {
            "failing": {"callback.request.url": endpoint.url + "/failing", "exception.strategy": "STOP_TASK",
                        "retry.backoff.sec": ""},
            "good": {"callback.request.url": endpoint.url}}),
        repair)


def test_answers_differ_only_where_documented(pair, capsys):
    documented = [one for one in pair.asked if one.comparison.seen]
    rows = {one.row for asked in documented for one in asked.comparison.seen}
    with capsys.disabled():
        print(f"\n{len(pair.asked)} calls to Kafka Connect 3.9.1 and to our program: "
              f"{len(pair.asked) - len(documented)} answers are equal, {len(documented)} show one or more of "
              f"{len(rows)} documented differences, {len(pair.wrong())} are wrong")
    assert len(pair.asked) >= 200
    assert not pair.wrong(), f"{len(pair.wrong())} undocumented differences:\n{pair.report()}"


def test_the_table_lists_exactly_the_observed_differences(pair):
    seen = {one.row for asked in pair.asked for one in asked.comparison.seen}
    assert seen | {*ELSEWHERE} == {*reference_rows()}
    assert not seen & {*ELSEWHERE}


def with_more(body):
    return {**body, "planted": 1} if isinstance(body, dict) else ["planted"]


PLANTED = {
    "different status": lambda one: one.with_(status=599),
    "different type": lambda one: one.with_(type="text/planted"),
    "different Location": lambda one: one.with_(location="http://planted/"),
    "different Allow": lambda one: one.with_(allow=frozenset({"PLANTED"})),
    "different body": lambda one: one.with_(body=with_more(one.body)),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_in_any_answer_is_found(pair, planted):
    unfound = [str(one.call) for one in pair.asked
               if not compare(one.call, one.theirs, PLANTED[planted](one.ours)).undocumented]
    assert not unfound, "\n".join(unfound)


def test_a_documented_difference_that_no_longer_exists_is_found(pair):
    for one in pair.asked:
        comparison = compare(one.call, one.theirs, one.theirs)
        assert comparison.stale == [each for each in one.call.differs if not each.sometimes], one.call
