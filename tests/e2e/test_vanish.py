"""All definitions vanish at once: connectors stop only if the definitions do not return.

VANISH_SECONDS   seconds until they return (4; the full size is 10)
VANISH_FULL=1    waits the 60 s after which missing definitions count as deleted
"""

import os
import time

import pytest

from observing import Sampler, all_run, in_time, undisturbed, wait_until_effective
from sidecar import toml
from volume import Volume
from waiting import eventually, holds

VANISH_SECONDS = float(os.environ.get("VANISH_SECONDS", "4"))
VANISH_FULL = os.environ.get("VANISH_FULL") == "1"
GUARD = 60


def definition(topic, url):
    return toml({"topics": topic, "callback.request.url": url})


@pytest.fixture
def five(kafka, sidecar, endpoint, name):
    """Five running connectors on one topic."""
    topic = kafka.topic()
    names = [f"{name}-{n}" for n in range(5)]
    return topic, names, {f"{one}.toml": definition(topic, f"{endpoint.url}/{one}") for one in names}


def vanish(sidecar, volume):
    if volume:
        volume.update({})       # the volume of a deleted optional ConfigMap
    else:
        for file in sidecar.connectors.iterdir():
            file.unlink()


@pytest.mark.parametrize("kind", ["files", "volume"])
def test_no_connector_stops_when_all_files_vanish_and_return(kafka, sidecar, endpoint, five, kind):
    topic, names, texts = five
    volume = Volume(sidecar.connectors) if kind == "volume" else None

    def fill():
        if volume:
            volume.update(texts)
        else:
            for file, text in texts.items():
                sidecar.write(file[:-5], text)

    fill()
    sidecar.start()
    sidecar.wait_running(*names)
    with undisturbed(kafka, sidecar, *names), Sampler(sidecar, all_run(*names)) as sampler:
        vanish(sidecar, volume)
        holds(lambda: sidecar.process.poll() is None, "it lives", VANISH_SECONDS)
        kafka.produce(topic, [b"while they are away"])
        endpoint.wait_for(len(names))
        fill()
        texts[f"{names[0]}.toml"] = definition(topic, f"{endpoint.url}/edited")
        written = time.monotonic()
        fill()
        came = wait_until_effective(kafka, topic, endpoint, "/records/edited")[0].time
        in_time("an edit after all files returned", came - written)
    print(f"\nmissing for {VANISH_SECONDS:g} s, {sampler.samples} samples: all ran")


def test_connectors_stop_when_all_files_are_still_missing_later(kafka, sidecar, endpoint, five):
    topic, names, texts = five
    for file, text in texts.items():
        sidecar.write(file[:-5], text)
    sidecar.start()
    sidecar.wait_running(*names)
    vanish(sidecar, None)
    vanished = time.monotonic()
    guard = GUARD - 5 if VANISH_FULL else VANISH_SECONDS
    with Sampler(sidecar, all_run(*names)):
        holds(lambda: sidecar.process.poll() is None, "it lives", guard)
    if not VANISH_FULL:
        print(f"\nVANISH_FULL=1 is not set: all ran for {guard:g} s; the stop after {GUARD} s was not tested")
        return
    eventually(lambda: sidecar.value("connector_state") is None, "all are removed")
    eventually(lambda: not [one for one in names if kafka.members(one)], "all have left their groups")
    in_time("until all stopped", time.monotonic() - vanished, bound=GUARD + 5, generous=GUARD + 35)
    kafka.produce(topic, [b"nobody is there"])
    sidecar.write(names[0], texts[f"{names[0]}.toml"])
    wait_until_effective(kafka, topic, endpoint, f"/records/{names[0]}")


def test_connectors_stop_at_once_when_all_files_but_one_are_removed(kafka, sidecar, endpoint, five):
    topic, names, texts = five
    for file, text in texts.items():
        sidecar.write(file[:-5], text)
    sidecar.start()
    sidecar.wait_running(*names)
    with undisturbed(kafka, sidecar, names[0]):
        for one in names[1:]:
            sidecar.remove(one)
        eventually(lambda: all(sidecar.value("connector_state", connector=one) is None for one in names[1:]),
                   "four are removed")
        assert endpoint.requests == []
