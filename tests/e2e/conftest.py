"""End-to-end tests of the built program against a real Kafka broker.

    KAFKA_HTTP_SINK=build/dev/src/kafka-http-sink /usr/bin/python3 -m pytest tests/e2e

KAFKA_HTTP_SINK  the program under test; without it all tests of the program fail
KAFKA_STATE      state file of a running broker (kafka/kafka.py start --state FILE); otherwise one is started
KAFKA_JARS       directory of the Kafka jars (build/kafka-jars)
CONNECT_JARS     directory of the Kafka Connect jars (build/connect-jars)
REQUIRE_KAFKA=1  fail without a broker; otherwise those tests are skipped with a message

Debian packages: python3-pytest, python3-confluent-kafka, kcat, default-jre-headless, maven, python3-venv, nodejs, npm.
Libraries of receivers (test_signatures, test_cloud_events): receivers/fetch.py.
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
    """The cluster that all tests share; each test creates its own topics and connectors."""
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
    """A separate broker that the test may stop and break."""
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
    """The program, configured for the cluster and not started."""
    one = Sidecar(binary, tmp_path / "sidecar", kafka.bootstrap)
    yield one
    one.end_of_test()


@pytest.fixture
def sidecar_without_broker(binary, tmp_path):
    """The program without a configured broker, not started."""
    one = Sidecar(binary, tmp_path / "sidecar")
    yield one
    one.end_of_test()


@pytest.fixture
def rest(sidecar):
    """The REST API of `sidecar`, which is not started."""
    return Rest(sidecar)


@pytest.fixture(scope="module")
def api(binary, kafka, tmp_path_factory):
    """The REST API of a running process, shared by the tests of a file."""
    one = Sidecar(binary, tmp_path_factory.mktemp("api") / "sidecar", kafka.bootstrap)
    made = Rest(one)
    one.start()
    yield made
    one.end_of_test()


@pytest.fixture(scope="module")
def shared_endpoint():
    """An endpoint shared by the tests of a file."""
    with Endpoint() as server:
        yield server


@pytest.fixture
def name(request):
    """A connector name that no other test or run uses."""
    return kafka_cluster.unique(request.node.originalname.replace("test_", "")[:24].strip("_").replace("_", "-"))
