"""The same calls to a real Kafka Connect worker and to our program, side by side on one broker: their answers differ
only in what the table of etc/README.md names, and everything that it names is seen.
"""

import dataclasses
import time

import pytest

import kafka_cluster
from connect_calls import STEPS, Mend, Until
from connect_compare import Answer, Call, Side, differing
from connect_differences import ELSEWHERE, EVERYWHERE, reference_rows
from connect_worker import ConnectWorker
from endpoint import DELIVERED, RETRY, Endpoint
from rest import Rest
from sidecar import Sidecar
from waiting import eventually

REBALANCE_SECONDS = 60      # a worker answers 409 during one
READ_BACK_SECONDS = 30      # a worker may answer before it has read back what it wrote


@dataclasses.dataclass(frozen=True)
class Judgement:
    seen: list      # documented differences
    stale: list     # documented differences that this call should show and does not
    left: list      # undocumented ones: (where, theirs, ours)

    @property
    def wrong(self):
        return bool(self.stale or self.left)


def judge(call, theirs, ours):
    seen = []
    for one in (*call.differs, *EVERYWHERE):
        try:
            made = one.erase(theirs, ours)
        except (KeyError, IndexError, TypeError, AttributeError, AssertionError):
            made = None     # the answers have another shape than this difference is about
        if made and len(differing(*made)) < len(differing(theirs, ours)):
            seen.append(one)
            theirs, ours = made
    stale = [one for one in call.differs if one not in seen and not one.sometimes]
    return Judgement(seen, stale, differing(theirs, ours))


@dataclasses.dataclass(frozen=True)
class Asked:
    call: Call
    theirs: Answer
    ours: Answer
    judgement: Judgement

    def __str__(self):
        lines = [str(self.call), *(f"    no longer different: {one.row}" for one in self.judgement.stale)]
        for where, theirs, ours in self.judgement.left:
            lines.append(f"    {where}\n        Kafka Connect: {theirs!s:.300}\n        here: {ours!s:.300}")
        return "\n".join(lines)


class Pair:
    def __init__(self, theirs, ours, mend):
        self._theirs, self._ours, self._mend = theirs, ours, mend
        self.asked = []

    def play(self, step):
        if isinstance(step, Mend):
            self._mend()
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
        """Theirs is asked again where its answer may be about to change; ours has to be right at once."""
        theirs, ours = self._theirs.ask(call), self._ours.ask(call)
        begun = time.monotonic()
        while True:
            asked = Asked(call, theirs, ours, judge(call, theirs, ours))
            reads = call.method == "GET" or "/restart?" in call.path     # this one answers the status
            patience = REBALANCE_SECONDS if theirs.status == 409 else READ_BACK_SECONDS if reads else 0
            if not asked.judgement.wrong or time.monotonic() - begun > patience:
                return asked
            theirs = self._theirs.ask(call)

    def wrong(self):
        return [one for one in self.asked if one.judgement.wrong]

    def report(self):
        return "\n".join(str(one) for one in self.wrong())


@pytest.fixture(scope="module")
def pair(binary, kafka, tmp_path_factory):
    """Both, after all calls."""
    directory = tmp_path_factory.mktemp("pair")
    node = kafka_cluster.load_node()
    sidecar = Sidecar(binary, directory / "sidecar", kafka.bootstrap)
    sidecar.settings["log.level"] = "warn"      # as in log4j.properties: GET /admin/loggers shows it
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

    def mend():
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
        mend)


def test_answers_differ_only_where_documented(pair, capsys):
    documented = [one for one in pair.asked if one.judgement.seen]
    rows = {one.row for asked in documented for one in asked.judgement.seen}
    with capsys.disabled():
        print(f"\n{len(pair.asked)} calls to Kafka Connect 3.9.1 and to our program: "
              f"{len(pair.asked) - len(documented)} answers are equal, {len(documented)} show one or more of "
              f"{len(rows)} documented differences, {len(pair.wrong())} are wrong")
    assert len(pair.asked) >= 200
    assert not pair.wrong(), f"{len(pair.wrong())} undocumented differences:\n{pair.report()}"


def test_the_table_lists_exactly_the_observed_differences(pair):
    seen = {one.row for asked in pair.asked for one in asked.judgement.seen}
    assert seen | {*ELSEWHERE} == {*reference_rows()}
    assert not seen & {*ELSEWHERE}


def with_more(body):
    return {**body, "planted": 1} if isinstance(body, dict) else ["planted"]


WRONG = {
    "another status": lambda one: one.with_(status=599),
    "another type": lambda one: one.with_(type="text/planted"),
    "another Location": lambda one: one.with_(location="http://planted/"),
    "another Allow": lambda one: one.with_(allow=frozenset({"PLANTED"})),
    "another body": lambda one: one.with_(body=with_more(one.body)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_planted_difference_in_any_answer_is_found(pair, wrong):
    unfound = [str(one.call) for one in pair.asked
               if not judge(one.call, one.theirs, WRONG[wrong](one.ours)).left]
    assert not unfound, "\n".join(unfound)


def test_a_documented_difference_that_no_longer_exists_is_found(pair):
    for one in pair.asked:
        judgement = judge(one.call, one.theirs, one.theirs)
        assert judgement.stale == [each for each in one.call.differs if not each.sometimes], one.call
