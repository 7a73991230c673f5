"""A schedule is the seed's, and the short rounds leave no kind of fault out."""

from schedule import KINDS, schedule
from test_chaos import SECONDS, SEEDS


def test_a_seed_is_always_the_same_schedule():
    assert schedule(7, 300) == schedule(7, 300)
    assert schedule(7, 300) != schedule(8, 300)


def test_a_kind_that_is_left_out_changes_no_other():
    kinds = [kind for kind in KINDS if kind != "state disk full"]
    assert schedule(7, 300, kinds) == [fault for fault in schedule(7, 300) if fault.kind != "state disk full"]


def test_the_faults_of_a_track_follow_each_other():
    ends = {}
    for fault in schedule(7, 300):
        assert fault.at > ends.get(fault.track, 0)
        ends[fault.track] = fault.at + fault.lasts


def test_the_short_rounds_have_every_kind():
    assert {fault.kind for seed in SEEDS for fault in schedule(seed, SECONDS)} == set(KINDS)
