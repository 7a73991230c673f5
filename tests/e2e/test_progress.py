"""Deliveries past a waiting record are remembered across any kind of process end."""

from endpoint import DELIVERED, RETRY, Answer
from waiting import eventually

POISON = b"poison"
COUNT = 100_000
FOLLOWERS = (5_000, 75_000)  # records of the poison key after the first one


def commit_everything(kafka, sidecar, topic, name):
    """Waits for two commits, because the first one may have started before this call."""
    for _ in range(2):
        before = sidecar.value("offset_commits_total", connector=name, outcome="ok")
        kafka.produce(topic, [b"marker"], key=b"marker")
        eventually(lambda: sidecar.value("offset_commits_total", connector=name, outcome="ok") > before, "a commit")


def test_after_kill_9_only_the_waiting_key_is_redelivered(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce_records(topic, (
        {"partition": 0, "key": POISON if n == 0 or n in FOLLOWERS else b"key-%d" % (n % 1_000), "value": b"%d" % n}
        for n in range(COUNT)))
    endpoint.decide = lambda one: RETRY if one.key == POISON else DELIVERED
    sidecar.connector(name, topic, endpoint, {
        "delivery.ordering": "key", "retry.backoff.sec": [600], "offset.flush.interval.ms": 200,
        "consumer.override.session.timeout.ms": 6000})
    sidecar.start()
    endpoint.wait_for(COUNT - len(FOLLOWERS), timeout=300)
    commit_everything(kafka, sidecar, topic, name)
    assert kafka.committed(name, topic) == {0: 0}
    before = endpoint.offsets(topic)
    assert sorted(before) == [n for n in range(COUNT + 2) if n not in FOLLOWERS]

    # Twice, so that saved progress is saved again before all of it was read again.
    for _ in range(2):
        sidecar.kill()
        seen = len(endpoint.requests)
        sidecar.start()
        endpoint.wait_for(seen + 1, timeout=60)
        assert endpoint.offsets(topic)[seen:] == [0]

    sidecar.kill()
    seen = len(endpoint.requests)
    endpoint.decide = lambda one: DELIVERED
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed", timeout=60)
    assert endpoint.offsets(topic)[seen:] == [0, *FOLLOWERS]


def commits(sidecar, name):
    return sidecar.value("offset_commits_total", connector=name, outcome="ok")


def test_kill_9_under_load_repeats_only_uncommitted_records(kafka, sidecar, endpoint, name):
    topic, count = kafka.topic(), 50_000
    kafka.produce_records(topic, (
        {"partition": 0, "key": POISON if n == 0 else b"key-%d" % (n % 1_000), "value": b"%d" % n}
        for n in range(count)))
    endpoint.decide = lambda one: RETRY if one.key == POISON else Answer(delay=0.005)
    sidecar.connector(name, topic, endpoint, {
        "delivery.ordering": "key", "retry.backoff.sec": [600], "offset.flush.interval.ms": 1000,
        "consumer.override.session.timeout.ms": 6000})
    rounds = []
    for _ in range(3):
        sidecar.start()
        endpoint.wait_for(len(endpoint.requests) + 5_000, timeout=120)
        before, done = len(endpoint.requests), commits(sidecar, name)
        # The first of these may have started earlier.
        eventually(lambda: commits(sidecar, name) >= done + 2, "two commits")
        sidecar.kill()
        rounds.append((before, len(endpoint.requests)))
    sidecar.start()
    eventually(lambda: len({one.offset for one in list(endpoint.requests)}) == count, "all records are delivered", timeout=300)
    offsets = endpoint.offsets(topic)
    for before, killed in rounds:
        covered, after = set(offsets[:before - 16]) - {0}, offsets[killed:]
        assert not covered & set(after), "a committed record is redelivered"
        assert after.index(0) < 1_000  # the poison record is retried at once
        repeated = set(offsets[before - 16:killed]) & set(after) - {0}
        print(f"killed after {killed}: {len(repeated)} of the {killed - before} records since then were repeated")
    firsts = {}
    for one in endpoint.requests:
        firsts.setdefault(one.key, {}).setdefault(one.offset)
    for key, seen in firsts.items():
        assert list(seen) == sorted(seen), f"{key} is out of order"
