"""Every way of saving a file takes effect once, and no intermediate state is read as a definition."""

import os
import shutil
import subprocess
import time

import pytest

from kafka_cluster import unique
from observing import Sampler, all_run, nothing_invalid, undisturbed
from sidecar import clean_environment, toml
from waiting import eventually, holds

PIECES = 10
PAUSE = 0.12
# connectors.debounce.ms: writes with shorter pauses are one change. It is longer than the default, because a busy
# machine may stall a writer that long.
SETTLE = 0.75


class Stalled(Exception):
    """The machine paused the writer for longer than the debounce time, so this try is invalid."""


def in_place(file, text):
    file.write_text(text)


def rename_over(file, text):
    new = file.with_name(f"{file.name}.tmp")
    new.write_text(text)
    new.rename(file)


def as_vim(file, text):
    """Saves like vim with `backupcopy=no`: a swap file, a probe named 4913, and the old file becomes the backup."""
    swap, probe, backup = file.with_name(f".{file.name}.swp"), file.with_name("4913"), file.with_name(f"{file.name}~")
    swap.write_bytes(b"b0VIM 9.0")
    probe.write_bytes(b"")
    probe.unlink()
    file.rename(backup)
    with open(file, "w", encoding="utf-8") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    backup.unlink()
    swap.unlink()


def as_emacs(file, text):
    """Saves like emacs: copies the old file to a backup that stays, with a dangling symlink as the lock."""
    lock = file.with_name(f".#{file.name}")
    lock.symlink_to("somebody@somewhere.1:2")
    shutil.copy2(file, file.with_name(f"{file.name}~"))
    file.write_text(text)
    lock.unlink()


def with_cp(file, text):
    new = file.parent.parent / "new.toml"
    new.write_text(text)
    subprocess.run(["cp", str(new), str(file)], check=True)


def with_mv(file, text):
    new = file.parent.parent / "new.toml"
    new.write_text(text)
    subprocess.run(["mv", str(new), str(file)], check=True)


def removed_and_written(file, text):
    file.unlink()
    file.write_text(text)


def with_sed(file, text):
    new = next(line for line in text.splitlines() if line.startswith("callback.request.url"))
    subprocess.run(["sed", "-i", f"s|^callback.request.url.*|{new}|", str(file)], check=True)


def pieces(text):
    size = -(-len(text) // PIECES)
    return [text[at:at + size] for at in range(0, len(text), size)]


def slowly(write, text):
    last = time.monotonic()
    for piece in pieces(text):
        write(piece)
        time.sleep(PAUSE)       # a slow writer is the subject of the test
        last, before = time.monotonic(), last
        if last - before > SETTLE - 0.05:
            raise Stalled


def slowly_kept_open(file, text):
    with open(file, "w", encoding="utf-8", buffering=1) as new:
        slowly(lambda piece: (new.write(piece), new.flush()), text)


def slowly_opened_each_time(file, text):
    def append(piece):
        with open(file, "a", encoding="utf-8") as new:
            new.write(piece)

    file.write_text("")
    slowly(append, text)


def with_url(text, url):
    return "".join(f'callback.request.url = "{url}"\n' if line.startswith("callback.request.url") else line
                   for line in text.splitlines(keepends=True))


def one_change(kafka, sidecar, endpoint, name, save, prepare=lambda file, text: None):
    """Runs two connectors and saves one file, which must take effect exactly once and without any other change.

    prepare(file, new text) is called before the start, save(file, new text) while both run.
    """
    topic, other = kafka.topic(), f"{name}-other"
    for one in (name, other):
        sidecar.connector(one, topic, endpoint, {"exception.strategy": "STOP_TASK", "tasks.max": 1})
    file = sidecar.connectors / f"{name}.toml"
    text = with_url(file.read_text(), endpoint.url + "/saved")
    prepare(file, text)
    sidecar.settings["connectors.debounce.ms"] = int(SETTLE * 1000)
    sidecar.start()
    sidecar.wait_running(name, other)
    changed = sidecar.value("config_reloads_total", outcome="changed")
    with undisturbed(kafka, sidecar, name, other), Sampler(sidecar, nothing_invalid), \
            Sampler(sidecar, all_run(name, other)):
        save(file, text)
        eventually(lambda: sidecar.value("config_reloads_total", outcome="changed") > changed,
                   lambda: f"a change; log:\n{sidecar.log.tail()}")
        kafka.produce(topic, [b"after"])
        targets = sorted(one.target for one in endpoint.wait_for(2, topic))
        assert targets == ["/records", "/records/saved"], targets
        holds(lambda: sidecar.value("config_reloads_total", outcome="changed") == changed + 1,
              lambda: f"one change\n{sidecar.log.tail()}", seconds=SETTLE + 0.5)
    for word in ("rejected", "level=error"):
        assert not sidecar.log.find(word), sidecar.log.find(word)
    assert sidecar.value("config_reloads_total", outcome="partial") == 0


@pytest.mark.parametrize("way", [in_place, rename_over, as_vim, as_emacs, with_cp, with_mv, removed_and_written,
                                 with_sed, slowly_kept_open, slowly_opened_each_time], ids=lambda way: way.__name__)
def test_a_save_takes_effect_once(kafka, sidecar, endpoint, name, way):
    for attempt in range(5):
        try:
            one_change(kafka, sidecar, endpoint, unique(name), way)
            return
        except Stalled:
            print(f"\nattempt {attempt + 1} is invalid: the machine stalled the writer")
            sidecar.stop()
            for one in sidecar.connectors.iterdir():
                one.unlink()
    raise AssertionError("the machine is too slow to write ten pieces with short pauses")


def git(directory, *arguments):
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments], cwd=directory,
                   check=True, env=clean_environment(GIT_CONFIG_GLOBAL="/dev/null"), stdout=subprocess.DEVNULL)


