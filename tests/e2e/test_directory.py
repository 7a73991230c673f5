"""A missing directory of definitions, and ignored files in it."""

import shutil

from sidecar import fields
from waiting import eventually

NOWHERE = "127.0.0.1:1"  # nothing has to answer


def started_without_directory(sidecar):
    sidecar.settings["kafka.bootstrap.servers"] = NOWHERE
    shutil.rmtree(sidecar.connectors)
    sidecar.start(wait=False)
    sidecar.wait_for_probe("/livez")
    sidecar.log.wait_for("definitions cannot be read", str(sidecar.connectors), "No such file or directory")
    return sidecar


def test_startupz_is_503_with_a_reason_until_the_directory_exists(sidecar_without_broker):
    sidecar = started_without_directory(sidecar_without_broker)
    for path in ("/startupz", "/readyz"):
        status, _, body = sidecar.get(path)
        assert (status, body) == (503, f"{sidecar.connectors} cannot be read: No such file or directory\n")
    sidecar.connectors.mkdir()  # empty, like an optional ConfigMap that does not exist
    sidecar.wait_for_probe("/startupz")
    sidecar.wait_for_probe("/readyz")
    assert len(sidecar.log.find("definitions cannot be read,")) == 1


def test_an_ignored_file_is_logged_once_and_again_when_it_returns(sidecar_without_broker):
    sidecar = sidecar_without_broker
    sidecar.settings["kafka.bootstrap.servers"] = NOWHERE
    for name in ("orders.json", "orders.yaml", "ORDERS.TOML", ".hidden.json", "orders.toml~"):
        (sidecar.connectors / name).write_text("{}")
    (sidecar.connectors / "folder").mkdir()
    sidecar.start()

    def lines():
        return [fields(line)["ignored"] for line in sidecar.log.find("only *.toml is read")]

    def reload():
        reloads = sidecar.value("config_reloads_total", outcome="unchanged")
        sidecar.reload()
        eventually(lambda: sidecar.value("config_reloads_total", outcome="unchanged") > reloads, "another reload")

    eventually(lines, lambda: sidecar.log.tail())
    assert lines() == ["ORDERS.TOML, folder, orders.json, orders.yaml"]
    reload()
    assert len(lines()) == 1
    (sidecar.connectors / "orders.json").rename(sidecar.directory / "elsewhere")
    reload()
    (sidecar.directory / "elsewhere").rename(sidecar.connectors / "orders.json")
    reload()
    eventually(lambda: len(lines()) > 1, lambda: sidecar.log.tail())
    assert lines()[1:] == ["orders.json"]
