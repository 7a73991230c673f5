"""End-to-end tests: the built program against a real Kafka broker, as its users see it.

    KAFKA_HTTP_SINK=build/dev/src/kafka-http-sink /usr/bin/python3 -m pytest tests/e2e

KAFKA_HTTP_SINK  the program under test; without it every test of the program fails
KAFKA_STATE      state file of a broker that runs already (kafka/kafka.py start --state FILE); else one is started
KAFKA_JARS       where Kafka's jars are kept (build/kafka-jars)
CONNECT_JARS     where those of a Kafka Connect worker are kept (build/connect-jars)
REQUIRE_KAFKA=1  no broker is a failure; otherwise those tests are skipped, loudly

Debian packages: python3-pytest, python3-confluent-kafka, kcat, default-jre-headless, maven.
"""

import os
import pathlib

import pytest

import kafka_cluster
from endpoint import Endpoint
from rest import Rest
from sidecar import Sidecar


@pytest.fixture(scope="session")
def kafka():
    """The cluster that all tests share: each makes its own topics and connectors."""
    state = os.environ.get("KAFKA_STATE")
    if state:
        try:
            yield kafka_cluster.KafkaCluster.from_state(state)
        except (OSError, ValueError, KeyError) as error:
            kafka_cluster.without(f"KAFKA_STATE={state}: {error!r}")
        return
    node = kafka_cluster.load_node()
    try:
        broker = node.Broker()
    except node.Unavailable as error:
        kafka_cluster.without(str(error))
    try:
        yield kafka_cluster.KafkaCluster(broker.bootstrap, broker.sasl_bootstrap)
    finally:
        broker.stop()


@pytest.fixture
def own_broker():
    """A broker of the test's own, that it may do anything to."""
    node = kafka_cluster.load_node()
    try:
        broker = node.Broker()
    except node.Unavailable as error:
        kafka_cluster.without(str(error))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def binary():
    named = os.environ.get("KAFKA_HTTP_SINK")
    if not named or not os.access(named, os.X_OK):
        pytest.fail(f"KAFKA_HTTP_SINK must name the program under test; it is {named!r}", pytrace=False)
    return pathlib.Path(named).resolve()


@pytest.fixture
def endpoint():
    with Endpoint() as server:
        yield server


@pytest.fixture
def second_endpoint():
    with Endpoint() as server:
        yield server


@pytest.fixture
def sidecar(binary, kafka, tmp_path):
    """The program, configured for the cluster but not started."""
    one = Sidecar(binary, tmp_path / "sidecar", kafka.bootstrap)
    yield one
    one.end_of_test()


@pytest.fixture
def lonely_sidecar(binary, tmp_path):
    """The program without any broker configured, not started."""
    one = Sidecar(binary, tmp_path / "sidecar")
    yield one
    one.end_of_test()


@pytest.fixture
def rest(sidecar):
    """The REST API of `sidecar`, which is not started."""
    return Rest(sidecar)


@pytest.fixture(scope="module")
def api(binary, kafka, tmp_path_factory):
    """The REST API of a running process that the tests of a file share."""
    one = Sidecar(binary, tmp_path_factory.mktemp("api") / "sidecar", kafka.bootstrap)
    made = Rest(one)
    one.start()
    yield made
    one.end_of_test()


@pytest.fixture(scope="module")
def sink():
    """An endpoint that the tests of a file share."""
    with Endpoint() as server:
        yield server


@pytest.fixture
def name(request):
    """A connector's name that no other test and no earlier run has used."""
    return kafka_cluster.unique(request.node.originalname.replace("test_", "")[:24].strip("_").replace("_", "-"))
