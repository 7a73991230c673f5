"""What is delivered past a record that waits is remembered, whatever becomes of the process."""

from endpoint import DELIVERED, RETRY
from waiting import eventually

POISON = b"poison"
COUNT = 20_000
FOLLOWERS = (5_000, 15_000)  # records of the poison key behind the first


def commit_everything(kafka, sidecar, topic, name):
    """The first commit after this call may have begun before it; the second has not."""
    for _ in range(2):
        before = sidecar.value("offset_commits_total", connector=name, outcome="ok")
        kafka.produce(topic, [b"marker"], key=b"marker")
        eventually(lambda: sidecar.value("offset_commits_total", connector=name, outcome="ok") > before, "a commit")


def test_after_kill_9_only_the_key_that_waited_is_delivered_again(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce_records(topic, (
        {"partition": 0, "key": POISON if n == 0 or n in FOLLOWERS else b"key-%d" % (n % 1_000), "value": b"%d" % n}
        for n in range(COUNT)))
    endpoint.decide = lambda one: RETRY if one.key == POISON else DELIVERED
    sidecar.connector(name, topic, endpoint, {
        "delivery.ordering": "key", "retry.backoff.sec": [600], "offset.flush.interval.ms": 200,
        "consumer.override.session.timeout.ms": 6000})
    sidecar.start()
    endpoint.wait_for(COUNT - len(FOLLOWERS), timeout=120)
    commit_everything(kafka, sidecar, topic, name)
    assert kafka.committed(name, topic) == {0: 0}
    before = endpoint.offsets(topic)
    assert sorted(before) == [n for n in range(COUNT + 2) if n not in FOLLOWERS]

    # Twice, so that what was saved is saved again before all of it was read again.
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
    eventually(lambda: kafka.all_committed(name, topic), "all committed", timeout=60)
    assert endpoint.offsets(topic)[seen:] == [0, *FOLLOWERS]
