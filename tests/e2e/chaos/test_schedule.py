"""A schedule depends on the seed alone, and the short rounds include every kind of fault."""

from schedule import KINDS, schedule
from test_chaos import SECONDS, SEEDS


def test_a_seed_always_gives_the_same_schedule():
    assert schedule(7, 300) == schedule(7, 300)
    assert schedule(7, 300) != schedule(8, 300)


def test_excluding_a_kind_does_not_change_the_others():
    kinds = [kind for kind in KINDS if kind != "state disk full"]
    assert schedule(7, 300, kinds) == [fault for fault in schedule(7, 300) if fault.kind != "state disk full"]


def test_the_faults_of_a_track_do_not_overlap():
    ends = {}
    for fault in schedule(7, 300):
        assert fault.at > ends.get(fault.track, 0)
        ends[fault.track] = fault.at + fault.duration


def test_the_short_rounds_include_every_kind():
    assert {fault.kind for seed in SEEDS for fault in schedule(seed, SECONDS)} == set(KINDS)
