"""A thousand connectors are created and removed, and leave no series, memory, descriptors or threads behind."""

import itertools
import re
import statistics

from waiting import eventually

# Few at once, because the peak of many differs from round to round on a busy machine.
ROUNDS, STEPS, AT_ONCE = 10, 10, 10
# malloc may keep memory of a round, and sometimes adds an arena of about 8 MiB.
KEPT = 1 << 20


def shown(sidecar):
    return set(re.findall(r'connector="([^"]+)"', sidecar.get("/metrics")[2]))


def held(sidecar):
    """Returns the open descriptors and the threads of the process."""
    metrics = sidecar.metrics()
    return metrics.value("process_open_fds"), metrics.value("process_threads")


def families(sidecar):
    """Returns names and labels of all series, except those that only appear with a first event."""
    return {key for key in sidecar.metrics().samples if key[0] != "kafka_http_sink_rest_requests_total"}


def test_a_thousand_created_and_removed_connectors_leave_nothing_behind(kafka, sidecar, endpoint, name):
    topics = [kafka.topic() for _ in range(2)]
    sidecar.connector(f"{name}-stays", topics[0], endpoint)
    sidecar.start()
    sidecar.wait_running(f"{name}-stays")
    sidecar.wait_for_value(0, "consumer_lag_records", connector=f"{name}-stays")
    before, resident = families(sidecar), []
    descriptors, threads = held(sidecar)

    def all_released():
        open_now, running_now = held(sidecar)
        return open_now <= descriptors + 5 and running_now <= threads + 2

    def create_and_remove(names):
        for one in names:
            sidecar.connector(one, topics[1], endpoint)
        eventually(lambda: shown(sidecar) >= names, "all connectors have series")
        for one in names:
            sidecar.remove(one)
        eventually(lambda: shown(sidecar) == {f"{name}-stays"},
                   lambda: f"only one is left; actual: {len(shown(sidecar))}; log:\n{sidecar.log.tail(5)}", 120)

    for number in range(ROUNDS):
        for step in range(STEPS):
            create_and_remove({f"{name}-{number}-{step}-{one}" for one in range(AT_ONCE)})
        # The last clients are destroyed after their connectors' series have gone.
        eventually(all_released, lambda: f"descriptors and threads: {held(sidecar)}; at first: {(descriptors, threads)}", 120)
        resident.append(sidecar.metrics().value("process_resident_memory_bytes"))
    print(f"\nresident memory after each {STEPS * AT_ONCE} of {ROUNDS * STEPS * AT_ONCE} connectors: {resident}")
    assert families(sidecar) == before
    late = resident[ROUNDS // 2 - 1:]
    # The allocator's arenas grow in some rounds and shrink in others, so rounds further apart are compared as well.
    grown = [(late[j] - late[i]) / (j - i) for i, j in itertools.combinations(range(len(late)), 2)]
    assert statistics.median(grown) <= KEPT, late
