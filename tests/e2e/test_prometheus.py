"""The shipped alerts in a real Prometheus, beside a real sidecar: the right ones fire, no other does, and they clear.

The rules are those of k8s/monitoring on a clock that runs 20 times as fast (monitoring.faster): 10 minutes are 30
seconds.
"""

import pytest

import kafka_cluster
from endpoint import DELIVERED, RETRY, Answer
from kafka_cluster import unique
from prometheus import Prometheus
from sidecar import Sidecar
from waiting import eventually

# Long enough to be still trying when the endpoint is mended.
MANY_TRIES = ",".join(["1"] * 900)


@pytest.fixture
def prometheus(tmp_path):
    """Starts it when the sidecar runs: before there is a target, that would be what it tells of."""
    started = []

    def start(*sidecars):
        started.append(Prometheus(tmp_path / "prometheus", *sidecars))
        return started[0].__enter__()

    yield start
    for one in started:
        one.__exit__()


def test_alerts_fire_for_failing_deliveries_and_not_for_a_healthy_connector(kafka, sidecar, endpoint, second_endpoint,
                                                                            prometheus):
    """Four connectors: one is stuck on a dead endpoint, one has failed, one drops, one is well."""
    stuck, failed, drops, well = (unique(stem) for stem in ("stuck", "failed", "drops", "well"))
    topics = {name: kafka.topic() for name in (stuck, failed, drops, well)}
    broken = {failed: RETRY, drops: Answer(status=422, body=b'{"retry":true}')}

    def decide(request):
        for name, answer in list(broken.items()):
            if request.topic == topics[name]:
                return answer
        return DELIVERED

    endpoint.decide = decide
    sidecar.connector(stuck, topics[stuck], second_endpoint, {"request.retry.backoff.sec": MANY_TRIES})
    sidecar.connector(failed, topics[failed], endpoint, {"exception.strategy": "STOP_TASK"})
    sidecar.connector(drops, topics[drops], endpoint, {"exception.strategy": "DROP_MESSAGE"})
    sidecar.connector(well, topics[well], endpoint)
    second_endpoint.refuse()
    # It has never committed anything, and is not to be overlooked for that.
    kafka.produce(topics[stuck], [b"0"])
    sidecar.start()
    sidecar.wait_running(*topics)
    told = prometheus(sidecar)
    for name in (failed, drops, well):
        kafka.produce(topics[name], [b"0"])
    # The drop's alert ends by itself, so that one is waited for first.
    told.wait_firing(("KafkaHttpSinkRecordsDropped", drops))
    broken.pop(drops)
    expected = {("KafkaHttpSinkNotDelivering", stuck), ("KafkaHttpSinkErrorRatio", stuck),
                ("KafkaHttpSinkConnectorFailed", failed), ("KafkaHttpSinkRecordsDropped", drops)}

    def all_told():
        for name in (well, drops):
            kafka.produce(topics[name], [b"x"])
        return told.firing(ever=True) >= expected

    eventually(all_told, lambda: f"{expected} fire; there were {told.firing(ever=True)}", timeout=300)
    assert told.firing(ever=True) == expected

    broken.clear()
    second_endpoint.come_back()
    sidecar.connector(failed, topics[failed], endpoint, {"exception.strategy": "STOP_TASK", "tasks.max": 2})
    eventually(lambda: all(kafka.all_committed(name, topics[name]) for name in topics), "all is delivered")
    told.wait_clear(*expected)
    assert told.firing(ever=True) == expected and told.firing() == set()


def test_alerts_fire_for_invalid_or_unreadable_definitions_until_they_are_fixed(kafka, sidecar, endpoint, prometheus,
                                                                                name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    told = prometheus(sidecar)
    sidecar.write(name, f'topics = "{topic}"\ncallback.request.url = "ftp://nowhere"\n')
    told.wait_firing(("KafkaHttpSinkInvalidDefinition", name))
    assert told.firing(ever=True) == {("KafkaHttpSinkInvalidDefinition", name)}
    sidecar.connector(name, topic, endpoint)
    told.wait_clear(("KafkaHttpSinkInvalidDefinition", name))

    away = sidecar.connectors.with_name("away")
    sidecar.connectors.rename(away)
    told.wait_firing(("KafkaHttpSinkReloadFailed", None))
    away.rename(sidecar.connectors)
    told.wait_clear(("KafkaHttpSinkReloadFailed", None))
    assert told.firing(ever=True) == {("KafkaHttpSinkInvalidDefinition", name), ("KafkaHttpSinkReloadFailed", None)}


def test_alerts_fire_for_a_sidecar_that_is_down_and_for_one_that_restarts_repeatedly(
        kafka, sidecar, endpoint, prometheus, name):
    """That there was never a target is told as well."""
    told = prometheus()
    told.wait_firing(("KafkaHttpSinkAbsent", None))
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    told.scrape(sidecar)
    told.wait_clear(("KafkaHttpSinkAbsent", None))
    sidecar.kill()
    told.wait_firing(("KafkaHttpSinkAbsent", None))
    assert told.query('ALERTS{alertstate="firing", namespace="shop"}')
    assert told.firing(ever=True) == {("KafkaHttpSinkAbsent", None)}

    def restarted():
        seen = told.query("process_start_time_seconds")
        sidecar.start()
        told.scrape(sidecar)
        eventually(lambda: told.query("process_start_time_seconds") not in ([], seen), "the new process is scraped")
        told.wait_clear(("KafkaHttpSinkAbsent", None))
        if told.firing() == {("KafkaHttpSinkProcessRestarts", None)}:
            return True
        sidecar.kill()
        return False

    eventually(restarted, lambda: f"restarts are told; there were {told.firing(ever=True)}", timeout=300)


def test_alerts_fire_while_the_broker_is_down(binary, own_broker, endpoint, prometheus, tmp_path, name):
    """The group is lost with it. Nobody knows a lag then: no alert may rely on that alone."""
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic = kafka.topic()
    sidecar = Sidecar(binary, tmp_path / "sidecar", own_broker.bootstrap)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    try:
        sidecar.wait_running(name)
        kafka.produce(topic, [b"x"])
        endpoint.wait_for(1)
        told = prometheus(sidecar)
        own_broker.kill()
        told.wait_firing(("KafkaHttpSinkNoPartitions", name))
        own_broker.come_back()
        told.wait_clear(("KafkaHttpSinkNoPartitions", name))
        assert told.firing(ever=True) == {("KafkaHttpSinkNoPartitions", name)}
    finally:
        sidecar.end_of_test()
