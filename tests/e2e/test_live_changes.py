"""Changes of a running connector: most apply to the running task, and a new consumer loses nothing.

RATE (300; the full size is 1000) is the number of records per second while the URL is edited. -s prints the figures.
"""

import os
import time

import pytest

from endpoint import Answer, DELIVERED, RETRY
from load import Load, assert_all_once, assert_once
from observing import in_time, undisturbed
from waiting import eventually, holds

RATE = int(os.environ.get("RATE", "300"))
PARTITIONS, KEYS = 4, 40


def test_editing_a_url_under_load_loses_and_repeats_nothing(kafka, sidecar, endpoint, second_endpoint, name):
    topic = kafka.topic(PARTITIONS)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    with Load(kafka, topic, RATE, PARTITIONS, KEYS) as load:
        endpoint.wait_for(RATE)
        with undisturbed(kafka, sidecar, name):
            written = time.monotonic()
            sidecar.connector(name, topic, second_endpoint)
            came = second_endpoint.wait_for(1)[0].time
            in_time(f"new URL under {RATE} records/s", came - written)
            second_endpoint.wait_for(RATE)
            count = load.stop()
            assert_all_once(kafka, name, topic, count, endpoint, second_endpoint)
    last = endpoint.requests[-1].time
    print(f"{count} records, {len(endpoint.requests)} at the old URL, the last of them {last - came:+.3f} s from the "
          f"first at the new one")
    # Requests in flight may finish; no new one uses the old definition.
    assert last - came < 10


def test_changes_that_need_no_new_consumer_apply_to_the_running_task(kafka, sidecar, endpoint, second_endpoint, name):
    topic, letters = kafka.topic(), kafka.topic()
    keys = {"retry.backoff.sec": [600], "exception.strategy": "PROGRESS_BACK_OFF_DROP_MESSAGE",
            "delivery.ordering": "none", "delivery.max.in.flight": 2}

    def change(server=endpoint, **changed):
        keys.update({key.replace("__", "."): value for key, value in changed.items()})
        before = sidecar.value("config_reloads_total", outcome="changed")
        sidecar.connector(name, topic, server, keys)
        sidecar.wait_for_value(before + 1, "config_reloads_total", outcome="changed")

    def request_of(value, server=endpoint):
        kafka.produce(topic, [value])
        return eventually(lambda: [one for one in server.requests if one.body == value], f"{value} arrives")[0]

    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        assert request_of(b"first").method == "POST"
        change(server=second_endpoint)
        request_of(b"url", second_endpoint)
        change(callback__request__method="PUT")
        assert request_of(b"method").method == "PUT"
        change(callback__request__headers={"X-Changed": "yes"})
        assert request_of(b"headers").headers["x-changed"] == "yes"

        change(exception__strategy="DROP_MESSAGE")
        endpoint.decide = lambda one: RETRY if one.body in (b"strategy", b"letter") else DELIVERED
        request_of(b"strategy")
        sidecar.wait_for_value(1, "records_dropped_total", connector=name, reason="response_error")
        change(errors__deadletterqueue__topic__name=letters)
        request_of(b"letter")
        eventually(lambda: [one.value() for one in kafka.read(letters)] == [b"letter"], "the dead letter")

        endpoint.decide = lambda one: Answer(hang=one.attempt == 1 and one.body.startswith(b"hang"))
        change(callback__timeout__read__ms=300, request__retry__backoff__sec=[0.1, 0.1],
               exception__strategy="PROGRESS_BACK_OFF_DROP_MESSAGE")
        request_of(b"hangs")
        eventually(lambda: [one.attempt for one in endpoint.requests if one.body == b"hangs"] == [1, 2],
                   "a second attempt")
        assert sidecar.value("retries_total", connector=name, reason="timeout") == 1
        change(callback__timeout__read__ms=60000)

        endpoint.decide = lambda one: Answer(hang=one.body == b"many")
        change(delivery__max__in__flight=7)
        kafka.produce(topic, [b"many"] * 12)
        sidecar.wait_for_value(7, "requests_in_flight", connector=name)
        holds(lambda: sidecar.value("requests_in_flight", connector=name) == 7, "seven at a time", seconds=0.5)
        assert len([one for one in endpoint.requests if one.body == b"many"]) == 7
    endpoint.decide = lambda one: DELIVERED
    endpoint.refuse()       # closes the hanging requests
    endpoint.come_back()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert sidecar.value("connector_restarts_total", connector=name) == 0


@pytest.mark.parametrize("changed", ["url", "delays", "headers"])
def test_a_record_that_waits_for_a_retry_follows_the_new_definition_at_once(kafka, sidecar, endpoint, second_endpoint,
                                                                            name, changed):
    topic = kafka.topic()
    keys = {"retry.backoff.sec": [600]}
    endpoint.decide = lambda one: RETRY if one.body == b"waits" and one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    sidecar.wait_running(name)
    kafka.produce(topic, [b"waits", b"behind"])
    sidecar.wait_for_value(1, "records_waiting_retry", connector=name)
    with undisturbed(kafka, sidecar, name):
        written = time.monotonic()
        if changed == "delays":
            keys["retry.backoff.sec"] = [0.1]
        if changed == "headers":
            keys["callback.request.headers"] = {"X-Changed": "yes"}
        target = second_endpoint if changed == "url" else endpoint
        sidecar.connector(name, topic, target, keys)
        again = eventually(lambda: [one for one in target.requests if one.body == b"waits" and one.attempt == 2
                                    or target is second_endpoint],
                           lambda: f"its next attempt; log:\n{sidecar.log.tail()}")[0]
        in_time(f"next attempt of a record that waited for 600 s, after its {changed} changed", again.time - written,
                bound=2)
        assert again.body == b"waits"
        if changed == "headers":
            assert again.headers["x-changed"] == "yes"
        eventually(lambda: b"behind" in target.bodies(), "the next record")
        eventually(lambda: kafka.all_committed(name, topic), "both records are committed")


