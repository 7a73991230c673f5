"""Whatever happens, nothing is lost, order is kept, and nothing is repeated without a reason.

Two rounds of fixed seeds, in which each kind of fault comes at least once; `make chaos` has long ones (run.py).
"""

import pytest

import kafka_cluster
from chaos_round import BROKER, play

SEEDS = (1, 2)
SECONDS = 45


@pytest.fixture(scope="module")
def broker():
    node = kafka_cluster.load_node()
    try:
        one = node.Broker(settings=BROKER)
    except node.Unavailable as error:
        kafka_cluster.without(str(error))
    yield one
    one.stop()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_every_repeat_has_a_reason(broker, binary, tmp_path, seed):
    play(binary, broker, tmp_path, seed, SECONDS).must_be_clean()
