"""A ConfigMap volume is swapped continuously, and no definition is ever read as missing, torn or mixed.

SWAP_SECONDS (5; the full size is 30) is the duration. -s prints the figures.
"""

import collections
import os
import time

from kafka_cluster import unique
from load import Load
from observing import Sampler, undisturbed
from sidecar import toml
from volume import Volume
from waiting import eventually

SECONDS = float(os.environ.get("SWAP_SECONDS", "5"))
STAY = 36
EVEN, ODD = 5, 2        # number of keys that only even or only odd versions have


def test_a_volume_swapped_in_a_tight_loop_is_never_read_torn(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    stay = [f"{name}-stays-{n}" for n in range(STAY)]
    even, odd = [f"{name}-even-{n}" for n in range(EVEN)], [f"{name}-odd-{n}" for n in range(ODD)]

    templates = {f"{one}.toml": toml({
        "topics": topic, "callback.request.url": f"{endpoint.url}/{one}",
        "callback.request.headers": {"X-Version": "@"}, "consumer.override.auto.offset.reset": "latest"})
        for one in stay + even + odd}

    def texts(version):
        missing = even if version % 2 else odd
        return {file: text.replace("@", str(version)) for file, text in templates.items() if file[:-5] not in missing}

    def check(metrics):
        if metrics.value("config_files", status="invalid") or metrics.value("connector_invalid"):
            return f"invalid: {[one for one in metrics.series('connector_invalid') if one[1]]}"
        if metrics.value("config_files", status="valid") not in (STAY + EVEN, STAY + ODD):
            return f"{metrics.value('config_files', status='valid')} definitions"
        running = {labels["connector"] for labels, value in metrics.series("connector_state", state="running") if value}
        return f"do not run: {set(stay) - running}" if set(stay) - running else None

    volume = Volume(sidecar.connectors)
    volume.update(texts(0))
    sidecar.start()
    sidecar.wait_running(*stay, *even)
    with undisturbed(kafka, sidecar, *stay):
        with Sampler(sidecar, check, pause=0.2) as sampler, Load(kafka, topic, rate=4) as load:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                version = volume.updates
                volume.update(texts(version), links_first=version % 4 < 2)
            last = volume.updates
            volume.update(texts(last), links_first=True)
            count = load.stop()
            eventually(lambda: sidecar.value("config_files", status="valid") == STAY + (ODD if last % 2 else EVEN),
                       "the last set of definitions")
        sidecar.wait_running(*stay, *(odd if last % 2 else even))
        eventually(lambda: not [one for one in (even if last % 2 else odd)
                                if sidecar.value("connector_state", connector=one) is not None],
                   "connectors missing from the last version are removed")
        # All definitions are of the last version now, which another record shows.
        value = unique("last").encode()
        present = stay + (odd if last % 2 else even)
        versions = {}

        def all_last():
            kafka.produce(topic, [value])
            for one in endpoint.of(topic):
                if one.body == value:
                    versions[one.target.rpartition("/")[2]] = one.headers["x-version"]
            return set(versions) >= set(present) and set(versions.values()) == {str(last)}

        eventually(all_last, lambda: f"all carry version {last}: {versions}")

    seen = sorted({int(one.headers["x-version"]) for one in endpoint.of(topic)})
    reloads = sidecar.value("config_reloads_total", outcome="changed")
    print(f"\n{volume.updates} swaps of {STAY + EVEN} or {STAY + ODD} files in {SECONDS:g} s, {reloads:g} reloads that "
          f"changed something, {len(seen)} versions seen at the endpoint, {sampler.samples} samples")
    times = collections.Counter((one.target.rpartition("/")[2], one.body) for one in endpoint.of(topic)
                                if one.body != value)
    assert all(times[one, b"%d" % n] == 1 for one in stay for n in range(count)), "not every record arrived once"
    assert len(seen) > 2, f"nothing took effect while the volume was swapped: {seen}"
    assert sidecar.value("config_reloads_total", outcome="failed") == 0
    assert not sidecar.log.find("rejected"), sidecar.log.find("rejected")
