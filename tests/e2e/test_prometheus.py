"""The shipped alerts in a real Prometheus with a real sidecar: exactly the right ones fire, and they clear.

The rules of k8s/monitoring run on a clock that is 20 times as fast (monitoring.faster): 10 minutes are 30 seconds.
"""

import pytest

import kafka_cluster
from endpoint import DELIVERED, RETRY, Answer
from kafka_cluster import unique
from prometheus import Prometheus
from sidecar import Sidecar
from waiting import eventually

# Long enough to be still retrying when the endpoint recovers.
MANY_TRIES = ",".join(["1"] * 900)


@pytest.fixture
def prometheus(tmp_path):
    """Returns a function that starts it once the sidecar runs, because the absence of a target fires an alert."""
    started = []

    def start(*sidecars):
        started.append(Prometheus(tmp_path / "prometheus", *sidecars))
        return started[0].__enter__()

    yield start
    for one in started:
        one.__exit__()


def test_alerts_fire_for_failing_deliveries_and_not_for_a_healthy_connector(kafka, sidecar, endpoint, second_endpoint,
                                                                            prometheus):
    """Four connectors: one is stuck on a dead endpoint, one has failed, one drops, one is healthy."""
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
    # It has never committed anything, and the alert must fire all the same.
    kafka.produce(topics[stuck], [b"0"])
    sidecar.start()
    sidecar.wait_running(*topics)
    alerts = prometheus(sidecar)
    for name in (failed, drops, well):
        kafka.produce(topics[name], [b"0"])
    # The alert of the drop clears by itself, so wait for it first.
    alerts.wait_firing(("KafkaHttpSinkRecordsDropped", drops))
    broken.pop(drops)
    expected = {("KafkaHttpSinkNotDelivering", stuck), ("KafkaHttpSinkErrorRatio", stuck),
                ("KafkaHttpSinkConnectorFailed", failed), ("KafkaHttpSinkRecordsDropped", drops)}

    def all_fired():
        for name in (well, drops):
            kafka.produce(topics[name], [b"x"])
        return alerts.firing(ever=True) >= expected

    eventually(all_fired, lambda: f"{expected} fire; fired: {alerts.firing(ever=True)}", timeout=300)
    assert alerts.firing(ever=True) == expected

    broken.clear()
    second_endpoint.come_back()
    sidecar.connector(failed, topics[failed], endpoint, {"exception.strategy": "STOP_TASK", "tasks.max": 2})
    eventually(lambda: all(kafka.all_committed(name, topics[name]) for name in topics), "everything is delivered")
    alerts.wait_clear(*expected)
    assert alerts.firing(ever=True) == expected and alerts.firing() == set()


def test_alerts_fire_for_invalid_or_unreadable_definitions_until_they_are_fixed(kafka, sidecar, endpoint, prometheus,
                                                                                name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    alerts = prometheus(sidecar)
    sidecar.write(name, f'topics = "{topic}"\ncallback.request.url = "ftp://nowhere"\n')
    alerts.wait_firing(("KafkaHttpSinkInvalidDefinition", name))
    assert alerts.firing(ever=True) == {("KafkaHttpSinkInvalidDefinition", name)}
    sidecar.connector(name, topic, endpoint)
    alerts.wait_clear(("KafkaHttpSinkInvalidDefinition", name))

    away = sidecar.connectors.with_name("away")
    sidecar.connectors.rename(away)
    alerts.wait_firing(("KafkaHttpSinkReloadFailed", None))
    away.rename(sidecar.connectors)
    alerts.wait_clear(("KafkaHttpSinkReloadFailed", None))
    assert alerts.firing(ever=True) == {("KafkaHttpSinkInvalidDefinition", name), ("KafkaHttpSinkReloadFailed", None)}


def test_alerts_fire_for_a_sidecar_that_is_down_and_for_one_that_restarts_repeatedly(
        kafka, sidecar, endpoint, prometheus, name):
    """An alert also fires if there was never a target."""
    alerts = prometheus()
    alerts.wait_firing(("KafkaHttpSinkAbsent", None))
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    alerts.scrape(sidecar)
    alerts.wait_clear(("KafkaHttpSinkAbsent", None))
    sidecar.kill()
    alerts.wait_firing(("KafkaHttpSinkAbsent", None))
    assert alerts.query('ALERTS{alertstate="firing", namespace="shop"}')
    assert alerts.firing(ever=True) == {("KafkaHttpSinkAbsent", None)}

    def restarted():
        seen = alerts.query("process_start_time_seconds")
        sidecar.start()
        alerts.scrape(sidecar)
        eventually(lambda: alerts.query("process_start_time_seconds") not in ([], seen), "the new process is scraped")
        alerts.wait_clear(("KafkaHttpSinkAbsent", None))
        if alerts.firing() == {("KafkaHttpSinkProcessRestarts", None)}:
            return True
        sidecar.kill()
        return False

    eventually(restarted, lambda: f"repeated restarts fire; fired: {alerts.firing(ever=True)}", timeout=300)


def test_alerts_fire_while_the_broker_is_down(binary, own_broker, endpoint, prometheus, tmp_path, name):
    """Without the broker the group and its lag are unknown, so no alert may rely on the lag alone."""
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic = kafka.topic()
    sidecar = Sidecar(binary, tmp_path / "sidecar", own_broker.bootstrap)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    try:
        sidecar.wait_running(name)
        kafka.produce(topic, [b"x"])
        endpoint.wait_for(1)
        alerts = prometheus(sidecar)
        own_broker.kill()
        alerts.wait_firing(("KafkaHttpSinkNoPartitions", name))
        own_broker.come_back()
        alerts.wait_clear(("KafkaHttpSinkNoPartitions", name))
        assert alerts.firing(ever=True) == {("KafkaHttpSinkNoPartitions", name)}
    finally:
        sidecar.end_of_test()
