"""Under faults no record is lost, order is kept, and every repeat has an explanation.

Two rounds with fixed seeds inject every kind of fault at least once; `make chaos` plays longer ones (run.py).
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
def test_no_record_is_lost_and_every_repeat_is_explained(broker, binary, tmp_path, seed):
    play(binary, broker, tmp_path, seed, SECONDS).must_have_no_problems()
