"""The watched directory: inotify is unavailable or overflows, the directory is replaced, or has unusual entries.

INOTIFY_FULL=1   waits until inotify is tried again (up to 40 s)
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from observing import Sampler, all_run, in_time, undisturbed, wait_until_effective
from sidecar import toml
from waiting import eventually, holds

INOTIFY_FULL = os.environ.get("INOTIFY_FULL") == "1"


def edit(kafka, sidecar, endpoint, name, topic, path):
    """Edits the URL and waits for a request to it; prints how long it took."""
    written = time.monotonic()
    sidecar.connector(name, topic, endpoint.url + path)
    came = wait_until_effective(kafka, topic, endpoint, f"/records{path}")[0].time
    in_time("time from the edit to its first request", came - written)


# inotify is unavailable or overflows


LIMIT = pathlib.Path("/proc/sys/user/max_inotify_instances")
NAMESPACE = """#!/bin/sh
exec unshare --user --map-root-user sh -c 'echo 0 > {limit} && exec "$0" "$@"' {binary} "$@"
"""


@contextlib.contextmanager
def all_instances_taken():
    """Takes all inotify instances of this user; other processes of the user have none in the meantime."""
    libc, held = ctypes.CDLL(None, use_errno=True), []
    while (one := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
        held.append(one)

    def give_back():
        while held:
            os.close(held.pop())

    try:
        yield give_back
    finally:
        give_back()


@contextlib.contextmanager
def without_inotify(sidecar, directory):
    """Starts the process without an available inotify instance; yields a function that makes inotify available.

    Uses a user namespace with its own limit; without that permission it takes all instances of the user.
    """
    wrapper = directory / "without-inotify"
    wrapper.write_text(NAMESPACE.format(binary=sidecar.binary, limit=LIMIT))
    wrapper.chmod(0o755)
    if subprocess.run([wrapper, "--version"], check=False, capture_output=True).returncode == 0:
        sidecar.binary = str(wrapper)
        sidecar.start()
        yield lambda: subprocess.run(
            ["nsenter", "--preserve-credentials", "--user", "--target", str(sidecar.process.pid), "sh", "-c",
             f"echo 128 > {LIMIT}"], check=True)
        return
    print("\nno permission for a user namespace: taking all inotify instances of this user")
    with all_instances_taken() as give_back:
        sidecar.start()
        yield give_back


def test_without_inotify_the_directory_is_polled_until_inotify_is_available_again(
        kafka, sidecar, endpoint, name, tmp_path):
    topic = kafka.topic()
    sidecar.settings["connectors.rescan.interval.ms"] = 1_000_000      # so that no rescan finds the change
    sidecar.connector(name, topic, endpoint)
    with without_inotify(sidecar, tmp_path) as give_back:
        sidecar.wait_running(name)
        assert sidecar.value("config_watch_mode", mode="poll") == 1
        assert sidecar.value("config_watch_mode", mode="inotify") == 0
        assert sidecar.value("config_watch_errors_total") > 0
        sidecar.log.wait_for("inotify", "poll")
        edit(kafka, sidecar, endpoint, name, topic, "/polled")
        give_back()
        if not INOTIFY_FULL:
            print("INOTIFY_FULL=1 is not set: retrying inotify was not tested")
            return
        since = time.monotonic()
        eventually(lambda: sidecar.value("config_watch_mode", mode="inotify") == 1, "inotify is used again", timeout=60)
        in_time("back to inotify", time.monotonic() - since, bound=40, generous=60)
        assert sidecar.value("config_watch_mode", mode="poll") == 0
        edit(kafka, sidecar, endpoint, name, topic, "/notified")


def cause_many_events(directory, events):
    """Causes about `events` events in the directory, none of them for a definition."""
    first, second = directory / ".storm-a", directory / ".storm-b"
    first.touch()
    for _ in range(events // 4 + 1):        # a rename is two events
        first.rename(second)
        second.rename(first)
    first.unlink()


def test_a_change_lost_in_an_inotify_overflow_takes_effect(kafka, sidecar, endpoint, name):
    limit = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    events = min(limit + 1000, 200_000)
    topic = kafka.topic()
    sidecar.settings["connectors.rescan.interval.ms"] = 1_000_000
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        sidecar.signal(signal.SIGSTOP)      # the process does not read the event queue
        try:
            cause_many_events(sidecar.connectors, events)
            sidecar.connector(name, topic, endpoint.url + "/swallowed")
        finally:
            sidecar.signal(signal.SIGCONT)
        wait_until_effective(kafka, topic, endpoint, "/records/swallowed")
        edit(kafka, sidecar, endpoint, name, topic, "/later")
    print(f"{events} events, of which the queue keeps {limit}")


def test_many_unrelated_events_do_not_delay_a_change(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    stop = threading.Event()

    def cause_events():
        while not stop.is_set():
            cause_many_events(sidecar.connectors, 200)

    cause_eventser = threading.Thread(target=cause_events)
    cause_eventser.start()
    try:
        written = time.monotonic()
        sidecar.connector(name, topic, endpoint.url + "/edited")
        came = wait_until_effective(kafka, topic, endpoint, "/records/edited")[0].time
        # More events delay a change by at most ten times the debounce time.
        in_time("an edit among many events", came - written, bound=3.5)
    finally:
        stop.set()
        cause_eventser.join()


# The directory is replaced


def test_a_deleted_and_recreated_directory_is_watched_again(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    sidecar.settings["connectors.rescan.interval.ms"] = 1_000_000
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name), Sampler(sidecar, all_run(name)):
        for round_ in range(2):
            shutil.rmtree(sidecar.connectors)
            holds(lambda: sidecar.process.poll() is None, "it lives", 1.5)
            sidecar.connectors.mkdir()
            edit(kafka, sidecar, endpoint, name, topic, f"/made-{round_}")
            edit(kafka, sidecar, endpoint, name, topic, f"/edited-{round_}")


def test_a_directory_replaced_by_a_rename_is_watched_again(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    sidecar.settings["connectors.rescan.interval.ms"] = 1_000_000
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    new, old = sidecar.directory / "new", sidecar.directory / "old"
    new.mkdir()
    (new / f"{name}.toml").write_text(toml({"topics": topic, "callback.request.url": f"{endpoint.url}/new"}))
    with undisturbed(kafka, sidecar, name), Sampler(sidecar, all_run(name)):
        sidecar.connectors.rename(old)
        new.rename(sidecar.connectors)
        wait_until_effective(kafka, topic, endpoint, "/records/new")
        (old / f"{name}.toml").write_text(toml({"topics": topic, "callback.request.url": f"{endpoint.url}/old"}))
        edit(kafka, sidecar, endpoint, name, topic, "/edited")
    assert "/records/old" not in {one.target for one in endpoint.requests}


@pytest.mark.parametrize("above", [0, 2], ids=["its-parent-exists", "nor-its-parents"])
def test_a_directory_created_after_the_start_is_watched(kafka, sidecar, endpoint, name, above):
    topic = kafka.topic()
    sidecar.settings["connectors.rescan.interval.ms"] = 1_000_000
    sidecar.connectors = sidecar.directory.joinpath(*["above"] * above, "later")
    sidecar.settings["connectors.dir"] = str(sidecar.connectors)
    sidecar.start(wait=False)
    sidecar.wait_for_probe("/livez")
    sidecar.log.wait_for(str(sidecar.connectors))
    sidecar.connectors.mkdir(parents=True)
    edit(kafka, sidecar, endpoint, name, topic, "/started")
    edit(kafka, sidecar, endpoint, name, topic, "/edited")
    sidecar.wait_for_probe("/startupz")


def test_entries_that_are_not_files_are_logged_and_block_nothing(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    odd = {"a-fifo": lambda path: os.mkfifo(path), "a-directory": lambda path: path.mkdir(),
           "dangling": lambda path: path.symlink_to("nowhere"), "a-circle": lambda path: path.symlink_to(path.name),
           "not-utf-8": lambda path: path.write_bytes(b'topics = "\xff"\n'),
           "too-large": lambda path: path.write_text("# x\n" * 300_000)}
    with undisturbed(kafka, sidecar, name):
        for stem, make in odd.items():
            make(sidecar.connectors / f"{stem}.toml")
        sidecar.wait_for_value(len(odd), "config_files", status="invalid")
        for stem in odd:
            sidecar.log.wait_for(f"{stem}.toml")
        edit(kafka, sidecar, endpoint, name, topic, "/edited")
        for stem in odd:
            path = sidecar.connectors / f"{stem}.toml"
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        sidecar.wait_for_value(0, "config_files", status="invalid")
