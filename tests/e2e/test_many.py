"""Editing one of many definitions does not disturb the others.

DEFINITIONS (60; the full size is 500) files exist, of which RUNNING (20; the full size is 100) run against the real
broker; the others are invalid. -s prints the figures.
"""

import collections
import os
import time

from load import Load
from observing import in_time, undisturbed
from waiting import eventually

DEFINITIONS = int(os.environ.get("DEFINITIONS", "60"))
RUNNING = int(os.environ.get("RUNNING", "20"))
RATE = 3            # records per second and running connector
EDITED_RATE = 50


def all_assigned(metrics, names):
    return all(metrics.value("assigned_partitions", connector=one) for one in names)


def test_editing_one_of_many_definitions_does_not_disturb_the_others(kafka, sidecar, endpoint, name):
    topic, own_topic = kafka.topic(), kafka.topic()
    edited, broken, *others = names = [f"{name}-{n}" for n in range(RUNNING)]
    for one in names:
        sidecar.connector(one, own_topic if one == edited else topic, f"{endpoint.url}/{one}")
    for n in range(DEFINITIONS - RUNNING):
        sidecar.connector(f"{name}-invalid-{n}", None, endpoint)
    begun = time.monotonic()
    sidecar.start()
    started = time.monotonic() - begun
    eventually(lambda: all_assigned(sidecar.metrics(), names), lambda: f"all are running; log:\n{sidecar.log.tail()}", 180)
    print(f"\n{DEFINITIONS} definitions, started after {started:.2f} s, {RUNNING} of them run after "
          f"{time.monotonic() - begun:.2f} s")
    assert sidecar.value("config_files", status="invalid") == DEFINITIONS - RUNNING
    with undisturbed(kafka, sidecar, *names), Load(kafka, topic, RATE) as load, \
            Load(kafka, own_topic, EDITED_RATE) as own_load:
        endpoint.wait_for(EDITED_RATE, own_topic)

        # Edit one.
        written = time.monotonic()
        sidecar.connector(edited, own_topic, f"{endpoint.url}/edited")
        first = eventually(lambda: [one for one in endpoint.of(own_topic) if one.target == "/records/edited"],
                           "a request of the new definition")[0]
        in_time(f"one of {DEFINITIONS} edited", first.time - written)

        # Break another one: it keeps its last good definition, and the error is logged.
        file = sidecar.connectors / f"{broken}.toml"
        good = file.read_text()
        sidecar.write(broken, good + "\n  retry.backoff.sec = [5,, 6]\n")
        sidecar.wait_for_value(1, "connector_invalid", connector=broken)
        assert sidecar.value("config_files", status="invalid") == DEFINITIONS - RUNNING + 1
        line = len(good.splitlines()) + 2
        sidecar.log.wait_for(f"{broken}.toml:{line}:")
        had = len(endpoint.of(topic))
        endpoint.wait_for(had + 2 * RUNNING, topic)
        sidecar.write(broken, good)
        sidecar.wait_for_value(0, "connector_invalid", connector=broken)
        endpoint.wait_for(len(endpoint.of(topic)) + RUNNING, topic)
        count, own_count = load.stop(), own_load.stop()
        eventually(lambda: all(kafka.all_committed(one, topic) for one in [broken, *others]), "everything is committed")
        eventually(lambda: kafka.all_committed(edited, own_topic), "the edited connector has committed everything")

    times = collections.Counter((one.target, one.body) for one in endpoint.of(topic))
    assert times == {(f"/records/{one}", b"%d" % n): 1 for one in [broken, *others] for n in range(count)}
    assert sorted(int(one.body) for one in endpoint.of(own_topic)) == list(range(own_count))
    print(f"{len(times)} requests to {RUNNING - 1} connectors, each record once; {own_count} to the edited one")
