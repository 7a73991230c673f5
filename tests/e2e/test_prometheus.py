"""The shipped alerts in a real Prometheus, beside a real sidecar: the right ones fire, no other does, and they clear.

The rules are those of k8s/monitoring on a clock that runs 20 times as fast (monitoring.faster): 10 minutes are 30 seconds.
"""

import pytest

from endpoint import DELIVERED, RETRY, Answer
from kafka_cluster import unique
from prometheus import Prometheus
from waiting import eventually

# Long enough to be still trying when the endpoint is mended.
MANY_TRIES = ",".join(["1"] * 900)


@pytest.fixture
def prometheus(sidecar, tmp_path):
    """It scrapes `sidecar`, which the test starts."""
    with Prometheus(tmp_path / "prometheus") as running:
        yield running


def keep_producing(kafka, topic):
    """A condition for `eventually` that is never in the way: each look appends a record."""
    kafka.produce(topic, [b"x"])
    return True


def test_delivery_that_fails_is_told_and_a_healthy_connector_is_not(kafka, sidecar, endpoint, second_endpoint, prometheus):
    """Four connectors: one is stuck on a dead endpoint, one has failed, one drops, one is well."""
    stuck, failed, drops, well = (unique(stem) for stem in ("stuck", "failed", "drops", "well"))
    topics = {name: kafka.topic() for name in (stuck, failed, drops, well)}
    broken = {failed: RETRY, drops: Answer(status=422, body=b'{"retry":true}')}

    def decide(request):
        for name, answer in broken.items():
            if request.topic == topics[name]:
                return answer
        return DELIVERED

    endpoint.decide = decide
    sidecar.connector(stuck, topics[stuck], second_endpoint, {"request.retry.backoff.sec": MANY_TRIES})
    sidecar.connector(failed, topics[failed], endpoint, {"exception.strategy": "STOP_TASK"})
    sidecar.connector(drops, topics[drops], endpoint, {"exception.strategy": "DROP_MESSAGE"})
    sidecar.connector(well, topics[well], endpoint)
    second_endpoint.refuse()
    sidecar.start()
    prometheus.scrape(sidecar)
    for name in topics:
        kafka.produce(topics[name], [b"0"])
    expected = {("KafkaHttpSinkNotDelivering", stuck), ("KafkaHttpSinkErrorRatio", stuck),
                ("KafkaHttpSinkConnectorFailed", failed), ("KafkaHttpSinkRecordsDropped", drops)}
    # The drop's alert ends by itself, so that one is waited for first.
    prometheus.wait_firing(("KafkaHttpSinkRecordsDropped", drops))
    broken.pop(drops)
    eventually(lambda: keep_producing(kafka, topics[well]) and prometheus.firing(ever=True) >= expected,
               lambda: f"{expected} fire; there were {prometheus.firing(ever=True)}", timeout=300)
    assert prometheus.firing(ever=True) == expected

    broken.clear()
    second_endpoint.come_back()
    sidecar.connector(failed, topics[failed], endpoint, {"exception.strategy": "STOP_TASK", "retry.backoff.sec": "1"})
    eventually(lambda: all(kafka.all_committed(name, topics[name]) for name in topics), "all committed once it is mended")
    prometheus.wait_clear(*expected)
    assert prometheus.firing(ever=True) == expected and prometheus.firing() == set()


def test_an_invalid_definition_is_told_until_it_is_mended(kafka, sidecar, endpoint, prometheus, name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    prometheus.scrape(sidecar)
    sidecar.write(name, f'topics = "{topic}"\ncallback.request.url = "ftp://nowhere"\n')
    prometheus.wait_firing(("KafkaHttpSinkInvalidDefinition", name))
    sidecar.connector(name, topic, endpoint)
    prometheus.wait_clear(("KafkaHttpSinkInvalidDefinition", name))
    assert prometheus.firing(ever=True) == {("KafkaHttpSinkInvalidDefinition", name)}


def test_a_sidecar_that_is_killed_is_missed_until_it_is_back(kafka, sidecar, endpoint, prometheus, name):
    """That there was never a target is told as well."""
    prometheus.wait_firing(("KafkaHttpSinkAbsent", None))
    sidecar.connector(name, kafka.topic(), endpoint)
    sidecar.start()
    prometheus.scrape(sidecar)
    prometheus.wait_clear(("KafkaHttpSinkAbsent", None))
    sidecar.kill()
    prometheus.wait_firing(("KafkaHttpSinkAbsent", None))
    assert prometheus.query('ALERTS{alertstate="firing", namespace="shop"}')
    sidecar.start()
    prometheus.scrape(sidecar)
    prometheus.wait_clear(("KafkaHttpSinkAbsent", None))
    assert prometheus.firing(ever=True) == {("KafkaHttpSinkAbsent", None)}
