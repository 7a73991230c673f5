"""What is missing from the directory of definitions, and what is in it without being read."""

import shutil

from sidecar import fields
from waiting import eventually

NOWHERE = "127.0.0.1:1"  # nobody has to answer


def started_without_directory(sidecar):
    sidecar.settings["kafka.bootstrap.servers"] = NOWHERE
    shutil.rmtree(sidecar.connectors)
    sidecar.start(wait=False)
    sidecar.wait_for_probe("/livez")
    sidecar.log.wait_for("definitions cannot be read", str(sidecar.connectors), "No such file or directory")
    return sidecar


def test_startupz_is_503_with_a_reason_until_the_directory_exists(lonely_sidecar):
    sidecar = started_without_directory(lonely_sidecar)
    for path in ("/startupz", "/readyz"):
        status, _, body = sidecar.get(path)
        assert (status, body) == (503, f"{sidecar.connectors} cannot be read: No such file or directory\n")
    sidecar.connectors.mkdir()  # and empty, as an optional ConfigMap that is not there
    sidecar.wait_for_probe("/startupz")
    sidecar.wait_for_probe("/readyz")
    assert len(sidecar.log.find("definitions cannot be read,")) == 1


def test_an_ignored_file_is_logged_once_and_again_when_it_returns(lonely_sidecar):
    sidecar = lonely_sidecar
    sidecar.settings["kafka.bootstrap.servers"] = NOWHERE
    for name in ("orders.json", "orders.yaml", "ORDERS.TOML", ".hidden.json", "orders.toml~"):
        (sidecar.connectors / name).write_text("{}")
    (sidecar.connectors / "folder").mkdir()
    sidecar.start()

    def said():
        return [fields(line)["ignored"] for line in sidecar.log.find("only *.toml is read")]

    def look():
        reloads = sidecar.value("config_reloads_total", outcome="unchanged")
        sidecar.reload()
        eventually(lambda: sidecar.value("config_reloads_total", outcome="unchanged") > reloads, "another look")

    eventually(said, lambda: sidecar.log.tail())
    assert said() == ["ORDERS.TOML, folder, orders.json, orders.yaml"]
    look()
    assert len(said()) == 1
    (sidecar.connectors / "orders.json").rename(sidecar.directory / "elsewhere")
    look()
    (sidecar.directory / "elsewhere").rename(sidecar.connectors / "orders.json")
    look()
    eventually(lambda: len(said()) > 1, lambda: sidecar.log.tail())
    assert said()[1:] == ["orders.json"]