RESTARTS = {"a-topic-more": lambda keys, more: keys.update({"topics": [keys["topics"], more]}),
            "fewer-tasks": lambda keys, more: keys.update({"tasks.max": 1}),
            "consumer.override": lambda keys, more: keys.update({"consumer.override.fetch.wait.max.ms": 50})}


@pytest.mark.parametrize("change", RESTARTS)
def test_a_change_that_needs_a_new_consumer_drains_first_and_loses_and_repeats_nothing(
        kafka, sidecar, endpoint, name, change):
    topic, more, other_topic = kafka.topic(PARTITIONS), kafka.topic(), kafka.topic()
    other = f"{name}-other"
    keys = {"topics": topic, "delivery.ordering": "key", "tasks.max": 3 if change == "fewer-tasks" else 1}
    endpoint.decide = lambda one: Answer(delay=0.02)
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.connector(other, other_topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name, other)
    members = kafka.members(name)
    kafka.produce(more, [b"0", b"1"])
    with undisturbed(kafka, sidecar, other):
        with Load(kafka, topic, RATE, PARTITIONS, KEYS) as load:
            endpoint.wait_for(RATE)
            RESTARTS[change](keys, more)
            sidecar.connector(name, topic, endpoint, keys)
            sidecar.wait_for_value(1, "connector_restarts_total", connector=name, reason="config")
            eventually(lambda: kafka.members(name) and not set(kafka.members(name)) & set(members), "new members")
            endpoint.wait_for(len(endpoint.requests) + RATE)
            count = load.stop()
        assert_all_once(kafka, name, topic, count, endpoint)
    if change == "a-topic-more":
        eventually(lambda: kafka.all_committed(name, more), "the other topic is committed")
        assert_once(2, endpoint.of(more))
    if change == "fewer-tasks":
        eventually(lambda: len(kafka.members(name)) == 1, lambda: kafka.members(name))
    assert sidecar.value("connector_restarts_total", connector=name) == 1
    print(f"\n{change}: {count} records, each delivered once")


def test_additional_tasks_join_the_running_ones_and_nothing_is_lost_or_repeated(kafka, sidecar, endpoint, name):
    topic = kafka.topic(PARTITIONS)
    keys = {"delivery.ordering": "key"}
    endpoint.decide = lambda one: Answer(delay=0.02)
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    sidecar.wait_running(name)
    first, = kafka.members(name)
    with Load(kafka, topic, RATE, PARTITIONS, KEYS) as load:
        endpoint.wait_for(RATE)
        sidecar.connector(name, topic, endpoint, {**keys, "tasks.max": 3})
        eventually(lambda: len(kafka.members(name)) == 3, "two more members")
        endpoint.wait_for(len(endpoint.requests) + RATE)
        count = load.stop()
    assert_all_once(kafka, name, topic, count, endpoint)
    assert first in kafka.members(name) and not sidecar.value("connector_restarts_total", connector=name)


def test_a_removed_topic_is_no_longer_consumed_and_its_commits_stay(kafka, sidecar, endpoint, name):
    stays, goes = kafka.topic(), kafka.topic()
    sidecar.connector(name, f"{stays},{goes}", endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    kafka.produce(goes, [b"0"])
    endpoint.wait_for(1, goes)
    sidecar.connector(name, stays, endpoint)
    sidecar.wait_for_value(1, "connector_restarts_total", connector=name, reason="config")
    kafka.produce(goes, [b"nobody reads this"])
    kafka.produce(stays, [b"0"])
    endpoint.wait_for(1, stays)
    assert endpoint.bodies(goes) == [b"0"] and kafka.committed(name, goes) == {0: 1}


def test_a_slow_drain_does_not_delay_other_connectors(kafka, sidecar, endpoint, second_endpoint, name):
    slow_topic, quick_topic = kafka.topic(), kafka.topic()
    slow, quick = f"{name}-slow", f"{name}-quick"
    endpoint.decide = lambda one: Answer(delay=6)
    for one, topic, server in ((slow, slow_topic, endpoint), (quick, quick_topic, second_endpoint)):
        sidecar.connector(one, topic, server)
    sidecar.start()
    sidecar.wait_running(slow, quick)
    kafka.produce(slow_topic, [b"0"])
    under_way = endpoint.wait_for(1)[0]
    written = time.monotonic()
    sidecar.connector(slow, slow_topic, endpoint, {"delivery.ordering": "key"})
    sidecar.connector(quick, quick_topic, second_endpoint, {"callback.request.headers": {"X-Changed": "yes"}})

    def changed():
        kafka.produce(quick_topic, [b"x"])
        return [one for one in second_endpoint.requests if "x-changed" in one.headers]

    in_time("a change beside a connector that drains for 6 s", eventually(changed, "the header")[0].time - written)
    sidecar.connector(quick, quick_topic, f"{second_endpoint.url}/again")
    eventually(lambda: changed() and second_endpoint.requests[-1].target.endswith("/again"), "a second change")
    print("the slow request was", "still in flight" if under_way.answered is None else "finished by then")
    sidecar.wait_for_value(1, "connector_restarts_total", connector=slow, reason="config")
    sidecar.wait_running(slow)
    eventually(lambda: kafka.all_committed(slow, slow_topic), "it is committed")
    assert len(endpoint.of(slow_topic)) == 1 and under_way.answered
