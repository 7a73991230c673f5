"""The contents of the image."""

import hashlib
import json
import os
import re
import stat
import subprocess
import urllib.parse

import pytest

from container import STATE, UID
from image import DPKG, PROGRAM, SPDX

LIMIT = 120 * 1000 * 1000
# Files that a runtime mounts over.
MOUNT_POINTS = {"etc/hostname", "etc/hosts", "etc/resolv.conf"}
OURS = {PROGRAM, SPDX, "usr/share/doc/kafka-http-sink/copyright", "etc/kafka-http-sink/sidecar.toml"}
# Created by the scripts of Debian packages.
MADE = {"etc/passwd", "etc/group", "etc/nsswitch.conf", "lib", "lib64"}
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def certificates(path):
    return {"".join(one.split()) for one in CERTIFICATE.findall(path.read_text())}


def test_the_size_is_within_the_limit(image, capsys):
    with capsys.disabled():
        print(f"\nthe image: {image.size / 1e6:.1f} MB")
    assert image.size <= LIMIT


def test_labels_user_and_entry_point_are_set(image, container):
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image.config["Labels"].items()}
    assert labels["title"] == "kafka-http-sink"
    assert labels["licenses"] == "MIT"
    assert labels["description"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["created"])
    version = re.match(r"kafka-http-sink (\S+) \((\w+)\)", container.command("--version").stdout)
    assert version[1] == labels["version"]
    assert labels["revision"].startswith(version[2])
    assert image.config["User"] == f"{UID}:{UID}"
    assert image.config["Entrypoint"] == [f"/{PROGRAM}"]
    assert not image.config.get("Volumes")


def test_the_image_has_no_other_program(image):
    programs = {path for path in image.files()
                if re.match(r"(usr/)?(local/)?(s?bin|libexec|games)/", path)
                or os.path.basename(path) in ("sh", "bash", "busybox", "apt-get", "dpkg", "perl")}
    assert programs == {PROGRAM}


def test_no_file_grants_privileges(image):
    for path, status in image.paths():
        assert stat.S_ISLNK(status.st_mode) or not status.st_mode & (stat.S_ISUID | stat.S_ISGID), path
        if not stat.S_ISLNK(status.st_mode):
            assert "security.capability" not in os.listxattr(image.root / path), path


def test_the_program_can_only_change_its_state_directory(image):
    for path, status in image.paths():
        if f"/{path}" == STATE:
            assert (status.st_uid, status.st_gid) == (UID, UID)
            continue
        assert UID not in (status.st_uid, status.st_gid), path
        if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
            continue
        assert stat.S_ISLNK(status.st_mode) or not status.st_mode & stat.S_IWOTH, path
    program = os.lstat(image.root / PROGRAM)
    assert (program.st_uid, program.st_gid, stat.S_IMODE(program.st_mode)) == (0, 0, 0o755)
    assert not list((image.root / STATE.lstrip("/")).iterdir())


def test_every_shared_library_exists(image, container):
    """Checks the NEEDED entries of each file, and the dynamic loader in the container."""
    elf = list(image.elf_files())
    assert PROGRAM in elf and len(elf) > 20
    names = {os.path.basename(path) for path in image.files()}
    for path in elf:
        dynamic = subprocess.run(["readelf", "-d", str(image.root / path)], capture_output=True, text=True, check=True)
        for needed in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic.stdout):
            assert needed in names, f"{path} needs {needed}"
    loaded = container.command("--version", environment={"LD_TRACE_LOADED_OBJECTS": "1"})
    assert loaded.returncode == 0, loaded.stderr
    assert "librdkafka.so.1 => /" in loaded.stdout
    assert "not found" not in loaded.stdout