def elsewhere(sidecar, directory):
    """Replaces the connectors directory by a symlink to another one with the same files, and returns that one."""
    real = sidecar.directory / directory
    if not sidecar.connectors.is_symlink():
        sidecar.connectors.rename(real)
    else:
        shutil.copytree(sidecar.connectors, real)
        sidecar.connectors.unlink()
    sidecar.connectors.symlink_to(real)
    return real


@pytest.mark.parametrize("linked", [False, True], ids=["in-the-directory", "behind-a-symlink"])
def test_a_git_checkout_takes_effect_once(kafka, sidecar, endpoint, name, linked):
    def commit_both(file, text):
        if linked:
            elsewhere(sidecar, "repository")
        git(sidecar.connectors, "init", "-q", "-b", "old")
        git(sidecar.connectors, "add", ".")
        git(sidecar.connectors, "commit", "-q", "-m", "old")
        git(sidecar.connectors, "checkout", "-q", "-b", "new")
        file.write_text(text)
        git(sidecar.connectors, "commit", "-q", "-a", "-m", "new")
        git(sidecar.connectors, "checkout", "-q", "old")

    one_change(kafka, sidecar, endpoint, name, lambda *_: git(sidecar.connectors, "checkout", "-q", "new"), commit_both)


def retarget(link, target):
    """Replaces the link in one step, like `ln -s` and `mv -T`."""
    new = link.with_name(f".{link.name}.new")
    new.symlink_to(target)
    new.rename(link)


@pytest.mark.parametrize("way", ["retargeted", "target-renamed-over", "target-written"])
def test_a_change_behind_a_symlinked_definition_takes_effect_once(kafka, sidecar, endpoint, name, way):
    field = sidecar.directory / "field"

    def create_link(file, text):
        field.mkdir()
        (field / "new.toml").write_text(text)
        file.rename(field / "old.toml")
        file.symlink_to("../field/old.toml")

    def save(file, text):
        if way == "retargeted":
            retarget(file, "../field/new.toml")
        elif way == "target-renamed-over":
            (field / "new.toml").rename(field / "old.toml")
        else:
            (field / "old.toml").write_text(text)

    one_change(kafka, sidecar, endpoint, name, save, create_link)


def test_a_symlinked_directory_can_be_retargeted(kafka, sidecar, endpoint, name):
    """Then the new directory is watched instead of the old one."""
    releases = [sidecar.directory / "release-1", sidecar.directory / "release-2"]

    def release(file, text):
        elsewhere(sidecar, releases[0].name)
        shutil.copytree(releases[0], releases[1])
        (releases[1] / file.name).write_text(text)

    one_change(kafka, sidecar, endpoint, name, lambda *_: retarget(sidecar.connectors, releases[1]), release)
    topic = endpoint.requests[0].topic
    file = releases[1] / f"{name}.toml"
    (releases[0] / file.name).write_text("topics = 5 is not TOML")
    changed = sidecar.value("config_reloads_total", outcome="changed")
    file.write_text(with_url(file.read_text(), endpoint.url + "/again"))
    sidecar.wait_for_value(changed + 1, "config_reloads_total", outcome="changed")
    kafka.produce(topic, [b"again"])
    assert "/records/again" in {one.target for one in endpoint.wait_for(4, topic)}
    assert sidecar.value("config_files", status="invalid") == 0