def test_every_file_is_known_and_no_file_of_a_package_was_changed(image):
    lists = list((image.root / DPKG / "info").glob("*.list"))
    assert len(lists) == len(image.packages())
    owned = set()
    for one in lists:
        # If packages have files in /lib, these are in /usr/lib.
        owned |= {re.sub(r"^/(lib(64)?/)", r"/usr/\1", path).lstrip("/") for path in one.read_text().splitlines()}
    strange = image.files() - owned - OURS - MADE - MOUNT_POINTS
    assert {path for path in strange if not path.startswith(("etc/ssl/certs/", f"{DPKG}/"))} == set()
    assert not [path for path in owned if not os.path.lexists(image.root / path)]
    verified = subprocess.run(["dpkg", f"--root={image.root}", "--verify"], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_the_image_trusts_exactly_the_authorities_of_debian(image):
    """In particular not additional authorities of the build machine."""
    debian = set()
    for one in (image.root / "usr/share/ca-certificates").rglob("*.crt"):
        debian |= certificates(one)
    assert len(debian) > 50
    assert certificates(image.root / "etc/ssl/certs/ca-certificates.crt") == debian
    for one in (image.root / "etc/ssl/certs").iterdir():
        if one.is_symlink():
            target = os.readlink(one)
            assert "/" not in target or target.startswith("/usr/share/ca-certificates/"), one
        else:
            assert one.name == "ca-certificates.crt"
    assert os.readlink(image.root / "usr/lib/ssl/certs") == "/etc/ssl/certs"


def test_the_spdx_document_is_valid(image, spdx_validator, tmp_path):
    checked = subprocess.run([spdx_validator, "--version", "SPDX-2.3", "-i", str(image.root / SPDX)],
                             capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    # The validator rejects an invalid document.
    broken = tmp_path / "broken.spdx.json"
    broken.write_text((image.root / SPDX).read_text().replace('"Organization: ', '"Nobody: ', 1))
    assert subprocess.run([spdx_validator, "-i", str(broken)], capture_output=True, check=False).returncode != 0


def test_the_spdx_document_is_complete(image):
    document = json.loads((image.root / SPDX).read_text())
    assert document["spdxVersion"] == "SPDX-2.3"
    program, *packages = document["packages"]
    assert program["name"] == "kafka-http-sink"
    assert program["versionInfo"] == image.config["Labels"]["org.opencontainers.image.version"]
    assert program["checksums"] == [{"algorithm": "SHA256", "checksumValue":
                                     hashlib.sha256((image.root / PROGRAM).read_bytes()).hexdigest()}]
    listed = set()
    for one in packages:
        locator = one["externalRefs"][0]["referenceLocator"]
        purl = re.fullmatch(r"pkg:deb/debian/(.+)@(.+)\?arch=(\w+)&distro=debian-1\d", locator)
        name, version, architecture = purl.groups()
        assert (urllib.parse.unquote(name), urllib.parse.unquote(version)) == (one["name"], one["versionInfo"])
        listed.add((one["name"], one["versionInfo"], architecture))
    assert listed == image.packages()
    assert len(packages) == len(listed) > 20
    for wanted in ("librdkafka1", "libc6", "libstdc++6", "ca-certificates"):
        assert wanted in {name for name, *_ in listed}
    related = {(one["relationshipType"], one["relatedSpdxElement"]) for one in document["relationships"]}
    assert related == {("DESCRIBES", "SPDXRef-Program"), *(("DEPENDS_ON", one["SPDXID"]) for one in packages)}


def test_every_package_has_its_license_in_the_image(image):
    for name, *_ in image.packages():
        copyright_file = image.root / "usr/share/doc" / name / "copyright"
        assert copyright_file.resolve().is_relative_to(image.root) and copyright_file.stat().st_size > 0, name
    assert "MIT" in (image.root / "usr/share/doc/kafka-http-sink/copyright").read_text()


@pytest.mark.parametrize("path", ["etc/kafka-http-sink/connectors", "etc/kafka-http-sink/secrets"])
def test_the_mount_points_exist_and_are_empty(image, path):
    assert (image.root / path).is_dir() and not list((image.root / path).iterdir())
